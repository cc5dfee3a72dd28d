"""The temperature of the highest likelihood, in NumPy's double precision."""

import math
from typing import Any

import numpy as np
from keras import ops

from keras_funcs._core import checks

COLDEST, HOTTEST = 0.01, 100.0  # temperatures that a calibration may find
BINS = 15


def samples(
    inputs: Any, y: Any, from_logits: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Logits and shares of the classes, both `(samples, classes)`.

    Raises:
        ValueError: If inputs are empty or not finite, or labels do not match.
    """
    z, y = (
        np.asarray(ops.convert_to_numpy(ops.convert_to_tensor(item)))
        for item in (inputs, y)
    )
    z = z.astype("float64")
    if z.ndim < 2 or not z.size or not np.all(np.isfinite(z)):
        checks.invalid("inputs", "finite `(samples, ..., classes)`", z)
    if not from_logits:
        if np.any((z < 0) | (z > 1)):
            checks.invalid("inputs", "probabilities", z)
        tiny = float(np.finfo("float32").tiny)
        rest = np.log(np.maximum(1.0 - z, tiny))
        z = np.log(np.maximum(z, tiny))
        z = z - rest if z.shape[-1] == 1 else z
    if z.shape[-1] == 1:  # one of two classes
        z = np.concatenate([np.zeros_like(z), z], axis=-1)
    classes = z.shape[-1]
    if y.shape == (*z.shape[:-1], 1):
        y = y[..., 0]
    if y.shape != z.shape:
        whole = y.shape == z.shape[:-1] and np.all(y == np.floor(y))
        if not whole or np.any((y < 0) | (y >= classes)):
            checks.invalid(
                "y", f"class ids below {classes}, of `inputs`' shape", y
            )
        y = y[..., None] == np.arange(classes)
    shares = y.astype("float64").reshape(-1, classes)
    if np.any(shares < 0) or not np.allclose(shares.sum(-1), 1, atol=1e-4):
        checks.invalid("y", "rows that sum to 1", y)
    return z.reshape(-1, classes), shares


def report(
    z: np.ndarray, shares: np.ndarray, before: float, after: float
) -> dict[str, float]:
    """Likelihood and calibration at two factors of the logits."""
    return {
        "temperature": 1.0 / after,
        "nll_before": _negative_log_likelihood(z, shares, before),
        "nll_after": _negative_log_likelihood(z, shares, after),
        "ece_before": _calibration_error(z, shares, before),
        "ece_after": _calibration_error(z, shares, after),
    }


def _probabilities(z: np.ndarray, beta: float) -> np.ndarray:
    e = np.exp(beta * (z - z.max(-1, keepdims=True)))
    return np.asarray(e / e.sum(-1, keepdims=True))


def _negative_log_likelihood(
    z: np.ndarray, shares: np.ndarray, beta: float
) -> float:
    z = beta * (z - z.max(-1, keepdims=True))
    log_sum = np.log(np.exp(z).sum(-1))
    return float(np.mean(log_sum - (shares * z).sum(-1)))


def coldness(z: np.ndarray, shares: np.ndarray) -> float:
    """The `beta` of `softmax(beta * z)` with the highest likelihood.

    The likelihood is log-concave in `beta`.
    By Newton's method, and by halving the interval where that would leave it
    or takes too many steps.
    """
    z = z - z.max(-1, keepdims=True)
    of_label = (shares * z).sum(-1)

    def slopes(beta: float) -> tuple[float, float]:
        # d nll / d beta = E_p[z] - z_y, and its own slope Var_p[z] >= 0
        p = _probabilities(z, beta)
        mean = (p * z).sum(-1)
        variance = (p * (z - mean[:, None]) ** 2).sum(-1)
        return float(np.mean(mean - of_label)), float(np.mean(variance))

    low, high = 1.0 / HOTTEST, 1.0 / COLDEST
    if slopes(low)[0] >= 0:
        return low
    if slopes(high)[0] <= 0:
        return high
    beta = 1.0
    for step in range(120):
        slope, curve = slopes(beta)
        low, high = (beta, high) if slope < 0 else (low, beta)
        newton = beta - slope / curve if curve > 0 and step < 20 else math.nan
        after = newton if low < newton < high else math.sqrt(low * high)
        if abs(after - beta) <= 1e-14 * beta:
            break
        beta = after
    return beta


def _calibration_error(z: np.ndarray, shares: np.ndarray, beta: float) -> float:
    p = _probabilities(z, beta)
    choice = p.argmax(-1)
    sure = p.max(-1)
    right = np.take_along_axis(shares, choice[:, None], axis=-1)[:, 0]
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, right - sure, minlength=BINS)
    return float(np.abs(gaps).sum() / len(sure))
