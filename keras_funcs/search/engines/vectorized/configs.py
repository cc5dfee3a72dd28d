"""Which models share a program: equal configurations but for their floats."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras

from keras_funcs.search.engines.vectorized.refusal import NotVectorizable

# Keras numbers the names that it gives: `dense`, `dense_1`.
NUMBERED = re.compile(r"^(.*[^_\d])_\d+$")


@dataclass(frozen=True)
class Configuration:
    """The serialized configuration of a compiled model, in two parts.

    Attributes:
        signature: String. All but the floats, and the shapes of all
            variables. Models of equal signature share a program.
        floats: Mapping from the path of each float, such as
            `"config/layers/1/config/rate"`, to its value.
    """

    signature: str
    floats: dict[str, float]

    @classmethod
    def of(cls, model: Any) -> "Configuration":
        """Reads a model that is built and compiled.

        Raises:
            NotVectorizable: If the model cannot be serialized.
        """
        try:
            config = keras.saving.serialize_keras_object(model)
        except Exception as error:
            raise NotVectorizable(
                f"`{type(model).__name__}` has no configuration that tells "
                f"its settings apart: {' '.join(str(error).split())[:120]}"
            ) from error
        floats: dict[str, float] = {}
        shown = _without(config, _Names(config), floats, ())
        shapes = [
            (list(variable.shape), str(variable.dtype))
            for variable in (*model.variables, *model.optimizer.variables)
        ]
        text = json.dumps([shown, shapes], sort_keys=True, default=repr)
        return cls(text, floats)


class _Names:
    """Names as a fresh session would give them, whatever was built before."""

    def __init__(self, config: Any) -> None:
        self._known: dict[str, str] = {}
        counts: dict[str, int] = {}
        for name in _names(config):
            numbered = NUMBERED.match(name)
            stem = numbered.group(1) if numbered else name
            if name not in self._known:
                counts[stem] = counts.get(stem, 0) + 1
                self._known[name] = f"{stem} #{counts[stem]}"

    def __getitem__(self, text: str) -> str:
        return self._known.get(text, text)


def _names(config: Any) -> Iterator[str]:
    if isinstance(config, dict):
        for key, item in config.items():
            if key == "name" and isinstance(item, str):
                yield item
            else:
                yield from _names(item)
    elif isinstance(config, (list, tuple)):
        for item in config:
            yield from _names(item)


def _without(
    config: Any, names: _Names, floats: dict[str, float], path: tuple[str, ...]
) -> Any:
    """A copy of a configuration in which floats have no value."""
    if isinstance(config, dict):
        return {
            names[str(key)]: _without(item, names, floats, (*path, str(key)))
            for key, item in config.items()
        }
    if isinstance(config, (list, tuple)):
        return [
            _without(item, names, floats, (*path, str(number)))
            for number, item in enumerate(config)
        ]
    if isinstance(config, float):
        floats["/".join(path)] = config
        return "a float"
    return names[config] if isinstance(config, str) else config
