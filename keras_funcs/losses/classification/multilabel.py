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
from keras_funcs.losses._classes import check_length
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
        from_logits: Boolean. Whether `y_pred` is logits. Defaults to `False`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: `(batch, ..., L)` of 0, 1, or anything between; -1 is unknown
            and does not count, and any other number gives NaN.
        y_pred: `(batch, ..., L)`. `(batch,)` is `(batch, 1)` in both.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

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

    For long-tailed multi-label data. Rare labels bring frequent ones along, so
    that weights by label counts miss: here the labels of a sample share one.
    Easy negatives are quiet, and rare labels start from a lower score.

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
    averaged over the last axis. Without a positive label, `r` is infinite. The
    authors' code multiplies by 2 if `gamma > 0`.

    Args:
        class_counts: `(L,)` samples per label: `keras_funcs.class_counts`.
        num_samples: Integer above all counts. Defaults to `None`, their sum.
        alpha: Float >= 0. Smallest weight. Defaults to `0.1`.
        beta: Float >= 0. Steepness of the weight. Defaults to `10.0`.
        mu: Float. Share whose weight is `alpha + 0.5`. Defaults to `0.2`; the
            paper takes 0.3, with a `negative_scale` of 5, for few labels.
        kappa: Float >= 0. Strength of the shift. Defaults to `0.05`.
        negative_scale: Float > 0. Ease of negatives. Defaults to `2.0`.
        gamma: Float >= 0. Focusing; 0 for none. Defaults to `2.0`.
        from_logits: Boolean. Defaults to `False`, probabilities.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: `(batch, ..., L)` from 0 to 1, or -1 if unknown; any other
            number gives NaN.
        y_pred: `(batch, ..., L)`.

    Raises:
        ValueError: If an argument is invalid or shapes do not match.

    Example:

    >>> loss = keras_funcs.losses.DistributionBalanced([900, 100], 1000)
    >>> round(float(loss(np.array([[1, 1]]), np.array([[0.9, 0.1]]))), 4)
    1.0585

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
        self.num_samples = _num_samples(num_samples, self.class_counts)
        checks.store(self, alpha=alpha, beta=beta, kappa=kappa, gamma=gamma)
        self.mu = checks.number("mu", mu)
        self.negative_scale = _scale(negative_scale)
        counts = np.asarray(self.class_counts, float)
        self._inverse = 1.0 / counts
        self._log_odds = np.log((num_samples or counts.sum()) / counts - 1.0)

    def check_labels(self, num_labels: int) -> None:
        check_length("class_counts", self.class_counts, num_labels, "labels")

    def each(self, y: Tensor, z: Tensor) -> Tensor:
        # u = z - kappa / negative_scale log(num_samples / n - 1)
        scale, log_odds = self.negative_scale, per_class(self._log_odds, z, -1)
        u = z - self.kappa / scale * log_odds
        negative = _focal(-scale * u, self.gamma) / scale
        loss = y * _focal(u, self.gamma) + (1.0 - y) * negative
        return loss * _weight(y, self._inverse, self.alpha, self.beta, self.mu)


def _num_samples(value: Any, counts: Counts) -> int | None:
    least = max(counts) + 1
    return checks.integer("num_samples", value, at_least=least, optional=True)


def _scale(value: Any) -> float:
    return checks.number("negative_scale", value, above=0)


def _focal(z: Tensor, gamma: Any) -> Tensor:
    """`sigmoid(-z)**gamma * softplus(-z)`."""
    loss = ops.softplus(-z)
    if statically_zero(gamma):
        return loss
    # log(sigmoid(-z)) = -softplus(z)
    return ops.exp(-gamma * ops.softplus(z)) * loss


def _weight(y: Tensor, inverse: Any, alpha: Any, beta: Any, mu: Any) -> Tensor:
    # r = (1 / n) / sum_c(y_c / n_c), infinite without a positive label
    part = per_class(inverse, y, -1)
    total = ops.sum(y * part, axis=-1, keepdims=True)
    some = total > 0
    r = part / ops.where(some, total, ops.ones_like(total))
    # weight = alpha + sigmoid(beta (r - mu))
    share = ops.sigmoid(beta * (r - mu))
    return alpha + ops.where(some, share, ops.ones_like(share))


def _log_sum(log_q: Tensor, clip: Any) -> Tensor:
    """`log(q + clip)`, with all of its gradient at `clip = 0` and q near 0."""
    if statically_zero(clip):
        return log_q
    clip = ops.convert_to_tensor(clip, dtype=log_q.dtype)
    # The logarithm of 0 is far below that of every q.
    log_clip = ops.where(clip > 0, ops.log(floored(clip)), -1e30)
    return log_of_sum(log_q, log_clip)
