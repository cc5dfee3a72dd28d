"""Categorical losses against Keras's own and hand-written ones.

Value and gradient of the mean over sparse labels, side by side. On JAX each
loss meets the same formula in plain JAX, and its compiled program tells the
memory that it needs besides logits and gradient.

KERAS_BACKEND=jax python benchmarks/losses.py [NAME ...]
"""

import sys
from typing import Any

import timing  # first: it chooses the backend

import keras  # isort: skip
import losses_by_hand
import numpy as np
from keras import ops

import keras_funcs as kf

SHAPES = ((8192, 1000), (262144, 10))


def ours(counts: np.ndarray) -> dict[str, Any]:
    """The pack's losses of one label out of C, with their defaults."""
    losses = kf.losses
    logits = {"from_logits": True}
    costs = losses_by_hand.costs_of(len(counts))
    found = [
        losses.ActivePassive(**logits),
        losses.Bootstrap(**logits),
        losses.CORAL(),
        losses.CORN(),
        losses.CategoricalFocal(**logits),
        losses.ClassBalanced(counts, **logits),
        losses.CostSensitive(costs, **logits),
        losses.FocalCalibration(**logits),
        losses.GeneralizedCrossentropy(**logits),
        losses.LDAM(counts),
        losses.LabelAwareSmoothing(counts, **logits),
        losses.LogitAdjusted(counts, **logits),
        losses.MarginLabelSmoothing(**logits),
        losses.Poly1(**logits),
        losses.RankedProbability(**logits),
        losses.SparsemaxLoss(),
        losses.SymmetricCrossentropy(**logits),
        losses.VectorScaling(counts),
        losses.WeightedCrossentropy(
            class_counts=counts, scheme="effective", **logits
        ),
    ]
    return {type(loss).__name__: loss for loss in found}


def keras_own(classes: int) -> dict[str, tuple[str, Any]]:
    """The nearest Keras loss, where it needs one-hot labels or clips."""
    focal = keras.losses.CategoricalFocalCrossentropy(from_logits=True)
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    general = keras.losses.CategoricalGeneralizedCrossEntropy(0.7)

    def generalized(z: Any, y: Any) -> Any:
        return general(y, ops.softmax(z))

    return {
        "CategoricalFocal": (
            "CategoricalFocalCrossentropy, one-hot",
            lambda z, y: focal(ops.one_hot(y, classes), z),
        ),
        "GeneralizedCrossentropy": (
            "CategoricalGeneralizedCrossEntropy, softmax",
            generalized,
        ),
        "WeightedCrossentropy": (
            "SparseCategoricalCrossentropy",
            lambda z, y: plain(y, z),
        ),
    }


def by_hand_torch() -> Any:
    """Focal loss of Torch users: cross_entropy and a power of it."""
    import torch

    def loss(z: Any, y: Any) -> Any:
        ce = torch.nn.functional.cross_entropy(z, y, reduction="none")
        return (0.25 * (1 - torch.exp(-ce)) ** 2.0 * ce).mean()

    return loss


def temporary_memory(loss: Any, z: np.ndarray, y: Any) -> float:
    """Bytes of a compiled value and gradient, in units of the logits'."""
    import jax

    compiled = jax.jit(jax.value_and_grad(loss)).lower(z, y).compile()
    return float(compiled.memory_analysis().temp_size_in_bytes / z.nbytes)


def categorical(samples: int, classes: int, names: list[str]) -> None:
    rng = np.random.default_rng(0)
    # Between -1 and 1, as LDAM takes them; no loss here is slower for others.
    z = np.tanh(rng.normal(size=(samples, classes))).astype("float32")
    ids = rng.integers(0, classes, samples)
    counts = np.bincount(ids, minlength=classes) + 1
    y = ops.convert_to_tensor(ids)
    on_jax = keras.config.backend() == "jax"
    hand = losses_by_hand.by_hand(counts) if on_jax else {}
    if keras.config.backend() == "torch":
        hand["CategoricalFocal"] = by_hand_torch()
    core = keras_own(classes)
    print(
        f"\n({samples}, {classes}) float32 logits, sparse labels "
        f"[{keras.config.backend()}]\n  x hand, x Keras: the pack's time in "
        "units of theirs; memory in units of the logits"
    )
    for name, loss in ours(counts).items():
        if names and name not in names:
            continue

        def mean(z: Any, y: Any, loss: Any = loss) -> Any:
            return loss(y, z)

        contenders = {"ours": mean}
        if name in hand:
            contenders["hand"] = hand[name]
        if name in core:
            contenders["Keras"] = core[name][1]
        medians = timing.side_by_side(
            {
                who: timing.value_and_gradient(function, z, y)
                for who, function in contenders.items()
            }
        )
        line = f"  {name:24s} {medians['ours'] * 1e3:8.2f} ms"
        for who in ("hand", "Keras"):
            if who in medians:
                ratio = medians["ours"] / medians[who]
                line += f"  {ratio:5.2f} x {who}"
        if on_jax:
            line += f"  memory {temporary_memory(mean, z, y):5.2f}"
            line += f" (hand {temporary_memory(hand[name], z, y):5.2f})"
        if name in core:
            line += f"  {core[name][0]}"
        print(line, flush=True)


if __name__ == "__main__":
    for shape in SHAPES:
        categorical(*shape, sys.argv[1:])
