"""How a class becomes a component: registered name, tuning ranges, config.

Everything else a catalogue wants to know (kind, family, defaults, formula,
reference) stands in the class already and is read from there by
`keras_funcs._core.catalogue`, lazily.
"""

import functools
import inspect
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import ClassVar
from typing import Self
from typing import TypeVar

import keras
import numpy as np

from keras_funcs._core.hosting import AdaptiveLoss
from keras_funcs._core.traits import Traits
from keras_funcs._core.typing import Config

PACKAGE = "keras_funcs"  # frozen: saved files name it

C = TypeVar("C", bound=Callable[..., Any])


@dataclass(frozen=True)
class Range:
    """The interval of a number that a search explores; both ends are valid.

    Args:
        low: Number. Smallest value.
        high: Number. Largest value.
        log: Boolean. Whether to sample uniformly in the logarithm.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(
                "Invalid range. Expected `low < high`, and `low > 0` where "
                f"`log=True`. Received: {self}"
            )

    @property
    def ends(self) -> tuple[Any, ...]:
        return (self.low, self.high)


class Choice:
    """The values of an argument that a search picks among.

    Args:
        *values: The values, all of one type.
    """

    def __init__(self, *values: Any) -> None:
        self.values = values

    def __repr__(self) -> str:
        return f"Choice{self.values}"

    @property
    def ends(self) -> tuple[Any, ...]:
        return self.values


Tune = Mapping[str, Range | Choice]


@dataclass(frozen=True)
class Component:
    """One registered class or function and the ranges worth searching."""

    object: Callable[..., Any]
    tune: Tune

    @property
    def name(self) -> str:
        return self.object.__name__

    @property
    def kind(self) -> str:
        return kind_of(self.object)


KINDS: dict[str, type] = {
    "losses": keras.losses.Loss,
    "metrics": keras.metrics.Metric,
    # Before layers, which they and some regularizers are too.
    "adaptive_losses": AdaptiveLoss,
    "regularizers": keras.regularizers.Regularizer,
    "layers": keras.layers.Layer,
    "optimizers": keras.optimizers.Optimizer,
    "schedules": keras.optimizers.schedules.LearningRateSchedule,
    "initializers": keras.initializers.Initializer,
    "callbacks": keras.callbacks.Callback,
}


@functools.cache
def kind_of(target: Callable[..., Any]) -> str:
    """The kind of a class, by its Keras base; functions are activations."""
    if not isinstance(target, type):
        return "activations"
    for kind, base in KINDS.items():
        if issubclass(target, base):
            return kind
    raise ValueError(
        f"Invalid component `{target.__name__}`. Expected a function or a "
        f"subclass of a Keras loss, metric, layer, optimizer, schedule, "
        f"regularizer, initializer or callback. Received: {target}"
    )


_registered: dict[str, Component] = {}


def registered(kind: str | None = None) -> Iterator[Component]:
    """Yields the pack's components in the order of their definition."""
    for entry in _registered.values():
        if kind is None or entry.kind == kind:
            yield entry


def component(
    tune: Tune | None = None, traits: Traits | None = None
) -> Callable[[C], C]:
    """Registers a class or function as `"keras_funcs>Name"`, unchanged.

    Args:
        tune: Mapping from a constructor argument to the `Range` or `Choice`
            that a search explores.
        traits: `LayerTraits` of a function; a class has them as an attribute.

    Raises:
        ValueError: where the name belongs to another object (Keras would
            overwrite it silently) or `tune` names no argument.
    """
    tune = dict(tune or {})

    def decorate(target: C) -> C:
        name = target.__name__
        taken = _registered.get(name)
        # The same definition executed again (a notebook, importlib.reload) is
        # no collision.
        if taken is not None and _origin(taken.object) != _origin(target):
            raise ValueError(
                f"The registered name '{PACKAGE}>{name}' is taken by "
                f"{_origin(taken.object)}. Received: {_origin(target)}"
            )
        unknown = set(tune) - set(arguments(target))
        if unknown:
            raise ValueError(
                f"Invalid value for argument `tune`. Expected arguments of "
                f"`{name}`. Received: {sorted(unknown)}"
            )
        if traits is not None:
            vars(target).update(traits=traits)
        _registered[name] = Component(target, tune)
        keras.saving.register_keras_serializable(PACKAGE)(target)
        return target

    return decorate


def arguments(target: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The named arguments of a function, or of a class and its own bases.

    The signatures are read from the leaf down to the first Keras class, so
    that what a leaf hands on through `**kwargs` is there as well.
    """
    if not isinstance(target, type):
        return dict(inspect.signature(target).parameters)
    found: dict[str, inspect.Parameter] = {}
    for cls in target.__mro__[:-1]:
        if cls.__module__.split(".")[0] == "keras":
            break
        if "__init__" not in vars(cls):
            continue
        parameters = inspect.signature(vars(cls)["__init__"]).parameters
        for name, parameter in list(parameters.items())[1:]:  # all but self
            if parameter.kind not in (
                parameter.VAR_KEYWORD,
                parameter.VAR_POSITIONAL,
            ):
                found.setdefault(name, parameter)
    return found


def _origin(target: Callable[..., Any]) -> str:
    return f"{target.__module__}.{target.__qualname__}"


# A new name, or a function that moves the old value within the config.
Renaming = str | Callable[[Any, Config], None]


class Configurable:
    """Derives the config from the constructor's signature, and reads old ones.

    The contract is scikit-learn's: every argument is stored under its own
    name, and what the Keras base stores itself (name, learning_rate, ...) wins.

    Attributes:
        renamed: Mapping from an argument of an earlier version to its name in
            this one, or to a function of the old value and the config.
        unsaved: Arguments that hold data, which a config holds as None.
    """

    renamed: ClassVar[Mapping[str, Renaming]] = {}
    unsaved: ClassVar[tuple[str, ...]] = ()

    def get_config(self) -> Config:
        inherited = getattr(super(), "get_config", dict)
        try:
            config: Config = inherited()
        except NotImplementedError:  # Keras's regularizers and schedules
            config = {}
        for name in arguments(type(self)):
            if name not in config:
                value = None if name in self.unsaved else getattr(self, name)
                config[name] = _to_config(value)
        return config

    @classmethod
    def from_config(cls, config: Config, *args: Any, **kwargs: Any) -> Self:
        config = _in_todays_words(cls, config)
        inherited = getattr(super(), "from_config", None)
        if inherited is None:  # Keras's callbacks
            return cls(**config)
        made: Self = inherited(config, *args, **kwargs)
        return made


def _in_todays_words(cls: type, config: Config) -> Config:
    """A copy of a config, with the names of this version."""
    config, known = dict(config), arguments(cls)
    for owner in cls.__mro__:
        for old, new in vars(owner).get("renamed", {}).items():
            if old in known or old not in config:
                continue
            value = config.pop(old)
            if callable(new):
                new(value, config)
            elif value is not None:  # else the new name has its default too
                config[new] = value
    return config


def _to_config(value: Any) -> Any:
    """Returns what JSON can hold and the constructor takes back."""
    if isinstance(value, keras.Variable):  # a number that a callback moves
        value = np.asarray(value)
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [_to_config(item) for item in value]
    if isinstance(value, dict):
        return {key: _to_config(item) for key, item in value.items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return keras.saving.serialize_keras_object(value)
