"""Measures beside the objective, each with the influence of each row.

The influence of a row is the derivative of a measure with respect to the row's
weight. Its spread over the rows tells how much a measure depends on which rows
a test split happens to hold.
"""

from collections.abc import Callable
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Measured = tuple[float, np.ndarray]  # the measure, and an influence per row

ACCURACIES = (
    *("accuracy", "acc", "sparse_categorical_accuracy"),
    *("categorical_accuracy", "binary_accuracy"),
)


class Measure(NamedTuple):
    """A measure of predictions.

    Attributes:
        title: String. Its name.
        short: String. The same where there is little room.
        of: Function of labels `(N,)` and predictions, as `Predictions` has
            them, to the measure and the influence of each row.
        aliases: Tuple of strings. The names of metrics that measure this.
        worth: 1 if larger is better, -1 if smaller is.
    """

    title: str
    short: str
    of: Callable[[np.ndarray, np.ndarray], Measured]
    aliases: tuple[str, ...] = ()
    worth: int = 1

    def agrees(self, value: float, score: float, tolerance: float) -> bool:
        """Whether a metric's score is this measure, but for rounding.

        Args:
            value: Float. The measure.
            score: Float.
            tolerance: Float. A share of the value for an error, which has the
                unit of the labels; of at least 1 for other measures.
        """
        size = abs(value) if self.worth < 0 else max(1.0, abs(value))
        return abs(value - score) <= tolerance * size


def counts(labels: np.ndarray, chosen: np.ndarray, classes: int) -> np.ndarray:
    """The confusion matrix `[true, predicted]`."""
    cells = np.bincount(labels * classes + chosen, minlength=classes**2)
    return cells.reshape(classes, classes)


def _of_counts(
    function: Callable[[np.ndarray], tuple[float, np.ndarray]],
) -> Callable[[np.ndarray, np.ndarray], Measured]:
    """A measure of predictions from one of counts and its slope by cell."""

    def measure(labels: np.ndarray, scores: np.ndarray) -> Measured:
        chosen = scores.argmax(1)
        matrix = counts(labels, chosen, scores.shape[1])
        value, slope = function(matrix.astype(np.float64))
        return value, slope[labels, chosen]

    return measure


def accuracy(m: np.ndarray) -> tuple[float, np.ndarray]:
    """The share of right predictions, and its slope by cell of the counts."""
    n = m.sum()
    value = np.trace(m) / n
    return float(value), (np.eye(len(m)) - value) / n


def balanced_accuracy(m: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean recall of the classes that have labels, and its slope."""
    support = m.sum(1, keepdims=True)
    present = support > 0
    recall = np.diag(m)[:, None] / np.maximum(support, 1)
    slope = (np.eye(len(m)) - recall) / np.maximum(support, 1) / present.sum()
    value = recall[present].mean()
    return float(value), np.where(present, slope, 0.0)


def matthews(m: np.ndarray) -> tuple[float, np.ndarray]:
    """The Matthews correlation, and its slope; 0 for a constant prediction."""
    n, right = m.sum(), np.trace(m)
    true, chosen = m.sum(1), m.sum(0)
    above = n * right - true @ chosen
    # mcc = above / sqrt(x y)
    x, y = n**2 - true @ true, n**2 - chosen @ chosen
    if x <= 0 or y <= 0:
        return 0.0, np.zeros_like(m)
    root = np.sqrt(x * y)
    a, b = true[:, None], chosen[None, :]
    slope = right + n * np.eye(len(m)) - b.T - a.T
    slope = slope / root - above / root * ((n - a) / x + (n - b) / y)
    return float(above / root), slope


def macro_f1(m: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean F1 of the classes among labels or predictions, and its slope."""
    total = m.sum(1) + m.sum(0)
    present = total > 0
    total = np.where(present, total, 1.0)
    f1 = 2 * np.diag(m) / total
    part = f1 / total
    slope = 2 * np.diag(1 / total) - part[:, None] - part[None, :]
    return float(f1[present].mean()), slope / present.sum()


def average_precision(labels: np.ndarray, scores: np.ndarray) -> Measured:
    """The mean precision over the positives, as scikit-learn defines it.

    Args:
        labels: Boolean `(N,)`.
        scores: `(N,)`, larger for positives.
    """
    order, ends, yes = _by_score(labels, scores)
    number = yes.sum()
    hits = np.cumsum(yes)[ends]
    called = ends + 1.0
    precision = hits / called
    here = np.diff(hits, prepend=0.0)  # positives at each score
    value = float(here @ precision / number)
    # A row changes the precision at its own score and at all lower ones.
    place = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=-1))
    by_no = np.cumsum((-here * hits / called**2)[::-1])[::-1][place]
    by_yes = np.cumsum((here * (called - hits) / called**2)[::-1])[::-1][place]
    slope = np.where(yes > 0, by_yes + precision[place] - value, by_no)
    return value, _unsorted(slope / number, order)


def auroc(labels: np.ndarray, scores: np.ndarray) -> Measured:
    """The area under the curve of true by false positives; as above."""
    order, ends, yes = _by_score(labels, scores)
    sizes = np.diff(ends, prepend=-1)
    hits = np.diff(np.cumsum(yes)[ends], prepend=0.0)
    misses = sizes - hits
    # The share of the other kind that a row is ranked on the right side of.
    below = np.cumsum(misses[::-1])[::-1] - misses
    above = np.cumsum(hits) - hits
    positives, negatives = hits.sum(), misses.sum()
    of_yes = np.repeat((below + misses / 2) / negatives, sizes)
    of_no = np.repeat((above + hits / 2) / positives, sizes)
    value = float(of_yes[yes > 0].mean())
    slope = np.where(
        yes > 0, (of_yes - value) / positives, (of_no - value) / negatives
    )
    return value, _unsorted(slope, order)


def _by_score(
    labels: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The order by falling score, the last place of each score, the labels."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=np.nan) != 0)
    return order, ends, labels[order].astype(np.float64)


def _unsorted(values: np.ndarray, order: np.ndarray) -> np.ndarray:
    found = np.empty_like(values)
    found[order] = values
    return found


def _of_errors(
    function: Callable[[np.ndarray, np.ndarray], Measured],
) -> Callable[[np.ndarray, np.ndarray], Measured]:
    def measure(labels: np.ndarray, values: np.ndarray) -> Measured:
        return function(labels, values.astype(np.float64) - labels)

    return measure


def _mae(labels: np.ndarray, errors: np.ndarray) -> Measured:
    value = np.abs(errors).mean()
    return float(value), (np.abs(errors) - value) / len(errors)


def _mse(labels: np.ndarray, errors: np.ndarray) -> Measured:
    value = (errors**2).mean()
    return float(value), (errors**2 - value) / len(errors)


def _rmse(labels: np.ndarray, errors: np.ndarray) -> Measured:
    value, slope = _mse(labels, errors)
    root = np.sqrt(value)
    return float(root), slope / (2 * root) if root > 0 else slope


def _r2(labels: np.ndarray, errors: np.ndarray) -> Measured:
    centred = (labels - labels.mean()) ** 2
    above, below = (errors**2).sum(), centred.sum()
    if below == 0:
        return 0.0, np.zeros_like(errors)
    slope = -(errors**2) / below + above * centred / below**2
    return float(1 - above / below), slope


OF_COUNTS = {
    "balanced_accuracy": balanced_accuracy,
    "accuracy": accuracy,
    "matthews": matthews,
    "macro_f1": macro_f1,
}
OF_CLASSES: dict[str, Measure] = {
    name: Measure(title, short, _of_counts(OF_COUNTS[name]), aliases)
    for name, title, short, aliases in (
        (
            *("balanced_accuracy", "balanced accuracy", "balanced"),
            ("balanced_accuracy",),
        ),
        ("accuracy", "accuracy", "accuracy", ACCURACIES),
        ("matthews", "Matthews", "Matthews", ("matthews_correlation",)),
        ("macro_f1", "macro F1", "macro F1", ("f1", "f_score", "f1_score")),
    )
}
OF_VALUES: dict[str, Measure] = {
    name.lower(): Measure(
        name, name, _of_errors(function), (name.lower(), metric), worth
    )
    for name, metric, function, worth in (
        ("R2", "r2_score", _r2, 1),
        ("RMSE", "root_mean_squared_error", _rmse, -1),
        ("MAE", "mean_absolute_error", _mae, -1),
        ("MSE", "mean_squared_error", _mse, -1),
    )
}


def _recall(m: np.ndarray, index: int) -> tuple[float, np.ndarray]:
    slope = np.zeros_like(m)
    total = m[index].sum()
    value = m[index, index] / total if total else 0.0
    slope[index] = (np.eye(len(m))[index] - value) / max(total, 1)
    return float(value), slope


def _precision(m: np.ndarray, index: int) -> tuple[float, np.ndarray]:
    value, slope = _recall(m.T, index)
    return value, slope.T


def _f1(m: np.ndarray, index: int) -> tuple[float, np.ndarray]:
    total = m[index].sum() + m[:, index].sum()
    value = 2 * m[index, index] / total if total else 0.0
    slope = np.zeros_like(m)
    slope[index] -= value / max(total, 1)
    slope[:, index] -= value / max(total, 1)
    slope[index, index] += 2 / max(total, 1)
    return float(value), slope


def _counted(
    function: Callable[[np.ndarray, int], tuple[float, np.ndarray]],
) -> Callable[[np.ndarray, np.ndarray, int], Measured]:
    def measure(labels: np.ndarray, scores: np.ndarray, index: int) -> Measured:
        return _of_counts(lambda m: function(m, index))(labels, scores)

    return measure


def _ranked(
    function: Callable[[np.ndarray, np.ndarray], Measured],
) -> Callable[[np.ndarray, np.ndarray, int], Measured]:
    def measure(labels: np.ndarray, scores: np.ndarray, index: int) -> Measured:
        others = np.delete(scores.astype(np.float64), index, axis=1)
        odds = scores[:, index] - np.logaddexp.reduce(others, axis=1)
        return function(labels == index, odds)

    return measure


# Measures that have a number for each class: title, short title, function.
BY_CLASS = {
    "recall": ("recall", "recall", _counted(_recall)),
    "precision": ("precision", "precision", _counted(_precision)),
    "f1": ("F1", "F1", _counted(_f1)),
    "average_precision": (
        "average precision",
        "AP",
        _ranked(average_precision),
    ),
    "auroc": ("AUROC", "AUROC", _ranked(auroc)),
}


def of_class(name: str, indices: Sequence[int], which: str) -> Measure:
    """A measure of one class, or its mean over several.

    Args:
        name: String, a key of `BY_CLASS`.
        indices: Sequence of class ids.
        which: String. The class or classes, in the title; may be empty.
    """
    title, short, function = BY_CLASS[name]

    def measure(labels: np.ndarray, scores: np.ndarray) -> Measured:
        parts = [function(labels, scores, index) for index in indices]
        value = float(np.mean([part[0] for part in parts]))
        return value, np.mean([part[1] for part in parts], axis=0)

    return Measure(f"{title} of {which}" if which else title, short, measure)
