"""Agreement of two ratings, and errors on classes that have an order."""

from dataclasses import replace
from typing import Any

import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.backend import active
from keras_funcs._core.component import component
from keras_funcs._core.typing import Tensor
from keras_funcs.metrics._confusion import ConfusionMetric


@component()
class CohenKappa(ConfusionMetric):
    """Agreement of labels and predictions beyond that of chance.

    1 for equal ratings, 0 for what shuffled predictions would reach, below 0
    for less. For grades, such as 0 to 4 of a disease, `weights="quadratic"`
    counts a miss by two grades four times a miss by one. Equal to
    scikit-learn's `cohen_kappa_score` with all classes in `labels`, which
    matters for weights: distances between classes are those of their ids.

    Formula:
    ```python
    score = 1 - sum(w * matrix) / sum(w * expected)
    expected[i, j] = labels[i] * predictions[j] / samples
    ```
    with w of 0 on the diagonal and elsewhere 1, |i - j| or (i - j)**2; 0
    where labels and predictions are all of one and the same class.

    Args:
        weights: None, `"linear"` or `"quadratic"`: what a miss counts.
            Defaults to `None`.
        **kwargs: `from_logits`, `num_classes`, `threshold`, `ignore_class`,
            `class_names`, `name`, `dtype`: see
            `keras_funcs.metrics.ConfusionMetric`.

    Example:

    >>> metric = keras_funcs.metrics.CohenKappa(weights="linear")
    >>> metric.update_state([0, 1, 2, 2], np.eye(3)[[0, 1, 1, 2]])
    >>> round(float(metric.result()), 4)
    0.7143

    Reference:
        Cohen (1960), Educ. Psychol. Meas. 20(1),
        doi:10.1177/001316446002000104; Cohen (1968), Psychol. Bull. 70(4),
        doi:10.1037/h0026256
    """

    def __init__(
        self,
        weights: str | None = None,
        name: str = "cohen_kappa",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.weights = checks.one_of(
            "weights", weights, (None, "linear", "quadratic")
        )

    def score(self, matrix: Tensor) -> Tensor:
        power = {None: 0, "linear": 1, "quadratic": 2}[self.weights]
        apart = _distances(matrix.shape[0])
        # Of any scale: it cancels. At most 1 keeps the sums in float32.
        weight = np.where(apart > 0, (apart / apart.max()) ** power, 0.0)
        weight = active().constant(weight, matrix)
        total = ops.sum(matrix)
        share = matrix / ops.where(total == 0, 1.0, total)
        true = ops.sum(share, axis=1, keepdims=True)
        predicted = ops.sum(share, axis=0, keepdims=True)
        observed = ops.sum(weight * share)
        expected = ops.sum(weight * true * predicted)
        constant = expected == 0
        return ops.where(
            constant, 0.0, 1.0 - observed / ops.where(constant, 1.0, expected)
        )


@component()
class MacroMAE(ConfusionMetric):
    """Mean distance of predicted and true grade, each grade counting the same.

    For classes with an order, such as stars or stages, of unequal size: a
    model that always says the most frequent grade has a small plain error and
    a large one here. Equal to imbalanced-learn's
    `macro_averaged_mean_absolute_error`, which fails where a class without
    labels is predicted.

    Formula:
    ```python
    error = mean_i(sum_j(|i - j| * matrix[i, j]) / labels[i])
    ```
    over the classes i that occur among the labels.

    Args:
        **kwargs: `from_logits`, `num_classes`, `threshold`, `ignore_class`,
            `class_names`, `name`, `dtype`: see
            `keras_funcs.metrics.ConfusionMetric`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot
            labels `(batch, ..., C)`, in the grades' order. An id that is no
            class gives NaN.
        y_pred: `(batch, ..., C)` logits or probabilities; or, for two
            classes, the score of class 1 in `(batch,)` or
            `(batch, ..., 1)`.

    Example:

    >>> metric = keras_funcs.metrics.MacroMAE()
    >>> metric.update_state([0, 0, 0, 2], np.eye(3)[[0, 0, 0, 0]])
    >>> float(metric.result())
    1.0

    Reference:
        Baccianella, Esuli and Sebastiani (2009), ISDA,
        doi:10.1109/ISDA.2009.230
    """

    traits = replace(ConfusionMetric.traits, direction="min")

    def __init__(self, name: str = "macro_mae", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def score(self, matrix: Tensor) -> Tensor:
        apart = _distances(matrix.shape[0])
        count = ops.sum(matrix, axis=1)
        present = ops.cast(ops.not_equal(count, 0), matrix.dtype)
        # Shares first: distances times counts may leave what is exact.
        share = matrix / ops.expand_dims(ops.where(count == 0, 1.0, count), 1)
        apart = active().constant(apart, matrix)
        return ops.sum(apart * share) / ops.maximum(ops.sum(present), 1.0)


def _distances(size: int) -> np.ndarray:
    """How many grades apart two classes are."""
    grade = np.arange(size, dtype="float64")
    return np.abs(grade[:, None] - grade)
