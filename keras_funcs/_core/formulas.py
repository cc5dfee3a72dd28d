"""Formulas that a stateless function shares with a trainable layer.

Each is the stable form of an equation; the coefficients are numbers or
tensors that broadcast against `x`.
"""

from keras import ops

from keras_funcs._core.numerics import sine_squared_over
from keras_funcs._core.typing import Tensor


def phase(a: Tensor, x: Tensor) -> Tensor:
    """`a x`, or 0 where `x` is so large that it could overflow.

    Its sine would be NaN; what a float holds of its phase is noise long since.
    """
    # This way round NaN stays.
    return a * ops.where(ops.abs(x) >= 1e30, ops.zeros_like(x), x)


def snake(x: Tensor, a: Tensor) -> Tensor:
    """`x + sin(a x)**2 / a`, with value `x` and its right slopes at `a = 0`."""
    # sin(u)**2 / a = x sin(u)**2 / u, with u = a x
    return x + x * sine_squared_over(phase(a, x))


def star_relu(x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """`scale * max(x, 0)**2 + bias`."""
    return scale * ops.square(ops.relu(x)) + bias
