"""Learning-rate schedules that Keras lacks."""

import math

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import component
from keras_funcs._core.typing import Tensor

SHAPES = ("sqrt", "linear", "cosine", "square")


@component(tune={"shape": Choice(*SHAPES)})
class WarmupStableDecay(
    Configurable, keras.optimizers.schedules.LearningRateSchedule
):
    """Rises, stays, and falls at the end: trapezoid learning rates.

    As good as a cosine, but the length of the run can be left open: train on
    the plateau, and branch off a decay whenever a model is wanted.

    Formula:
    ```python
    rate(t) = learning_rate * (t + 1) / warmup_steps       # rising
    rate(t) = learning_rate                                # stable
    rate(t) = learning_rate * (r + (1 - r) * f(p))         # falling
    ```
    with p the share of the decay that is done, r the `final_ratio`, and f(p)
    `1 - sqrt(p)`, `1 - p`, `(1 + cos(pi p)) / 2` or `1 - p**2`.

    Args:
        learning_rate: Float >= 0. The plateau.
        warmup_steps: Integer >= 0. Steps of the rise.
        stable_steps: Integer >= 0. Steps on the plateau.
        decay_steps: Integer >= 1. Steps of the fall; 10 to 20 % of the run is
            usual. Afterwards the rate stays.
        shape: `"sqrt"`, `"linear"`, `"cosine"` or `"square"`. Defaults to
            `"sqrt"`.
        final_ratio: Float in [0, 1]. Last rate over the plateau. Defaults to
            `0.0`.

    Inputs:
        step: Integer scalar, from 0.

    Raises:
        ValueError: for arguments out of range.

    Example:

    >>> schedule = keras_funcs.optimizers.schedules.WarmupStableDecay(
    ...     0.1, warmup_steps=10, stable_steps=80, decay_steps=10
    ... )
    >>> [round(float(schedule(step)), 4) for step in (0, 9, 50, 100)]
    [0.01, 0.1, 0.1, 0.0]

    Reference:
        Hu et al. (2024), COLM, arXiv:2404.06395; `"sqrt"`: Haegele et al.
        (2024), NeurIPS, arXiv:2405.18392
    """

    def __init__(
        self,
        learning_rate: float,
        warmup_steps: int,
        stable_steps: int,
        decay_steps: int,
        shape: str = "sqrt",
        final_ratio: float = 0.0,
    ) -> None:
        self.learning_rate = checks.number(
            "learning_rate", learning_rate, at_least=0
        )
        self.warmup_steps = checks.integer(
            "warmup_steps", warmup_steps, at_least=0
        )
        self.stable_steps = checks.integer(
            "stable_steps", stable_steps, at_least=0
        )
        self.decay_steps = checks.integer(
            "decay_steps", decay_steps, at_least=1
        )
        self.shape = checks.one_of("shape", shape, SHAPES)
        self.final_ratio = checks.number(
            "final_ratio", final_ratio, at_least=0, at_most=1
        )

    def __call__(self, step: Tensor) -> Tensor:
        t = ops.cast(step, "float32")
        rise = ops.minimum((t + 1.0) / max(self.warmup_steps, 1), 1.0)
        start = self.warmup_steps + self.stable_steps
        p = ops.clip((t - start) / self.decay_steps, 0.0, 1.0)
        fall = self.final_ratio + (1.0 - self.final_ratio) * self._shape(p)
        return self.learning_rate * rise * fall

    def _shape(self, p: Tensor) -> Tensor:
        if self.shape == "sqrt":
            return 1.0 - ops.sqrt(p)
        if self.shape == "linear":
            return 1.0 - p
        if self.shape == "cosine":
            return 0.5 * (1.0 + ops.cos(math.pi * p))
        return 1.0 - ops.square(p)
