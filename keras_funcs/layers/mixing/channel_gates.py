"""Layers that weigh channels: by the map, by a condition, or by a weight."""

from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import maps
from keras_funcs._core.coefficients import add_float32
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.masking import mask_of
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.numerics import keeps_float64
from keras_funcs._core.numerics import mean
from keras_funcs._core.numerics import norm
from keras_funcs._core.resolve import activation_function
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import ActivationLike
from keras_funcs._core.typing import InitializerLike
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor


@component(tune={"ratio": Range(0.0625, 0.5, log=True)})
class SqueezeExcite(Configurable, keras.layers.Layer):
    """Weighs the channels of a map by what the whole map shows.

    Behind the last convolution of a block, before the shortcut is added: a
    cheap gain in most convolutional networks. A ratio of 1/16 is for hundreds
    of channels; take 1/4 for few.

    Formula:
    ```python
    y = x * gate(W2 @ activation(W1 @ mean(x) + b1) + b2)
    ```
    with the mean over places, masked ones left out, and `ratio * channels`
    rows in `W1`.

    Args:
        ratio: Float in (0, 1]. Hidden units for each channel, one at least.
            Defaults to `1 / 16`.
        activation: Name or function, of hidden units. Defaults to `"relu"`.
        gate: Name or function. From hidden units to weights; mobile networks
            take `"hard_sigmoid"`. Defaults to `"sigmoid"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras's
            own setting. Defaults to `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, ..., channels)` or `(batch, channels, ...)`, of rank 3 or
        more; the sizes of places may be unknown.

    Output shape:
        The input's.

    Raises:
        ValueError: If an argument is invalid, or the channels are unknown.

    Example:

    >>> y = keras_funcs.layers.SqueezeExcite(0.25)(np.ones((2, 4, 5, 8)))
    >>> tuple(y.shape)
    (2, 4, 5, 8)

    Reference:
        Hu, Shen and Sun (2018), CVPR, arXiv:1709.01507
    """

    traits = LayerTraits(example_shape=(5, 4, 6))

    def __init__(
        self,
        ratio: float = 1 / 16,
        activation: ActivationLike = "relu",
        gate: ActivationLike = "sigmoid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.ratio = checks.number("ratio", ratio, above=0, at_most=1)
        function = activation_function("activation", activation)
        self._function = keeps_float64(function)
        self.activation = (
            activation if isinstance(activation, str) else function
        )
        function = activation_function("gate", gate)
        self._gate = keeps_float64(function)
        self.gate = gate if isinstance(gate, str) else function
        self.data_format = maps.data_format(data_format)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        maps.need_places(self.name, input_shape)
        count = maps.channels(self.name, input_shape, self.data_format)
        hidden = max(1, round(self.ratio * count))
        policy = self.dtype_policy
        self.squeeze = keras.layers.Dense(hidden, dtype=policy, name="squeeze")
        self.excite = keras.layers.Dense(count, dtype=policy, name="excite")
        self.squeeze.build((input_shape[0], count))
        self.excite.build((input_shape[0], hidden))
        self.built = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        # In float32: a float16 sum over a map overflows at 65,504.
        x = ops.cast(inputs, at_least_float32(self.compute_dtype))
        x = maps.mean_over_places(x, mask, self.data_format)
        x = self.squeeze(ops.cast(x, self.compute_dtype))
        weights = self._gate(self.excite(self._function(x)))
        places = maps.map_axes(self.data_format, len(inputs.shape))
        return inputs * ops.expand_dims(weights, places)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


@component()
class GlobalResponseNormalization(Configurable, keras.layers.Layer):
    """Lets the channels of a map compete, so that none is idle.

    The normalization of ConvNeXt V2, between the two dense layers of a block.
    It starts as the identity, and is no substitute for `LayerNormalization`.

    Formula:
    ```python
    y = gamma * x * n + beta + x,
    n = |x| / (mean(|x|) + epsilon)
    ```
    with `|x|` the Euclidean norm over places, masked ones left out, and the
    mean over channels.

    Args:
        epsilon: Float in [1e-30, 1e30], against 0 / 0. Defaults to `1e-6`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras's
            own setting. Defaults to `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, ..., channels)` or `(batch, channels, ...)`, of rank 3 or
        more; the sizes of places may be unknown.

    Output shape:
        The input's.

    Raises:
        ValueError: If an argument is invalid, or the channels are unknown.

    Example:

    >>> y = keras_funcs.layers.GlobalResponseNormalization()(np.ones((2, 4, 8)))

    Reference:
        Woo et al. (2023), CVPR, arXiv:2301.00808
    """

    traits = LayerTraits(example_shape=(5, 4, 6))

    def __init__(
        self,
        epsilon: float = 1e-6,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.epsilon = checks.number(
            "epsilon", epsilon, at_least=1e-30, at_most=1e30
        )
        self.data_format = maps.data_format(data_format)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        maps.need_places(self.name, input_shape)
        count = maps.channels(self.name, input_shape, self.data_format)
        self.gamma, self.beta = (
            self.add_weight(shape=(count,), initializer="zeros", name=name)
            for name in ("gamma", "beta")
        )
        self.built = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        rank = len(inputs.shape)
        places = maps.map_axes(self.data_format, rank)
        dtype = at_least_float32(self.compute_dtype)
        x = counted = ops.cast(inputs, dtype)
        if mask is not None:
            keep = maps.kept(mask, self.data_format, rank)
            counted = ops.where(keep, x, ops.zeros_like(x))
        # The norms of x / top, whose squares stay in float32; what `top` is
        # cancels, apart from epsilon, which is divided by it, too.
        every = tuple(range(1, rank))
        size = ops.amax(ops.abs(counted), axis=every, keepdims=True)
        top = ops.stop_gradient(size)
        top = ops.where(top > self.epsilon, top, self.epsilon)
        size = norm(counted / top, axis=places, keepdims=True)
        channel = maps.channel_axis(self.data_format, rank)
        among = mean(size, channel, keepdims=True) + self.epsilon / top
        gamma, beta = (
            ops.cast(ops.expand_dims(weight, (0, *places)), dtype)
            for weight in (self.gamma, self.beta)
        )
        # y = gamma * x * n + beta + x
        y = gamma * x * (size / among) + beta + x
        return ops.cast(y, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


@component(tune={"gamma_initializer": Range(1e-6, 1.0, log=True)})
class LayerScale(Configurable, keras.layers.Layer):
    """Scales the channels of a residual branch by weights that start small.

    On the branch, before the addition: `x + LayerScale()(block(x))`. Deep
    transformers and ConvNeXts train with it where they would diverge without;
    take 0.1 up to 18 layers, 1e-5 up to 24, 1e-6 beyond. Without a shortcut a
    start so small stops the training.

    Formula:
    ```python
    y = gamma * x
    ```

    Args:
        gamma_initializer: Number or initializer. Of the scale of each channel.
            Defaults to `1e-5`.
        axis: Integer. The channels. Defaults to `-1`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        Any, with the batch on axis 0.

    Output shape:
        The input's.

    Raises:
        ValueError: If an argument is invalid, or the channels are unknown.

    Example:

    >>> x = keras.ops.ones((4, 3))
    >>> y = x + keras_funcs.layers.LayerScale()(keras.layers.Dense(3)(x))

    Reference:
        Touvron, Cord, Sablayrolles, Synnaeve and Jegou (2021), ICCV,
        arXiv:2103.17239
    """

    def __init__(
        self,
        gamma_initializer: InitializerLike = 1e-5,
        axis: int = -1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.gamma_initializer = checks.initializer(
            "gamma_initializer", gamma_initializer
        )
        self.axis = checks.feature_axis("axis", axis)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        count = maps.size_of(self.name, input_shape, self.axis)
        # Named as a coefficient, so that weight decay can leave it alone.
        self.gamma = add_float32(
            self, "act_gamma", (count,), self.gamma_initializer
        )
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        rank = len(inputs.shape)
        axis = checks.axis_of("axis", self.axis, rank)
        others = [i for i in range(rank) if i != axis]
        # In float32: float16 has one digit left for 1e-6.
        x = ops.cast(inputs, self.gamma.dtype)
        y = x * ops.expand_dims(self.gamma, others)
        return ops.cast(y, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


@component()
class FiLM(Configurable, keras.layers.Layer):
    """Scales and shifts the channels of a map by what a condition says.

    The plain way to let a vector (a question, a class, a time step, a
    speaker) steer a network of maps. It starts as the identity and learns to
    use the condition; where the condition is as rich as the map, attention
    does more.

    Formula:
    ```python
    y = (1 + gamma) * x + beta,  [gamma, beta] = W @ condition + b
    ```

    Args:
        kernel_initializer: Initializer of `W`. Defaults to `"zeros"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras's
            own setting. Defaults to `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        A list `[x, condition]`: `(batch, ..., channels)`, or with the channels
        first; and `(batch, features)`.

    Output shape:
        That of `x`.

    Raises:
        ValueError: where it is not called on two tensors of known channels
            and features.

    Example:

    >>> x, condition = np.ones((2, 4, 5, 8)), np.ones((2, 3))
    >>> y = keras_funcs.layers.FiLM()([x, condition])

    Reference:
        Perez, Strub, de Vries, Dumoulin and Courville (2018), AAAI,
        arXiv:1709.07871
    """

    traits = LayerTraits(example_shape=[(4, 3, 6), (5,)])

    def __init__(
        self,
        kernel_initializer: InitializerLike = "zeros",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kernel_initializer = checks.keras_initializer(
            "kernel_initializer", kernel_initializer
        )
        self.data_format = maps.data_format(data_format)
        self.supports_masking = True

    def build(self, input_shape: list[Shape]) -> None:
        maps.need_several(self.name, input_shape, 2)
        shape, condition = input_shape
        maps.need_rank(self.name, condition, 2)
        count = maps.channels(self.name, shape, self.data_format)
        maps.channels(self.name, condition, "channels_last")
        self.dense = keras.layers.Dense(
            2 * count,
            kernel_initializer=self.kernel_initializer,
            dtype=self.dtype_policy,
            name="dense",
        )
        self.dense.build(condition)
        self.built = True

    def call(self, inputs: list[Tensor]) -> Tensor:
        x, condition = inputs
        places = maps.map_axes(self.data_format, len(x.shape))
        gamma, beta = (
            ops.expand_dims(part, places)
            for part in ops.split(self.dense(condition), 2, axis=-1)
        )
        # y = (1 + gamma) * x + beta
        return x + gamma * x + beta

    def compute_mask(self, inputs: list[Tensor], previous_mask: Any) -> Any:
        return mask_of(previous_mask, 0)

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        return tuple(input_shape[0])
