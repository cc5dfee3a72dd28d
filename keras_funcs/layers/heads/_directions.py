"""The base of layers that compare directions: a kernel, and its cosines."""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import maps
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.numerics import unit
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor
from keras_funcs.layers._kernels import KernelLayer


class CosineLayer(KernelLayer):
    """Abstract base of layers that take cosines with the columns of a kernel.

    A leaf reads `cosines` in `call`.

    Args:
        units: Integer >= 1. Outputs.
        scale: Float > 0. Factor of the cosines.
        **kwargs: The arguments of `KernelLayer`.
    """

    sub_centers = 1  # directions per unit, neighbours in the kernel

    def __init__(self, units: int, scale: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = checks.size("units", units)
        self.scale = checks.number("scale", scale, above=0)

    def build(self, input_shape: Any) -> None:
        shape = _features(input_shape)
        size = maps.channels(self.name, shape, "channels_last")
        # `cosines` casts it, to no less than float32.
        self.kernel = self.add_kernel(
            "kernel", (size, self.units * self.sub_centers), autocast=False
        )
        self.built = True

    def cosines(self, features: Tensor) -> Tensor:
        """The cosines with all units, in float32 at least."""
        # Lengths in float32: a float16 sum of squares overflows at 65,504.
        dtype = at_least_float32(self.compute_dtype)
        found = ops.matmul(
            unit(ops.cast(features, dtype), axis=-1),
            unit(ops.cast(self.kernel, dtype), axis=0),
        )
        if self.sub_centers == 1:
            return found
        shape = (*ops.shape(found)[:-1], self.units, self.sub_centers)
        return ops.amax(ops.reshape(found, shape), axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return (*_features(input_shape)[:-1], self.units)


def _features(input_shape: Any) -> Shape:
    """The first of several shapes, or the only one."""
    if isinstance(input_shape[0], (list, tuple)):
        return tuple(input_shape[0])
    return tuple(input_shape)
