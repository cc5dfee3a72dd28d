"""Initial weights of networks with sines."""

import math
from typing import Any

import keras

from keras_funcs._core import checks
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor


@component(
    tune={
        "frequency": Range(1.0, 60.0, log=True),
        "first": Choice(False, True),
    }
)
class SirenUniform(Configurable, keras.initializers.Initializer):
    """Kernels of a network of sines (SIREN), uniform around 0.

    Use it for every layer before `keras_funcs.layers.Sine` and for the linear
    one after the last, with that activation's frequency: hidden layers then
    keep the distribution of what passes through them, at any depth. The first
    layer, whose inputs are coordinates in [-1, 1], takes `first=True`.

    Formula:
    ```python
    w = uniform(-1 / n, 1 / n)  # first
    w = uniform(-sqrt(6 / n) / frequency, sqrt(6 / n) / frequency)  # others
    ```
    with n inputs of each unit: features, or kernel size times channels.

    For kernels of dense and convolutional layers. Not for depthwise,
    separable or transposed ones, whose inputs the shape does not tell.

    Args:
        frequency: Float > 0. That of the sines. Defaults to `30.0`.
        first: Boolean. Whether the kernel is the first layer's. Defaults to
            `False`.
        seed: Integer >= 0, or None. Makes the draws repeatable; each call
            then gives the same. Defaults to `None`.

    Inputs:
        shape: `(..., inputs, units)`, a kernel as Keras lays it out.
        dtype: String, or None for Keras's default.

    Returns:
        Tensor of that shape.

    Raises:
        ValueError: for a frequency not > 0, and for a seed that is no integer
            >= 0.

    Example:

    >>> first = keras_funcs.initializers.SirenUniform(first=True, seed=1)
    >>> bool(keras.ops.all(abs(first((2, 64))) <= 0.5))
    True

    Reference:
        Sitzmann, Martel, Bergman, Lindell and Wetzstein (2020), NeurIPS,
        arXiv:2006.09661
    """

    def __init__(
        self,
        frequency: float = 30.0,
        first: bool = False,
        seed: int | None = None,
    ) -> None:
        self.frequency = checks.number("frequency", frequency, above=0)
        self.first = checks.boolean("first", first)
        self.seed = checks.seed(seed)
        # Without a seed, another one for each object, as in Keras.
        self._drawn = keras.initializers.RandomUniform(seed=self.seed).seed

    def __call__(self, shape: Shape, dtype: Any = None) -> Tensor:
        # A vector has no inputs to count; the last axis is the units'.
        inputs = max(1, math.prod(int(size or 1) for size in shape[:-1]))
        # w ~ U(-1/n, 1/n), or U(-c, c) with c = sqrt(6/n) / w0
        limit = 1.0 / inputs
        if not self.first:
            limit = math.sqrt(6.0 / inputs) / self.frequency
        return keras.random.uniform(
            shape, -limit, limit, dtype=dtype, seed=self._drawn
        )
