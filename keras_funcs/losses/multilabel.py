"""Losses for several labels at once, of which few are positive.

With many labels nearly all of a sample's are negative, and most of those easy:
together they outweigh the few positives. `Asymmetric` quiets easy negatives.
"""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import floored
from keras_funcs._core.numerics import log_of_sum
from keras_funcs._core.numerics import statically_zero
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._binary import BinaryLoss


@component(
    tune={"gamma_negative": Range(0.0, 5.0), "clip": Range(0.0, 0.2)},
)
class Asymmetric(BinaryLoss):
    """Focal loss with a focus of its own on negative labels.

    For multi-label classification with many labels and few positives. Easy
    negatives, of a probability below `clip`, have no loss at all; and the loss
    of a negative is at most `-log(clip)`, so that its gradient fades at high
    scores, where the paper suspects missing annotations. With `clip=0` every
    wrong label keeps its gradient; with all three numbers 0 this is binary
    cross-entropy. Where training does not start, raise `gamma_negative` step
    by step from 0.

    Formula:
    ```python
    p_m = max(p - clip, 0)
    positive = (1 - p)**gamma_positive * log(p)
    negative = p_m**gamma_negative * log(1 - p_m)
    loss = -(y * positive + (1 - y) * negative)
    ```
    averaged over the last axis, while the paper sums: its number is
    `reduction="sum"`, times the number of labels.

    Args:
        gamma_positive: Float >= 0. Focusing of positives; the authors' code
            has 1. Defaults to `0.0`.
        gamma_negative: Float >= 0. Focusing of negatives. Defaults to `4.0`.
        clip: Float in [0, 1). Probability below which a negative has no loss.
            Defaults to `0.05`.
        from_logits: Boolean. Whether `y_pred` are logits. Defaults to
            `False`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: `(batch, ..., L)` of 0, 1, or anything between; -1 is unknown
            and does not count, and any other number gives NaN.
        y_pred: `(batch, ..., L)`. `(batch,)` is `(batch, 1)` in both.

    Raises:
        ValueError: for arguments out of range, and for shapes that do not
            fit; labels are never broadcast.

    Example:

    >>> loss = keras_funcs.losses.Asymmetric(from_logits=True)
    >>> value = loss(np.array([[1, 0, -1]]), np.array([[-2.0, -4.0, 3.0]]))
    >>> round(float(value), 4)
    1.0635

    Reference:
        Ridnik et al. (2021), ICCV, arXiv:2009.14119
    """

    def __init__(
        self,
        gamma_positive: float = 0.0,
        gamma_negative: float = 4.0,
        clip: float = 0.05,
        from_logits: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(from_logits=from_logits, **kwargs)
        self.gamma_positive = checks.number(
            "gamma_positive", gamma_positive, at_least=0
        )
        self.gamma_negative = checks.number(
            "gamma_negative", gamma_negative, at_least=0
        )
        self.clip = checks.number("clip", clip, at_least=0, below=1)

    def each(self, y: Tensor, z: Tensor) -> Tensor:
        log_p, log_not_p = -ops.softplus(-z), -ops.softplus(z)
        # positive = (1 - p)**gamma_positive log(p)
        positive = ops.exp(self.gamma_positive * log_not_p) * log_p
        # negative = p_m**gamma_negative log(1 - p_m), p_m = max(p - clip, 0)
        shifted = ops.sigmoid(z) - self.clip
        easy = shifted <= 0
        p_m = ops.where(easy, ops.zeros_like(z), shifted)
        negative = _log_sum(log_not_p, self.clip)
        negative = ops.where(easy, ops.zeros_like(z), negative)
        if not statically_zero(self.gamma_negative):
            # Through its logarithm: a power below 1 has no gradient at 0.
            focus = ops.exp(self.gamma_negative * ops.log(floored(p_m)))
            negative = focus * negative
        return -(y * positive + (1.0 - y) * negative)


def _log_sum(log_q: Tensor, clip: Any) -> Tensor:
    """`log(q + clip)`, with all of its gradient at `clip = 0` and q near 0."""
    if statically_zero(clip):
        return log_q
    clip = ops.convert_to_tensor(clip, dtype=log_q.dtype)
    # The logarithm of 0 is far below that of every q.
    log_clip = ops.where(clip > 0, ops.log(floored(clip)), -1e30)
    return log_of_sum(log_q, log_clip)
