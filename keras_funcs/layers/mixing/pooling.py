"""Pooling between the mean and the maximum, as the data asks."""

from collections.abc import Mapping
from typing import Any
from typing import ClassVar

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import maps
from keras_funcs._core.coefficients import SOFTPLUS
from keras_funcs._core.coefficients import add_float32
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import Range
from keras_funcs._core.component import Renaming
from keras_funcs._core.component import component
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.numerics import mean
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import Config
from keras_funcs._core.typing import InitializerLike
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor


def _drop_granularity(granularity: str, config: Config) -> None:
    """`"channel"` was an exponent per channel, for both data formats."""
    first = config.get("data_format") == "channels_first"
    config["axis"] = None if granularity == "layer" else 1 if first else -1


class GeMPooling(Configurable, keras.layers.Layer):
    """Abstract base of generalized-mean pooling, whatever the dimensions.

    The exponent is the softplus of the variable `act_p`, which keeps it
    positive through any optimizer; it is float32 under mixed precision.

    Args:
        p_initializer: Float > 0, or initializer. Initial exponent. Defaults to
            `3.0`.
        axis: `None` for one exponent, with which the layer is built at once,
            or the channels' axis for one per channel. Defaults to `None`.
        epsilon: Float > 0. Inputs below it, negative ones too, count as it.
            Defaults to `1e-6`.
        keepdims: Boolean. Whether to keep the pooled axes, with size 1.
            Defaults to `False`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras's
            own setting. Defaults to `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.
    """

    dimensions: int

    renamed: ClassVar[Mapping[str, Renaming]] = {
        "granularity": _drop_granularity,
        "p": "p_initializer",
    }

    def __init__(
        self,
        p_initializer: InitializerLike = 3.0,
        axis: int | None = None,
        epsilon: float = 1e-6,
        keepdims: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.p_initializer = checks.initializer(
            "p_initializer", p_initializer, at_least=1e-3, at_most=1e3
        )
        self.epsilon = checks.number(
            "epsilon", epsilon, at_least=1e-30, at_most=1e30
        )
        self.keepdims = checks.boolean("keepdims", keepdims)
        self.data_format = maps.data_format(data_format)
        rank = self.dimensions + 2
        channels = maps.channel_axis(self.data_format, rank)
        if axis is not None:
            axis = checks.integer("axis", axis)
            if axis not in (channels, channels - rank):
                expected = f"None or the channels' axis {channels - rank}"
                checks.invalid("axis", expected, axis)
        self.axis = axis
        if axis is None:
            self.input_spec = keras.layers.InputSpec(ndim=rank)
            self._add_exponents(())
            self.built = True

    def build(self, input_shape: Shape) -> None:
        maps.need_rank(self.name, input_shape, self.dimensions + 2)
        if self.built:
            return
        count = maps.channels(self.name, input_shape, self.data_format)
        rest = self.dimensions * (self.data_format == "channels_first")
        shape = (count,) + (1,) * rest
        # Of rank 1 or 3: optimizers take rank 2 for a matrix.
        self._add_exponents((1, *shape) if len(shape) == 2 else shape)
        self.built = True

    def _add_exponents(self, shape: tuple[int, ...]) -> None:
        self.act_p = add_float32(
            self, "act_p", shape, self.p_initializer, SOFTPLUS
        )

    def call(self, inputs: Tensor) -> Tensor:
        # y = mean(x**p)**(1/p) = top * mean((x / top)**p)**(1/p), which no
        # power of a large number enters. The mean is at least 1 / size, and
        # the slope is right though `top` is a constant: it cancels.
        x = ops.cast(inputs, at_least_float32(self.compute_dtype))
        # This way round NaN stays.
        x = ops.where(x < self.epsilon, ops.full_like(x, self.epsilon), x)
        axes = maps.map_axes(self.data_format, len(x.shape))
        top = ops.stop_gradient(ops.amax(x, axis=axes, keepdims=True))
        p = ops.softplus(self.act_p)
        # Not log(x / top): XLA divides by way of 1 / top, which is 0 from 1e38.
        powers = ops.exp(p * (ops.log(x) - ops.log(top)))
        y = top * ops.exp(ops.log(mean(powers, axes, keepdims=True)) / p)
        # One axis at a time: Torch's exporter to ONNX knows no other.
        for axis in () if self.keepdims else reversed(axes):
            y = ops.squeeze(y, axis=axis)
        return ops.cast(y, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        axes = maps.map_axes(self.data_format, len(input_shape))
        if self.keepdims:
            return tuple(
                1 if axis in axes else size
                for axis, size in enumerate(input_shape)
            )
        return tuple(
            size for axis, size in enumerate(input_shape) if axis not in axes
        )


@component(
    tune={
        "p_initializer": Range(1.0, 8.0, log=True),
        "axis": Choice(None, -1),
    }
)
class GeMPooling1D(GeMPooling):
    """Global pooling of sequences between the mean and the maximum.

    In place of `keras.layers.GlobalAveragePooling1D`, after an activation
    whose outputs are positive: negative inputs count as `epsilon`. It does not
    know masks.

    Formula:
    ```python
    y = mean(max(x, epsilon)**p)**(1 / p)
    ```
    over the steps of each sample and channel, with a trained `p`.

    Args:
        p_initializer: Float > 0, or initializer. Initial exponent: 1 is the
            mean, infinity the maximum. Defaults to `3.0`.
        axis: `None` for one exponent, or the channels' axis for one per
            channel. Defaults to `None`.
        **kwargs: `epsilon`, `keepdims`, `data_format`: see
            `keras_funcs.layers.GeMPooling`.

    Input shape:
        `(batch, steps, channels)`, or with the channels
        first; the sizes may be unknown.

    Output shape:
        `(batch, channels)`; with `keepdims=True`, the input's with 1 for each
        pooled size.

    Raises:
        ValueError: If an argument is invalid, or an input has another rank.

    Example:

    >>> y = keras_funcs.layers.GeMPooling1D()(np.ones((2, 5, 3)))
    >>> tuple(y.shape)
    (2, 3)

    Reference:
        Radenovic, Tolias and Chum (2019), TPAMI, arXiv:1711.02512
    """

    dimensions = 1
    traits = LayerTraits(example_shape=(5, 6))

    def __init__(
        self,
        p_initializer: InitializerLike = 3.0,
        axis: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(p_initializer, axis, **kwargs)


@component(
    tune={
        "p_initializer": Range(1.0, 8.0, log=True),
        "axis": Choice(None, -1),
    }
)
class GeMPooling2D(GeMPooling):
    """Global pooling of images between the mean and the maximum.

    In place of `keras.layers.GlobalAveragePooling2D` where a detail decides,
    as in retrieval, after an activation whose outputs are positive: negative
    inputs count as `epsilon`.

    Formula:
    ```python
    y = mean(max(x, epsilon)**p)**(1 / p)
    ```
    over the places of each sample and channel, with a trained `p`.

    Args:
        p_initializer: Float > 0, or initializer. Initial exponent: 1 is the
            mean, infinity the maximum. Defaults to `3.0`.
        axis: `None` for one exponent, or the channels' axis for one per
            channel. Defaults to `None`.
        **kwargs: `epsilon`, `keepdims`, `data_format`: see
            `keras_funcs.layers.GeMPooling`.

    Input shape:
        `(batch, height, width, channels)`, or with the channels
        first; the sizes may be unknown.

    Output shape:
        `(batch, channels)`; with `keepdims=True`, the input's with 1 for each
        pooled size.

    Raises:
        ValueError: If an argument is invalid, or an input has another rank.

    Example:

    >>> y = keras_funcs.layers.GeMPooling2D()(np.ones((2, 4, 5, 3)))
    >>> tuple(y.shape)
    (2, 3)

    Reference:
        Radenovic, Tolias and Chum (2019), TPAMI, arXiv:1711.02512
    """

    dimensions = 2
    traits = LayerTraits(example_shape=(5, 4, 3))

    def __init__(
        self,
        p_initializer: InitializerLike = 3.0,
        axis: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(p_initializer, axis, **kwargs)


@component(
    tune={
        "p_initializer": Range(1.0, 8.0, log=True),
        "axis": Choice(None, -1),
    }
)
class GeMPooling3D(GeMPooling):
    """Global pooling of volumes between the mean and the maximum.

    In place of `keras.layers.GlobalAveragePooling3D` where a detail decides,
    after an activation whose outputs are positive: negative inputs count as
    `epsilon`.

    Formula:
    ```python
    y = mean(max(x, epsilon)**p)**(1 / p)
    ```
    over the places of each sample and channel, with a trained `p`.

    Args:
        p_initializer: Float > 0, or initializer. Initial exponent: 1 is the
            mean, infinity the maximum. Defaults to `3.0`.
        axis: `None` for one exponent, or the channels' axis for one per
            channel. Defaults to `None`.
        **kwargs: `epsilon`, `keepdims`, `data_format`: see
            `keras_funcs.layers.GeMPooling`.

    Input shape:
        `(batch, depth, height, width, channels)`, or with the channels
        first; the sizes may be unknown.

    Output shape:
        `(batch, channels)`; with `keepdims=True`, the input's with 1 for each
        pooled size.

    Raises:
        ValueError: If an argument is invalid, or an input has another rank.

    Example:

    >>> y = keras_funcs.layers.GeMPooling3D()(np.ones((2, 4, 5, 2, 3)))
    >>> tuple(y.shape)
    (2, 3)

    Reference:
        Radenovic, Tolias and Chum (2019), TPAMI, arXiv:1711.02512
    """

    dimensions = 3
    traits = LayerTraits(example_shape=(3, 4, 3, 2))

    def __init__(
        self,
        p_initializer: InitializerLike = 3.0,
        axis: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(p_initializer, axis, **kwargs)
