"""Barron's general robust loss, for a fixed shape and for a learned one."""

from keras import ops

from keras_funcs._core.typing import Tensor

# Nearer to 2, alpha has no influence on the value, but its gradient, which is
# infinite at 2 itself, has on a training.
_NEAR_TWO = 1e-6
# The series is exact in float64 up to here; from here on down the quotient is
# a difference of two close numbers.
_SMALL = 0.1


def rho(residual: Tensor, alpha: Tensor, scale: Tensor) -> Tensor:
    """Barron's loss of each residual; smooth in all three arguments.

    `alpha` and `scale` are numbers or tensors that broadcast against the
    residuals. The formula divides by 0 at `alpha = 0` and at `alpha = 2`,
    where it has limits; here value and gradients stay finite at both, however
    close `alpha` comes. `alpha = -1e6` is the limit of -infinity up to
    rounding.
    """
    dtype = residual.dtype
    alpha = ops.convert_to_tensor(alpha, dtype=dtype)
    scale = ops.convert_to_tensor(scale, dtype=dtype)
    b = ops.abs(alpha - 2.0)
    b = ops.where(b < _NEAR_TWO, ops.full_like(b, _NEAR_TWO), b)
    # rho = b / alpha ((square / b + 1)**(alpha / 2) - 1), b = |alpha - 2|
    half_log = 0.5 * ops.log1p(ops.square(residual / scale) / b)
    t = alpha * half_log
    small = ops.abs(t) < _SMALL
    alpha = ops.where(small, ops.ones_like(t), alpha)
    # Not by expm1, whose gradient on Torch, expm1(t) + 1, is 0 from -17 down.
    quotient = (ops.exp(ops.where(small, ops.ones_like(t), t)) - 1.0) / alpha
    # (exp(t) - 1) / alpha = half_log (1 + t / 2! + t**2 / 3! + ...)
    t = ops.where(small, t, ops.zeros_like(t))
    series = ops.ones_like(t)
    for n in (8, 7, 6, 5, 4, 3, 2):
        series = 1.0 + t / n * series
    return b * ops.where(small, half_log * series, quotient)
