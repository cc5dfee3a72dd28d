"""Weights as length and direction, around a layer of Keras."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops

from keras_funcs._core import wrapped
from keras_funcs._core.component import component
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.numerics import mean
from keras_funcs._core.numerics import norm
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor
from keras_funcs.layers._around import ReplacedKernel


@component()
class WeightNormalization(ReplacedKernel):
    """Trains the length and the direction of a layer's weights separately.

    An alternative to batch normalization without the batch: for recurrent and
    generative models, reinforcement learning, and batches of one. The kernel
    of the layer becomes the direction `v`, which is never rewritten; the
    lengths `g` start as those of `v`, so that the layer starts as without the
    wrapper. A regularizer of the kernel sees `v`, whose length has no effect.

    `quantize` folds `w` into the wrapped layer, which then works alone, also in
    a saved file. `enable_lora` of the wrapped layer adds to `v`.

    Formula:
    ```python
    w = g * v / |v|
    ```
    for each output of the layer.

    Args:
        layer: A `keras.layers.Dense` or a convolution, not built.
        **kwargs: Keyword arguments of `keras.layers.Layer`; `dtype` defaults
            to the wrapped layer's, and holds for it as well.

    Input shape:
        The wrapped layer's.

    Output shape:
        The wrapped layer's.

    Raises:
        ValueError: If the layer is invalid, built, quantized, an `EinsumDense`,
            or has no kernel or an activity regularizer.

    Example:

    >>> layer = keras_funcs.layers.WeightNormalization(keras.layers.Dense(3))
    >>> y = layer(np.ones((2, 4)))
    >>> [tuple(w.shape) for w in layer.weights]  # g, v, bias
    [(3,), (4, 3), (3,)]

    Reference:
        Salimans and Kingma (2016), NeurIPS, arXiv:1602.07868
    """

    own = ("g",)

    def __init__(self, layer: keras.layers.Layer, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)

    def check_layer(self) -> None:
        _check(self.name, self.layer)

    def build_weights(self, shape: tuple[int, ...]) -> None:
        kept, rank = _output_axes(self.layer), len(shape)
        self._axes = [i for i in range(rank) if i - rank not in kept]
        self.g = self.add_weight(
            # Flat, since optimizers for matrices would take it for one.
            shape=(math.prod(shape[axis] for axis in kept),),
            # Read when `g` is made: a graph may be traced here, in which the
            # kernel has no value yet.
            initializer=self._lengths,
            dtype=at_least_float32(self.variable_dtype),
            name="g",
        )

    def computed_kernel(self) -> Tensor:
        return _normalized(self, self.g)

    def initialize(self, inputs: Tensor) -> None:
        """Sets lengths and bias so that outputs have mean 0 and variance 1.

        Outputs are those before the activation. Call it once, before training:
        inside `fit`, some backends assign no trained weight.

        Args:
            inputs: Tensor or array. A batch of inputs of this layer.
        """
        inputs = ops.convert_to_tensor(inputs, dtype=self.compute_dtype)
        if not self.built:
            self.build(inputs.shape)
        _check_float(self.name, self.layer)
        with _linear(self.layer):
            ones = ops.ones(self.g.shape)
            y = self.called_with(_normalized(self, ones), inputs)
        _start(self, ops.cast(y, at_least_float32(self.compute_dtype)))

    def _lengths(self, shape: Shape, dtype: str | None = None) -> Tensor:
        v = ops.cast(wrapped.float_kernel(self.layer), dtype)
        return ops.reshape(norm(v, axis=self._axes), shape)


def _check(name: str, layer: keras.layers.Layer) -> None:
    if layer.activity_regularizer is not None:
        raise ValueError(
            f"Layer '{name}' wraps a layer without penalties on its outputs. "
            "Expected activity_regularizer=None. "
            f"Received: layer={layer}"
        )
    if isinstance(layer, keras.layers.EinsumDense):
        raise ValueError(
            f"Layer '{name}' needs a layer whose kernel has one axis of "
            "outputs. Expected one such as Dense or Conv2D. "
            f"Received: layer={layer}"
        )


def _check_float(name: str, layer: keras.layers.Layer) -> None:
    if wrapped.is_quantized(layer):
        raise ValueError(
            f"Layer '{name}' cannot start from data. Expected a layer that is "
            f"not quantized. Received: layer={layer}"
        )


def _normalized(wrapper: WeightNormalization, lengths: Tensor) -> Tensor:
    dtype = at_least_float32(wrapper.compute_dtype)
    v = ops.cast(wrapped.float_kernel(wrapper.layer), dtype)
    length = norm(v, axis=wrapper._axes, keepdims=True)
    # w = g * v / |v|
    w = v / ops.where(length > 0, length, 1.0)
    return w * ops.reshape(ops.cast(lengths, dtype), ops.shape(length))


@contextmanager
def _linear(layer: keras.layers.Layer) -> Iterator[None]:
    """Takes the activation of a layer away for a while."""
    activation = getattr(layer, "activation", None)
    if activation is None:
        yield
        return
    layer.activation = None
    try:
        yield
    finally:
        layer.activation = activation


def _start(wrapper: WeightNormalization, y: Tensor) -> None:
    """Sets lengths and bias from the outputs of lengths 1."""
    layer = wrapper.layer
    first = getattr(layer, "data_format", "") == "channels_first"
    y = ops.moveaxis(y, 1, -1) if first else y
    bias = getattr(layer, "bias", None)
    for weight in (wrapper.g, bias):
        # Before the first assignment: half a start would be none.
        if weight is not None and weight.shape != y.shape[-1:]:
            raise ValueError(
                f"Layer '{wrapper.name}' cannot start from data. Expected "
                f"weights of shape {tuple(y.shape[-1:])}, one for each output. "
                f"Received: {weight.name} of shape {tuple(weight.shape)}"
            )
    if bias is not None:
        y = y - ops.cast(bias, y.dtype)
    axes = list(range(len(y.shape) - 1))
    center = mean(y, axes)
    spread = ops.sqrt(mean(ops.square(y - center), axes) + 1e-10)
    wrapper.g.assign(1.0 / spread)
    if bias is not None:
        bias.assign(-center / spread)


def _output_axes(layer: keras.layers.Layer) -> tuple[int, ...]:
    """The axes of a kernel, from the back, that count outputs."""
    depthwise = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
    transposed = (
        keras.layers.Conv1DTranspose,
        keras.layers.Conv2DTranspose,
        keras.layers.Conv3DTranspose,
    )
    if isinstance(layer, depthwise):
        return (-2, -1)
    return (-2,) if isinstance(layer, transposed) else (-1,)
