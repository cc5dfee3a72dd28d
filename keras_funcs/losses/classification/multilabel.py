"""Losses for several labels at once, of which few are positive.

With many labels nearly all of a sample's are negative, and most of those easy:
together they outweigh the few positives. `Asymmetric` quiets easy negatives;
`DistributionBalanced` also knows how many samples each label has.
"""

from typing import Any

import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import floored
from keras_funcs._core.numerics import log_of_sum
from keras_funcs._core.numerics import statically_zero
from keras_funcs._core.typing import Counts
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._softmax import per_class
from keras_funcs.losses.classification._binary import BinaryLoss


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


@component(
    tune={
        "gamma": Range(0.0, 5.0),
        "negative_scale": Range(1.0, 5.0),
    },
)
class DistributionBalanced(BinaryLoss):
    """Binary cross-entropy for labels that are rare and that come together.

    For long-tailed multi-label data. A rare label brings frequent ones along,
    so that sampling or weighing by label counts misses; here each sample's
    labels share one weight, easy negatives are quieted by `negative_scale`,
    and rare labels start from a lower score.

    Formula:
    ```python
    r = (1 / n) / sum_c(y_c / n_c)  # a label's share in its sample
    weight = alpha + sigmoid(beta * (r - mu))
    u = z - kappa / negative_scale * log(num_samples / n - 1)
    positive = sigmoid(-u)**gamma * softplus(-u)
    v = negative_scale * u
    negative = sigmoid(v)**gamma * softplus(v) / negative_scale
    loss = weight * (y * positive + (1 - y) * negative)
    ```
    averaged over the last axis. The authors' code multiplies by 2 where
    `gamma > 0`. Without a positive label, `r` is infinite.

    Args:
        class_counts: `(L,)` whole numbers, the training samples that have
            each label; see `keras_funcs.class_counts`.
        num_samples: Integer above all counts, or None for their sum, as if
            there were one label in a sample. Defaults to `None`.
        alpha: Float >= 0. Smallest weight. Defaults to `0.1`.
        beta: Float >= 0. Steepness of the weight. Defaults to `10.0`.
        mu: Float. Share with the weight `alpha + 1/2`; 0.3 in the paper for
            few labels. Defaults to `0.2`.
        kappa: Float >= 0. Strength of the shift. Defaults to `0.05`.
        negative_scale: Float > 0. Tolerance for negatives; 5 in the paper for
            few labels. Defaults to `2.0`.
        gamma: Float >= 0. Focusing; 0 for none. Defaults to `2.0`.
        from_logits: Boolean. Whether `y_pred` are logits. Defaults to
            `False`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: `(batch, ..., L)` of 0, 1, or anything between; -1 is unknown
            and does not count, and any other number gives NaN.
        y_pred: `(batch, ..., L)`.

    Raises:
        ValueError: for counts that are negative, zero, not L or not below
            `num_samples`; for other arguments out of range; and for shapes
            that do not fit.

    Example:

    >>> loss = keras_funcs.losses.DistributionBalanced(
    ...     [900, 100], num_samples=1000, from_logits=True
    ... )
    >>> value = loss(np.array([[1, 1]]), np.array([[2.0, -2.0]]))
    >>> round(float(value), 4)
    0.9397

    Reference:
        Wu, Huang, Liu, Wang and Lin (2020), ECCV, arXiv:2007.09654
    """

    def __init__(
        self,
        class_counts: Counts,
        num_samples: int | None = None,
        alpha: float = 0.1,
        beta: float = 10.0,
        mu: float = 0.2,
        kappa: float = 0.05,
        negative_scale: float = 2.0,
        gamma: float = 2.0,
        from_logits: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(from_logits=from_logits, **kwargs)
        self.class_counts = checks.class_counts("class_counts", class_counts)
        self.num_samples = checks.integer(
            "num_samples",
            num_samples,
            at_least=max(self.class_counts) + 1,
            optional=True,
        )
        self.alpha = checks.number("alpha", alpha, at_least=0)
        self.beta = checks.number("beta", beta, at_least=0)
        self.mu = checks.number("mu", mu)
        self.kappa = checks.number("kappa", kappa, at_least=0)
        self.negative_scale = checks.number(
            "negative_scale", negative_scale, above=0
        )
        self.gamma = checks.number("gamma", gamma, at_least=0)
        counts = np.asarray(self.class_counts, float)
        self._inverse = 1.0 / counts
        self._log_odds = np.log((num_samples or counts.sum()) / counts - 1.0)

    def check_labels(self, num_labels: int) -> None:
        if len(self.class_counts) != num_labels:
            checks.invalid(
                "class_counts",
                f"one for each of the {num_labels} labels",
                self.class_counts,
            )

    def each(self, y: Tensor, z: Tensor) -> Tensor:
        # u = z - kappa / negative_scale log(num_samples / n - 1)
        log_odds = per_class(self._log_odds, z, -1)
        u = z - self.kappa / self.negative_scale * log_odds
        v = self.negative_scale * u
        positive, negative = ops.softplus(-u), ops.softplus(v)
        if not statically_zero(self.gamma):
            # log(sigmoid(-u)) = -softplus(u)
            positive = ops.exp(-self.gamma * ops.softplus(u)) * positive
            negative = ops.exp(-self.gamma * ops.softplus(-v)) * negative
        loss = y * positive + (1.0 - y) * negative / self.negative_scale
        return self._weight(y) * loss

    def _weight(self, y: Tensor) -> Tensor:
        # r = (1 / n) / sum_c(y_c / n_c)
        inverse = per_class(self._inverse, y, -1)
        total = ops.sum(y * inverse, axis=-1, keepdims=True)
        some = total > 0
        r = inverse / ops.where(some, total, ops.ones_like(total))
        # weight = alpha + sigmoid(beta (r - mu))
        share = ops.sigmoid(self.beta * (r - self.mu))
        return self.alpha + ops.where(some, share, ops.ones_like(share))


def _log_sum(log_q: Tensor, clip: Any) -> Tensor:
    """`log(q + clip)`, with all of its gradient at `clip = 0` and q near 0."""
    if statically_zero(clip):
        return log_q
    clip = ops.convert_to_tensor(clip, dtype=log_q.dtype)
    # The logarithm of 0 is far below that of every q.
    log_clip = ops.where(clip > 0, ops.log(floored(clip)), -1e30)
    return log_of_sum(log_q, log_clip)
