"""Losses for mistakes that differ in what they cost."""

from typing import Any

import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.backend import active
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._classes import CategoricalLoss
from keras_funcs.losses._classes import check_length
from keras_funcs.losses._softmax import Softmax

MAX_CLASSES = 4096  # of a matrix that stands in a config


@component(tune={"crossentropy_weight": Range(0.1, 3.0, log=True)})
class CostSensitive(CategoricalLoss):
    """Expected cost of a prediction, with a share of cross-entropy.

    For mistakes of known and unequal cost: a missed disease against a false
    alarm, the wrong species against the wrong family. The expected cost alone
    has hardly a gradient on confidently wrong samples; cross-entropy gives
    them one. For costs that depend on the label's class only, use
    `WeightedCrossentropy`.

    Formula:
    ```python
    loss = sum_k cost[y, k] * p[k] - crossentropy_weight * log(p[y])
    ```

    Args:
        cost_matrix: `(C, C)` floats >= 0, at most 4,096 rows. Row `y`, column
            `k` is the cost of predicting `k` where `y` is true; the diagonal
            is 0.
        crossentropy_weight: Float >= 0. Share of cross-entropy. Defaults to
            `1.0`.
        from_logits: Boolean. Whether `y_pred` is logits. Defaults to `False`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `axis`, and `name`, `reduction` and `dtype` of
            `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., C)`. An invalid id gives NaN.
        y_pred: `(batch, ..., C)`.

    Raises:
        ValueError: for costs that are no square matrix, negative, not finite
            or not 0 for the right class; for shapes that do not fit.

    Example:

    >>> cost = [[0, 1], [10, 0]]
    >>> loss = keras_funcs.losses.CostSensitive(cost, crossentropy_weight=0.0)
    >>> value = loss(np.array([0, 1]), np.array([[0.8, 0.2], [0.2, 0.8]]))
    >>> round(float(value), 4)
    1.1

    Reference:
        Elkan (2001), IJCAI
    """

    def __init__(
        self,
        cost_matrix: list[list[float]],
        crossentropy_weight: float = 1.0,
        from_logits: bool = False,
        ignore_class: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            from_logits=from_logits, ignore_class=ignore_class, **kwargs
        )
        self._costs = _costs(cost_matrix)
        self.cost_matrix = self._costs.tolist()
        self.crossentropy_weight = checks.number(
            "crossentropy_weight", crossentropy_weight, at_least=0
        )

    def check_classes(self, num_classes: int) -> None:
        check_length("cost_matrix", self.cost_matrix, num_classes)

    def sparse(self, ids: Tensor, softmax: Softmax) -> Tensor:
        costs = ops.take(self._matrix(softmax), ids, axis=0)
        costs = ops.moveaxis(costs, -1, self.axis)
        return self._expected(costs, softmax) - (
            self.crossentropy_weight * softmax.log_p_of(ids)
        )

    def soft(self, target: Tensor, softmax: Softmax) -> Tensor:
        rows = ops.moveaxis(target, self.axis, -1)
        costs = ops.moveaxis(
            ops.matmul(rows, self._matrix(softmax)), -1, self.axis
        )
        entropy = -ops.sum(target * softmax.log_p(), axis=self.axis)
        return self._expected(costs, softmax) + (
            self.crossentropy_weight * entropy
        )

    def _matrix(self, softmax: Softmax) -> Tensor:
        return active().constant(self._costs, softmax.logits)

    def _expected(self, costs: Tensor, softmax: Softmax) -> Tensor:
        # sum_k cost[y, k] p[k]
        return ops.sum(costs * ops.exp(softmax.log_p()), axis=self.axis)


def _costs(matrix: Any) -> np.ndarray:
    expected = (
        "a square matrix (a row for each true class, a column for each "
        f"predicted one, 2 to {MAX_CLASSES}) of finite numbers >= 0, with 0 "
        "on its diagonal"
    )
    size = _length(matrix)
    if not 2 <= size <= MAX_CLASSES:
        checks.invalid("cost_matrix", expected, matrix)
    if any(_length(row) != size for row in matrix):
        checks.invalid("cost_matrix", expected, matrix)
    rows = [checks.numbers("cost_matrix", row, at_least=0) for row in matrix]
    costs = np.asarray(rows)
    if costs.diagonal().any():
        checks.invalid("cost_matrix", expected, matrix)
    return costs


def _length(values: Any) -> int:
    is_array = isinstance(values, np.ndarray) and values.ndim > 0
    return len(values) if is_array or isinstance(values, (list, tuple)) else 0
