"""Penalties on how weights change from one place to the next."""

import math
from collections.abc import Sequence

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import magnitude
from keras_funcs._core.typing import Tensor
from keras_funcs.regularizers import _base


@component(tune={"factor": Range(1e-6, 1e-2, log=True)})
class TotalVariation(_base.Penalty):
    """Sum of the steps between neighbouring weights: smooth or flat kernels.

    For kernels over something ordered: images, time, wavelengths. It prefers
    few jumps to many small steps, as the lasso prefers few weights. On the
    first axis of a `Dense` kernel whose inputs are in order it is the fused
    lasso; on an embedding, for vocabularies in order such as binned numbers.

    Formula:
    ```python
    penalty = factor * sum_axes(sum(abs(w[1:] - w[:-1])))
    ```

    Args:
        factor: Float >= 0. Strength. Defaults to `0.01`.
        axis: Integer, list of integers, or None. The axes along which
            neighbours are compared. None is the spatial axes of a convolution,
            all but the last two, and of weights of rank 1 or 2 the first.
            Defaults to `None`.
        reduction: `"sum"` over steps, or `"mean"`, so that `factor` does not
            depend on the size of the layer. Defaults to `"sum"`.

    Inputs:
        x: Weights of any rank >= 1.

    Raises:
        ValueError: for a factor that is negative, and at the first call for an
            axis out of range.

    Example:

    >>> penalty = keras_funcs.regularizers.TotalVariation(factor=1.0)
    >>> float(penalty(np.array([0.0, 0.0, 3.0, 1.0])))
    5.0

    Reference:
        Rudin, Osher and Fatemi (1992), Physica D 60; Tibshirani, Saunders,
        Rosset, Zhu and Knight (2005), J. R. Stat. Soc. B 67(1)
    """

    def __init__(
        self,
        factor: float = 0.01,
        axis: int | Sequence[int] | None = None,
        reduction: str = "sum",
    ) -> None:
        self.factor = checks.number("factor", factor, at_least=0)
        self.axis = _base.check_axis(axis)
        self.reduction = _base.check_reduction(reduction)

    def measure(self, x: Tensor) -> Tensor:
        rank = len(x.shape)
        axes: Sequence[int] = range(max(1, rank - 2))
        if self.axis is not None:
            axes = _base.axes_of(self.axis, rank)
        total, steps = ops.zeros((), dtype=x.dtype), 0
        for axis in axes:
            before = (slice(None),) * axis
            # sum_i |w_{i+1} - w_i|
            step = x[(*before, slice(1, None))] - x[(*before, slice(-1))]
            total = total + ops.sum(magnitude(step))
            steps += math.prod(step.shape)
        return total if self.reduction == "sum" else total / max(steps, 1)
