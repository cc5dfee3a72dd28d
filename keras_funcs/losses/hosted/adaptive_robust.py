"""A regression loss that learns how robust it has to be."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import component
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.numerics import inverse_softplus
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._robust import rho
from keras_funcs.losses._values import RegressionLoss
from keras_funcs.losses.hosted._partition import HIGH
from keras_funcs.losses.hosted._partition import LOW
from keras_funcs.losses.hosted._partition import log_partition
from keras_funcs.losses.hosted._partition import partition_table
from keras_funcs.losses.hosted._reduced import ReducedLoss


@component()
class AdaptiveRobust(ReducedLoss):
    """Learns the shape and the scale of a robust regression loss.

    For regression with noise that may not be normal: between the squared error
    (`alpha` near 2) and the Cauchy loss (near 0), the data decide how much an
    outlier counts, and by `scale` how large an error makes one. If the size of
    outliers is known, `keras.losses.Huber` is simpler.

    A negative log-likelihood, below 0 for small errors: the normalization
    keeps `alpha` up. To be hosted by `keras_funcs.losses.LossModel`.

    Formula:
    ```python
    loss = rho(y - y_pred, alpha, scale) + log(scale) + log(Z(alpha))
    rho(x, alpha, c) = b / alpha * (((x / c)**2 / b + 1)**(alpha / 2) - 1)
    ```
    with `b = 2 - alpha` and `Z(alpha)` the integral of `exp(-rho)` over x at
    `c = 1`; averaged over the last axis.

    Args:
        alpha: Float in (0.001, 1.999). Initial shape. Defaults to `1.0`.
        scale: Float > `min_scale`. Initial scale. Defaults to `1.0`.
        min_scale: Float > 0. Lower bound of the scale. Defaults to `1e-5`.
        units: Integer >= 1, or None. The size of the last axis of `y_pred`, to
            learn a pair of each; None learns one. Defaults to `None`.
        reduction: `"sum_over_batch_size"`, `"mean"`, `"sum"` or
            `"mean_with_sample_weight"`. Defaults to `"sum_over_batch_size"`.
        **kwargs: `name`, `trainable` and `dtype` of `keras.layers.Layer`.

    Inputs:
        y_true: `(batch, ..., D)` numbers. `(batch,)` is `(batch, 1)`.
        y_pred: `(batch, ..., D)`.

    Raises:
        ValueError: If an argument is invalid or shapes do not match.

    Example:

    >>> y = np.zeros((4, 1))
    >>> value = keras_funcs.losses.AdaptiveRobust().compute(y, y)
    >>> round(float(keras.ops.convert_to_numpy(value)), 4)
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
        super().__init__(reduction=reduction, **kwargs)
        self.alpha, self.units = float(alpha), units
        self.scale, self.min_scale = float(scale), float(min_scale)
        shape = () if units is None else (int(units),)
        odds = math.log(alpha - LOW) - math.log(HIGH - alpha)
        self._latent_alpha = self.add_state("alpha", shape, odds, True)
        excess = inverse_softplus(scale - min_scale)
        self._latent_scale = self.add_state("scale", shape, excess, True)
        dtype = at_least_float32(self.variable_dtype)
        self.inner = _Likelihood(
            self._current, units, reduction=reduction, dtype=dtype
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


class _Likelihood(RegressionLoss):
    """The loss of numbers, at the layer's shape and scale."""

    def __init__(
        self,
        current: Callable[[], tuple[Tensor, Tensor]],
        units: int | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name="likelihood", **kwargs)
        self._current, self._units = current, units
        self._table = partition_table()

    def each(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        if self._units not in (None, y_pred.shape[-1]):
            expected = f"{y_pred.shape[-1]}, the size of the last axis"
            checks.invalid("units", expected, self._units)
        alpha, scale = self._current()
        # loss = rho(y - y_pred, alpha, scale) + log(scale) + log(Z(alpha))
        loss = rho(y_true - y_pred, alpha, scale)
        return loss + ops.log(scale) + log_partition(alpha, self._table)
