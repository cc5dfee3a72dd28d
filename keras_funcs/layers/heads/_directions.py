"""What layers share that compare directions: a kernel, and its cosines."""

from typing import Any

import keras

from keras_funcs._core import checks
from keras_funcs._core import maps
from keras_funcs._core.component import Configurable
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.numerics import unit
from keras_funcs._core.typing import ConstraintLike
from keras_funcs._core.typing import InitializerLike
from keras_funcs._core.typing import RegularizerLike
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor


class CosineLayer(Configurable, keras.layers.Layer):
    """Abstract base of layers that take cosines with the columns of a kernel.

    Args:
        units: Integer >= 1. Outputs.
        kernel_initializer: Initializer of the kernel.
        kernel_regularizer: Regularizer of the kernel.
        kernel_constraint: Constraint of the kernel.
        **kwargs: Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        units: int,
        kernel_initializer: InitializerLike,
        kernel_regularizer: RegularizerLike,
        kernel_constraint: ConstraintLike,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = checks.integer(
            "units", units, at_least=1, at_most=checks.MAX_CLASSES
        )
        self.kernel_initializer = checks.keras_object(
            "kernel_initializer",
            kernel_initializer,
            keras.initializers.get,
            "an initializer",
        )
        self.kernel_regularizer = checks.regularizer(
            "kernel_regularizer", kernel_regularizer
        )
        self.kernel_constraint = checks.constraint(
            "kernel_constraint", kernel_constraint
        )
        self.supports_masking = True

    def add_kernel(self, input_shape: Shape, columns: int) -> None:
        """Adds the kernel, whose columns are the directions."""
        features = maps.channels(self.name, input_shape, "channels_last")
        self.kernel = self.add_weight(
            shape=(features, columns),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            autocast=False,  # `cosines` casts it, to no less than float32
            name="kernel",
        )

    def cosines(self, features: Tensor) -> Tensor:
        """The cosines with all columns, in float32 at least."""
        # Lengths in float32: a float16 sum of squares overflows at 65,504.
        dtype = at_least_float32(self.compute_dtype)
        return keras.ops.matmul(
            unit(keras.ops.cast(features, dtype), axis=-1),
            unit(keras.ops.cast(self.kernel, dtype), axis=0),
        )
