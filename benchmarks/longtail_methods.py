"""What is compared on long-tailed data: losses with their published settings.

None was tuned on the data. Every method trains the same network, except that
losses of cosines have a cosine head; `crossentropy, cosine head` says what
that head alone is worth.
"""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

import keras_funcs as kf
from keras_funcs.callbacks import DeferredReweighting


@dataclass(frozen=True)
class Method:
    """A loss from the class counts, and what it needs around it."""

    name: str
    loss: Callable[[Sequence[int]], Any]
    cosine_scale: float | None = None  # None: an ordinary dense head
    deferred: bool = False  # class weights for the last fifth only
    hosted: bool = False  # trained through a LossModel
    adjusts: bool = False  # logits minus log-prior at test time


def methods() -> list[Method]:
    """All methods; the first one is what the others are compared with."""
    logits = {"from_logits": True}
    losses = kf.losses

    def plain(counts: Sequence[int]) -> Any:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def smoothed(counts: Sequence[int]) -> Any:
        return losses.WeightedCrossentropy(label_smoothing=0.1, **logits)

    def weighted(scheme: str) -> Callable[[Sequence[int]], Any]:
        return lambda counts: losses.WeightedCrossentropy(
            class_counts=counts, scheme=scheme, **logits
        )

    def effective(counts: Sequence[int]) -> list[float]:
        # The paper's deferred weights.
        return kf.class_weights(counts, "effective", beta=0.9999).tolist()

    def costs(counts: Sequence[int]) -> list[list[float]]:
        # To miss a class costs what it is weighted with elsewhere.
        cost = np.tile(kf.class_weights(counts, "sqrt")[:, None], len(counts))
        return (cost * (1 - np.eye(len(counts)))).tolist()

    return [
        Method("crossentropy", plain),
        Method("crossentropy, cosine head", plain, cosine_scale=30.0),
        Method("crossentropy, adjusted afterwards", plain, adjusts=True),
        Method("label smoothing 0.1", smoothed),
        Method("WeightedCrossentropy, balanced", weighted("balanced")),
        Method("WeightedCrossentropy, sqrt", weighted("sqrt")),
        Method(
            "WeightedCrossentropy, deferred", weighted("balanced"),
            deferred=True,
        ),
        Method("ClassBalanced", lambda n: losses.ClassBalanced(n, **logits)),
        Method(
            "ClassBalanced, gamma 1",
            lambda n: losses.ClassBalanced(n, gamma=1.0, **logits),
        ),
        Method(
            "CategoricalFocal, gamma 2",
            lambda n: losses.CategoricalFocal(alpha=None, **logits),
        ),
        Method("Poly1", lambda n: losses.Poly1(**logits)),
        Method("LogitAdjusted", lambda n: losses.LogitAdjusted(n, **logits)),
        Method("VectorScaling", lambda n: losses.VectorScaling(n)),
        Method(
            "VectorScaling, tau 0", lambda n: losses.VectorScaling(n, tau=0.0)
        ),
        Method("LDAM", lambda n: losses.LDAM(n), cosine_scale=1.0),
        Method(
            "LDAM, deferred weights",
            lambda n: losses.LDAM(n, class_weights=effective(n)),
            cosine_scale=1.0,
            deferred=True,
        ),
        Method(
            "CostSensitive, sqrt",
            lambda n: losses.CostSensitive(costs(n), **logits),
        ),
        Method(
            "GeneralizedCrossentropy",
            lambda n: losses.GeneralizedCrossentropy(**logits),
        ),
        Method(
            "AutoBalanced", lambda n: losses.AutoBalanced(n), hosted=True
        ),
        Method(
            "AutoBalanced, cosine head",
            lambda n: losses.AutoBalanced(n),
            cosine_scale=16.0,
            hosted=True,
        ),
        Method(
            "LogitAdjusted, cosine head",
            lambda n: losses.LogitAdjusted(n, **logits),
            cosine_scale=16.0,
        ),
    ]  # fmt: skip


def network(method: Method, shape: tuple[int, ...]) -> keras.Model:
    """A small convolutional network; wider on the small images."""
    small = shape[0] < 16
    layers = keras.layers
    head: Any = layers.Dense(10)
    if method.cosine_scale is not None:
        head = kf.layers.CosineDense(10, scale=method.cosine_scale)
    stem = [layers.Conv2D(32 if small else 16, 3, activation="relu")]
    if not small:
        stem.append(layers.MaxPooling2D())
    return keras.Sequential(
        [
            keras.Input(shape),
            *stem,
            layers.Conv2D(64 if small else 32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128 if small else 64, activation="relu"),
            head,
        ]
    )


def callbacks(method: Method) -> list[keras.callbacks.Callback]:
    """What has to happen during training."""
    return [DeferredReweighting(start=0.8)] if method.deferred else []
