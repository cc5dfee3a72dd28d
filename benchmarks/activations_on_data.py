"""Which activations help a small network on real images, and by how much.

    KERAS_BACKEND=jax python benchmarks/activations_on_data.py [digits fashion]

One convolutional network, with the activation exchanged everywhere; the same
data, weights and budget for each of the seeds: see `comparison.py`. Nothing
was tuned, the learning rate included.
"""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

import timing  # noqa: F401, first: it chooses the backend

import keras  # isort: skip
import comparison
from longtail_data import PROBLEMS

import keras_funcs as kf


@dataclass(frozen=True)
class Method:
    """An activation: a fresh layer at each call."""

    name: str
    make: Callable[[], keras.layers.Layer]


def methods() -> list[Method]:
    """The first one is what the others are compared with."""
    layers, functions = kf.layers, kf.activations

    def stateless(name: str, function: Any) -> Method:
        return Method(name, lambda: keras.layers.Activation(function))

    return [
        *(stateless(name, name) for name in ("relu", "gelu", "silu")),
        *(
            stateless(name, getattr(functions, name))
            for name in (
                "quick_gelu", "smelu", "snake", "squared_relu", "star_relu",
                "telu",
            )
        ),
        Method("AconC", layers.AconC),
        Method("AdaptiveSlope, gelu", lambda: layers.AdaptiveSlope("gelu")),
        Method("ChannelPReLU", layers.ChannelPReLU),
        Method("PolyNorm", layers.PolyNorm),
        Method("PolyReLU", layers.PolyReLU),
        Method("Rational, gelu", lambda: layers.Rational("gelu")),
        Method("Rational, relu", lambda: layers.Rational("relu")),
        Method("Sine, frequency 1", lambda: layers.Sine(1.0)),
        Method("Snake", layers.Snake),
        Method("SnakeBeta", layers.SnakeBeta),
        Method("Stan", layers.Stan),
        Method("StarReLU", layers.StarReLU),
        Method("Swish", layers.Swish),
        Method("XIELU", layers.XIELU),
    ]  # fmt: skip


class Trainer(comparison.Trainer):
    """Two convolutions and a dense layer; wider on the small images."""

    rate = 2e-3

    def network(self) -> keras.Model:
        small = self.shape[0] < 16
        layers, activation = keras.layers, self.method.make
        return keras.Sequential(
            [
                keras.Input(self.shape),
                layers.Conv2D(32 if small else 16, 3),
                activation(),
                *([] if small else [layers.MaxPooling2D()]),
                layers.Conv2D(64 if small else 32, 3),
                activation(),
                layers.MaxPooling2D(),
                layers.Flatten(),
                layers.Dense(128 if small else 64),
                activation(),
                layers.Dense(10),
            ]
        )


CHOSEN = {
    "digits": PROBLEMS["digits"],
    # All classes alike: what is asked here has nothing to do with the tail.
    "fashion": replace(
        PROBLEMS["fashion"], largest=300, imbalance=1.0, epochs=12
    ),
}

if __name__ == "__main__":
    comparison.main(CHOSEN, methods(), Trainer, "runs/activations_on_data.csv")
