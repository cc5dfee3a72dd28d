"""Members of `choices`: names, classes, instances and functions.

Each becomes an `Option`: a label to choose by, the ranges to search, and a way
to make a fresh object from the values found.
"""

import difflib
import inspect
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import keras

from keras_funcs._core import checks
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Range
from keras_funcs._core.component import arguments
from keras_funcs._core.component import registered
from keras_funcs._core.resolve import by_name

Domain = Range | Choice

LEARNING_RATE = Range(1e-4, 3e-2, log=True)
# The arguments of Keras's own classes that are worth searching.
KERAS_TUNE: dict[Callable[..., Any], dict[str, Domain]] = {
    keras.optimizers.SGD: {"learning_rate": Range(1e-3, 1.0, log=True)},
    keras.optimizers.Lion: {"learning_rate": Range(1e-5, 3e-3, log=True)},
    keras.optimizers.AdamW: {
        "learning_rate": LEARNING_RATE,
        "weight_decay": Range(1e-5, 1e-1, log=True),
    },
    keras.regularizers.L1: {"l1": Range(1e-6, 1e-2, log=True)},
    keras.regularizers.L2: {"l2": Range(1e-6, 1e-2, log=True)},
}
# The kinds a name is looked up in, and Keras's module for the same.
KINDS: dict[str, tuple[tuple[str, ...], str]] = {
    "activation": (("activations", "layers"), "activations"),
    "loss": (("losses", "adaptive_losses"), "losses"),
    "optimizer": (("optimizers",), "optimizers"),
    "regularizer": (("regularizers",), "regularizers"),
}


@dataclass(frozen=True)
class Option:
    """One of the values of a choice."""

    label: str
    make: Callable[..., Any]
    tune: Mapping[str, Domain] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)


def option(kind: str, choice: Any, fixed: Mapping[str, Any]) -> Option:
    """Reads one element of `choices`.

    Args:
        kind: A key of `KINDS`.
        choice: A name, class, instance, function, None, or an `Option`, which
            has been read before.
        fixed: Arguments for whatever takes them (`from_logits`,
            `class_counts`); one of value None is not passed.

    Raises:
        ValueError: for what is none of these, or an unknown name.
    """
    if isinstance(choice, Option):
        return choice
    if choice is None:
        return Option("none", lambda: None)
    if isinstance(choice, str):
        return _named(kind, choice, fixed)
    if isinstance(choice, type):
        return _of_class(kind, choice, _label(choice.__name__), fixed)
    if hasattr(choice, "get_config") and hasattr(choice, "from_config"):
        return _of_instance(choice)
    if callable(choice):
        name = getattr(choice, "__name__", type(choice).__name__)
        return _of_function(kind, choice, _label(name))
    checks.invalid(
        "choices", f"names, classes, instances or functions of {kind}s", choice
    )


def _named(kind: str, name: str, fixed: Mapping[str, Any]) -> Option:
    places, module = KINDS[kind]
    entry = by_name((e for p in places for e in registered(p)), name)
    if entry is not None and isinstance(entry.object, type):
        return _of_class(kind, entry.object, entry.name, fixed)
    if entry is not None:
        return _of_function(kind, entry.object, entry.name)
    found = _keras(kind, module, name)
    label = _label(name)
    if isinstance(found, type):
        return _of_class(kind, found, label, fixed)
    return _of_function(kind, found, label)


def _keras(kind: str, module: str, name: str) -> Any:
    """Keras's class of that name where there is one, else its function."""
    own = getattr(keras, module)
    homes = [keras.layers] if kind == "activation" else [own]
    for home in homes:
        # A stateless activation is a function, although Keras has the layer.
        if kind == "activation" and hasattr(own, name):
            break
        for attribute in dir(home):
            found = getattr(home, attribute)
            if isinstance(found, type) and _fold(attribute) == _fold(name):
                return found
    try:
        found = own.get(name)
    except (ValueError, TypeError, ImportError):
        found = None
    if found is None or isinstance(found, str):
        places = KINDS[kind][0]
        own_names = [e.name for place in places for e in registered(place)]
        known = {_fold(item): item for item in own_names + dir(own)}
        near = difflib.get_close_matches(_fold(name), known, n=3, cutoff=0.4)
        nearest = ", ".join(known[item] for item in near) or "none"
        checks.invalid(
            "choices",
            f"the name of a Keras {kind} or one of the pack's (nearest: "
            f"{nearest})",
            name,
        )
    return found


def _of_class(
    kind: str, cls: Callable[..., Any], label: str, fixed: Mapping[str, Any]
) -> Option:
    parameters = _parameters(cls)
    tune: dict[str, Domain] = {}
    for entry in registered():
        if entry.object is cls:
            tune = dict(entry.tune)
    if not tune:
        tune = dict(KERAS_TUNE.get(cls, {}))
    if kind == "optimizer" and "learning_rate" in parameters:
        # It comes first: the one number that always matters.
        tune = {"learning_rate": LEARNING_RATE, **tune}
    given = {
        name: value
        for name, value in fixed.items()
        if name in parameters and value is not None
    }
    for name, parameter in parameters.items():
        required = parameter.default is inspect.Parameter.empty and (
            parameter.kind
            not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        )
        if required and name not in given and name not in tune:
            hint = (
                "pass `class_counts=keras_funcs.class_counts(y_train)`"
                if name == "class_counts"
                else "put an instance among the choices instead"
            )
            checks.invalid(
                "choices",
                f"`{cls.__name__}` with its argument `{name}` known; {hint}",
                label,
            )
    defaults = {
        name: parameter.default
        for name, parameter in parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }
    return Option(
        label, lambda **values: cls(**{**given, **values}), tune, defaults
    )


def _of_instance(instance: Any) -> Option:
    """A fixed setting: the same configuration, fresh state each time."""
    cls, config = type(instance), instance.get_config()
    parameters = _parameters(cls)
    shown = [
        f"{name}={config[name]:g}"
        if isinstance(config[name], float)
        else f"{name}={config[name]}"
        for name, parameter in parameters.items()
        if name in config
        and name not in ("name", "dtype", "reduction", "class_counts")
        and _is_short(config[name])
        and config[name] not in (parameter.default, [parameter.default])
    ]
    return Option(
        _label(f"{cls.__name__}({', '.join(shown)})"),
        lambda: cls.from_config(dict(config)),
    )


def _is_short(value: Any) -> bool:
    plain = isinstance(value, (bool, int, float, str))
    axes = isinstance(value, list) and len(value) <= 3
    return plain or value is None or axes


def _of_function(kind: str, function: Callable[..., Any], label: str) -> Option:
    if kind == "activation":
        return Option(label, lambda: keras.layers.Activation(function))
    return Option(label, lambda: function)


def _parameters(cls: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The constructor's own arguments, and those its pack bases take."""
    return {**arguments(cls), **inspect.signature(cls).parameters}


def _label(name: str) -> str:
    # KerasTuner's copy of a space replaces a text that equals the key of a
    # registered object by that object, and then fails.
    if keras.saving.get_registered_object(name) is not None:
        return f"{name} (own)"
    return name


def _fold(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
