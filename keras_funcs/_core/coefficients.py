"""Weights that mixed precision leaves alone."""

from typing import Any

import keras

from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.typing import InitializerLike


def add_float32(
    layer: keras.layers.Layer,
    name: str,
    shape: tuple[int, ...],
    initializer: InitializerLike,
    **options: Any,
) -> keras.Variable:
    """Adds a weight that is float32 at least, whatever the layer computes in.

    Half precision would lose the small steps that coefficients learn in, and
    the digits that powers and exponentials of them need.

    Args:
        layer: The layer whose weight it is.
        name: String.
        shape: Tuple of integers.
        initializer: A number, or an initializer.
        **options: Other arguments of `keras.layers.Layer.add_weight`.
    """
    if isinstance(initializer, (int, float)):
        initializer = keras.initializers.Constant(initializer)
    return layer.add_weight(
        shape=shape,
        initializer=initializer,
        dtype=at_least_float32(layer.variable_dtype),
        autocast=False,
        name=name,
        **options,
    )
