"""The values of a `HyperParameters`, and what KerasTuner keeps beside them.

KerasTuner itself is imported by none of this.
"""

import copy
import json
from collections.abc import Mapping
from typing import Any

OWN = "tuner/"  # begins the names of an oracle's own entries


def settings_of(space: Any, values: Mapping[str, Any]) -> Any:
    """A copy of a space with the given values, those of inactive parts out.

    An oracle's own entries stay: a `build` may read them.
    """
    hp = copy.deepcopy(space)
    hp.values = {k: v for k, v in values.items() if k.startswith(OWN)}
    for item in hp.space:
        if hp.is_active(item):
            hp.values[item.name] = values.get(item.name, item.default)
    return hp


def chosen(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a trial without the oracle's own entries."""
    return {
        name: value
        for name, value in values.items()
        if not name.startswith(OWN)
    }


def key(values: Mapping[str, Any]) -> str:
    """The part of a trial's values that identifies it."""
    return json.dumps(chosen(values), sort_keys=True)


def epochs(values: Mapping[str, Any]) -> int | None:
    """The epochs that Hyperband allows a trial."""
    found = values.get(f"{OWN}epochs")
    return None if found is None else int(found)


def conditions(hp: Any) -> list[Any]:
    """The conditions under which the next entry is declared."""
    return list(hp._conditions)
