"""Losses whose probabilities can be exactly 0."""

from typing import Any

from keras import ops

from keras_funcs._core.component import component
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._classes import LogitLoss
from keras_funcs.losses._softmax import Softmax


@component()
class SparsemaxLoss(LogitLoss):
    """Cross-entropy's counterpart for probabilities by sparsemax.

    For predictions that name a few classes and rule the others out: sparsemax
    is the point of the simplex nearest to the logits. Let the model end in
    logits; its argmax is the prediction. Exactly 0 once the label leads by 1.
    Takes logits only.

    Formula:
    ```python
    p = sparsemax(z)
    loss = sum(p * z) - sum(p**2) / 2 - z[y] + 1 / 2
    ```
    and for soft labels `sum(y * z)` for `z[y]`, `sum(y**2) / 2` for `1 / 2`.

    Args:
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `axis`, and `name`, `reduction` and `dtype` of
            `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., C)`. An invalid id gives NaN.
        y_pred: `(batch, ..., C)`, logits.

    Raises:
        ValueError: for shapes that do not fit.

    Example:

    >>> loss = keras_funcs.losses.SparsemaxLoss(reduction=None)
    >>> z = np.array([[2.0, 1.0, 0.0], [0.0, 0.0, -9.0]])
    >>> [round(float(item), 4) for item in loss(np.array([0, 0]), z)]
    [0.0, 0.25]

    Reference:
        Martins and Astudillo (2016), ICML, arXiv:1602.02068
    """

    def __init__(self, ignore_class: int | None = None, **kwargs: Any) -> None:
        super().__init__(ignore_class=ignore_class, **kwargs)

    def sparse(self, ids: Tensor, softmax: Softmax) -> Tensor:
        return self.soft(softmax.one_hot(ids), softmax)

    def soft(self, target: Tensor, softmax: Softmax) -> Tensor:
        # max_p(<p, z> - |p|**2 / 2) - <y, z> + |y|**2 / 2. At the maximum the
        # gradient through p is 0, so that none has to pass the sorting; what
        # is left, p - y, is the loss's.
        z = softmax.logits - softmax.largest
        p = ops.stop_gradient(_sparsemax(z, self.axis))
        loss = (p - target) * z + (target**2 - p**2) / 2.0
        return ops.sum(loss, axis=self.axis)


def _sparsemax(z: Tensor, axis: int) -> Tensor:
    """The distribution nearest to `z`, whose largest entry is 0.

    Not by `ops.sparsemax`, whose result, up to Keras 3.15, does not sum to 1.
    """
    # Who is 1 or more behind gets nothing, however far.
    z = ops.relu(z + 1.0)
    ordered = ops.flip(ops.sort(z, axis=axis), axis=axis)
    shape = [1] * len(z.shape)
    shape[axis] = -1
    place = ops.arange(1, z.shape[axis] + 1, dtype=z.dtype)
    place = ops.reshape(place, shape)
    # tau = (sum of the k largest - 1) / k, with the largest k for which
    # 1 + k z_(k) > sum of the k largest
    inside = 1.0 + place * ordered > ops.cumsum(ordered, axis=axis)
    kept = ops.where(inside, ordered, ops.zeros_like(ordered))
    size = ops.sum(ops.cast(inside, z.dtype), axis=axis, keepdims=True)
    tau = (ops.sum(kept, axis=axis, keepdims=True) - 1.0) / size
    return ops.relu(z - tau)
