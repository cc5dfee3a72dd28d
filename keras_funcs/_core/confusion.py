"""True and predicted classes of a batch: the one reading of all matrices."""

from typing import Any

import numpy as np
from keras import ops

from keras_funcs._core import labels
from keras_funcs._core.typing import Tensor


def read_binary(
    y_true: Tensor, y_pred: Tensor, from_logits: bool, threshold: float | None
) -> tuple[Tensor, Tensor, Tensor]:
    """True and predicted yes or no, and which of them can be counted.

    `y_pred` is the score of class 1, at and above `threshold` a yes.
    """
    y_true, y_pred = labels.align_binary(y_true, y_pred)
    if threshold is None:
        threshold = 0.0 if from_logits else 0.5
    y_true = ops.cast(y_true, "float32")
    valid = labels.is_share(y_true)
    if from_logits:
        usable = ops.logical_not(ops.isnan(y_pred))
    else:  # scores outside [0, 1] are logits that were not announced
        usable = ops.abs(y_pred - 0.5) < 0.501
    # A soft label is the class it is nearer to; others keep their number,
    # which may be the one to ignore.
    hard = ops.where(y_true >= 0.5, ops.ones_like(y_true), 0.0)
    true = ops.cast(ops.where(valid, hard, y_true), "int32")
    predicted = ops.cast(y_pred >= threshold, "int32")
    return true, predicted, ops.logical_and(valid, usable)


def read_classes(
    y_true: Tensor, y_pred: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The true and the likeliest class, and which of them can be counted."""
    if labels.is_sparse(y_true, y_pred):
        true, valid = labels.class_ids(y_true, y_pred)
    else:
        true = ops.cast(ops.argmax(y_true, axis=-1), "int32")
        # Several labels at once are another task than one of C classes.
        total = ops.sum(ops.cast(y_true, "float32"), axis=-1)
        valid = ops.abs(total - 1.0) < 1e-2
    # Not by the largest score: JAX passes over a NaN there.
    finite = ops.all(ops.logical_not(ops.isnan(y_pred)), axis=-1)
    predicted = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
    return true, predicted, ops.logical_and(valid, finite)


def confusion_counts(
    y: Any,
    scores: Any,
    from_logits: bool = False,
    threshold: float | None = None,
    ignore_class: int | None = None,
) -> np.ndarray | None:
    """Counts the pairs of true and predicted class, as `ConfusionMatrix` does.

    Args:
        y: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot labels.
        scores: `(batch, ..., C)`; or, for two classes, the score of class 1 in
            `(batch,)` or `(batch, ..., 1)`.
        from_logits: Boolean. Whether single scores are logits.
        threshold: Float or None. A single score from here on means class 1.
            None is 0.5, and 0 for logits.
        ignore_class: Integer or None. Labels of this value do not count.

    Returns:
        Whole numbers `[true, predicted]`; None if `y` are no classes of these
        scores.
    """
    y, scores = np.asarray(y), np.asarray(scores)
    if y.dtype.kind not in "biuf" or scores.dtype.kind not in "biuf":
        return None
    if y.dtype.kind == "b":
        y = y.astype("int32")
    single = scores.ndim < 2 or scores.shape[-1] == 1
    y_true = ops.convert_to_tensor(y)
    y_pred = ops.convert_to_tensor(scores.astype("float32"))
    try:
        if single:
            found = read_binary(y_true, y_pred, from_logits, threshold)
        else:
            found = read_classes(y_true, y_pred)
    except ValueError:  # shapes that do not fit
        return None
    true, predicted, valid = (ops.convert_to_numpy(x).ravel() for x in found)
    counted = (
        np.ones_like(valid) if ignore_class is None else (true != ignore_class)
    )
    if not np.all(valid[counted]):
        return None
    classes = 2 if single else scores.shape[-1]
    cells = true[counted].astype(np.int64) * classes + predicted[counted]
    matrix = np.bincount(cells, minlength=classes**2)
    return matrix.reshape(classes, classes)
