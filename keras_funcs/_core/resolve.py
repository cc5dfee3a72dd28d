"""`keras_funcs.<kind>.get`: from an identifier to an object."""

import difflib
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any
from typing import Protocol
from typing import TypeVar

import keras

from keras_funcs._core import checks
from keras_funcs._core.component import KINDS
from keras_funcs._core.component import PACKAGE
from keras_funcs._core.component import arguments
from keras_funcs._core.component import registered

Get = Callable[[Any], Any]


class Named(Protocol):
    """An object with a name."""

    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


def getter(kind: str, keras_get: Get) -> Get:
    """Returns the `get` function of one kind.

    Args:
        kind: String, such as `"losses"`.
        keras_get: The Keras function of that kind, asked for whatever is not
            the pack's.
    """

    def get(identifier: Any) -> Any:
        """Returns the object that an identifier stands for.

        Args:
            identifier: An instance or a function (returned as it is), a class
                (constructed with its defaults), a name in any case such as
                `"snake"` or `"BinaryFocal"`, `"keras_funcs>Name"`, a config
                dict, or anything the Keras `get` of this kind takes.

        Raises:
            ValueError: for an unknown name, with the nearest matches; for a
                class that has no default for an argument; and for an object
                of another kind.
        """
        if isinstance(identifier, dict):
            return keras_get(identifier)
        if isinstance(identifier, str):
            entry = by_name(registered(kind), identifier)
            if entry is None:
                return _ask_keras(kind, keras_get, identifier)
            identifier = entry.object
        if isinstance(identifier, type):
            return _construct(kind, identifier)
        fitting = KINDS.get(kind, keras.layers.Layer)  # or an activation
        if isinstance(identifier, tuple(KINDS.values())) and not isinstance(
            identifier, fitting
        ):
            raise ValueError(
                f"Invalid value for argument `identifier`. Expected one of "
                f"the {kind}. Received: identifier={identifier}"
            )
        if identifier is None or callable(identifier):
            return identifier
        return keras_get(identifier)

    return get


def by_name(items: Iterable[N], name: str) -> N | None:
    """The one of that name: as it is written, or else in any case.

    The function `snake` and the layer `Snake` differ in nothing else.
    """
    name = name.removeprefix(f"{PACKAGE}>")
    found = list(items)
    for same in (str, _fold):
        for item in found:
            if same(item.name) == same(name):
                return item
    return None


def activation_function(name: str, value: Any) -> Callable[[Any], Any]:
    """The function that an argument names, of Keras or of the pack.

    A layer is refused: its weights would belong to nobody who builds them.
    """
    expected = "the name of an activation, or a function"
    if isinstance(value, (str, dict)) or callable(value):
        try:
            found = getter("activations", keras.activations.get)(value)
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(
                f"Invalid value for argument `{name}`. Expected {expected}. "
                f"Received: {name}={value!r}"
            ) from error
        if callable(found) and not isinstance(found, keras.Layer):
            return found  # type: ignore[no-any-return]
    checks.invalid(name, expected, value)


def _construct(kind: str, target: type) -> Any:
    missing = [
        name
        for name, parameter in arguments(target).items()
        if parameter.default is parameter.empty
    ]
    if missing and target in {entry.object for entry in registered(kind)}:
        raise ValueError(
            f"`{target.__name__}` has no default for {missing}. Expected an "
            f"instance or a config with them. Received: {target.__name__}"
        )
    return target()


def _ask_keras(kind: str, keras_get: Get, name: str) -> Any:
    found = None
    try:
        if not name.startswith(f"{PACKAGE}>"):  # a component of another kind
            found = keras_get(name)
    except (ValueError, TypeError, ImportError):
        pass  # the error below says more
    if found is None or isinstance(found, str):
        known = [entry.name for entry in registered(kind)]
        folded = {_fold(item): item for item in known}
        near = difflib.get_close_matches(_fold(name), folded, n=3, cutoff=0.4)
        matches = ", ".join(folded[item] for item in near) or ", ".join(known)
        raise ValueError(
            f"Unknown name in `keras_funcs.{kind}.get`. Expected a name of "
            f"Keras or one of the pack's. Nearest: {matches}. "
            f"Received: identifier={name!r}"
        )
    return found


def _fold(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
