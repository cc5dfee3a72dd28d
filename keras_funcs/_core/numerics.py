"""Numerical forms that survive extremes. Each says what it saves."""

import math
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_funcs._core.backend import active
from keras_funcs._core.typing import Tensor


def statically_zero(value: Any) -> bool:
    """Whether a hyper-parameter is the Python number 0, known at trace time.

    Only for skipping work whose result is 0 anyway: a traced or variable
    hyper-parameter answers `False` and takes the general path, which gives the
    same number.
    """
    return isinstance(value, (int, float)) and value == 0


def log_probability(probability: Tensor) -> Tensor:
    """`log(p)`, finite at 0.

    The floor is the smallest normal number, not 1e-7, so that a confidently
    wrong prediction keeps its gradient down to p = 1e-38 (float32).
    """
    return ops.log(floored(probability))


def logit(probability: Tensor) -> Tensor:
    """`log(p / (1 - p))`, finite at 0 and at 1."""
    return log_probability(probability) - log_probability(1.0 - probability)


def floored(x: Tensor) -> Tensor:
    """`max(x, smallest normal number)`: what has a finite logarithm.

    Not by `ops.maximum`, which turns float64 into float32 on Torch.
    """
    floor = ops.convert_to_tensor(smallest_normal(x), dtype=x.dtype)
    return ops.where(x < floor, floor, x)  # this way round NaN stays


def smallest_normal(like: Tensor) -> float:
    """The floor of a logarithm's argument in the dtype of `like`.

    Denormal numbers are flushed to zero by XLA and by accelerators, which
    would turn the logarithm into -inf.
    """
    dtype = keras.backend.standardize_dtype(like.dtype)
    # bfloat16 has float32's exponents; NumPy knows it only by extension.
    dtype = "float32" if dtype == "bfloat16" else dtype
    return float(np.finfo(dtype).tiny)


def at_least_float32(dtype: str) -> str:
    """The dtype to compute in where half precision would lose the result."""
    return "float32" if dtype in ("float16", "bfloat16") else dtype


def as_float(x: Tensor) -> Tensor:
    """A tensor of floating-point numbers, as Keras makes one of any array."""
    x = ops.convert_to_tensor(x)
    if "float" in keras.backend.standardize_dtype(x.dtype):
        return x
    return ops.cast(x, keras.config.floatx())


def widened(x: Tensor) -> Tensor:
    """The same numbers in float32 at least."""
    dtype = keras.backend.standardize_dtype(x.dtype)
    return ops.cast(x, at_least_float32(dtype))


def inverse_softplus(value: float) -> float:
    """The number whose softplus is `value` > 0.

    `log(exp(v) - 1)` overflows at 710 and loses all digits at 1e-16.
    """
    return value + math.log(-math.expm1(-value))


def sine_squared_over(x: Tensor) -> Tensor:
    """`sin(x)**2 / x`, with value 0 and slope 1 at 0 (not NaN).

    Each branch has its argument replaced before it is computed: a `where`
    around a NaN still has a NaN gradient. The series is exact in float64.
    """
    small = ops.abs(x) < 1e-4
    safe = ops.where(small, ops.ones_like(x), x)
    near = ops.where(small, x, ops.zeros_like(x))
    series = near * (1.0 - ops.square(near) / 3.0)
    # One sine, which its gradient needs too; `sin(x) * sinc(x)` takes two.
    return ops.where(small, series, ops.square(sin(safe)) / safe)


def erfc(x: Tensor) -> Tensor:
    """`1 - erf(x)` with its digits right of 0, where exporters allow it."""
    return 1.0 - ops.erf(x) if active().exports_to_onnx() else ops.erfc(x)


def one_minus_power(beta: Any, step: Tensor) -> Tensor:
    """`1 - beta**step`, the bias correction of a moving average.

    Through expm1: in float32, 1 - 0.999 is wrong in the fifth digit, and so is
    every first step of an Adam that subtracts.
    """
    return -ops.expm1(step * log_of(beta))


def log_of(beta: Any) -> Any:
    """`log(beta)`: of a Python number in double precision."""
    if isinstance(beta, (int, float)):
        return math.log(beta) if beta > 0 else -math.inf
    return ops.log(beta)


def norm(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Euclidean norm whose gradient at a zero vector is 0 (not NaN)."""
    squares = ops.sum(ops.square(x), axis=axis, keepdims=keepdims)
    positive = squares > 0
    safe = ops.where(positive, squares, ops.ones_like(squares))
    return ops.where(positive, ops.sqrt(safe), ops.zeros_like(squares))


def magnitude(x: Tensor) -> Tensor:
    """`|x|` with slope 0 at 0, where `ops.abs` has slope 1 on JAX."""
    return x * ops.stop_gradient(ops.sign(x))


def unit(x: Tensor, axis: int) -> Tensor:
    """`x / |x|`, and 0 with gradient 0 at a zero vector."""
    # Scaled first: the squares of 1e-20 and of 1e20 leave float32.
    largest = ops.amax(ops.abs(x), axis=axis, keepdims=True)
    largest = ops.stop_gradient(largest)
    x = x / ops.where(largest > 0, largest, 1.0)
    length = norm(x, axis=axis, keepdims=True)
    return ops.where(length > 0, x / ops.where(length > 0, length, 1.0), 0.0)


def mean(
    x: Tensor, axis: int | Sequence[int] = -1, keepdims: bool = False
) -> Tensor:
    """Mean along one axis or several, in the dtype of `x`.

    `ops.mean` rounds float64 to float32 on Torch.
    """
    axes = [axis] if isinstance(axis, int) else axis
    shape = ops.shape(x)
    count = math.prod([ops.cast(shape[i], x.dtype) for i in axes])
    return ops.sum(x, axis=tuple(axes), keepdims=keepdims) / count


def masked_mean(
    x: Tensor, axis: Sequence[int], mask: Tensor, keepdims: bool = False
) -> Tensor:
    """Mean over the places that a Keras mask keeps; 0 where it keeps none.

    The mask has the first axes of `x`, as `(batch, time)`, or is None. Places
    are chosen, not multiplied: padding may hold infinities.
    """
    if mask is None:
        return mean(x, axis, keepdims)
    for _ in range(len(x.shape) - len(mask.shape)):
        mask = ops.expand_dims(mask, -1)
    mask = ops.cast(mask, "bool")
    none = ops.zeros_like(x)
    total, count = (
        ops.sum(ops.where(mask, v, none), axis=tuple(axis), keepdims=keepdims)
        for v in (x, ops.ones_like(x))
    )
    return total / ops.where(count > 0, count, ops.ones_like(count))


def log_of_sum(a: Tensor, b: Tensor) -> Tensor:
    """`log(exp(a) + exp(b))`, neither of which need exist as a number.

    Not by `ops.logaddexp`, which turns float64 into float32 on Torch.
    """
    larger = ops.stop_gradient(ops.where(a > b, a, b))
    return larger + ops.log(ops.exp(a - larger) + ops.exp(b - larger))


def sin(x: Tensor) -> Tensor:
    """`sin(x)`, of float64 in float64."""
    return _in_its_dtype("sin", x)


def cos(x: Tensor) -> Tensor:
    """`cos(x)`, of float64 in float64."""
    return _in_its_dtype("cos", x)


def tanh(x: Tensor) -> Tensor:
    """`tanh(x)`, of float64 in float64."""
    return _in_its_dtype("tanh", x)


def _in_its_dtype(name: str, x: Tensor) -> Tensor:
    """Of float64 not through `keras.ops`, which makes it float32 on JAX."""
    double = keras.backend.standardize_dtype(x.dtype) == "float64"
    if double and not isinstance(x, keras.KerasTensor):
        return active().elementwise(name)(x)
    return getattr(ops, name)(x)


def keeps_float64(function: Callable[[Tensor], Tensor]) -> Any:
    """An activation of Keras, or the form of it that keeps float64."""
    return tanh if function is keras.activations.tanh else function
