"""Rates of hits and false alarms, class by class, and their averages."""

from typing import Any
from typing import NamedTuple

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.typing import Tensor
from keras_funcs.metrics._confusion import ConfusionMetric

AVERAGES = ("macro", "micro", "weighted", "binary", None)
CLASSES = ("present", "labelled", "all")


class Counts(NamedTuple):
    """Decisions on each class against the rest: four vectors `(C,)`."""

    true_positives: Tensor
    false_positives: Tensor
    false_negatives: Tensor
    true_negatives: Tensor

    @property
    def support(self) -> Tensor:
        """The labels of each class."""
        return self.true_positives + self.false_negatives

    @staticmethod
    def of(state: Tensor) -> "Counts":
        """From a matrix `(C, C)`, or one for each label, `(L, 2, 2)`."""
        if len(state.shape) == 3:
            return Counts(
                state[:, 1, 1], state[:, 0, 1], state[:, 1, 0], state[:, 0, 0]
            )
        # Differences of large sums would lose rare classes.
        other = 1.0 - ops.eye(state.shape[0], dtype=state.dtype)
        hits = ops.diagonal(state)
        missed = ops.sum(other * state, axis=1)
        alarms = ops.sum(other * state, axis=0)
        others = ops.sum(other * ops.expand_dims(hits + missed, 0), axis=1)
        return Counts(hits, alarms, missed, others - alarms)

    def chosen(self, classes: str, multi_label: bool) -> Tensor:
        """1 for the classes that an average is over, and 0 for the others.

        A NaN is not 0: it stays in, and shows.
        """
        if classes == "labelled":
            counted = self.support
        elif classes == "all" or multi_label:
            return ops.ones_like(self.true_positives)
        else:
            counted = self.support + self.false_positives
        return ops.cast(ops.not_equal(counted, 0), counted.dtype)


class RateMetric(ConfusionMetric):
    """Abstract base: a share of counts for each class, averaged.

    A leaf gives numerator and denominator in `rate`. The conventions are
    scikit-learn's, whose argument `labels` is `classes` here.

    In the logs a dict's entries bear the metric's name alone, without that of
    an output: two such metrics in one model need different names, and a
    callback that watches an entry needs its `mode`.

    Args:
        average: `"macro"`, the mean over classes, each counting the same;
            `"micro"`, the rate of all classes' counts together; `"weighted"`,
            the mean weighted by the number of labels; `"binary"`, the rate of
            class 1 of two, which is scikit-learn's default for two classes;
            or None for a dict with a scalar for each class. Defaults to
            `"macro"`.
        zero_division: What 0 / 0 is: 0.0, 1.0, or `"nan"` for NaN, which
            averages leave out. Defaults to `0.0`.
        classes: Which classes `"macro"` and `"micro"` are over: `"present"`
            among labels or predictions, `"labelled"` or `"all"`. Multi-hot
            labels are all present. Defaults to `"present"`.
        multi_label: Boolean. Whether `y_true` are multi-hot labels, with a
            score of its own for each. Defaults to `False`.
        **kwargs: `from_logits`, `num_classes`, `threshold`, `ignore_class`,
            `class_names`, `name`, `dtype`: see
            `keras_funcs.metrics.ConfusionMetric`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot
            labels `(batch, ..., C)`, where an invalid id gives NaN; with
            `multi_label=True`, 0, 1 or -1 (unknown) for each score.
        y_pred: `(batch, ..., C)` logits or probabilities; or, for two classes,
            the score of class 1 in `(batch,)` or `(batch, ..., 1)`.

    Raises:
        ValueError: If an argument is invalid or shapes do not match.
    """

    def __init__(
        self,
        average: str | None = "macro",
        zero_division: float | str = 0.0,
        classes: str = "present",
        multi_label: bool = False,
        **kwargs: Any,
    ) -> None:
        # Before the base, which may build the state.
        self.multi_label = checks.boolean("multi_label", multi_label)
        super().__init__(**kwargs)
        self.average = checks.one_of("average", average, AVERAGES)
        if multi_label and average == "binary":
            checks.invalid(
                "average", "another average for multi-hot labels", average
            )
        allowed = (0.0, 1.0, "nan")
        if isinstance(zero_division, bool):
            checks.invalid("zero_division", f"one of {allowed}", zero_division)
        self.zero_division = checks.one_of(
            "zero_division", zero_division, allowed
        )
        self.classes = checks.one_of("classes", classes, CLASSES)

    def rate(self, counts: Counts) -> tuple[Tensor, Tensor]:
        """Numerator and denominator, from counts of any shape."""
        raise NotImplementedError

    def score(self, state: Tensor) -> Any:
        counts = Counts.of(state)
        if self.average is None:
            return self.by_class(self._divide(counts))
        if self.average == "binary":
            if state.shape[0] != 2:
                raise ValueError(
                    f"Invalid shape of `y_pred` in metric '{self.name}'. "
                    '`average="binary"` expects 2 classes. Received: '
                    f"{state.shape[0]}"
                )
            return self._divide(counts)[1]
        chosen = counts.chosen(self.classes, self.multi_label)
        if self.average == "micro":
            return self._divide(Counts(*(ops.sum(chosen * c) for c in counts)))
        return self._mean(counts, chosen)

    def _undefined(self) -> float:
        return float(self.zero_division)

    def _divide(self, counts: Counts) -> Tensor:
        above, below = self.rate(counts)
        empty = ops.equal(below, 0)
        return ops.where(
            empty, self._undefined(), above / ops.where(empty, 1.0, below)
        )

    def _mean(self, counts: Counts, chosen: Tensor) -> Tensor:
        above, below = self.rate(counts)
        empty = ops.equal(below, 0)
        rates = above / ops.where(empty, 1.0, below)
        if self.zero_division == "nan":
            chosen = ops.where(empty, 0.0, chosen)
        else:
            rates = ops.where(empty, self.zero_division, rates)
        weight = chosen
        if self.average == "weighted":
            weight = chosen * counts.support
            # Without any label all classes count the same.
            weight = ops.where(ops.sum(weight) == 0, chosen, weight)
        total = ops.sum(weight)
        mean = ops.sum(weight * rates) / ops.where(total == 0, 1.0, total)
        return ops.where(total == 0, self._undefined(), mean)
