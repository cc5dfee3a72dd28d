"""`keras_funcs.<kind>.get`: from an identifier to an object."""

import difflib
from collections.abc import Callable
from typing import Any

import keras

from keras_funcs._core.component import PACKAGE
from keras_funcs._core.component import registered

Get = Callable[[Any], Any]


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
                `"snake"` or `"LogitAdjusted"`, `"keras_funcs>Name"`, a config
                dict, or anything the Keras `get` of this kind takes.

        Raises:
            ValueError: for an unknown name; it lists the nearest matches.
        """
        if isinstance(identifier, dict):
            return keras.saving.deserialize_keras_object(identifier)
        if isinstance(identifier, str):
            own = {_fold(entry.name): entry for entry in registered(kind)}
            entry = own.get(_fold(identifier.removeprefix(f"{PACKAGE}>")))
            if entry is None:
                return _ask_keras(kind, keras_get, identifier)
            identifier = entry.object
        if isinstance(identifier, type):
            return identifier()
        if identifier is None or callable(identifier):
            return identifier
        return keras_get(identifier)

    return get


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
