"""One state for every metric that can be read off a confusion matrix."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import labels
from keras_funcs._core.component import Configurable
from keras_funcs._core.masking import MaskCarrier
from keras_funcs._core.typing import Tensor

# A float32 counts to 2**24 and then stands still. Each cell is kept as whole
# units of 2**14 and a remainder below that: exact to 2**38, with weights kept
# to 2**-10, and still a plain sum over replicas.
UNIT = 2.0**14


class ConfusionMetric(Configurable, keras.metrics.Metric):
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
    """

    targets = "classes"

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
        self.from_logits = checks.boolean("from_logits", from_logits)
        if threshold is not None:
            threshold = checks.number("threshold", threshold)
        self.threshold = threshold
        if ignore_class is not None:
            ignore_class = checks.integer("ignore_class", ignore_class)
        self.ignore_class = ignore_class
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
        if num_classes is not None:
            checks.integer("num_classes", num_classes, at_least=2, at_most=2048)
            if class_names is not None and len(class_names) != num_classes:
                checks.invalid(
                    "class_names", f"{num_classes} names", class_names
                )
        self.num_classes = num_classes
        self._direction = "up"  # what `mode="auto"` of Keras callbacks reads
        self._masks = MaskCarrier(dtype="float32")
        self._counts: Any = None
        if num_classes is not None:
            self._build(num_classes)

    def score(self, matrix: Tensor) -> Any:
        """The metric, from a float matrix `[true, predicted]` of counts."""
        raise NotImplementedError

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor = None
    ) -> None:
        """Counts a batch.

        Args:
            y_true: Class ids, or one-hot or soft labels.
            y_pred: `(batch, ..., C)` scores of C classes; or, for two
                classes, the scores of class 1: `(batch,)` or
                `(batch, ..., 1)`.
            sample_weight: Optional weights, of the labels' shape or of their
                first axes.

        Raises:
            ValueError: for shapes that do not fit.
        """
        mask = self._masks.read(ops.convert_to_tensor(y_pred))
        y_true, y_pred = map(ops.convert_to_tensor, (y_true, y_pred))
        if len(y_pred.shape) < 2 or y_pred.shape[-1] == 1:
            true, predicted, valid = self._binary(y_true, y_pred)
            self._build(2)
        else:
            true, predicted, valid = self._categorical(y_true, y_pred)
            self._build(y_pred.shape[-1])
        wanted = ops.ones_like(valid)
        if self.ignore_class is not None:
            wanted = ops.not_equal(true, self.ignore_class)
        if mask is not None:
            mask = _stretch(ops.cast(mask, "bool"), true)
            wanted = ops.logical_and(wanted, mask)
        counted = ops.logical_and(wanted, valid)
        cell = ops.where(counted, true * self._size + predicted, 0)
        # Whole numbers are summed as whole numbers: a batch may hold more
        # than 2**24 pixels.
        weight = ops.cast(counted, "int32")
        if sample_weight is not None:
            given = ops.cast(sample_weight, "float32")
            weight = ops.cast(counted, "float32") * _stretch(given, true)
        batch = ops.segment_sum(
            ops.reshape(weight, (-1,)),
            ops.reshape(cell, (-1,)),
            num_segments=self._size**2,
        )
        self._add(ops.reshape(batch, (self._size, self._size)))
        # What cannot be counted makes the result NaN: in a compiled step
        # nothing can be raised, and silence would be a wrong number.
        broken = ops.any(ops.logical_and(wanted, ops.logical_not(valid)))
        self._broken.assign(self._broken + ops.cast(broken, self._broken.dtype))

    def result(self) -> Any:
        """The metric so far; 0 before anything was counted."""
        if self._counts is None:
            return ops.convert_to_tensor(0.0, dtype=self.dtype)
        matrix = self._counts[0] * UNIT + self._counts[1]
        matrix = ops.where(self._broken > 0, float("nan"), matrix)
        score = self.score(matrix)
        if isinstance(score, dict):
            return {k: ops.cast(v, self.dtype) for k, v in score.items()}
        return ops.cast(score, self.dtype)

    def matrix(self) -> np.ndarray:
        """The matrix `[true, predicted]` as float64, with exact counts."""
        if self._counts is None:
            return np.zeros((0, 0))
        units, rest = np.asarray(
            ops.convert_to_numpy(self._counts), dtype=np.float64
        )
        return np.asarray(units * UNIT + rest)

    def names(self) -> list[str]:
        """The classes' names, in order."""
        return self.class_names or [str(c) for c in range(self._size)]

    def _build(self, num_classes: int) -> None:
        if self._counts is None:
            names = self.class_names
            if names is not None and len(names) != num_classes:
                checks.invalid("class_names", f"{num_classes} names", names)
            self._size = num_classes
            self._counts = self.add_weight(
                shape=(2, num_classes, num_classes),
                initializer="zeros",
                dtype="float32",
                name="counts",
            )
            self._broken = self.add_weight(
                shape=(), initializer="zeros", dtype="float32", name="broken"
            )
        elif num_classes != self._size:
            raise ValueError(
                f"Invalid shape of `y_pred` in metric '{self.name}'. Expected "
                f"{self._size} classes. Received: {num_classes}"
            )

    def _categorical(
        self, y_true: Tensor, y_pred: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        if labels.is_sparse(y_true, y_pred):
            true, valid = labels.class_ids(y_true, y_pred)
        else:
            true = ops.cast(ops.argmax(y_true, axis=-1), "int32")
            # Several labels at once are another task than one of C classes.
            total = ops.sum(ops.cast(y_true, "float32"), axis=-1)
            valid = ops.abs(total - 1.0) < 1e-2
        finite = ops.logical_not(ops.isnan(ops.max(y_pred, axis=-1)))
        predicted = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
        return true, predicted, ops.logical_and(valid, finite)

    def _binary(
        self, y_true: Tensor, y_pred: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        y_true, y_pred = labels.align_binary(y_true, y_pred)
        threshold = self.threshold
        if threshold is None:
            threshold = 0.0 if self.from_logits else 0.5
        y_true = ops.cast(y_true, "float32")
        valid = ops.logical_and(y_true >= 0, y_true <= 1)
        if self.from_logits:
            usable = ops.logical_not(ops.isnan(y_pred))
        else:  # scores outside [0, 1] are logits that were not announced
            usable = ops.abs(y_pred - 0.5) < 0.501
        # A soft label is the class it is nearer to; others keep their number,
        # which may be the one to ignore.
        hard = ops.where(y_true >= 0.5, ops.ones_like(y_true), 0.0)
        true = ops.cast(ops.where(valid, hard, y_true), "int32")
        predicted = ops.cast(y_pred >= threshold, "int32")
        return true, predicted, ops.logical_and(valid, usable)

    def _add(self, batch: Tensor) -> None:
        if keras.backend.standardize_dtype(batch.dtype) == "int32":
            units = ops.floor_divide(batch, int(UNIT))
            rest = batch - units * int(UNIT)
        else:
            units = ops.floor(batch / UNIT)
            rest = batch - units * UNIT
        rest = self._counts[1] + ops.cast(rest, "float32")
        carry = ops.floor(rest / UNIT)
        units = self._counts[0] + ops.cast(units, "float32") + carry
        self._counts.assign(ops.stack([units, rest - carry * UNIT]))


def _stretch(weight: Tensor, like: Tensor) -> Tensor:
    """Weights of the first axes, repeated over the others."""
    rank = len(like.shape)
    if len(weight.shape) == rank + 1 and weight.shape[-1] == 1:
        weight = ops.squeeze(weight, -1)
    while len(weight.shape) < rank:
        weight = ops.expand_dims(weight, -1)
    return ops.broadcast_to(weight, ops.shape(like))
