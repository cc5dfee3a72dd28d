"""Labels and scores of metrics in which the size of a score counts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from typing import NamedTuple

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import labels
from keras_funcs._core.traits import MetricTraits
from keras_funcs._core.typing import Tensor
from keras_funcs.metrics._state import StateMetric


class Columns(NamedTuple):
    """A batch as yes-or-no questions, `(..., C)`, one column for each class.

    `wanted` and `valid` have the same shape where each column has a label of
    its own, and one rank less where a row has one label.
    """

    scores: Tensor  # float32
    positive: Tensor  # booleans
    wanted: Tensor  # False for labels to ignore
    valid: Tensor  # False for what is no label or no score
    exclusive: bool  # whether the classes of a row exclude each other


class ScoreMetric(StateMetric):
    """Abstract base of metrics of scores, not only of their largest.

    Args:
        from_logits: Boolean. Whether scores are logits, not probabilities.
        num_classes: Integer >= 2, or None to take it from the first batch.
        multi_label: Boolean. Whether `y_true` are multi-hot labels, with a
            score of its own for each, -1 where it is unknown.
        ignore_class: Integer or None. Labels of this value do not count.
        class_names: List of strings, or None for `"0"`, `"1"`, ...
        **kwargs: `name` and `dtype` of `keras.metrics.Metric`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot
            labels `(batch, ..., C)`, where an invalid id gives NaN; with
            `multi_label=True`, 0, 1 or -1 (unknown) for each score.
        y_pred: `(batch, ..., C)` logits or probabilities; or, for two classes,
            the score of class 1 in `(batch,)` or `(batch, ..., 1)`.

    Raises:
        ValueError: If an argument is invalid or shapes do not match.
    """

    traits = MetricTraits(direction="max", targets="classes", single=True)
    state_arguments: tuple[str, ...] = (
        "from_logits",
        "num_classes",
        "multi_label",
        "ignore_class",
    )

    def __init__(
        self,
        from_logits: bool = False,
        num_classes: int | None = None,
        multi_label: bool = False,
        ignore_class: int | None = None,
        class_names: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.from_logits = checks.boolean("from_logits", from_logits)
        self.multi_label = checks.boolean("multi_label", multi_label)
        if multi_label:
            self.traits = replace(self.traits, targets="labels", unknown=-1)
        self.ignore_class = checks.integer(
            "ignore_class", ignore_class, optional=True
        )
        if class_names is not None:
            if (
                not isinstance(class_names, (list, tuple))
                or not class_names
                or not all(isinstance(item, str) for item in class_names)
                or len(set(class_names)) < len(class_names)
            ):
                expected = "a list of different strings"
                checks.invalid("class_names", expected, class_names)
            class_names = list(class_names)
        self.class_names = class_names
        self.num_classes = checks.integer(
            "num_classes", num_classes, at_least=2, at_most=2048, optional=True
        )
        if num_classes is not None:
            self._allocate(self.shape(num_classes))

    def read(self, y_true: Tensor, y_pred: Tensor) -> Columns:
        """Labels and scores as columns; raises for shapes that do not fit.

        y_pred is `(batch, ..., C)`; or, for two classes, the score of class 1
        in `(batch,)` or `(batch, ..., 1)`, which is a single column.
        """
        y_pred = ops.cast(y_pred, "float32")
        if len(y_pred.shape) < 2:
            y_pred = ops.expand_dims(y_pred, -1)
        if self.multi_label or y_pred.shape[-1] == 1:
            return self._own(y_true, y_pred)
        return self._exclusive(y_true, y_pred)

    def _own(self, y_true: Tensor, y_pred: Tensor) -> Columns:
        y_true, y_pred = labels.align_binary(y_true, y_pred)
        y_true = ops.cast(y_true, "float32")
        known = labels.is_share(y_true)
        positive = y_true >= 0.5  # a soft label is the class it is nearer to
        wanted = ops.ones_like(positive)
        if self.ignore_class is not None:
            hard = ops.where(known, ops.cast(positive, "float32"), y_true)
            wanted = ops.not_equal(hard, self.ignore_class)
        if self.multi_label:
            wanted = ops.logical_and(wanted, ops.not_equal(y_true, -1))
        valid = ops.logical_and(known, self._usable(y_pred))
        return Columns(y_pred, positive, wanted, valid, False)

    def _exclusive(self, y_true: Tensor, y_pred: Tensor) -> Columns:
        if labels.is_sparse(y_true, y_pred):
            ids, valid = labels.class_ids(y_true, y_pred)
        else:
            ids = ops.cast(ops.argmax(y_true, axis=-1), "int32")
            # Several labels at once are another task than one of C classes.
            total = ops.sum(ops.cast(y_true, "float32"), axis=-1)
            valid = ops.abs(total - 1.0) < 1e-2
        wanted = ops.ones_like(valid)
        if self.ignore_class is not None:
            wanted = ops.not_equal(ids, self.ignore_class)
        columns = ops.arange(y_pred.shape[-1], dtype="int32")
        positive = ops.equal(ops.expand_dims(ids, -1), columns)
        # Not by the largest score: JAX passes over a NaN there.
        usable = ops.all(self._usable(y_pred), axis=-1)
        valid = ops.logical_and(valid, usable)
        return Columns(y_pred, positive, wanted, valid, True)

    def _usable(self, y_pred: Tensor) -> Tensor:
        if self.from_logits:
            return y_pred < float("inf")  # a NaN is not
        # Scores outside [0, 1] are logits that were not announced.
        return ops.abs(y_pred - 0.5) < 0.501
