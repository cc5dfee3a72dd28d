"""The portfolio of a build function, as settings of its space."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_funcs.search.tuner.hyperparameters import settings_of


def first(build: Any, space: Any) -> list[dict[str, Any]]:
    """The whole settings that a search of a build function begins with.

    Args:
        build: Function with or without an attribute `portfolio`.
        space: `HyperParameters`, the whole of it.

    Returns:
        The settings that the space can take, each once, in their order. Those
        with a value that is no choice of the space are left out.
    """
    given: Sequence[Mapping[str, Any]] = getattr(build, "portfolio", ())
    items = {item.name: item for item in space.space}
    found: list[dict[str, Any]] = []
    for values in given:
        if not all(_can_be(items.get(n), v) for n, v in values.items()):
            continue
        whole = dict(settings_of(space, values).values)
        if whole not in found:
            found.append(whole)
    return found


def _can_be(item: Any, value: Any) -> bool:
    if item is None:
        return False
    if hasattr(item, "min_value"):
        return bool(item.min_value <= value <= item.max_value)
    return value in getattr(item, "values", [value])
