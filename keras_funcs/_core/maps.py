"""The axes of a map: channels and places."""

from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.numerics import masked_mean
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor

FORMATS = ("channels_last", "channels_first")


def data_format(value: Any) -> str:
    """The argument `data_format`; None is Keras's own setting."""
    if value is None:
        return str(keras.config.image_data_format())
    return str(checks.one_of("data_format", value, FORMATS))


def channel_axis(data_format: str, rank: int) -> int:
    """The axis of the channels, counted from the front."""
    return 1 if data_format == "channels_first" else rank - 1


def map_axes(data_format: str, rank: int) -> tuple[int, ...]:
    """The axes of the places, in order."""
    channels = channel_axis(data_format, rank)
    return tuple(axis for axis in range(1, rank) if axis != channels)


def channels(name: str, shape: Shape, data_format: str) -> int:
    """The number of channels, which a layer's weights need to know."""
    count = shape[channel_axis(data_format, len(shape))]
    if count is None:
        raise ValueError(
            f"Layer '{name}' needs the number of channels. Expected a known "
            f"size on the axis of {data_format}. "
            f"Received: input_shape={tuple(shape)}"
        )
    return count


def size_of(name: str, shape: Shape, axis: int) -> int:
    """The size of an axis other than the batch's, which weights depend on."""
    place = checks.axis_of("axis", axis, len(shape))
    size = shape[place]
    if place == 0 or size is None:
        raise ValueError(
            f"Layer '{name}' needs the number of channels. Expected channels "
            f"of known size on axis {axis}, which is not the batch. "
            f"Received: input_shape={tuple(shape)}"
        )
    return size


def need_rank(name: str, shape: Shape, rank: int) -> None:
    """Refuses maps of other dimensions."""
    if len(shape) != rank:
        raise ValueError(
            f"Layer '{name}' takes maps of {rank - 2} dimensions. Expected an "
            f"input of rank {rank}. Received: input_shape={tuple(shape)}"
        )


def need_places(name: str, shape: Shape) -> None:
    """Refuses what has no axis of places."""
    if len(shape) < 3:
        raise ValueError(
            f"Layer '{name}' takes maps. Expected an input of rank 3 or more. "
            f"Received: input_shape={tuple(shape)}"
        )


def kept(mask: Tensor, data_format: str, rank: int) -> Tensor:
    """A mask of the first places of a map, in a shape that fits the map."""
    missing = map_axes(data_format, rank)[len(mask.shape) - 1 :]
    channels = channel_axis(data_format, rank)
    return ops.expand_dims(mask, sorted((channels, *missing)))


def mean_over_places(x: Tensor, mask: Tensor, data_format: str) -> Tensor:
    """Mean over the places that a mask keeps: 0 where it keeps none."""
    rank = len(x.shape)
    keep = None if mask is None else kept(mask, data_format, rank)
    return masked_mean(x, map_axes(data_format, rank), keep)


def need_several(name: str, shapes: Any, count: int | None = None) -> None:
    """Refuses what is no list of inputs, or one of another length."""
    several = isinstance(shapes, (list, tuple)) and all(
        isinstance(shape, (list, tuple)) for shape in shapes
    )
    if not several or (count is not None and len(shapes) != count):
        expected = "two or more" if count is None else count
        raise ValueError(
            f"Layer '{name}' is called on a list. Expected {expected} inputs. "
            f"Received: input_shape={shapes}"
        )
