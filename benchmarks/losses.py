"""Losses against Keras's own and a hand-written one: value and gradient.

KERAS_BACKEND=jax python benchmarks/losses.py
"""

from typing import Any

import timing  # first: it chooses the backend

import keras  # isort: skip
import numpy as np
from keras import ops

import keras_funcs as kf


def by_hand_jax(ids: np.ndarray, gamma: float, alpha: float) -> Any:
    """The same form in plain JAX: what the compiler can do at best."""
    import jax
    import jax.numpy as jnp

    y = jnp.asarray(ids)[:, None]

    def loss(z: Any) -> Any:
        top = jax.lax.stop_gradient(z.max(axis=1))
        total = jnp.exp(z - top[:, None]).sum(axis=1)
        own = jnp.take_along_axis(z, y, axis=1)[:, 0] - top
        log_total = jnp.log(total)
        rest = jnp.log(jnp.maximum(total - jnp.exp(own), 1e-38)) - log_total
        return jnp.mean(alpha * jnp.exp(gamma * rest) * (log_total - own))

    return loss


def by_hand_torch(ids: np.ndarray, gamma: float, alpha: float) -> Any:
    """What Torch users write: cross_entropy and a power of it."""
    import torch

    y = torch.tensor(ids)

    def loss(z: Any) -> Any:
        ce = torch.nn.functional.cross_entropy(z, y, reduction="none")
        return (alpha * (1 - torch.exp(-ce)) ** gamma * ce).mean()

    return loss


def categorical(samples: int, classes: int) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(samples, classes)).astype("float32")
    ids = rng.integers(0, classes, samples)
    y = ops.convert_to_tensor(ids)
    one_hot = ops.one_hot(y, classes)
    counts = np.bincount(ids, minlength=classes) + 1
    focal = kf.losses.CategoricalFocal(from_logits=True)
    adjusted = kf.losses.LogitAdjusted(counts, from_logits=True)
    weighted = kf.losses.WeightedCrossentropy(
        class_counts=counts, from_logits=True
    )
    core_focal = keras.losses.CategoricalFocalCrossentropy(from_logits=True)
    core_plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    losses: dict[str, Any] = {
        "CategoricalFocal": lambda z: focal(y, z),
        "Keras CategoricalFocalCrossentropy, one-hot": lambda z: core_focal(
            one_hot, z
        ),
        "LogitAdjusted": lambda z: adjusted(y, z),
        "WeightedCrossentropy": lambda z: weighted(y, z),
        "Keras SparseCategoricalCrossentropy": lambda z: core_plain(y, z),
    }
    if keras.config.backend() == "jax":
        losses["focal by hand in JAX"] = by_hand_jax(ids, 2.0, 0.25)
    if keras.config.backend() == "torch":
        losses["focal by hand in Torch"] = by_hand_torch(ids, 2.0, 0.25)
    medians = timing.side_by_side(
        {
            name: timing.value_and_gradient(loss, z)
            for name, loss in losses.items()
        }
    )
    timing.table(
        f"({samples}, {classes}) float32 logits, sparse labels",
        medians,
        over="CategoricalFocal",
    )


if __name__ == "__main__":
    categorical(8192, 1000)
    categorical(262144, 10)
