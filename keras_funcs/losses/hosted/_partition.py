"""The partition function of Barron's robust loss, by its shape alpha.

`exp(-rho(x, alpha, 1))` is a density up to `Z(alpha) = integral exp(-rho) dx`,
which has no closed form. A learned shape needs `log Z`: without it, the
smallest alpha has the smallest loss for any data.
"""

import functools

import numpy as np
from keras import ops

from keras_funcs._core.backend import active
from keras_funcs._core.typing import Tensor

LOW, HIGH = 0.001, 1.999  # the shapes that the table covers
INTERVALS = 256


def log_partition(alpha: Tensor, table: np.ndarray) -> Tensor:
    """`log Z(alpha)` for alpha in [0.001, 1.999], with its gradient.

    Cubic Hermite interpolation between values and slopes that are exact to
    rounding; its error is below 1e-9. The table comes from outside because a
    compiler that traces Python would trace its integration as well.
    """
    coefficients = active().constant(table, alpha)
    first, last = _position(LOW), _position(HIGH)
    logit = ops.log(alpha) - ops.log(2.0 - alpha)
    place = (logit - first) / (last - first) * INTERVALS
    # The index has no gradient, the distance from the knot has it all.
    index = ops.clip(ops.floor(ops.stop_gradient(place)), 0, INTERVALS - 1)
    t = place - index
    c = ops.take(coefficients, ops.cast(index, "int32"), axis=0)
    return c[..., 0] + t * (c[..., 1] + t * (c[..., 2] + t * c[..., 3]))


def _position(alpha: float) -> float:
    """The coordinate of the knots.

    At 0 and at 2 the slope in alpha grows without bound; in the logarithm of
    the distances to both it is tame.
    """
    return float(np.log(alpha) - np.log(2.0 - alpha))


@functools.cache
def partition_table() -> np.ndarray:
    """The coefficients of each interval's polynomial, `(INTERVALS, 4)`."""
    knots = np.linspace(_position(LOW), _position(HIGH), INTERVALS + 1)
    width = knots[1] - knots[0]
    # The derivative of an analytic function, without cancellation, from an
    # imaginary step; by t, the share of the interval.
    step = 1e-100
    values = _integrate(2.0 / (1.0 + np.exp(-(knots + 1j * step))))
    y, slope = values.real, values.imag / step * width
    rise = y[1:] - y[:-1]
    second = 3.0 * rise - 2.0 * slope[:-1] - slope[1:]
    third = slope[:-1] + slope[1:] - 2.0 * rise
    return np.stack([y[:-1], slope[:-1], second, third], axis=-1)


def _integrate(alpha: np.ndarray) -> np.ndarray:
    """`log integral exp(-rho(x, alpha, 1)) dx`, to about 14 digits.

    With `x = sinh(pi / 2 sinh(t))` the integrand falls doubly exponentially
    even where rho grows like a logarithm, and the plain sum over a grid
    converges faster than any power of its spacing.
    """
    t, spacing = np.linspace(-4.3, 4.3, 801, retstep=True)
    u = 0.5 * np.pi * np.sinh(t)
    slope = 0.5 * np.pi * np.cosh(t) * np.cosh(u)
    a = alpha[:, None]
    # rho = (2 - a) / a ((x**2 / (2 - a) + 1)**(a / 2) - 1)
    exponent = 0.5 * a * np.log1p(np.square(np.sinh(u)) / (2.0 - a))
    rho = (2.0 - a) / a * np.expm1(exponent)
    return np.asarray(np.log(spacing * np.sum(np.exp(-rho) * slope, axis=-1)))
