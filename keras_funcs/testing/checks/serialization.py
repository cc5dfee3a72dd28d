"""Checks of configs, copies and registered names."""

import copy
import json
from typing import Any

import keras

from keras_funcs.testing.bench import alternatives
from keras_funcs.testing.bench.cases import Case
from keras_funcs.testing.runner import check
from keras_funcs.testing.runner import close
from keras_funcs.testing.runner import expect

CLASSES = (
    "losses", "metrics", "layers", "optimizers", "schedules", "regularizers",
    "initializers", "callbacks",
)  # fmt: skip


_MISSING = object()  # None is a value


@check(*CLASSES)
def config_survives_json(case: Case) -> None:
    """A config that JSON cannot hold, or that comes back as another object."""
    first = case.make().get_config()
    try:
        text = json.dumps(first, allow_nan=False)
    except (TypeError, ValueError) as error:
        expect(False, f"the config is not plain JSON: {error}")
    second = revive(case, json.loads(text)).get_config()
    expect(
        _json(second) == _json(first),
        f"the config changed on the way: {first} became {second}",
    )


@check(*CLASSES)
def config_is_not_mutated(case: Case) -> None:
    """A `from_config` that eats its input, which the next load needs."""
    config = case.make().get_config()
    before = copy.deepcopy(config)
    revive(case, config)
    expect(config == before, f"from_config changed {before} into {config}")


@check(*CLASSES)
def config_holds_every_argument(case: Case) -> None:
    """A constructor argument that saving loses: Keras's Huber lost `delta`."""
    config = case.make().get_config()
    missing = sorted(set(case.own) - set(config))
    expect(not missing, f"the config lacks {missing}: {config}")
    for name, value in case.arguments.items():
        held = config[name]
        if isinstance(value, (int, float)) and isinstance(held, (int, float)):
            # Keras keeps learning rates as float32.
            close(held, value, f"argument `{name}` in the config", 1e-6)
        elif isinstance(value, (str, bool)) or value is None:
            expect(
                held == value, f"`{name}={value!r}` is {held!r} in the config"
            )


@check(*CLASSES, "activations")
def is_registered(case: Case) -> None:
    """A class that `load_model` cannot find without `custom_objects`."""
    name = keras.saving.get_registered_name(case.target)
    expect(
        keras.saving.get_registered_object(name) is case.target,
        f"`{case.name}` is not registered with Keras; "
        "`keras.saving.register_keras_serializable(package)` does that",
    )


@check(*CLASSES, "activations")
def serialized_object_is_the_same(case: Case) -> None:
    """A serialized form from which Keras makes something else."""
    made = case.make()
    made = made if isinstance(case.target, type) else case.target
    text = json.dumps(keras.saving.serialize_keras_object(made))
    revived = keras.saving.deserialize_keras_object(json.loads(text))
    if not isinstance(case.target, type):
        expect(revived is made, f"came back as {revived}")
        return
    expect(type(revived) is type(made), f"came back as {type(revived)}")
    lost = _attributes(made) ^ _attributes(revived)
    expect(not lost, f"attributes that only one of both has: {sorted(lost)}")


@check(*CLASSES)
def copies_are_whole(case: Case) -> None:
    """State that `copy` or KerasTuner's `deepcopy` leaves behind."""
    made = case.make()
    config = made.get_config()
    for how, copied in (
        ("copy", copy.copy(made)),
        ("deepcopy", copy.deepcopy(made)),
    ):
        expect(type(copied) is type(made), f"{how} gave {type(copied)}")
        expect(
            copied.get_config() == config,
            f"{how} changed the config to {copied.get_config()}",
        )
    expect(repr(made), "has no repr")


@check(*CLASSES, once=True, dear=True)
def changed_arguments_survive(case: Case) -> None:
    """An argument that is saved only where it has its default value."""
    plain = case.make().get_config()
    for name in case.own:
        if name.endswith("_data"):  # is no configuration
            continue
        value = next(alternatives.accepted(case, name), _MISSING)
        expect(
            value is not _MISSING,
            f"no other value of argument `{name}` is known to the battery",
        )
        config = case.make(**{name: value}).get_config()
        expect(
            _json(config[name]) != _json(plain[name]),
            f"`{name}={value!r}` leaves the config as it was: {plain[name]!r}",
        )
        revived = revive(case, json.loads(json.dumps(config)))
        expect(
            _json(revived.get_config()) == _json(config),
            f"`{name}={value!r}` is lost: {revived.get_config()}",
        )


def revive(case: Case, config: dict[str, Any]) -> Any:
    """Makes the object of a config; Keras's callbacks have no `from_config`."""
    if hasattr(case.target, "from_config"):
        return case.target.from_config(config)
    return case.target(**config)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _attributes(component: Any) -> set[str]:
    return {name for name in dir(component) if not name.startswith("__")}
