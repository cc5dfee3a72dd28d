"""How labels, predictions and weights enter losses and metrics."""

import sys
from types import FrameType
from typing import Any

import keras

from keras_funcs._core.backend import active
from keras_funcs._core.typing import Tensor

# Those of `keras.Model` in which a step runs. The innermost one decides: `fit`
# evaluates in between, and validation data take no class weights.
ENTRIES = ("fit", "train_on_batch", "evaluate", "test_on_batch")


def dense(name: str, value: Any) -> Tensor:
    """Any array, list or variable as a dense tensor of the active backend.

    Raises:
        ValueError: If the rows are of several lengths.
    """
    if isinstance(value, keras.KerasTensor):
        return value
    try:
        return active().dense(value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Invalid value for argument `{name}`. Expected a dense tensor or "
            "array; pad the rows to one length, with `.to_tensor()`, and mask "
            f"the padding. Received: {name} of type {type(value).__name__}"
        ) from error


def is_empty(value: Tensor) -> bool:
    """Whether a batch is known to have no samples."""
    return bool(value.shape) and value.shape[0] == 0


def check_class_weight(
    component: Any, y_true: Tensor, y_pred: Tensor, sample_weight: Any
) -> None:
    """Raises where the weights are Keras's `class_weight` of wrong classes.

    `fit(class_weight=...)` gives each sample one weight, that of the class
    `argmax(y_true, axis=-1)` where the last axis is longer than 1. That is
    right for one-hot rows. For class ids `(batch, time)` it is the weight of a
    moment in time, and for several labels that of the first of them.

    The weights themselves do not show where they come from: weights `(batch,)`
    of the user's are as welcome for these labels. What shows it is the call of
    `fit` that is under way. A compiled step runs no Python; it is looked at
    while it is traced. A step that the same model has compiled with such
    sample weights of its own, and reuses for class weights of the same shape,
    goes unseen.

    Args:
        component: The loss or metric.
        y_true: The labels.
        y_pred: The predictions.
        sample_weight: Weights or None.
    """
    if sample_weight is None or len(sample_weight.shape) != 1:
        return
    own = tuple(y_true.shape)[1:]
    if _takes_one_hot(component) and len(y_true.shape) == len(y_pred.shape):
        own = own[:-1]  # one class for each row
    if all(size == 1 for size in own) or not _has_class_weight():
        return
    raise ValueError(
        "Invalid value for argument `class_weight` of `fit`. Expected labels "
        "of shape (batch,), (batch, 1) or one-hot (batch, classes): for "
        "others Keras gives a sample the weight of the class "
        "`argmax(y_true, axis=-1)`. "
        "Use `keras_funcs.losses.WeightedCrossentropy(class_weights=[...])`, "
        "or pass `sample_weight`. "
        f"Received: y_true.shape={tuple(y_true.shape)}"
    )


def _takes_one_hot(component: Any) -> bool:
    """Whether labels of the rank of the predictions are one-hot."""
    if hasattr(component, "parts"):  # which may be losses of any kind
        return True
    several = getattr(component, "multi_label", False)
    return bool(component.traits.targets == "classes" and not several)


def _has_class_weight() -> bool:
    """Whether the weights of the step under way are those of classes."""
    found = _class_weight_of(sys._getframe())
    if found is None and active().runs_in_threads():
        # The step of a replica runs in a thread of its own, while the one that
        # called `fit` waits.
        frames = sys._current_frames().values()
        found = any(_class_weight_of(frame) for frame in frames)
    return bool(found)


def _class_weight_of(frame: FrameType | None) -> bool | None:
    """Whether the innermost entry has class weights; None without an entry."""
    while frame is not None:
        if frame.f_code.co_name in ENTRIES:
            values = frame.f_locals
            if isinstance(values.get("self"), keras.Model):
                return values.get("class_weight") is not None
        frame = frame.f_back
    return None
