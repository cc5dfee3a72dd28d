"""Activations that look at more than one number of their input.

They see the whole map, or a pixel's neighbours, and cost accordingly: for
convolutional networks, where they replace ReLU in the middle of a block.
"""

from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import maps
from keras_funcs._core.coefficients import add_float32
from keras_funcs._core.coefficients import store_roles
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.numerics import masked_mean
from keras_funcs._core.numerics import tanh
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import InitializerLike
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor


class _OfMap(Configurable, keras.layers.Layer):
    """Abstract: an activation of the input's shape."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


class _OfChannels(_OfMap):
    """Abstract: an activation that pools all axes but the channels'."""

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = checks.feature_axis("axis", axis)
        self.supports_masking = True

    def _pooled(self, x: Tensor, mask: Tensor) -> Tensor:
        """The mean of each channel, without what is masked, as vectors."""
        rank = len(x.shape)
        rest = [i for i in range(1, rank) if i != self.axis % rank]
        return masked_mean(x, rest, mask) if rest else x

    def _spread(self, v: Tensor, x: Tensor) -> Tensor:
        """Vectors of channels, to be broadcast against the input."""
        rank = len(x.shape)
        shape = [1] * rank
        shape[0], shape[self.axis] = -1, v.shape[-1]
        return ops.reshape(v, shape)


@component(tune={"reduction": Range(4, 16)})
class MetaAcon(_OfChannels):
    """ACON-C that decides from the whole map how sharply to activate.

    A small network turns each channel's mean into its `beta`, between 0
    (linear) and 1 (SiLU, with the default slopes). Use it in place of ReLU in
    larger image networks, without `normalize` for batches of one or two.

    Formula:
    ```python
    beta = sigmoid(norm(fc2(norm(fc1(mean(x))))))
    f(x) = (p1 - p2) * x * sigmoid(beta * (p1 - p2) * x) + p2 * x
    ```
    with the mean over all axes but the channels', without what is masked.

    Args:
        reduction: Integer >= 1. The small network has `max(reduction, channels
            // reduction)` units. Defaults to `16`.
        normalize: Boolean. Whether its layers are batch-normalized, as
            published; with `training=True` by the batch. Defaults to `True`.
        p1_initializer: Float or initializer. Initial slope on the right.
            Defaults to `1.0`; the authors draw both slopes at random.
        p2_initializer: Slope on the left, likewise. Defaults to `0.0`.
        axis: Integer. The channels' axis. Defaults to `-1`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        Any, with the batch on axis 0 and a known number of channels.

    Output shape:
        The input's.

    Raises:
        ValueError: If an argument is invalid, or the channels are unknown.

    Example:

    >>> y = keras_funcs.layers.MetaAcon(reduction=4)(np.ones((2, 8, 8, 16)))
    >>> tuple(y.shape)
    (2, 8, 8, 16)

    Reference:
        Ma, Zhang, Liu and Sun (2021), CVPR, arXiv:2009.04759
    """

    # Batch normalization, on each replica its own.
    traits = LayerTraits(example_shape=(4, 4, 6), independent=False)

    def __init__(
        self,
        reduction: int = 16,
        normalize: bool = True,
        p1_initializer: InitializerLike = 1.0,
        p2_initializer: InitializerLike = 0.0,
        axis: int = -1,
        **kwargs: Any,
    ) -> None:
        super().__init__(axis, **kwargs)
        self.reduction = checks.integer(
            "reduction", reduction, at_least=1, at_most=10_000
        )
        self.normalize = checks.boolean("normalize", normalize)
        store_roles(
            self, p1_initializer=p1_initializer, p2_initializer=p2_initializer
        )

    def build(self, input_shape: Shape) -> None:
        channels = maps.size_of(self.name, input_shape, self.axis)
        units = max(self.reduction, channels // self.reduction)
        self.steps = _steps(self, (units, channels))
        self.p1 = add_float32(self, "act_p1", (channels,), self.p1_initializer)
        self.p2 = add_float32(self, "act_p2", (channels,), self.p2_initializer)
        self.built = True

    def call(
        self, inputs: Tensor, training: bool = False, mask: Tensor = None
    ) -> Tensor:
        x = ops.cast(inputs, at_least_float32(self.compute_dtype))
        # beta = sigmoid(norm(fc2(norm(fc1(mean(x))))))
        v = ops.cast(self._pooled(x, mask), self.compute_dtype)
        for step in self.steps:
            norm = isinstance(step, keras.layers.BatchNormalization)
            v = step(v, training=training) if norm else step(v)
        beta = self._spread(ops.cast(ops.sigmoid(v), x.dtype), x)
        p1 = self._spread(ops.convert_to_tensor(self.p1), x)
        p2 = self._spread(ops.convert_to_tensor(self.p2), x)
        # f(x) = (p1 - p2) x sigmoid(beta (p1 - p2) x) + p2 x
        u = (p1 - p2) * x
        y = u * ops.sigmoid(beta * u) + p2 * x
        return ops.cast(y, self.compute_dtype)


def _steps(layer: MetaAcon, sizes: tuple[int, int]) -> list[keras.layers.Layer]:
    """Two dense layers, each followed by its normalization if there is one."""
    policy, steps = layer.dtype_policy, []
    for size in sizes:
        bias = not layer.normalize
        steps += [keras.layers.Dense(size, use_bias=bias, dtype=policy)]
        if layer.normalize:
            steps += [keras.layers.BatchNormalization(dtype=policy)]
    shape: Shape = (None, sizes[1])
    for step in steps:
        step.build(shape)
        shape = step.compute_output_shape(shape)
    return steps


@component(tune={"reduction": Range(2, 8), "shared": Choice(False, True)})
class DynamicReLU(_OfChannels):
    """The larger of two lines that a small network sets for each input.

    It starts as ReLU and learns to choose slopes and offsets from the means of
    the channels. Strong in small image networks such as MobileNets, where it
    costs little beside the convolutions.

    Formula:
    ```python
    t = 2 * sigmoid(fc2(relu(fc1(mean(x))))) - 1
    f(x) = max((1 + t[0]) * x + 0.5 * t[2], t[1] * x + 0.5 * t[3])
    ```
    with the mean over all axes but the channels', without what is masked.

    Args:
        reduction: Integer >= 1. The small network has `max(1, channels //
            reduction)` units. Defaults to `4`.
        shared: Boolean. Whether all channels share their lines (DY-ReLU-A);
            each has its own otherwise (DY-ReLU-B). Defaults to `False`.
        axis: Integer. The channels' axis. Defaults to `-1`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        Any, with the batch on axis 0 and a known number of channels.

    Output shape:
        The input's.

    Raises:
        ValueError: If an argument is invalid, or the channels are unknown.

    Example:

    >>> y = keras_funcs.layers.DynamicReLU()(np.ones((2, 8, 8, 16)))
    >>> tuple(y.shape)
    (2, 8, 8, 16)

    Reference:
        Chen, Dai, Liu, Chen, Yuan and Liu (2020), ECCV, arXiv:2003.10027
    """

    traits = LayerTraits(example_shape=(4, 4, 6))

    def __init__(
        self,
        reduction: int = 4,
        shared: bool = False,
        axis: int = -1,
        **kwargs: Any,
    ) -> None:
        super().__init__(axis, **kwargs)
        self.reduction = checks.integer("reduction", reduction, at_least=1)
        self.shared = checks.boolean("shared", shared)

    def build(self, input_shape: Shape) -> None:
        channels = maps.size_of(self.name, input_shape, self.axis)
        lines = 1 if self.shared else channels
        units = max(1, channels // self.reduction)
        self.fc1 = keras.layers.Dense(
            units, activation="relu", dtype=self.dtype_policy
        )
        # Zeros make it ReLU at the start; the gradient of the kernel is not 0.
        self.fc2 = keras.layers.Dense(
            4 * lines,
            kernel_initializer="zeros",
            dtype=self.dtype_policy,
        )
        self.fc1.build((None, channels))
        self.fc2.build((None, units))
        self.built = True

    def call(self, inputs: Tensor, mask: Tensor = None) -> Tensor:
        dtype = at_least_float32(self.compute_dtype)
        x = ops.cast(inputs, dtype)
        v = ops.cast(self._pooled(x, mask), self.compute_dtype)
        v = self.fc2(self.fc1(v))
        # t = 2 sigmoid(v) - 1
        t = tanh(0.5 * ops.cast(v, dtype))
        slopes_and_offsets = ops.split(t, 4, axis=-1)
        a_1, a_2, b_1, b_2 = (self._spread(v, x) for v in slopes_and_offsets)
        # f(x) = max((1 + t_0) x + 0.5 t_2, t_1 x + 0.5 t_3)
        first = (1.0 + a_1) * x + 0.5 * b_1
        second = a_2 * x + 0.5 * b_2
        y = ops.where(first > second, first, second)
        return ops.cast(y, self.compute_dtype)


@component(tune={"kernel_size": Choice(3, 5)})
class FReLU(_OfMap):
    """ReLU whose threshold depends on the neighbouring pixels.

    For images: each channel is compared with a small depthwise convolution of
    itself. Use it in the early, large maps of a network for recognition or
    segmentation; it costs a depthwise convolution for each activation. With
    `training=True` it normalizes by the batch's own moments.

    Formula:
    ```python
    f(x) = max(x, norm(depthwise_convolution(x)))
    ```

    Args:
        kernel_size: Integer >= 1. Height and width of the neighbourhood.
            Defaults to `3`.
        kernel_initializer: Float, initializer, or None for a normal
            distribution of standard deviation 0.01. Defaults to `None`.
        data_format: `"channels_last"`, `"channels_first"`, or `None` for
            Keras's setting. Defaults to `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, height, width, channels)`, or as `data_format` says; height
        and width may be unknown.

    Output shape:
        The input's.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> y = keras_funcs.layers.FReLU()(np.ones((2, 8, 8, 3)))
    >>> tuple(y.shape)
    (2, 8, 8, 3)

    Reference:
        Ma, Zhang and Sun (2020), ECCV, arXiv:2007.11824
    """

    # Batch normalization, on each replica its own.
    traits = LayerTraits(example_shape=(4, 4, 3), independent=False)

    def __init__(
        self,
        kernel_size: int = 3,
        kernel_initializer: InitializerLike = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kernel_size = checks.integer(
            "kernel_size", kernel_size, at_least=1, at_most=1000
        )
        self.kernel_initializer = checks.initializer(
            "kernel_initializer", kernel_initializer, optional=True
        )
        self.data_format = maps.data_format(data_format)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        start = self.kernel_initializer
        if start is None:
            start = keras.initializers.RandomNormal(stddev=0.01)
        elif isinstance(start, (int, float)):
            start = keras.initializers.Constant(start)
        self.convolution = keras.layers.DepthwiseConv2D(
            self.kernel_size,
            padding="same",
            use_bias=False,
            depthwise_initializer=start,
            data_format=self.data_format,
            dtype=self.dtype_policy,
        )
        axis = 1 if self.data_format == "channels_first" else -1
        self.norm = keras.layers.BatchNormalization(
            axis, dtype=self.dtype_policy
        )
        self.convolution.build(input_shape)
        self.norm.build(input_shape)
        self.built = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        # f(x) = max(x, norm(depthwise_convolution(x)))
        threshold = self.norm(self.convolution(inputs), training=training)
        return ops.where(inputs > threshold, inputs, threshold)
