"""A regression loss that learns how robust it has to be."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import component
from keras_funcs._core.hosting import AdaptiveLoss
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.numerics import inverse_softplus
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._robust import rho
from keras_funcs.losses._values import RegressionLoss
from keras_funcs.losses.hosted._partition import HIGH
from keras_funcs.losses.hosted._partition import LOW
from keras_funcs.losses.hosted._partition import log_partition
from keras_funcs.losses.hosted._partition import partition_table

Each = Callable[[Tensor, Tensor], Tensor]

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight")


@component()
class AdaptiveRobust(Configurable, AdaptiveLoss):
    """Learns the shape and the scale of a robust regression loss.

    For regression whose noise is not known to be normal: between the squared
    error (`alpha` near 2) and the Cauchy loss (near 0), the data decides how
    much an outlier counts, and by `scale` from which size of error on it is
    one. Where outliers are labels to be ignored at a known size, a fixed loss
    such as `keras.losses.Huber` is simpler.

    It is a negative log-likelihood: with its normalization a small `alpha` is
    no way out, and the value falls below 0 for small errors. To be hosted by
    `keras_funcs.losses.LossModel`.

    Formula:
    ```python
    loss = rho(y - y_pred, alpha, scale) + log(scale) + log(Z(alpha))
    rho(x, alpha, c) = b / alpha * (((x / c)**2 / b + 1)**(alpha / 2) - 1)
    ```
    with `b = 2 - alpha` and `Z(alpha)` the integral of `exp(-rho)` over x at
    `c = 1`; averaged over the last axis.

    Args:
        alpha: Float in (0.001, 1.999). Shape to begin with. Defaults to
            `1.0`.
        scale: Float > `min_scale`. Scale to begin with. Defaults to `1.0`.
        min_scale: Float > 0. What the scale stays above. Defaults to `1e-5`.
        units: Integer >= 1, or None. With a number, the size of the last axis
            of `y_pred`: each has a shape and a scale of its own. None shares
            one pair. Defaults to `None`.
        reduction: `"sum_over_batch_size"`, `"mean"`, `"sum"` or
            `"mean_with_sample_weight"`. Defaults to `"sum_over_batch_size"`.
        **kwargs: `name`, `trainable` and `dtype` of `keras.layers.Layer`.

    Inputs:
        y_true: `(batch, ..., D)` numbers. `(batch,)` is `(batch, 1)`.
        y_pred: `(batch, ..., D)`.

    Raises:
        ValueError: for arguments out of range, and for shapes that do not fit.

    Example:

    >>> loss = keras_funcs.losses.AdaptiveRobust()
    >>> y = np.zeros((4, 1))
    >>> value = keras.ops.convert_to_numpy(loss.compute(y, y))
    >>> round(float(value), 4)
    1.1855

    Reference:
        Barron (2019), CVPR, arXiv:1701.03077
    """

    def __init__(
        self,
        alpha: float = 1.0,
        scale: float = 1.0,
        min_scale: float = 1e-5,
        units: int | None = None,
        reduction: str = "sum_over_batch_size",
        **kwargs: Any,
    ) -> None:
        checks.number("alpha", alpha, above=LOW, below=HIGH)
        checks.number("min_scale", min_scale, above=0)
        checks.number("scale", scale, above=min_scale)
        checks.integer("units", units, at_least=1, at_most=10**6, optional=True)
        checks.one_of("reduction", reduction, REDUCTIONS)
        super().__init__(**kwargs)
        self.alpha = float(alpha)
        self.scale = float(scale)
        self.min_scale = float(min_scale)
        self.units = units
        self.reduction = reduction
        shape = () if units is None else (int(units),)
        share = (self.alpha - LOW) / (HIGH - LOW)
        self._latent_alpha = self.add_state(
            "alpha", shape, math.log(share) - math.log1p(-share), trainable=True
        )
        excess = inverse_softplus(self.scale - self.min_scale)
        self._latent_scale = self.add_state(
            "scale", shape, excess, trainable=True
        )
        self._table = partition_table()
        self._loss = _Likelihood(
            self.each,
            reduction=reduction,
            dtype=at_least_float32(self.variable_dtype),
        )

    @property
    def learned_alpha(self) -> np.ndarray:
        """The shape as it is now, of shape `()` or `(units,)`."""
        return np.asarray(ops.convert_to_numpy(self._current()[0]))

    @property
    def learned_scale(self) -> np.ndarray:
        """The scale as it is now, of shape `()` or `(units,)`."""
        return np.asarray(ops.convert_to_numpy(self._current()[1]))

    def _current(self) -> tuple[Tensor, Tensor]:
        # alpha = low + (high - low) sigmoid(a), scale = min + softplus(s)
        share = ops.sigmoid(ops.convert_to_tensor(self._latent_alpha))
        excess = ops.softplus(ops.convert_to_tensor(self._latent_scale))
        return LOW + (HIGH - LOW) * share, self.min_scale + excess

    def compute(
        self,
        y_true: Any,
        y_pred: Any,
        sample_weight: Any = None,
        training: bool = False,
    ) -> Tensor:
        return self._loss(y_true, y_pred, sample_weight)

    def each(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of every number."""
        if self.units not in (None, y_pred.shape[-1]):
            expected = f"{y_pred.shape[-1]}, the size of the last axis"
            checks.invalid("units", expected, self.units)
        alpha, scale = self._current()
        # loss = rho(y - y_pred, alpha, scale) + log(scale) + log(Z(alpha))
        loss = rho(y_true - y_pred, alpha, scale)
        return loss + ops.log(scale) + log_partition(alpha, self._table)


class _Likelihood(RegressionLoss):
    """Shapes, weights, masks and the reduction for a layer's numbers.

    It holds the layer's method and not the layer: Keras would walk from one to
    the other without end while it loads a file.
    """

    def __init__(self, likelihood: Each, **kwargs: Any) -> None:
        super().__init__(name="likelihood", **kwargs)
        self._likelihood = likelihood

    def each(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self._likelihood(y_true, y_pred)
