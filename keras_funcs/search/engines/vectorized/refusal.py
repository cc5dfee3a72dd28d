"""The reason why a program cannot have lanes."""

from types import TracebackType
from typing import Any

import keras

COMPONENTS = (
    keras.layers.Layer,
    keras.losses.Loss,
    keras.metrics.Metric,
    keras.optimizers.Optimizer,
    keras.optimizers.schedules.LearningRateSchedule,
    keras.regularizers.Regularizer,
    keras.constraints.Constraint,
    keras.initializers.Initializer,
)
MAX_LENGTH = 200
_OUTSIDE = "computes outside `keras.ops` with a number or a tensor"
# What JAX's errors mean; by name, since other backends come here too.
PLAIN = {
    "TracerBoolConversionError": "branches in Python on a number or a tensor",
    "ConcretizationTypeError": _OUTSIDE,
    "TracerArrayConversionError": _OUTSIDE,
    "TracerIntegerConversionError": _OUTSIDE,
}


class NotVectorizable(Exception):
    """A program that has no lanes; another engine can train it.

    Args:
        reason: String. One line for the user.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def check_backend() -> None:
    """Refuses another backend than JAX."""
    backend = keras.config.backend()
    if backend != "jax":
        raise NotVectorizable(f"lanes need the backend jax; this is {backend}")


def refusal(error: BaseException) -> NotVectorizable:
    """Turns an error of tracing into a refusal that names the component."""
    if isinstance(error, NotVectorizable):
        return error
    first = " ".join(str(error).split())[:MAX_LENGTH]
    text = f"{type(error).__name__}: {first}"
    if type(error).__name__ in PLAIN:
        text = PLAIN[type(error).__name__]
    return NotVectorizable(f"{_component(error.__traceback__)} {text}")


def _component(traceback: TracebackType | None) -> str:
    """The innermost component whose method was running."""
    found: Any = None
    while traceback is not None:
        candidate = traceback.tb_frame.f_locals.get("self")
        if isinstance(candidate, COMPONENTS):
            found = candidate
        traceback = traceback.tb_next
    return "The program:" if found is None else f"`{type(found).__name__}`"
