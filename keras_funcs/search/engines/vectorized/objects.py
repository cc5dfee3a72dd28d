"""The values in a model's objects: floats to replace, and all others."""

import functools
import hashlib
import types
from collections import deque
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_funcs.search.engines.vectorized.refusal import NotVectorizable

# A way from one object to another: an attribute's name, the key of a mapping,
# the position in a sequence, or the number of a closure's cell.
Step = tuple[str, Any]
Path = tuple[Step, ...]

# What Keras keeps of constructors and calls, and never computes with.
UNREAD = frozenset({"_auto_config", "_compile_config", "_tracker"})
CLOSED = (
    keras.Variable,
    keras.KerasTensor,
    keras.random.SeedGenerator,
    types.ModuleType,
)
# Have attributes that `vars` does not show.
_BY_GETATTR = (functools.partial, types.MethodType, types.FunctionType)
MAX_OBJECTS = 100_000


@dataclass(frozen=True)
class Held:
    """All that a model's objects hold.

    Attributes:
        floats: Mapping from the path of each float, or array of floats, to
            what is there, nearest first. Variables are left out: they are the
            model's state.
        others: Mapping from the path of everything else to a text that tells
            it from what another model may have there.
    """

    floats: dict[Path, Any]
    others: dict[Path, str]

    def noise(self, other: "Held") -> frozenset[Path]:
        """The paths at which two builds of a setting differ: names, seeds."""
        mine, its = self.others, other.others
        return frozenset(
            path for path in {*mine, *its} if mine.get(path) != its.get(path)
        )

    def digest(self) -> str:
        """Equal for models that differ in nothing but the values of floats."""
        shapes = {path: _shape_of(item) for path, item in self.floats.items()}
        lines = [
            f"{path} {text}" for path, text in {**self.others, **shapes}.items()
        ]
        return _digest("\n".join(sorted(lines)).encode())


def look(root: Any, noise: frozenset[Path] = frozenset()) -> Held:
    """Looks through all objects below a model.

    Args:
        root: The model.
        noise: Set of paths that are passed by, with all below them.

    Raises:
        NotVectorizable: If the model holds too many objects to look through.
    """
    floats: dict[Path, Any] = {}
    others: dict[Path, str] = {}
    seen = {id(root)}
    waiting: deque[tuple[Path, Any]] = deque([((), root)])
    while waiting:
        path, item = waiting.popleft()
        others[path] = _describe(item)
        for step, child in _children(item):
            below, kind = (*path, step), type(child)
            if below in noise:
                continue
            if kind in _PLAIN:  # most are
                others[below] = f"{kind.__name__} {child!r}"
            elif isinstance(child, CLOSED):
                continue
            elif _is_float(child):
                floats[below] = child
            elif isinstance(child, _LEAVES) or _is_array(child):
                others[below] = _describe(child)
            elif id(child) not in seen:
                seen.add(id(child))
                waiting.append((below, child))
        if len(seen) > MAX_OBJECTS:
            raise NotVectorizable(
                f"`{type(root).__name__}` holds more than {MAX_OBJECTS} "
                "objects, perhaps its data"
            )
    return Held(floats, others)


def read(root: Any, path: Path) -> Any:
    """The object at the end of a path.

    Raises:
        LookupError: If there is none.
    """
    for kind, key in path:
        if kind == "attribute":
            if isinstance(root, _BY_GETATTR) or key not in _vars(root):
                root = getattr(root, key)
            else:
                root = vars(root)[key]
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
    if kind == "key":
        dict.__setitem__(holder, key, value)
    elif kind == "cell":
        holder.__closure__[key].cell_contents = value
    elif isinstance(holder, functools.partial):
        arguments = value if key == "args" else holder.args
        made: Any = holder
        made.__setstate__(
            (holder.func, arguments, holder.keywords, vars(holder))
        )
    elif kind == "attribute" and key in _vars(holder):
        vars(holder)[key] = value
    elif kind == "attribute":  # a slot, or the defaults of a function
        object.__setattr__(holder, key, value)
    elif isinstance(holder, tuple):
        items = [*holder[:key], value, *holder[key + 1 :]]
        make = getattr(holder, "_make", type(holder))
        return write(root, parent, make(items))
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


def _vars(item: Any) -> dict[str, Any]:
    if isinstance(item, types.FunctionType):
        return {}  # its own attributes are none of `__defaults__`
    return getattr(item, "__dict__", {})


def _children(item: Any) -> Iterator[tuple[Step, Any]]:
    if isinstance(item, dict):
        for key, child in item.items():
            yield ("key", key), child
    elif isinstance(item, (list, tuple)):
        for number, child in enumerate(item):
            yield ("item", number), child
    elif isinstance(item, functools.partial):
        yield ("attribute", "func"), item.func
        yield ("attribute", "args"), item.args
        yield ("attribute", "keywords"), item.keywords
    elif isinstance(item, types.MethodType):
        yield ("attribute", "__self__"), item.__self__
        yield ("attribute", "__func__"), item.__func__
    elif isinstance(item, types.FunctionType):
        if not item.__module__.startswith("keras."):
            for name in ("__defaults__", "__kwdefaults__"):
                if getattr(item, name):
                    yield ("attribute", name), getattr(item, name)
            for number, cell in enumerate(item.__closure__ or ()):
                try:
                    yield ("cell", number), cell.cell_contents
                except ValueError:  # not filled yet
                    continue
    elif not isinstance(item, type):
        for name, child in _attributes(item):
            if name not in UNREAD:
                yield ("attribute", name), child


def _attributes(item: Any) -> Iterator[tuple[str, Any]]:
    yield from getattr(item, "__dict__", {}).items()
    for kind in type(item).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(item, name):
                yield name, getattr(item, name)


def _is_float(item: Any) -> bool:
    if isinstance(item, (float, np.floating)):
        return True
    return _is_array(item) and item.dtype.kind == "f"


def _is_array(item: Any) -> bool:
    dtype = getattr(item, "dtype", None)
    return isinstance(dtype, np.dtype) and hasattr(item, "__array__")


_PLAIN = frozenset({bool, int, str, type(None)})
_LEAVES = (bool, int, complex, str, bytes, type(None), np.generic)


def _describe(item: Any) -> str:
    """A text that is another one for what makes another program."""
    kind = type(item)
    if isinstance(item, _LEAVES):
        return f"{kind.__name__} {item!r}"
    if _is_array(item):
        content = _digest(np.asarray(item).tobytes())
        return f"array {item.dtype} {item.shape} {content}"
    if isinstance(item, (type, types.BuiltinFunctionType)):
        return f"{item.__module__}.{item.__qualname__}"
    if isinstance(item, types.FunctionType):
        return f"{item.__module__}.{item.__qualname__} {_code(item.__code__)}"
    shown = f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(item, dict):
        return f"{shown} {list(item)!r}"
    if isinstance(item, (set, frozenset)):
        return f"{shown} {sorted(map(repr, item))}"
    return f"{shown} {len(item)}" if isinstance(item, (list, tuple)) else shown


def _code(code: types.CodeType) -> str:
    """A function's instructions and constants, those of inner ones included."""
    constants = [
        _code(item) if isinstance(item, types.CodeType) else repr(item)
        for item in code.co_consts
    ]
    return _digest(repr((code.co_code, code.co_names, constants)).encode())


def _shape_of(item: Any) -> str:
    return f"{np.shape(item)} {getattr(item, 'dtype', type(item).__name__)}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
