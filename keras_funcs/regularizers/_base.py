"""The base of penalties: strength, groups of weights, matrices."""

import math
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Configurable
from keras_funcs._core.numerics import as_float
from keras_funcs._core.numerics import norm
from keras_funcs._core.numerics import widened
from keras_funcs._core.traits import RegularizerTraits
from keras_funcs._core.typing import Tensor

REDUCTIONS = ("sum", "mean")


class Penalty(Configurable, keras.regularizers.Regularizer):
    """Abstract base of penalties: `factor` times a measure of the weights.

    The measure is computed in float32 at least: a float16 sum of squares ends
    at 65,504.
    """

    traits = RegularizerTraits()
    factor: float

    def __call__(self, x: Tensor) -> Tensor:
        return self.factor * self.measure(widened(as_float(x)))

    def measure(self, x: Tensor) -> Tensor:
        """The penalty of strength 1, a scalar."""
        raise NotImplementedError


def check_axis(axis: Any) -> int | list[int] | None:
    """The argument `axis`: one axis, several, or None."""
    if axis is None:
        return None
    if isinstance(axis, Integral):
        return checks.integer("axis", axis)
    if not isinstance(axis, (list, tuple)):
        checks.invalid("axis", "an integer or a list of them", axis)
    return [checks.integer("axis", item) for item in axis]


def check_reduction(reduction: Any) -> str:
    """The argument `reduction`."""
    word: str = checks.one_of("reduction", reduction, REDUCTIONS)
    return word


def axes_of(axis: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    """The axes inside a group, from the front; None is all but the last."""
    if axis is None:
        return tuple(range(rank - 1))
    axes = [axis] if isinstance(axis, int) else axis
    if any(not -rank <= item < rank for item in axes):
        checks.invalid("axis", f"axes of weights of rank {rank}", axis)
    return tuple(sorted({item % rank for item in axes}))


def group_lengths(
    x: Tensor, axis: int | Sequence[int] | None
) -> tuple[Tensor, int]:
    """Every group's Euclidean length, and the number of weights in one."""
    axes = axes_of(axis, len(x.shape))
    if not axes:  # a group is one weight
        x, axes = ops.expand_dims(x, -1), (-1,)
    return norm(x, axis=axes), math.prod([x.shape[item] for item in axes])


def reduced(values: Tensor, reduction: str) -> Tensor:
    """The sum of values, or their mean."""
    total = ops.sum(values)
    if reduction == "sum":
        return total
    # Not by `ops.mean`, which turns float64 into float32 on Torch.
    return total / math.prod(values.shape)


def as_matrix(x: Tensor, axis: int | Sequence[int] | None) -> Tensor:
    """A matrix with a group in every column."""
    inside = axes_of(axis, len(x.shape))
    outside = [i for i in range(len(x.shape)) if i not in inside]
    rows = math.prod([x.shape[i] for i in inside])
    return ops.reshape(ops.transpose(x, [*inside, *outside]), (rows, -1))


def gram_defect(matrix: Tensor) -> Tensor:
    """`W^T W - I`, or `W W^T - I` where that is smaller."""
    rows, columns = matrix.shape
    if rows < columns:
        matrix = ops.transpose(matrix)
    # Not by `ops.matmul`, which turns float64 into float32 on Torch.
    gram = ops.transpose(matrix) @ matrix
    return gram - ops.eye(min(rows, columns), dtype=gram.dtype)
