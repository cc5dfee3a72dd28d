"""Label forms (sparse, one-hot, soft, multi-hot) and class statistics."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.typing import Counts
from keras_funcs._core.typing import Tensor

SCHEMES = ("balanced", "inverse", "sqrt", "effective")
# In these, the number of classes that ids are compared with may wrap around.
NARROW = ("int8", "uint8", "int16", "uint16")
# The way out of an error about labels that are texts.
NUMBER_CLASSES = (
    "number the classes with `names, y = np.unique(y, return_inverse=True)`"
)


def is_sparse(y_true: Tensor, y_pred: Tensor, axis: int = -1) -> bool:
    """Whether labels are class ids; otherwise they are one-hot or soft.

    The same rank and the same number of classes as `y_pred` is one-hot or
    soft; one rank less, or 1 in place of the classes, is ids. Nothing is ever
    broadcast.

    Raises:
        ValueError: for any other shape.
    """
    labels, outputs = tuple(y_true.shape), tuple(y_pred.shape)
    if len(outputs) < 2 or outputs[axis] is None or outputs[axis] < 2:
        raise ValueError(
            "Invalid shape of `y_pred`. Expected a batch with at least 2 "
            f"classes on axis {axis}; for one output use a binary loss or "
            "metric. "
            f"Received: y_pred.shape={outputs}"
        )
    if len(labels) == len(outputs) and fit(labels, outputs):
        return False
    ids = list(outputs)
    ids[axis] = 1
    if len(labels) == len(outputs) and fit(labels, tuple(ids)):
        return True
    del ids[axis]
    if fit(labels, tuple(ids)):
        return True
    raise ValueError(
        "Invalid shape of `y_true`. Expected class ids of shape "
        f"{tuple(ids)}, or one-hot labels of shape {outputs}. "
        f"Received: y_true.shape={labels}"
    )


def class_ids(
    y_true: Tensor, y_pred: Tensor, axis: int = -1
) -> tuple[Tensor, Tensor]:
    """Sparse labels as int32, of one rank less, and which of them are classes.

    Others are negative, too large, fractional or NaN; the backends disagree on
    what becomes of them.
    """
    if len(y_true.shape) == len(y_pred.shape):
        y_true = ops.squeeze(y_true, axis)
    if keras.backend.standardize_dtype(y_true.dtype) in NARROW:
        y_true = ops.cast(y_true, "int32")
    valid = ops.logical_and(y_true >= 0, y_true < y_pred.shape[axis])
    if keras.backend.is_float_dtype(y_true.dtype):
        valid = ops.logical_and(valid, ops.equal(y_true, ops.floor(y_true)))
    return ops.cast(y_true, "int32"), valid


def align_binary(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """Gives binary labels and scores one shape, by a last dimension of 1.

    Raises:
        ValueError: where the shapes do not fit; they are never broadcast.
    """
    labels, outputs = tuple(y_true.shape), tuple(y_pred.shape)
    if len(outputs) == len(labels) + 1 and outputs[-1] == 1:
        y_true, labels = ops.expand_dims(y_true, -1), (*labels, 1)
    elif len(labels) == len(outputs) + 1 and labels[-1] == 1:
        y_pred, outputs = ops.expand_dims(y_pred, -1), (*outputs, 1)
    if not fit(labels, outputs):
        raise ValueError(
            "Invalid shape of `y_true`. Expected the shape of `y_pred`, "
            f"{outputs}. Received: y_true.shape={labels}"
        )
    return y_true, y_pred


def is_share(y: Tensor) -> Tensor:
    """Whether labels are 0, 1 or between, as a boolean for each.

    With room for rounding: a mask that is resized with antialiasing exceeds 1
    in its last digits.
    """
    return ops.logical_and(y >= -1e-5, y <= 1.0 + 1e-5)


def fit(left: tuple[int | None, ...], right: tuple[int | None, ...]) -> bool:
    """Whether two shapes are equal as far as they are known."""
    return len(left) == len(right) and all(
        a is None or b is None or a == b for a, b in zip(left, right)
    )


def class_counts(y: Any, num_classes: int | None = None) -> np.ndarray:
    """Counts the samples of each class, in one pass and in bounded memory.

    Args:
        y: Labels: class ids of any shape (a last dimension of 1 is dropped),
            one-hot or multi-hot rows `(..., C)`, as a NumPy array, list or
            tensor; or a `tf.data.Dataset`, a `torch.utils.data.DataLoader` or
            a `keras.utils.PyDataset` whose elements are `(x, y)` or
            `(x, y, sample_weight)`.
        num_classes: Integer >= 2, or None. The number of classes. Needed to
            count classes that are absent, and to tell multi-hot rows from
            masks of two classes where both are whole numbers.

    Returns:
        int64 array of shape `(C,)`.

    Raises:
        ValueError: for labels that are no class, or that are empty.
    """
    checks.integer("num_classes", num_classes, at_least=2, optional=True)
    total = np.zeros(num_classes or 0)
    rows: bool | None = None
    for batch in map(_numeric, _batches(y)):
        # Decided once: a later batch of ids may happen to hold 0 and 1 only.
        if rows is None and batch.size:
            rows = _are_rows(batch, num_classes)
        counts = _count_rows(batch) if rows else _count_ids(batch, num_classes)
        size = max(len(total), len(counts))
        total = np.pad(total, (0, size - len(total)))
        total += np.pad(counts, (0, size - len(counts)))
    if not total.any():
        raise ValueError("Invalid labels in `y`. Expected at least one label.")
    return np.rint(total).astype(np.int64)


def _batches(y: Any) -> Iterable[np.ndarray]:
    if isinstance(y, (np.ndarray, list, tuple)) or hasattr(y, "__array__"):
        yield np.asarray(y)
        return
    if ops.is_tensor(y):
        yield ops.convert_to_numpy(y)
        return
    elements: Iterable[Any] = y
    if isinstance(y, keras.utils.PyDataset):
        # A PyDataset has no end of iteration of its own.
        elements = (y[index] for index in range(y.num_batches or 0))
    elif not hasattr(y, "__iter__"):
        checks.invalid("y", "labels or a data set of `(x, y)`", type(y))
    for element in elements:
        if not isinstance(element, (tuple, list)) or len(element) < 2:
            checks.invalid("y", "a data set of `(x, y)`", type(element))
        labels = element[1]
        if ops.is_tensor(labels) or not hasattr(labels, "__array__"):
            labels = ops.convert_to_numpy(labels)
        yield np.asarray(labels)


def _are_rows(labels: np.ndarray, num_classes: int | None) -> bool:
    """Whether labels are one-hot, multi-hot or soft rows, not class ids."""
    if labels.ndim < 2:
        return False
    zero_one = bool(np.all((labels == 0) | (labels == 1)))
    soft = labels.dtype.kind == "f" and not _whole(labels)
    if num_classes is not None:
        return labels.shape[-1] == num_classes and (zero_one or soft)
    if soft or (zero_one and labels.dtype.kind in "bf"):
        return True
    if zero_one and not np.all(labels.sum(-1) == 1):
        raise ValueError(
            "Whole numbers 0 and 1 may be ids of two classes or multi-hot "
            "rows. Expected `num_classes` to tell them apart. "
            f"Received: y.shape={labels.shape}"
        )
    return zero_one


def _count_rows(labels: np.ndarray) -> np.ndarray:
    # In the labels' own dtype, float16 stops counting at 2048.
    rows = labels.reshape(-1, labels.shape[-1])
    return np.asarray(rows.sum(0, dtype=np.float64))


def _count_ids(labels: np.ndarray, num_classes: int | None) -> np.ndarray:
    ids = labels.reshape(-1)
    if not _whole(ids) or (ids.size and ids.min() < 0):
        checks.invalid("y", "class ids >= 0 or one-hot rows", ids)
    largest = int(ids.max()) if ids.size else 0
    if num_classes is not None and largest >= num_classes:
        checks.invalid(
            "y", f"class ids below num_classes={num_classes}", largest
        )
    if largest >= checks.MAX_CLASSES:
        checks.invalid("y", f"ids below {checks.MAX_CLASSES}", largest)
    return np.bincount(ids.astype(np.int64), minlength=num_classes or 0)


def _numeric(labels: np.ndarray) -> np.ndarray:
    if labels.dtype.kind in "OSU" and labels.size:
        seen = labels.reshape(-1)[:3].tolist()
        checks.invalid("y", f"class ids; {NUMBER_CLASSES}", seen)
    if labels.dtype.kind not in "biuf":
        checks.invalid("y", "numeric labels", labels.dtype)
    if labels.size and not np.all(np.isfinite(labels)):
        checks.invalid("y", "finite labels", labels)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    return labels


def _whole(labels: np.ndarray) -> bool:
    return labels.dtype.kind in "biu" or bool(
        np.all(labels == np.floor(labels))
    )


def class_weights(
    counts: Counts, scheme: str = "balanced", beta: float | None = None
) -> np.ndarray:
    """Weights for classes of unequal size, with mean 1.

    Formula:
    ```python
    balanced = inverse = 1 / counts
    sqrt = 1 / sqrt(counts)
    effective = (1 - beta) / (1 - beta**counts)
    ```
    and then `weights / mean(weights)`.

    Args:
        counts: `(C,)` whole numbers, the training samples of each class. A
            class without samples gets weight 0.
        scheme: `"balanced"`, `"inverse"`, `"sqrt"` or `"effective"`.
        beta: Float in [0, 1) for `"effective"`. Defaults to `(N - 1) / N`
            with N the number of samples.

    Returns:
        float64 array of shape `(C,)`; its mean over the present classes is 1.

    Reference:
        Cui, Jia, Lin, Song and Belongie (2019), CVPR, arXiv:1901.05555
    """
    checks.one_of("scheme", scheme, SCHEMES)
    array = np.asarray(checks.class_counts("counts", counts, "ignore"), float)
    present = array > 0
    safe = np.where(present, array, 1.0)
    checks.number("beta", beta, at_least=0, below=1, optional=True)
    if beta is not None and scheme != "effective":
        checks.invalid("beta", 'None unless scheme="effective"', beta)
    if scheme == "effective":
        if beta is None:
            beta = (array.sum() - 1.0) / array.sum()
        # 1 - beta**n through expm1: float cancellation would cost four digits
        # at beta = 1 - 1e-6.
        log_beta = np.log(beta) if beta > 0 else -np.inf
        weights = 1.0 / -np.expm1(safe * log_beta)
    else:
        weights = safe ** (-0.5 if scheme == "sqrt" else -1.0)
    weights = np.where(present, weights, 0.0)
    return weights / weights[present].mean()


def log_prior(counts: Counts) -> np.ndarray:
    """`log(counts / sum)` in float64; an absent class counts as one sample."""
    array = np.maximum(np.asarray(counts, float), 1.0)
    return np.log(array / np.sum(counts))
