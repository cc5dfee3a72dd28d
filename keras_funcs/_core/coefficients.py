"""Weights that mixed precision leaves alone, and the coefficient in them."""

import math
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.numerics import inverse_softplus
from keras_funcs._core.typing import InitializerLike
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor

SMALLEST = 1e-6  # a positive coefficient that an initializer object may give


@dataclass(frozen=True)
class Inverse:
    """The map from a coefficient to the variable that holds it.

    Attributes:
        of_number: Function of a Python number, in double precision: float32
            would lose digits on the way there and back.
        of_tensor: The same function of a tensor, finite for any value.
    """

    of_number: Callable[[float], float]
    of_tensor: Callable[[Tensor], Tensor]


def _raised(x: Tensor, floor: float = SMALLEST) -> Tensor:
    return ops.where(x > floor, x, ops.full_like(x, floor))


def _softplus_of_tensor(x: Tensor) -> Tensor:
    x = _raised(x)
    # log(exp(x) - 1), which would overflow as it stands
    return x + ops.log(-ops.expm1(-x))


SOFTPLUS = Inverse(inverse_softplus, _softplus_of_tensor)
EXPONENTIAL = Inverse(math.log, lambda x: ops.log(_raised(x)))


def softplus_above(least: float) -> Inverse:
    """For a coefficient `least + softplus(variable)`."""
    return Inverse(
        lambda value: SOFTPLUS.of_number(value - least),
        lambda x: SOFTPLUS.of_tensor(x - least),
    )


def sigmoid_between(low: float, high: float) -> Inverse:
    """For a coefficient `low + (high - low) * sigmoid(variable)`."""

    def of_number(value: float) -> float:
        share = (value - low) / (high - low)
        return math.log(share) - math.log1p(-share)

    def of_tensor(x: Tensor) -> Tensor:
        share = _raised((x - low) / (high - low))
        share = 1.0 - _raised(1.0 - share)
        return ops.log(share) - ops.log1p(-share)

    return Inverse(of_number, of_tensor)


ROLES = {
    "initializer": checks.initializer,
    "regularizer": checks.regularizer,
    "constraint": checks.constraint,
}


def store_roles(layer: keras.layers.Layer, **given: Any) -> None:
    """Checks arguments by the last word of their name, and stores them.

    Args:
        layer: The layer whose arguments they are.
        **given: Such as `gamma_initializer` and `gamma_constraint`.
    """
    for name, value in given.items():
        check = ROLES[name.rpartition("_")[2]]
        setattr(layer, name, check(name, value))


def add_float32(
    layer: keras.layers.Layer,
    name: str,
    shape: tuple[int, ...],
    initializer: InitializerLike,
    inverse: Inverse | None = None,
    **options: Any,
) -> keras.Variable:
    """Adds a weight that is float32 at least, whatever the layer computes in.

    Half precision would lose the small steps that coefficients learn in, and
    the digits that powers and exponentials of them need.

    Args:
        layer: The layer whose weight it is.
        name: String.
        shape: Tuple of integers.
        initializer: A number, or an initializer, of the coefficient.
        inverse: Leads from the coefficient to the variable, if the two are
            not the same.
        **options: Other arguments of `keras.layers.Layer.add_weight`.
    """
    if isinstance(initializer, (int, float)):
        start = inverse.of_number(initializer) if inverse else initializer
        if abs(start) > checks.MAX_FLOAT32:
            expected = "a number that float32 can hold"
            checks.invalid(name, expected, initializer)
        initializer = keras.initializers.Constant(start)
    elif inverse:
        initializer = _Inverted(initializer, inverse)
    return layer.add_weight(
        shape=shape,
        initializer=initializer,
        dtype=at_least_float32(layer.variable_dtype),
        autocast=False,
        name=name,
        **options,
    )


class _Inverted:
    """Wraps an initializer of a coefficient for the variable that holds it."""

    def __init__(self, initializer: InitializerLike, inverse: Inverse) -> None:
        self.initializer = keras.initializers.get(initializer)
        self.inverse = inverse

    def __call__(self, shape: Shape, dtype: str | None = None) -> Tensor:
        return self.inverse.of_tensor(self.initializer(shape, dtype=dtype))


class Stacked:
    """Starts the parts of a variable, along its first axis, at given numbers.

    Args:
        values: List of numbers, one for each part.
    """

    def __init__(self, values: Sequence[float]) -> None:
        self.values = values

    def __call__(self, shape: Shape, dtype: str | None = None) -> Tensor:
        column = np.reshape(self.values, (-1,) + (1,) * (len(shape) - 1))
        rows = np.array(
            np.broadcast_to(column, tuple(size or 1 for size in shape))
        )
        return ops.convert_to_tensor(rows, dtype=dtype)
