"""Dropout of whole regions of a map: DropBlock in one, two and three axes."""

import math
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import maps
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor

LARGEST_BLOCK = 4096  # a side, and in places its square


class DropBlock(Configurable, keras.layers.Layer):
    """Abstract base of DropBlock, whatever the dimensions of the map.

    Args:
        rate: Float in [0, 1). Share of a map to drop, roughly: where blocks
            overlap, and at the borders, less is dropped. Defaults to `0.1`.
        block_size: Integer >= 1, or a list with one for each axis of the map.
            Side of a block; no block is larger than the map. Defaults to `7`.
        couple_channels: Boolean. Whether a block is dropped in all channels of
            a sample, or each channel draws its own. Defaults to `True`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras's
            own setting. Defaults to `None`.
        seed: Integer >= 0, or None. Makes the draws repeatable. Defaults to
            `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.
    """

    dimensions: int

    def __init__(
        self,
        rate: float = 0.1,
        block_size: int | Sequence[int] = 7,
        couple_channels: bool = True,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rate = checks.number("rate", rate, at_least=0, below=1)
        one = isinstance(block_size, Integral)
        sides = [block_size] * self.dimensions if one else block_size
        if not isinstance(sides, (list, tuple)) or (
            len(sides) != self.dimensions
        ):
            checks.invalid(
                "block_size",
                f"an integer or a list of {self.dimensions} integers",
                block_size,
            )
        # A tuple, which Keras leaves one; its lists are not those of backends.
        self._sides = tuple(
            checks.integer(
                "block_size", side, at_least=1, at_most=LARGEST_BLOCK
            )
            for side in sides
        )
        if math.prod(self._sides) > LARGEST_BLOCK**2:
            checks.invalid(
                "block_size",
                f"blocks of at most {LARGEST_BLOCK**2} places",
                block_size,
            )
        self.block_size = self._sides[0] if one else list(self._sides)
        self.couple_channels = checks.boolean(
            "couple_channels", couple_channels
        )
        self.data_format = maps.data_format(data_format)
        self.seed = checks.seed(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        maps.need_rank(self.name, input_shape, self.dimensions + 2)
        self.built = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training:
            return inputs
        # y = x * keep * size(keep) / sum(keep)
        keep = self._keep(inputs)
        share = ops.mean(ops.cast(keep, "float32"))
        # The share is 0 where all is dropped: then so is the output.
        scale = 1.0 / ops.where(share > 0, share, 1.0)
        scaled = inputs * ops.cast(scale, self.compute_dtype)
        return ops.where(keep, scaled, ops.zeros_like(scaled))

    def _keep(self, inputs: Tensor) -> Tensor:
        """A boolean mask, False in blocks around random seeds."""
        shape = ops.shape(inputs)  # unknown sizes are tensors
        axes = maps.map_axes(self.data_format, len(shape))
        sizes = [shape[axis] for axis in axes]
        # The seed is a block's first place, and only where the block fits:
        # that is right for even sides, too.
        blocks = [_smaller(b, size) for b, size in zip(self._sides, sizes)]
        valid = [size - block + 1 for size, block in zip(sizes, blocks)]
        # gamma = rate * prod(size / (block * (size - block + 1)))
        gamma = math.prod(
            _float(size) / (_float(block) * _float(room))
            for size, block, room in zip(sizes, blocks, valid)
        )
        channel = maps.channel_axis(self.data_format, len(shape))
        draw = keras.random.uniform(
            (shape[0], *sizes, 1 if self.couple_channels else shape[channel]),
            dtype="float32",
            seed=self.seed_generator,
        )
        seeds = draw < self.rate * gamma
        for index, (size, room) in enumerate(zip(sizes, valid)):
            fits = ops.arange(size) < room
            others = [axis for axis in range(len(shape)) if axis != index + 1]
            seeds = ops.logical_and(seeds, ops.expand_dims(fits, others))
        # A place is dropped if there is a seed up to a block's side before it.
        # The padding is by full sides where the map's are not known: a number
        # it has to be. Channels are last, which is all that some devices pool.
        sides = tuple(
            block if isinstance(block, int) else side
            for block, side in zip(blocks, self._sides)
        )
        before = [(side - 1, 0) for side in sides]
        padded = ops.pad(ops.cast(seeds, "float32"), [(0, 0), *before, (0, 0)])
        dropped = ops.max_pool(
            padded, sides, strides=1, data_format="channels_last"
        )
        keep = dropped < 0.5
        if self.data_format == "channels_first":
            keep = ops.moveaxis(keep, -1, 1)
        return keep

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


@component(tune={"rate": Range(0.0, 0.3)})
class DropBlock1D(DropBlock):
    """Drops stretches of a sequence, in which neighbours say the same.

    For convolutions over time, in place of `keras.layers.SpatialDropout1D`,
    which drops whole channels. Put it after the last blocks of a network and
    let the rate grow in training; in small networks it costs more than it
    gains.

    Formula:
    ```python
    y = x * keep / mean(keep),  keep = 0 on blocks that begin at seeds,
    seed ~ Bernoulli(rate * steps / (block * (steps - block + 1)))
    ```
    in training, and `y = x` otherwise.

    Args:
        rate: Float in [0, 1). Share of the map to drop, roughly. Defaults to
            `0.1`.
        block_size: Integer >= 1, or a list with one for each axis of the map.
            Side of a block. Defaults to `7`.
        **kwargs: `couple_channels`, `data_format`, `seed`: see
            `keras_funcs.layers.DropBlock`.

    Input shape:
        `(batch, steps, channels)`, or with the channels first; all sizes may be
        unknown.

    Output shape:
        The input's.

    Call arguments:
        inputs: Tensor.
        training: Boolean. Whether to drop.

    Raises:
        ValueError: If an argument is invalid, or inputs have another form.

    Example:

    >>> layer = keras_funcs.layers.DropBlock1D(rate=0.2, block_size=4)
    >>> y = layer(np.ones((2, 20, 3)), training=True)

    Reference:
        Ghiasi, Lin and Le (2018), NeurIPS, arXiv:1810.12890
    """

    dimensions = 1
    traits = LayerTraits(example_shape=(10, 6))

    def __init__(
        self,
        rate: float = 0.1,
        block_size: int | Sequence[int] = 7,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate=rate, block_size=block_size, **kwargs)


@component(tune={"rate": Range(0.0, 0.3)})
class DropBlock2D(DropBlock):
    """Drops square regions of images, in which neighbours say the same.

    For convolutional networks, where dropout of single units hides nothing.
    Put it after the last groups of blocks and let the rate grow in training,
    up to 0.1; in small networks it costs more than it gains.

    Formula:
    ```python
    y = x * keep / mean(keep),  keep = 0 on blocks that begin at seeds,
    seed ~ Bernoulli(rate * prod(size / (block * (size - block + 1))))
    ```
    with the product over height and width, in training, and `y = x` otherwise.

    Args:
        rate: Float in [0, 1). Share of the map to drop, roughly. Defaults to
            `0.1`.
        block_size: Integer >= 1, or a list with one for each axis of the map.
            Side of a block. Defaults to `7`.
        **kwargs: `couple_channels`, `data_format`, `seed`: see
            `keras_funcs.layers.DropBlock`.

    Input shape:
        `(batch, height, width, channels)`, or with the channels first; all
        sizes may be unknown.

    Output shape:
        The input's.

    Call arguments:
        inputs: Tensor.
        training: Boolean. Whether to drop.

    Raises:
        ValueError: If an argument is invalid, or inputs have another form.

    Example:

    >>> layer = keras_funcs.layers.DropBlock2D(rate=0.1, block_size=3)
    >>> y = layer(np.ones((2, 8, 12, 3)), training=True)

    Reference:
        Ghiasi, Lin and Le (2018), NeurIPS, arXiv:1810.12890
    """

    dimensions = 2
    traits = LayerTraits(example_shape=(10, 9, 3))

    def __init__(
        self,
        rate: float = 0.1,
        block_size: int | Sequence[int] = 7,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate=rate, block_size=block_size, **kwargs)


@component(tune={"rate": Range(0.0, 0.3)})
class DropBlock3D(DropBlock):
    """Drops boxes of volumes or films, in which neighbours say the same.

    As `keras_funcs.layers.DropBlock2D`, for networks of 3D convolutions. Give
    a side for each axis where they differ in kind: `block_size=[2, 5, 5]`.

    Formula:
    ```python
    y = x * keep / mean(keep),  keep = 0 on blocks that begin at seeds,
    seed ~ Bernoulli(rate * prod(size / (block * (size - block + 1))))
    ```
    with the product over the three axes, in training, and `y = x` otherwise.

    Args:
        rate: Float in [0, 1). Share of the map to drop, roughly. Defaults to
            `0.1`.
        block_size: Integer >= 1, or a list with one for each axis of the map.
            Side of a block. Defaults to `7`.
        **kwargs: `couple_channels`, `data_format`, `seed`: see
            `keras_funcs.layers.DropBlock`.

    Input shape:
        `(batch, depth, height, width, channels)`, or with the channels first;
        all sizes may be unknown.

    Output shape:
        The input's.

    Call arguments:
        inputs: Tensor.
        training: Boolean. Whether to drop.

    Raises:
        ValueError: If an argument is invalid, or inputs have another form.

    Example:

    >>> layer = keras_funcs.layers.DropBlock3D(rate=0.1, block_size=[2, 3, 3])
    >>> y = layer(np.ones((2, 4, 6, 6, 3)), training=True)

    Reference:
        Ghiasi, Lin and Le (2018), NeurIPS, arXiv:1810.12890
    """

    dimensions = 3
    traits = LayerTraits(example_shape=(8, 9, 7, 2))

    def __init__(
        self,
        rate: float = 0.1,
        block_size: int | Sequence[int] = 7,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate=rate, block_size=block_size, **kwargs)


def _smaller(block: int, size: Any) -> Any:
    if isinstance(size, int):
        return min(block, size)
    return ops.minimum(block, size)


def _float(size: Any) -> Any:
    return float(size) if isinstance(size, int) else ops.cast(size, "float32")
