"""Losses of a model in training, as callbacks find and change them."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_funcs._core import checks
from keras_funcs._core.component import arguments


def losses_of(model: keras.Model) -> list[Any]:
    """The losses of all outputs, and the parts that they are made of."""
    return list(_with_parts(keras.tree.flatten(model.loss)))


def _with_parts(losses: Any) -> Iterator[Any]:
    for loss in losses:
        yield loss
        yield from _with_parts(keras.tree.flatten(getattr(loss, "parts", ())))


def retrace(model: keras.Model) -> None:
    """Makes the compiled steps read the attributes of the losses again.

    They hold them as constants. A new trace leaves the model as it is; a
    variable added to a built model would make its checkpoints unloadable.
    """
    model.make_train_function(force=True)
    model.make_test_function(force=True)


def arguments_of(loss: Any) -> list[str]:
    """The constructor arguments of a loss that can be given another value."""
    if not isinstance(loss, keras.layers.Layer):
        config = loss.get_config() if hasattr(loss, "get_config") else {}
        return sorted(name for name in config if hasattr(loss, name))
    # What a layer was built from is past; what it reads is a variable.
    return sorted(
        name
        for name in arguments(type(loss))
        if isinstance(getattr(loss, name, None), keras.Variable)
    )


def assign(loss: Any, name: str, value: Any) -> bool:
    """Gives a constructor argument another value.

    Returns:
        Whether compiled steps have to be traced again. A variable is assigned,
        and needs none.

    Raises:
        ValueError: what the constructor says of the value.
    """
    held = getattr(loss, name)
    if same(held, value):
        return False
    descriptor = getattr(type(loss), name, None)
    if isinstance(descriptor, property):
        setattr(loss, name, value)  # checks for itself
        return True
    # The constructor checks it, and derives from it what the loss computes
    # with: weights from counts, for one.
    twin = type(loss).from_config({**loss.get_config(), name: value})
    if isinstance(held, keras.Variable):
        held.assign(getattr(twin, name))
        return False
    for key, item in vars(twin).items():
        if key == name or key.startswith("_"):
            vars(loss)[key] = item
    return True


def same(left: Any, right: Any) -> bool:
    """Whether two values of an argument are one."""
    left, right = (
        np.asarray(item) if _is_numeric(item) else item
        for item in (left, right)
    )
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return left.shape == right.shape and bool(np.all(left == right))
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        return False
    return bool(left == right)


def _is_numeric(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(isinstance(item, (int, float)) for item in value)
    return isinstance(value, (int, float, np.ndarray, keras.Variable))


def plain(value: Any) -> Any:
    """A value of a schedule as what constructors take and configs hold."""
    if keras.ops.is_tensor(value) or isinstance(value, keras.Variable):
        value = keras.ops.convert_to_numpy(value)
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return value


def owners(model: keras.Model, name: str) -> list[tuple[Any, str]]:
    """The losses that a dotted name means, each with its argument.

    A name without dots means every loss that has such an argument, alone or
    as a part of another. With dots, `"first.gamma"` and `"0.gamma"` start from
    the losses that were compiled, by output; `"parts.0.gamma"` from the
    parts of a sum.
    """
    *path, argument = name.split(".")
    if not path:
        found = losses_of(model)
    else:
        found = [_follow(model.loss, path)]
    return [
        (loss, argument) for loss in found if argument in arguments_of(loss)
    ]


def _follow(start: Any, path: list[str]) -> Any:
    for key in path:
        if isinstance(start, dict):
            start = start.get(key)
        elif isinstance(start, (list, tuple)):
            index = int(key) if key.isdecimal() else len(start)
            start = start[index] if index < len(start) else None
        else:
            start = getattr(start, key, None)
    return start


def check_name(name: Any) -> str:
    """A name of the form that `owners` reads."""
    if (
        not isinstance(name, str)
        or not name
        or any(part.startswith("_") or not part for part in name.split("."))
    ):
        checks.invalid(
            "name", "the name of an argument of a loss, such as 'gamma'", name
        )
    return name
