"""Penalties that empty whole groups of weights: units, channels, inputs."""

from collections.abc import Sequence
from numbers import Integral

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.numerics import norm
from keras_funcs._core.typing import Tensor


@component(tune={"factor": Range(1e-6, 1e-3, log=True)})
class GroupLasso(Configurable, keras.regularizers.Regularizer):
    """Sum of the lengths of groups of weights: drives whole groups to zero.

    For structured sparsity: units that can be cut out, or inputs that can be
    dropped. It shrinks all groups, not only those that go; anneal or refit
    where the values of the others matter.

    Formula:
    ```python
    penalty = factor * sum_g sqrt(|g|) * |w_g|
    ```
    with |g| the number of weights in a group and |w_g| its Euclidean length.

    Args:
        factor: Float >= 0. Strength. Defaults to `0.01`.
        axis: Integer, list of integers, or None. The axes inside a group. None
            is all but the last: a group is what feeds one unit or filter. For
            input features of a `Dense` kernel `(in, out)` it is `-1`; for
            input channels of a convolution `(h, w, in, out)`, `[0, 1, 3]`.
            Defaults to `None`.
        reduction: `"sum"` over groups, or `"mean"`, so that `factor` does not
            depend on the size of the layer. Defaults to `"sum"`.

    Inputs:
        x: Weights of any rank >= 1; of rank 1, each weight is a group.

    Raises:
        ValueError: for a factor that is negative, and at the first call for an
            axis out of range.

    Example:

    >>> penalty = keras_funcs.regularizers.GroupLasso(factor=1.0)
    >>> value = penalty(np.array([[3.0, 0.0], [4.0, 0.0]]))
    >>> round(float(value) / 2**0.5, 4)
    5.0

    Reference:
        Yuan and Lin (2006), J. R. Stat. Soc. B 68(1); Wen et al. (2016),
        NeurIPS, arXiv:1608.03665
    """

    def __init__(
        self,
        factor: float = 0.01,
        axis: int | Sequence[int] | None = None,
        reduction: str = "sum",
    ) -> None:
        self.factor = checks.number("factor", factor, at_least=0)
        if axis is not None and not isinstance(axis, Integral):
            if not isinstance(axis, (list, tuple)):
                checks.invalid("axis", "an integer or a list of them", axis)
            axis = [checks.integer("axis", item) for item in axis]
        elif axis is not None:
            axis = checks.integer("axis", axis)
        self.axis = axis
        self.reduction = checks.one_of("reduction", reduction, ("sum", "mean"))

    def __call__(self, x: Tensor) -> Tensor:
        x = ops.convert_to_tensor(x)
        dtype = at_least_float32(keras.backend.standardize_dtype(x.dtype))
        x = ops.cast(x, dtype)
        axes = self._axes(len(x.shape))
        size = 1
        for axis in axes:
            size *= x.shape[axis]
        if not axes:  # a group is one weight
            x, axes = ops.expand_dims(x, -1), (-1,)
        # sum_g sqrt(|g|) |w_g|
        lengths = norm(x, axis=axes)
        reduce = ops.sum if self.reduction == "sum" else ops.mean
        return self.factor * size**0.5 * reduce(lengths)

    def _axes(self, rank: int) -> tuple[int, ...]:
        if self.axis is None:
            return tuple(range(rank - 1))
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        if any(not -rank <= axis < rank for axis in axes):
            checks.invalid("axis", f"axes of weights of rank {rank}", self.axis)
        return tuple(sorted({axis % rank for axis in axes}))
