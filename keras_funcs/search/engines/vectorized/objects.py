"""The floats that a model's objects hold, found, read and replaced."""

import functools
import types
from collections import deque
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from keras_funcs.search.engines.vectorized.refusal import NotVectorizable

# A way from one object to another: an attribute's name, the position in a
# sequence or among a mapping's values, or the number of a closure's cell.
Step = tuple[str, Any]
Path = tuple[Step, ...]

# What Keras keeps of constructors and calls, and never computes with.
UNREAD = frozenset({"_auto_config", "_compile_config", "_tracker"})
CLOSED = (
    keras.Variable,
    keras.KerasTensor,
    keras.random.SeedGenerator,
    types.ModuleType,
    type,
)
MAX_OBJECTS = 100_000


def find_floats(root: Any) -> dict[Path, Any]:
    """All floats and arrays of floats below an object, nearest first.

    Variables are left out: they are the model's state.

    Raises:
        NotVectorizable: If the model holds too many objects to look through.
    """
    found: dict[Path, Any] = {}
    seen = {id(root)}
    waiting: deque[tuple[Path, Any]] = deque([((), root)])
    while waiting:
        path, item = waiting.popleft()
        for step, child in _children(item):
            if _is_float(child):
                found[(*path, step)] = child
            elif id(child) not in seen and not isinstance(child, CLOSED):
                seen.add(id(child))
                waiting.append(((*path, step), child))
        if len(seen) > MAX_OBJECTS:
            raise NotVectorizable(
                f"`{type(root).__name__}` holds more than {MAX_OBJECTS} "
                "objects, perhaps its data"
            )
    return found


def read(root: Any, path: Path) -> Any:
    """The object at the end of a path.

    Raises:
        LookupError: If there is none.
    """
    for kind, key in path:
        if kind == "attribute":
            if isinstance(root, _BY_GETATTR):
                root = getattr(root, key)
            else:
                root = vars(root)[key]
        elif kind == "value":
            root = list(root.values())[key]
        elif kind == "cell":
            root = root.__closure__[key].cell_contents
        else:
            root = root[key]
    return root


def write(root: Any, path: Path, value: Any) -> tuple[Path, Any]:
    """Puts an object at the end of a path, past all properties and checks.

    Returns:
        Path and object that undo it; a tuple is replaced as a whole.
    """
    (kind, key), parent = path[-1], path[:-1]
    holder, old = read(root, parent), read(root, path)
    if kind == "attribute":
        vars(holder)[key] = value
    elif kind == "value":
        dict.__setitem__(holder, list(holder)[key], value)
    elif kind == "cell":
        holder.__closure__[key].cell_contents = value
    elif isinstance(holder, tuple):
        items = [*holder[:key], value, *holder[key + 1 :]]
        made = getattr(holder, "_make", type(holder))(items)
        return write(root, parent, made)
    else:
        list.__setitem__(holder, key, value)
    return path, old


@contextmanager
def replaced(
    root: Any, paths: Sequence[Path], values: Sequence[Any]
) -> Iterator[None]:
    """Lets a model's objects hold other values for a while."""
    undo = []
    try:
        for path, value in zip(paths, values):
            undo.append(write(root, path, value))
        yield
    finally:
        for path, value in reversed(undo):
            write(root, path, value)


def name_of(root: Any, path: Path) -> str:
    """A path as a user reads it: `CategoricalFocal.gamma`."""
    for end in range(len(path), 0, -1):
        kind, key = path[end - 1]
        if kind == "attribute":
            return f"{type(read(root, path[: end - 1])).__name__}.{key}"
    return "a number"


_BY_GETATTR = (functools.partial, types.MethodType)


def _children(item: Any) -> Iterator[tuple[Step, Any]]:
    if isinstance(item, dict):
        for number, child in enumerate(item.values()):
            yield ("value", number), child
    elif isinstance(item, (list, tuple)):
        for number, child in enumerate(item):
            yield ("item", number), child
    elif isinstance(item, functools.partial):
        yield ("attribute", "func"), item.func
        yield ("attribute", "keywords"), item.keywords
    elif isinstance(item, types.MethodType):
        yield ("attribute", "__self__"), item.__self__
    elif isinstance(item, types.FunctionType):
        if not item.__module__.startswith("keras."):
            for number, cell in enumerate(item.__closure__ or ()):
                try:
                    yield ("cell", number), cell.cell_contents
                except ValueError:  # not filled yet
                    continue
    else:
        for name, child in getattr(item, "__dict__", {}).items():
            if name not in UNREAD:
                yield ("attribute", name), child


def _is_float(item: Any) -> bool:
    if isinstance(item, (float, np.floating)):
        return True
    dtype = getattr(item, "dtype", None)
    return (
        isinstance(dtype, np.dtype)
        and dtype.kind == "f"
        and hasattr(item, "__array__")
    )
