"""Weights as length and direction, around a layer of Keras."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_funcs._core import wrapped
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import component
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.numerics import mean
from keras_funcs._core.numerics import norm
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor


@component()
class WeightNormalization(Configurable, keras.layers.Layer):
    """Trains the length and the direction of a layer's weights separately.

    An alternative to batch normalization that knows no batch: for recurrent
    and generative models, reinforcement learning, and batches of one. The
    wrapped layer's kernel becomes the direction `v` and is never rewritten,
    neither in training nor by `predict`; the lengths `g` start as the lengths
    of `v`, so that the layer starts as it would without the wrapper. A
    regularizer of the kernel sees `v`, whose length has no effect.

    For the data-dependent start, call `initialize(x)` on a batch of inputs
    before training: outputs then begin with mean 0 and variance 1.

    `quantize` folds `w` into the wrapped layer, which from then on works alone,
    also in a saved file. `enable_lora` of the wrapped layer adds to `v`, so
    that `g` goes on to set the lengths.

    Formula:
    ```python
    w = g * v / |v|
    ```
    for each output of the layer.

    Args:
        layer: A layer with a `kernel`, not built: `keras.layers.Dense`, the
            convolutions, depthwise and transposed ones too.
        **kwargs: Keyword arguments of `keras.layers.Layer`. The wrapper's
            `dtype` holds for the wrapped layer as well, and defaults to its.

    Input shape:
        The wrapped layer's.

    Output shape:
        The wrapped layer's.

    Raises:
        ValueError: for what is no layer, a layer that is built or quantized,
            has no kernel or regularizes its outputs, and for `EinsumDense`.

    Example:

    >>> layer = keras_funcs.layers.WeightNormalization(keras.layers.Dense(3))
    >>> y = layer(np.ones((2, 4)))
    >>> [tuple(w.shape) for w in layer.weights]  # g, v, bias
    [(3,), (4, 3), (3,)]

    Reference:
        Salimans and Kingma (2016), NeurIPS, arXiv:1602.07868
    """

    def __init__(self, layer: keras.layers.Layer, **kwargs: Any) -> None:
        layer = wrapped.unbuilt("layer", layer)
        kwargs.setdefault("dtype", layer.dtype_policy)
        super().__init__(**kwargs)
        self.layer = layer
        self.supports_masking = layer.supports_masking

    def build(self, input_shape: Shape) -> None:
        if self.layer.activity_regularizer is not None:
            raise ValueError(
                f"Layer '{self.name}' wraps a layer without penalties on its "
                "outputs. Expected activity_regularizer=None. "
                f"Received: layer={self.layer}"
            )
        if isinstance(self.layer, keras.layers.EinsumDense):
            raise ValueError(
                f"Layer '{self.name}' needs a layer whose kernel has one axis "
                "of outputs. Expected one such as Dense or Conv2D. "
                f"Received: layer={self.layer}"
            )
        self.layer.build(input_shape)
        kernel = wrapped.kernel_of(self.name, self.layer)
        if wrapped.is_quantized(self.layer):  # from a file, folded
            self.built = True
            return
        wrapped.around_quantize(self.layer, self._folded)
        kept = _output_axes(self.layer)
        rank = len(kernel.shape)
        self._axes = [i for i in range(rank) if i - rank not in kept]
        size = 1
        for axis in kept:
            size *= kernel.shape[axis]
        self.g = self.add_weight(
            # Flat, since optimizers for matrices would take it for one.
            shape=(size,),
            # Read when `g` is made, and not here, where a graph may be traced
            # in which the kernel has no value yet.
            initializer=self._lengths,
            dtype=at_least_float32(self.variable_dtype),
            name="g",
        )
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        if wrapped.is_quantized(self.layer):
            return self.layer(inputs)
        return self._substituted(self.g, inputs)

    def initialize(self, inputs: Tensor) -> None:
        """Sets lengths and bias so that outputs have mean 0 and variance 1.

        Of the outputs before the activation, on this batch, which the wrapped
        layer should see in training: what the layers before it give. To be
        called once, before training, and not inside `fit`, where some
        backends take no assignment to a trained weight.

        Args:
            inputs: Tensor or array. A batch of inputs of this layer.
        """
        inputs = ops.convert_to_tensor(inputs, dtype=self.compute_dtype)
        if not self.built:
            self.build(inputs.shape)
        layer = self.layer
        if wrapped.is_quantized(layer):
            raise ValueError(
                f"Layer '{self.name}' cannot start from data. Expected a "
                f"layer that is not quantized. Received: layer={layer}"
            )
        activation = getattr(layer, "activation", None)
        if activation is not None:
            layer.activation = None
        try:
            y = ops.cast(
                self._substituted(ops.ones(self.g.shape), inputs),
                at_least_float32(self.compute_dtype),
            )
        finally:
            if activation is not None:
                layer.activation = activation
        first = getattr(layer, "data_format", "") == "channels_first"
        y = ops.moveaxis(y, 1, -1) if first else y
        bias = getattr(layer, "bias", None)
        for weight in (self.g, bias):
            # Before the first assignment: half a start would be none.
            if weight is not None and weight.shape != y.shape[-1:]:
                raise ValueError(
                    f"Layer '{self.name}' cannot start from data. Expected "
                    f"weights of shape {tuple(y.shape[-1:])}, one for each "
                    f"output. Received: {weight.name} of shape "
                    f"{tuple(weight.shape)}"
                )
        if bias is not None:
            y = y - ops.cast(bias, y.dtype)
        axes = list(range(len(y.shape) - 1))
        center = mean(y, axes)
        spread = ops.sqrt(mean(ops.square(y - center), axes) + 1e-10)
        self.g.assign(1.0 / spread)
        if bias is not None:
            bias.assign(-center / spread)

    def _normalized(self, lengths: Tensor) -> Tensor:
        """The kernel `g v / |v|`."""
        dtype = at_least_float32(self.compute_dtype)
        direction = ops.cast(wrapped.float_kernel(self.layer), dtype)
        length = norm(direction, axis=self._axes, keepdims=True)
        # w = g * v / |v|
        w = direction / ops.where(length > 0, length, 1.0)
        return w * ops.reshape(ops.cast(lengths, dtype), ops.shape(length))

    def _substituted(self, lengths: Tensor, inputs: Tensor) -> Tensor:
        """The layer's output with `g v / |v|` where it reads its kernel."""
        layer, replaced = self.layer, self._replaced(lengths)

        def values(variables: list[keras.Variable]) -> list[Tensor]:
            return [replaced.get(id(item), item.value) for item in variables]

        outputs, _ = layer.stateless_call(
            values(layer.trainable_variables),
            values(layer.non_trainable_variables),
            inputs,
        )
        return outputs

    def _replaced(self, lengths: Tensor) -> dict[int, Tensor]:
        """New values of the layer's variables, by their ids."""
        kernel = wrapped.kernel_of(self.name, self.layer)
        replaced = {id(kernel): self._normalized(lengths)}
        if getattr(self.layer, "lora_enabled", False):
            factor = self.layer.lora_kernel_b  # is in `v` already
            replaced[id(factor)] = ops.zeros(factor.shape, factor.dtype)
        return replaced

    @contextmanager
    def _folded(self, mode: Any) -> Iterator[None]:
        """Makes `w` the wrapped layer's own kernel while it is quantized."""
        replaced = self._replaced(self.g)
        changed = [w for w in self.layer.weights if id(w) in replaced]
        kept = [np.array(ops.convert_to_numpy(w)) for w in changed]
        for weight in changed:
            weight.assign(replaced[id(weight)])
        try:
            yield
        except BaseException:
            for weight, value in zip(changed, kept):
                weight.assign(value)
            raise
        del self.g

    def _lengths(self, shape: Shape, dtype: str | None = None) -> Tensor:
        v = ops.cast(wrapped.float_kernel(self.layer), dtype)
        return ops.reshape(norm(v, axis=self._axes), shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(self.layer.compute_output_shape(input_shape))


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
