"""Rational functions fitted to a curve, in float64 NumPy."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_funcs._core import checks

Curve = Callable[[np.ndarray], np.ndarray]

POINTS = 201  # from one end to the other, of each of two kinds
UNIT = 0.3  # of the bound: what the coefficients of a layer take for 1
# Of each power's part in version A's denominator at the bound: at 0, where |b|
# has its kink, coefficients would have no slope to train by. The same for all
# powers: one in their own units would grow with the power, and spoil the fit.
LEAST = 0.005 / UNIT


class Table(NamedTuple):
    """A rational function and how well it follows a curve.

    `slopes` are those of the curve left and right of the interval, `error` is
    the largest distance within, where a curve is known.
    """

    numerator: list[float]
    denominator: list[float]
    slopes: list[float]
    error: float | None


def _gelu(x: np.ndarray) -> np.ndarray:
    erf = np.array([math.erf(v / math.sqrt(2.0)) for v in x])
    return 0.5 * x * (1.0 + erf)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + np.tanh(0.5 * x))


# As Keras defines them, which may not have float64 to compute them in.
CURVES: dict[str, Curve] = {
    "gelu": _gelu,
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "relu": lambda x: np.maximum(x, 0.0),
    "sigmoid": _sigmoid,
    "silu": lambda x: x * _sigmoid(x),
    "tanh": np.tanh,
}


def evaluate(
    x: np.ndarray, numerator: list[float], denominator: list[float], kind: str
) -> np.ndarray:
    """The rational function of version `kind`."""
    powers = _powers(x, len(numerator) - 1, len(denominator), kind)
    theta = np.array([*numerator, *denominator])
    return _value_and_jacobian(theta, *powers)[0]


def fit(
    curve: Curve,
    bound: float,
    degrees: tuple[int, int],
    kind: str,
    rounds: int = 40,
    starts: int = 1,
) -> Table:
    """The rational function that is nearest to a curve at its worst point.

    Args:
        curve: Function of an array.
        bound: Float > 0. The interval is [-bound, bound].
        degrees: Two integers, of numerator and denominator.
        kind: `"A"` or `"B"`, the version of the denominator.
        rounds: Integer. How often the weights are adapted.
        starts: Integer. How many of the starting points are followed to the
            end; the nearest ones after a plain fit.

    Raises:
        ValueError: where the curve is not finite on the interval.
    """
    # In units of the bound, where no power is large. Dense at the ends, where
    # polynomials run off, and around 0, where activations have their kinks.
    even = np.linspace(-1.0, 1.0, POINTS)
    t = np.unique(np.concatenate([even**3, np.sin(0.5 * np.pi * even)]))
    wanted = sampled(curve, bound * t)
    m, n = degrees
    powers = _powers(t, m, n, kind)
    equal = np.full(len(t), 1.0 / len(t))
    found = []
    for theta in _starts(powers, wanted):
        state = _least_squares(theta, powers, wanted, equal, 80, 1e-3)
        found.append((np.abs(state[1]).max(), state))
    found = sorted(found, key=lambda item: item[0])[:starts]
    best, least = found[0][1][0], found[0][0]
    for _, (theta, rest, damping) in found:
        weights = equal
        # Lawson's iteration: least squares whose weights grow where the
        # distance is large end at the smallest largest distance.
        for _ in range(rounds):
            distance = np.abs(rest)
            if distance.max() < least:
                best, least = theta, distance.max()
            if distance.max() == 0.0:
                break
            weights = weights * (distance / distance.max() + 1e-3)
            weights = weights / weights.sum()
            theta, rest, damping = _least_squares(
                theta, powers, wanted, weights, 3, damping
            )
    numerator = best[: m + 1] / bound ** np.arange(m + 1)
    denominator = best[m + 1 :] / bound ** np.arange(1, n + 1)
    between = np.linspace(-bound, bound, 4001)
    return measured(
        curve, between, numerator.tolist(), denominator.tolist(), kind
    )


def measured(
    curve: Curve,
    x: np.ndarray,
    numerator: list[float],
    denominator: list[float],
    kind: str,
) -> Table:
    """The table of given coefficients, with its distance from a curve."""
    y = evaluate(x, numerator, denominator, kind)
    error = float(np.abs(y - sampled(curve, x)).max())
    slopes = slopes_of(curve, float(np.abs(x).max()))
    return Table(numerator, denominator, slopes, error)


def slopes_of(curve: Curve, bound: float) -> list[float]:
    """The slopes to continue with: of the asymptotes, or of the tangents.

    A tangent at 10 of a sigmoid would be at 0.5 too much at 10,000.
    """
    found = []
    for end in (-bound, bound):
        x = end * np.array([1.0 - 1e-4, 1.0, 50.0, 100.0])
        inner, last = sampled(curve, x[:2])
        slope = (last - inner) / (1e-4 * end)
        try:
            far, farther = sampled(curve, x[2:])
        except ValueError:  # not finite so far out
            pass
        else:
            asymptote = (farther - far) / (50.0 * end)
            line = last + asymptote * 49.0 * end
            if abs(line - far) <= 1e-2 + 1e-4 * abs(far):
                slope = asymptote
        # Digits that float32 may have lost are none to go to 1e38 with.
        found.append(round(float(slope), 6) + 0.0)
    return found


def sampled(curve: Curve, x: np.ndarray) -> np.ndarray:
    """The values of an elementwise function of NumPy arrays or of tensors."""
    y = _called(curve, x)
    if y.shape != x.shape:
        expected = "a function that gives a number for each number"
        checks.invalid("approximate", expected, curve)
    if not np.all(np.isfinite(y)):
        where = float(x[~np.isfinite(y)][0])
        expected = f"a function that is finite on the interval, also at {where}"
        checks.invalid("approximate", expected, curve)
    # Softmax and the like give other numbers where others stand beside them.
    some = slice((len(x) + 1) // 2)
    off = np.abs(_called(curve, x[some]) - y[some]).max()
    if not off <= 1e-3 * np.abs(y).max():
        expected = "a function of each number alone"
        checks.invalid("approximate", expected, curve)
    return y


def _called(curve: Curve, x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        try:
            y = curve(x)
        except (TypeError, AttributeError):  # one of tensors only
            y = curve(ops.convert_to_tensor(x))  # type: ignore[arg-type]
        return np.asarray(ops.convert_to_numpy(y), "float64")


Powers = tuple[np.ndarray, np.ndarray, str]


def _powers(x: np.ndarray, m: int, n: int, kind: str) -> Powers:
    base = np.abs(x) if kind == "A" else x
    above = x[:, None] ** np.arange(m + 1)
    return above, base[:, None] ** np.arange(1, n + 1), kind


def _value_and_jacobian(
    theta: np.ndarray, above: np.ndarray, below: np.ndarray, kind: str
) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.split(theta, [above.shape[1]])
    if kind == "A":  # Q = 1 + sum_j |b_j| |x|**j
        q, inner = 1.0 + below @ np.abs(b), below * np.where(b < 0, -1.0, 1.0)
    else:  # Q = 1 + |sum_j b_j x**j|
        s = below @ b
        q, inner = 1.0 + np.abs(s), below * np.where(s < 0, -1.0, 1.0)[:, None]
    value = (above @ a) / q
    by_b = -(value / q)[:, None] * inner
    return value, np.hstack([above / q[:, None], by_b])


def _kept_from_zero(
    theta: np.ndarray, above: np.ndarray, below: np.ndarray, kind: str
) -> np.ndarray:
    if kind == "B":
        return theta
    a, b = np.split(theta, [above.shape[1]])
    return np.concatenate([a, np.maximum(np.abs(b), LEAST)])


def _starts(powers: Powers, wanted: np.ndarray) -> list[np.ndarray]:
    """From where to descend: with all powers below the line, and with even.

    The even ones have no kink at 0, but the others are better for some.
    """
    above, below, kind = powers
    n = below.shape[1]
    found = []
    for first, last in ((0, 0.0), (1, 0.0), (1, 20.0)):
        columns = np.arange(min(first, n - 1), n, 2 if first else 1)
        b = np.zeros(n)
        b[columns] = last
        q = 1.0 + below @ b if kind == "A" else 1.0 + np.abs(below @ b)
        # P - f Q = 0 is linear in the coefficients; divided by the last Q,
        # it is the distance that counts.
        for _ in range(0 if last else 8):
            linear = np.hstack([above, -wanted[:, None] * below[:, columns]])
            solution = np.linalg.lstsq(linear / q[:, None], wanted / q, None)[0]
            b[columns] = np.abs(solution[above.shape[1] :])
            q = 1.0 + (below @ b if kind == "A" else np.abs(below @ b))
        a = np.linalg.lstsq(above / q[:, None], wanted, None)[0]
        found.append(np.concatenate([a, b]))
    return found


def _least_squares(
    theta: np.ndarray,
    powers: Powers,
    wanted: np.ndarray,
    weights: np.ndarray,
    steps: int,
    damping: float,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Steps of Levenberg and Marquardt: coefficients, distances, damping."""
    root = np.sqrt(weights)
    theta = _kept_from_zero(theta, *powers)
    value, jacobian = _value_and_jacobian(theta, *powers)
    rest = value - wanted
    for _ in range(steps):
        inner = root[:, None] * jacobian
        matrix = inner.T @ inner
        scale = np.diag(matrix) + 1e-12 * np.trace(matrix)
        downhill = -inner.T @ (root * rest)
        step = np.linalg.solve(matrix + damping * np.diag(scale), downhill)
        target = _kept_from_zero(theta + step, *powers)
        value, tried = _value_and_jacobian(target, *powers)
        moved = value - wanted
        if weights @ moved**2 < weights @ rest**2:
            theta, rest, jacobian = target, moved, tried
            damping = max(damping / 5.0, 1e-14)
        else:
            damping = min(damping * 5.0, 1e8)
    return theta, rest, damping
