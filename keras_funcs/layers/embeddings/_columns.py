"""The base of embeddings of numeric columns: the chosen ones, and the rest."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import maps
from keras_funcs._core.component import Configurable
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor


class ColumnEmbedding(Configurable, keras.layers.Layer):
    """Abstract base of layers that turn each number into several features.

    A leaf gives the features of the numbers in `embed`, and their count in
    `width`. The features of the chosen columns come first, column by column;
    behind them the other columns, as they are.

    Args:
        columns: List of different integers >= 0, the columns that are
            embedded, or None for all of them.
        **kwargs: Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(self, columns: Sequence[int] | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if columns is not None:
            if not isinstance(columns, (list, tuple)) or not columns:
                checks.invalid("columns", "a list of integers", columns)
            columns = [
                checks.integer("columns", n, at_least=0) for n in columns
            ]
            if len(set(columns)) < len(columns):
                checks.invalid("columns", "columns that differ", columns)
        self.columns = columns
        self.supports_masking = True

    @property
    def width(self) -> int:
        """The features of one number."""
        raise NotImplementedError

    def embed(self, x: Tensor) -> Tensor:
        """The features `(..., K, width)` of the numbers `(..., K)`."""
        raise NotImplementedError

    def chosen(self, input_shape: Shape) -> tuple[list[int], list[int]]:
        """The columns that are embedded, and the others."""
        size = maps.channels(self.name, input_shape, "channels_last")
        chosen = list(range(size) if self.columns is None else self.columns)
        if max(chosen) >= size:
            checks.invalid("columns", f"columns below {size}", self.columns)
        return chosen, [n for n in range(size) if n not in chosen]

    def call(self, inputs: Tensor) -> Tensor:
        chosen, others = self.chosen(tuple(inputs.shape))
        x = ops.cast(inputs, at_least_float32(self.compute_dtype))
        found = self.embed(_pick(x, chosen))
        shape = (*ops.shape(inputs)[:-1], len(chosen) * self.width)
        found = ops.cast(ops.reshape(found, shape), self.compute_dtype)
        if not others:
            return found
        return ops.concatenate([found, _pick(inputs, others)], axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        chosen, others = self.chosen(input_shape)
        size = len(chosen) * self.width + len(others)
        return (*tuple(input_shape)[:-1], size)


def _pick(x: Tensor, columns: Sequence[int]) -> Tensor:
    """Some columns, by slices: neither Dynamo nor ONNX takes Keras's `take`."""
    starts = [
        at
        for at, column in enumerate(columns)
        if at == 0 or column != columns[at - 1] + 1
    ]
    ends = [*starts[1:], len(columns)]
    pieces = [
        x[..., columns[start] : columns[end - 1] + 1]
        for start, end in zip(starts, ends)
    ]
    return pieces[0] if len(pieces) == 1 else ops.concatenate(pieces, axis=-1)
