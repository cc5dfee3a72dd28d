"""Focal loss and focal Tversky loss as one, for small and rare foreground."""

from dataclasses import replace
from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._region import Region
from keras_funcs.losses._region import RegionLoss
from keras_funcs.losses.region._overlap import ratio
from keras_funcs.losses.region._overlap import steep_power
from keras_funcs.losses.region._overlap import tversky


@component(tune={"delta": Range(0.5, 0.9), "gamma": Range(0.1, 0.9)})
class UnifiedFocal(RegionLoss):
    """Asymmetric unified focal loss: cross-entropy and overlap in balance.

    For segmentation with a large background, class 0, and a rare foreground,
    all other classes: only easy background is played down, and only the
    overlap of the foreground is enhanced. `gamma` and `delta` replace five
    numbers of a sum of focal and focal Tversky losses.

    Formula:
    ```python
    ce = -y * log(p)  # of each pixel and class
    focal = mean((1 - delta) * (1 - p[0])**gamma * ce[0] + delta * ce[1:])
    index = (tp + smooth) / (tp + (1 - delta) * fp + delta * fn + smooth)
    overlap = mean([1 - index[0], (1 - index[1:])**(1 - gamma)])
    loss = weight * focal + (1 - weight) * overlap
    ```
    with the focal part summed over the classes and averaged over the pixels,
    and the overlap averaged over the classes, as the authors' code has it.

    Args:
        weight: Float in [0, 1]. Share of the focal part. Defaults to `0.5`.
        delta: Float in [0, 1]. Weight of the foreground in the focal part and
            of false negatives in the overlap. Defaults to `0.6`.
        gamma: Float in [0, 1). Suppression of easy background and enhancement
            of the foreground's overlap. Defaults to `0.5`.
        from_logits: Boolean. Whether `y_pred` is logits. Defaults to `False`.
        smooth: Float >= 0. Pixels added to the overlap. Defaults to `1.0`.
        per_sample: Boolean. Whether each sample is a region; otherwise the
            batch is one and the loss a scalar. Defaults to `True`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., C)`. For one channel: 0, 1 or between,
            and -1 where unknown. Any other label makes its region's loss NaN.
        y_pred: `(batch, ..., C)`; a single channel, C = 1, is a sigmoid's.
        sample_weight: `(batch,)` for samples, `(batch, ...)` for pixels.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.UnifiedFocal(smooth=0.0)
    >>> mask, scores = [[1, 1, 0, 0]], [[[0.8], [0.4], [0.4], [0.0]]]
    >>> round(float(loss(np.array(mask), np.array(scores))), 4)
    0.3139

    Reference:
        Yeung et al. (2022), Comput. Med. Imaging Graph., arXiv:2102.04525
    """

    traits = replace(RegionLoss.traits, keeps_gradient=True)

    def __init__(
        self,
        weight: float = 0.5,
        delta: float = 0.6,
        gamma: float = 0.5,
        from_logits: bool = False,
        smooth: float = 1.0,
        per_sample: bool = True,
        ignore_class: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(ignore_class=ignore_class, **kwargs)
        self.from_logits = checks.boolean("from_logits", from_logits)
        self.per_sample = checks.boolean("per_sample", per_sample)
        self.declare()
        self.weight = checks.number("weight", weight, at_least=0, at_most=1)
        self.delta = checks.number("delta", delta, at_least=0, at_most=1)
        self.gamma = checks.number("gamma", gamma, at_least=0, below=1)
        self.smooth = checks.number("smooth", smooth, at_least=0)

    def of_region(self, region: Region) -> Tensor:
        region = region.as_classes()
        log_p = ops.log_softmax(region.logits(), axis=1)
        # The factors of -y log(p): (1 - delta) (1 - p_0)**gamma and delta, ...
        factors = _factors(log_p, self.delta, self.gamma)
        entropy = -region.weigh(factors * region.target * log_p)
        focal = ratio(ops.sum(entropy, axis=(1, 2)), region.total()[:, 0])
        # ... and 1 - TI_0 and (1 - TI_c)**(1 - gamma).
        sums = region.sums_of(ops.exp(log_p))
        loss = tversky(sums, 1.0 - self.delta, self.delta, self.smooth)
        fore = steep_power(loss[:, 1:], 1.0 - self.gamma)
        loss = ops.concatenate([loss[:, :1], fore], axis=-1)
        return self.weight * focal + (1.0 - self.weight) * ops.mean(loss, -1)


def _factors(log_p: Tensor, delta: Any, gamma: Any) -> Tensor:
    """The weight of each class's cross-entropy; the background is first."""
    fore = log_p[:, 1:]
    rest = ops.logsumexp(fore, axis=1, keepdims=True)
    back = (1.0 - delta) * ops.exp(gamma * rest)
    return ops.concatenate([back, delta * ops.ones_like(fore)], axis=1)
