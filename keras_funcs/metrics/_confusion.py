"""One state for every metric that can be read off a confusion matrix."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import labels
from keras_funcs._core.confusion import read_binary
from keras_funcs._core.confusion import read_classes
from keras_funcs._core.traits import MetricTraits
from keras_funcs._core.typing import Tensor
from keras_funcs.metrics._state import StateMetric
from keras_funcs.metrics._state import sum_cells
from keras_funcs.metrics._state import weigh


class ConfusionMetric(StateMetric):
    """Abstract base: counts pairs of true and predicted class.

    A leaf reads its number off the matrix in `score`.

    Args:
        from_logits: Boolean. Whether scores of a single output are logits;
            for several outputs only their order counts.
        num_classes: Integer >= 2, or None to take it from the first batch.
        threshold: Float or None. From where on a single output means class 1.
            None is 0.5, and 0 for logits.
        ignore_class: Integer or None. Labels of this value do not count.
        class_names: List of strings, or None for `"0"`, `"1"`, ...
        **kwargs: `name` and `dtype` of `keras.metrics.Metric`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot
            labels `(batch, ..., C)`. An invalid id gives NaN.
        y_pred: `(batch, ..., C)` logits or probabilities; or, for two classes,
            the score of class 1 in `(batch,)` or `(batch, ..., 1)`.

    Raises:
        ValueError: If an argument is invalid or shapes do not match.
    """

    traits = MetricTraits(
        direction="max", targets="classes", reads_size=False, single=True
    )
    # Whether each score has a yes or no of its own; the state is then a matrix
    # of two classes for each label, `(L, 2, 2)`.
    multi_label = False
    state_arguments = (
        "multi_label",
        "from_logits",
        "num_classes",
        "threshold",
        "ignore_class",
    )

    def __init__(
        self,
        from_logits: bool = False,
        num_classes: int | None = None,
        threshold: float | None = None,
        ignore_class: int | None = None,
        class_names: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.traits = replace(
            self.traits,
            targets="labels" if self.multi_label else "classes",
            unknown=-1 if self.multi_label else None,
        )
        self.from_logits = checks.boolean("from_logits", from_logits)
        self.threshold = checks.number("threshold", threshold, optional=True)
        self.ignore_class = checks.integer(
            "ignore_class", ignore_class, optional=True
        )
        if class_names is not None:
            if (
                not isinstance(class_names, (list, tuple))
                or len(class_names) < 2
            ):
                checks.invalid("class_names", "2 or more names", class_names)
            class_names = [str(item) for item in class_names]
            if len(set(class_names)) < len(class_names):
                checks.invalid("class_names", "different names", class_names)
        self.class_names = class_names
        self.num_classes = checks.integer(
            "num_classes", num_classes, at_least=2, at_most=2048, optional=True
        )
        if num_classes is not None:
            self._allocate(self.shape(num_classes))

    def shape(self, size: int) -> tuple[int, ...]:
        return (size, 2, 2) if self.multi_label else (size, size)

    def score(self, matrix: Tensor) -> Any:
        """The metric, from float counts `[..., true, predicted]`."""
        raise NotImplementedError

    def count(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        mask: Tensor | None,
        sample_weight: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        if self.multi_label:
            y_true, y_pred = self._columns(y_true, y_pred)
            size = y_pred.shape[-1]
            true, predicted, valid = self._binary(y_true, y_pred)
            # A matrix of two classes for each label.
            cell = 4 * ops.arange(size, dtype="int32") + 2 * true + predicted
        elif len(y_pred.shape) < 2 or y_pred.shape[-1] == 1:
            # For two classes, the scores of class 1.
            size = 2
            true, predicted, valid = self._binary(y_true, y_pred)
            cell = 2 * true + predicted
        else:
            size = y_pred.shape[-1]
            true, predicted, valid = read_classes(y_true, y_pred)
            cell = size * true + predicted
        wanted = ops.ones_like(valid)
        if self.ignore_class is not None:
            wanted = ops.not_equal(true, self.ignore_class)
        if self.multi_label:  # -1 is an unknown label
            wanted = ops.logical_and(wanted, ops.not_equal(y_true, -1))
        weight, broken = weigh(wanted, valid, mask, sample_weight)
        cell = ops.where(ops.logical_and(wanted, valid), cell, 0)
        shape = self.shape(size)
        batch = sum_cells(cell, weight, math.prod(shape))
        return ops.reshape(batch, shape), broken

    def _columns(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """Multi-hot labels and scores `(batch, ..., L)`."""
        if len(y_pred.shape) == 1:
            y_pred = ops.expand_dims(y_pred, -1)
            y_true, y_pred = labels.align_binary(y_true, y_pred)
        if len(y_true.shape) != len(y_pred.shape):
            raise ValueError(
                "Invalid shape of `y_true`. Expected a label for each score, "
                f"{tuple(y_pred.shape)}. Received: y_true.shape="
                f"{tuple(y_true.shape)}"
            )
        return y_true, y_pred

    def matrix(self) -> np.ndarray:
        """The matrix `[true, predicted]` as float64, with exact counts.

        With multi-hot labels, one of two classes for each label,
        `[label, true, predicted]`. Empty before the first batch.
        """
        found = self.exact_state()
        return np.zeros(self.shape(0)) if found is None else found

    def _binary(
        self, y_true: Tensor, y_pred: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        return read_binary(y_true, y_pred, self.from_logits, self.threshold)
