"""Categorical losses as one would write them in plain JAX, for one shape.

What the compiler can do at best: sparse labels, logits, the classes last, and
nothing that the pack's losses do besides (no masks, no ignored class, no other
labels). Each takes logits and labels and returns the mean over the samples.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

Loss = Callable[[Any, Any], Any]


def by_hand(counts: np.ndarray) -> dict[str, Loss]:
    """The losses by the name of the class they stand for."""
    import jax
    import jax.numpy as jnp

    size = len(counts)
    prior = np.log(counts / counts.sum())
    ratio = prior - prior.max()
    beta = 1 - 1 / counts.sum()
    balance = 1 / -np.expm1(counts * np.log(beta))
    weights = jnp.asarray(balance / balance.mean(), "float32")
    margins = jnp.asarray(0.5 * (counts / counts.min()) ** -0.25, "float32")
    rank = (counts - counts.min()) / np.ptp(counts)
    amounts = 0.1 + 0.3 * np.sin(np.pi / 2 * rank)
    amounts = jnp.asarray(amounts, "float32")
    costs = jnp.asarray(costs_of(size), "float32")
    shift = jnp.asarray(prior, "float32")
    stretch = jnp.asarray(np.exp(0.2 * ratio), "float32")

    def pick(z: Any, y: Any) -> Any:
        return jnp.take_along_axis(z, y[:, None], axis=1)[:, 0]

    def terms(z: Any, y: Any) -> tuple[Any, Any]:
        """`log(p_y)` and `log(1 - p_y)`."""
        top = jax.lax.stop_gradient(z.max(axis=1))
        total = jnp.exp(z - top[:, None]).sum(axis=1)
        own, log_total = pick(z, y) - top, jnp.log(total)
        rest = jnp.log(jnp.maximum(total - jnp.exp(own), 1e-38))
        return own - log_total, rest - log_total

    def entropy(z: Any, y: Any) -> Any:
        return -terms(z, y)[0]

    def log_p(z: Any) -> Any:
        return jax.nn.log_softmax(z, axis=1)

    def is_label(z: Any, y: Any) -> Any:
        return jnp.arange(z.shape[1]) == y[:, None]

    def focal(z: Any, y: Any) -> Any:
        own, rest = terms(z, y)
        return -0.25 * jnp.exp(2.0 * rest) * own

    def focal_calibration(z: Any, y: Any) -> Any:
        own, rest = terms(z, y)
        gamma = jnp.where(jnp.exp(own) < 0.2, 5.0, 3.0)
        return -jnp.exp(gamma * rest) * own

    def poly(z: Any, y: Any) -> Any:
        own, rest = terms(z, y)
        return jnp.exp(rest) - own

    def ldam(z: Any, y: Any) -> Any:
        z = 30.0 * (z - jnp.where(is_label(z, y), margins[y][:, None], 0.0))
        return entropy(z, y)

    def expected_cost(z: Any, y: Any) -> Any:
        p = jax.nn.softmax(z, axis=1)
        return (costs[y] * p).sum(axis=1) + entropy(z, y)

    def generalized(z: Any, y: Any) -> Any:
        return (1 - jnp.exp(0.7 * terms(z, y)[0])) / 0.7

    def symmetric(z: Any, y: Any) -> Any:
        own, rest = terms(z, y)
        return -np.log(1e-4) * jnp.exp(rest) - 0.1 * own

    def active_passive(z: Any, y: Any) -> Any:
        own, rest = terms(z, y)
        every = log_p(z).sum(axis=1)
        return own / every - np.log(1e-4) * jnp.exp(rest)

    def bootstrap(z: Any, y: Any) -> Any:
        q = log_p(z)
        return -0.95 * pick(q, y) - 0.05 * (jnp.exp(q) * q).sum(axis=1)

    def bounded_margin(z: Any, y: Any) -> Any:
        over = jax.nn.relu(z.max(axis=1, keepdims=True) - z - 10.0)
        return entropy(z, y) + 0.1 * over.mean(axis=1)

    def label_aware(z: Any, y: Any) -> Any:
        q = log_p(z)
        own, e = pick(q, y), amounts[y]
        return -(1 - e) * own - e / (size - 1) * (q.sum(axis=1) - own)

    def ranked(z: Any, y: Any) -> Any:
        excess = jax.nn.softmax(z, axis=1) - is_label(z, y)
        square = jnp.cumsum(excess, axis=1) ** 2
        return square.sum(axis=1) / (size - 1)

    def sparsemax(z: Any, y: Any) -> Any:
        fixed = jax.lax.stop_gradient(z)
        top = -jnp.sort(-fixed, axis=1)
        above = jnp.cumsum(top, axis=1) - 1
        place = jnp.arange(1, size + 1)
        k = (place * top > above).sum(axis=1, keepdims=True)
        tau = jnp.take_along_axis(above, k - 1, axis=1) / k
        p = jax.nn.relu(fixed - tau)
        return (p * z - p**2 / 2).sum(axis=1) - pick(z, y) + 0.5

    # One column of the scores is over: K classes have K - 1 thresholds.
    def coral(z: Any, y: Any) -> Any:
        yes = y[:, None] > jnp.arange(size)
        return jax.nn.softplus(jnp.where(yes, -z, z)).sum(axis=1)

    def corn(z: Any, y: Any) -> Any:
        place = jnp.arange(size)
        loss = jax.nn.softplus(jnp.where(y[:, None] > place, -z, z))
        return jnp.where(y[:, None] >= place, loss, 0.0).sum(axis=1)

    samples: dict[str, Loss] = {
        "ActivePassive": active_passive,
        "Bootstrap": bootstrap,
        "CORAL": coral,
        "CORN": corn,
        "CategoricalFocal": focal,
        "ClassBalanced": lambda z, y: weights[y] * entropy(z, y),
        "CostSensitive": expected_cost,
        "FocalCalibration": focal_calibration,
        "GeneralizedCrossentropy": generalized,
        "LDAM": ldam,
        "LabelAwareSmoothing": label_aware,
        "LogitAdjusted": lambda z, y: entropy(z + shift, y),
        "MarginLabelSmoothing": bounded_margin,
        "Poly1": poly,
        "RankedProbability": ranked,
        "SparsemaxLoss": sparsemax,
        "SymmetricCrossentropy": symmetric,
        "VectorScaling": lambda z, y: entropy(stretch * z + shift, y),
        "WeightedCrossentropy": lambda z, y: weights[y] * entropy(z, y),
    }
    return {
        name: lambda z, y, f=function: f(z, y).mean()  # type: ignore[misc]
        for name, function in samples.items()
    }


def costs_of(size: int) -> np.ndarray:
    """The distance between two classes, up to 3."""
    place = np.arange(size)
    return np.minimum(np.abs(place[:, None] - place), 3).astype("float64")
