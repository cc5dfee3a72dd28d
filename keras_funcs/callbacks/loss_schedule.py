"""Arguments of a loss that change from epoch to epoch."""

import math
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from keras_funcs._core import checks
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import component
from keras_funcs.callbacks import _losses

_EXPECTED = (
    "a function of the epoch, a list of values by epoch, or a dict from the "
    "epoch >= 0 at which a value begins"
)


@component()
class LossSchedule(Configurable, keras.callbacks.Callback):
    """Changes an argument of the loss from epoch to epoch.

    For what has to grow or fade while a model trains: the shift `tau` of
    `LogitAdjusted`, the `gamma` of a focal loss, the `weights` of a
    `WeightedSum`, `label_smoothing`. The validation loss changes with it: let
    callbacks watch a metric. The loss keeps the last value.

    JAX and TensorFlow compile the value into the training step: each change
    costs one new trace, a second or more for a large model. Let it change in
    steps of some epochs.

    Formula:
    ```python
    loss.<name> = schedule(epoch)  # at the begin of each epoch, from 0
    ```

    Args:
        name: String. A constructor argument of the loss: `"tau"` for every
            loss of the model, and part of one, that has it; `"first.tau"` for
            the loss of the output `first`; `"parts.0.tau"` for the first
            part of a sum.
        schedule: Function from the epoch to a value, such as one of
            `keras.optimizers.schedules`; or a list of the values of epochs 0,
            1, ..., whose last one stays; or a dict from the epoch at which a
            value begins to the value, before which nothing is changed.

    Raises:
        ValueError: for arguments of another form; at the start of training
            where no loss has such an argument; and for a value that the
            loss's constructor refuses.

    Example:

    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    >>> loss = keras_funcs.losses.LogitAdjusted([90, 10], from_logits=True)
    >>> model.compile("adam", loss)
    >>> history = model.fit(
    ...     np.ones((4, 3)), np.array([0, 0, 0, 1]), epochs=4, verbose=0,
    ...     callbacks=[keras_funcs.callbacks.LossSchedule("tau", [0.0, 0.5])],
    ... )
    >>> model.loss.tau
    0.5
    """

    def __init__(
        self,
        name: str,
        schedule: Callable[[int], Any] | Sequence[Any] | Mapping[Any, Any],
    ) -> None:
        super().__init__()
        self.name = _losses.check_name(name)
        self.schedule = _checked(schedule)

    def on_train_begin(self, logs: Any = None) -> None:
        if not _losses.owners(self.model, self.name):
            known = {
                type(loss).__name__: _losses.arguments_of(loss)
                for loss in _losses.losses_of(self.model)
            }
            raise ValueError(
                f"LossSchedule needs a loss with the argument `{self.name}`. "
                f"Expected one of the arguments {known}. "
                f"Received: name={self.name!r}"
            )

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        changed = False
        for loss, argument in _losses.owners(self.model, self.name):
            value = self._value(epoch, getattr(loss, argument))
            changed |= _losses.assign(loss, argument, value)
        if changed:
            _losses.retrace(self.model)

    def _value(self, epoch: int, before: Any) -> Any:
        if isinstance(self.schedule, dict):
            begun = [key for key in self.schedule if key <= epoch]
            return self.schedule[max(begun)] if begun else before
        if isinstance(self.schedule, list):
            return self.schedule[min(epoch, len(self.schedule) - 1)]
        return _losses.plain(self.schedule(epoch))


def _checked(schedule: Any) -> Any:
    """A schedule, or the config of one, with plain values."""
    if isinstance(schedule, Mapping) and "class_name" in schedule:
        schedule = checks.keras_object(
            "schedule",
            schedule,
            keras.saving.deserialize_keras_object,
            _EXPECTED,
        )
    if isinstance(schedule, Mapping):
        schedule = {_epoch(key): _value(item) for key, item in schedule.items()}
    elif isinstance(schedule, (list, tuple)):
        schedule = [_value(item) for item in schedule]
    elif not callable(schedule):
        checks.invalid("schedule", _EXPECTED, schedule)
    if not callable(schedule) and not schedule:
        checks.invalid("schedule", _EXPECTED, schedule)
    return schedule


def _epoch(key: Any) -> int:
    """An epoch, or the string that JSON made of it."""
    if isinstance(key, str) and key.isdecimal():
        key = int(key)
    return checks.integer("schedule", key, at_least=0)


def _value(value: Any) -> Any:
    """A value that a config can hold; what it must be, the loss says."""
    value = _losses.plain(value)
    for item in keras.tree.flatten(value):
        if isinstance(item, float) and not math.isfinite(item):
            checks.invalid("schedule", "finite numbers", value)
    return value
