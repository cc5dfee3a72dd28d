"""Pooling between the mean and the maximum, as the data asks."""

from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import maps
from keras_funcs._core.coefficients import add_float32
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.numerics import inverse_softplus
from keras_funcs._core.numerics import mean
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor


class GeMPooling(Configurable, keras.layers.Layer):
    """Abstract base of generalized-mean pooling, whatever the dimensions.

    The exponent is the softplus of the variable `act_p`, which keeps it
    positive through any optimizer; it is float32 under mixed precision.

    Args:
        p: Float > 0. Initial exponent. Defaults to `3.0`.
        granularity: `"layer"` for one exponent, `"channel"` for one in each
            channel. Defaults to `"layer"`.
        epsilon: Float > 0. Inputs below it, negative ones too, count as it.
            Defaults to `1e-6`.
        keepdims: Boolean. Whether to keep the pooled axes, with size 1.
            Defaults to `False`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras's
            own setting. Defaults to `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.
    """

    dimensions: int

    def __init__(
        self,
        p: float = 3.0,
        granularity: str = "layer",
        epsilon: float = 1e-6,
        keepdims: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.p = checks.number("p", p, at_least=1e-3, at_most=1e3)
        self.granularity = checks.one_of(
            "granularity", granularity, ("layer", "channel")
        )
        self.epsilon = checks.number(
            "epsilon", epsilon, at_least=1e-30, at_most=1e30
        )
        self.keepdims = checks.boolean("keepdims", keepdims)
        self.data_format = maps.data_format(data_format)

    def build(self, input_shape: Shape) -> None:
        maps.need_rank(self.name, input_shape, self.dimensions + 2)
        shape: tuple[int, ...] = ()
        if self.granularity == "channel":
            count = maps.channels(self.name, input_shape, self.data_format)
            rest = self.dimensions * (self.data_format == "channels_first")
            shape = (count,) + (1,) * rest
        if len(shape) == 2:  # which optimizers for matrices look for
            shape = (1, *shape)
        self.act_p = add_float32(self, "act_p", shape, inverse_softplus(self.p))
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        # y = mean(x**p)**(1/p) = top * mean((x / top)**p)**(1/p), which no
        # power of a large number enters. The mean is at least 1 / size, and
        # the slope is right though `top` is a constant: it cancels.
        x = ops.cast(inputs, at_least_float32(self.compute_dtype))
        # This way round NaN stays.
        x = ops.where(x < self.epsilon, ops.full_like(x, self.epsilon), x)
        axes = maps.map_axes(self.data_format, len(x.shape))
        top = ops.stop_gradient(ops.max(x, axis=axes, keepdims=True))
        p = ops.softplus(self.act_p)
        # Not log(x / top): XLA divides by way of 1 / top, which is 0 from 1e38.
        powers = ops.exp(p * (ops.log(x) - ops.log(top)))
        y = top * ops.exp(ops.log(mean(powers, axes, keepdims=True)) / p)
        y = y if self.keepdims else ops.squeeze(y, axis=axes)
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
        "p": Range(1.0, 8.0, log=True),
        "granularity": Choice("layer", "channel"),
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
        p: Float > 0. Initial exponent: 1 is the mean, infinity the maximum.
            Defaults to `3.0`.
        granularity: `"layer"` for one exponent, `"channel"` for one in each
            channel. Defaults to `"layer"`.
        **kwargs: `epsilon`, `keepdims`, `data_format`: see
            `keras_funcs.layers.GeMPooling`.

    Input shape:
        `(batch, steps, channels)`, or with the channels
        first; the sizes may be unknown.

    Output shape:
        `(batch, channels)`; with `keepdims=True`, the input's with 1 for each
        pooled size.

    Raises:
        ValueError: for an exponent or epsilon not > 0, or an input of another
            rank.

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
        self, p: float = 3.0, granularity: str = "layer", **kwargs: Any
    ) -> None:
        super().__init__(p=p, granularity=granularity, **kwargs)


@component(
    tune={
        "p": Range(1.0, 8.0, log=True),
        "granularity": Choice("layer", "channel"),
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
        p: Float > 0. Initial exponent: 1 is the mean, infinity the maximum.
            Defaults to `3.0`.
        granularity: `"layer"` for one exponent, `"channel"` for one in each
            channel. Defaults to `"layer"`.
        **kwargs: `epsilon`, `keepdims`, `data_format`: see
            `keras_funcs.layers.GeMPooling`.

    Input shape:
        `(batch, height, width, channels)`, or with the channels
        first; the sizes may be unknown.

    Output shape:
        `(batch, channels)`; with `keepdims=True`, the input's with 1 for each
        pooled size.

    Raises:
        ValueError: for an exponent or epsilon not > 0, or an input of another
            rank.

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
        self, p: float = 3.0, granularity: str = "layer", **kwargs: Any
    ) -> None:
        super().__init__(p=p, granularity=granularity, **kwargs)


@component(
    tune={
        "p": Range(1.0, 8.0, log=True),
        "granularity": Choice("layer", "channel"),
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
        p: Float > 0. Initial exponent: 1 is the mean, infinity the maximum.
            Defaults to `3.0`.
        granularity: `"layer"` for one exponent, `"channel"` for one in each
            channel. Defaults to `"layer"`.
        **kwargs: `epsilon`, `keepdims`, `data_format`: see
            `keras_funcs.layers.GeMPooling`.

    Input shape:
        `(batch, depth, height, width, channels)`, or with the channels
        first; the sizes may be unknown.

    Output shape:
        `(batch, channels)`; with `keepdims=True`, the input's with 1 for each
        pooled size.

    Raises:
        ValueError: for an exponent or epsilon not > 0, or an input of another
            rank.

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
        self, p: float = 3.0, granularity: str = "layer", **kwargs: Any
    ) -> None:
        super().__init__(p=p, granularity=granularity, **kwargs)
