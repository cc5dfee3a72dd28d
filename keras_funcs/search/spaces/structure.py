"""The structure of a space: domains, independent parts, a name for a point."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any


def domains(space: Any) -> dict[str, Any]:
    """The domain of each hyper-parameter, as TensorBoard's table wants it.

    Args:
        space: A `HyperParameters`.

    Returns:
        Mapping from name to the interval `(low, high)` as a tuple, or the
        list of values.
    """
    found: dict[str, Any] = {}
    for item in space.space:
        if hasattr(item, "min_value"):
            found[item.name] = (item.min_value, item.max_value)
        elif hasattr(item, "values"):
            found[item.name] = list(item.values)
        elif type(item).__name__ == "Boolean":
            found[item.name] = [False, True]
        else:
            found[item.name] = [item.default]
    return found


def parts(space: Any) -> dict[str, set[str]]:
    """The independent decisions of a space, each with what hangs on it.

    An argument of a choice has that choice's name and a slash before its own,
    as `loss/LogitAdjusted/tau`. Any other name is a decision of its own, even
    if it is declared under a condition, as the activation of a network that
    may have no hidden layer.

    Returns:
        Mapping from each decision to the names of itself and its arguments.
    """
    found: dict[str, set[str]] = {}
    for item in space.space:
        parents = [condition.name for condition in item.conditions]
        tops = [top for top in found if item.name.startswith(f"{top}/")]
        top = tops[-1] if tops and tops[-1] in parents else item.name
        found.setdefault(top, set()).add(item.name)
    return found


def describe(values: Mapping[str, Any], tops: Sequence[str]) -> str:
    """A configuration in a few words: its choices, without the numbers."""
    shown = [
        f"{values[top]:g}"
        if isinstance(values[top], float)
        else str(values[top])
        for top in tops
        if top in values and values[top] != "none"
    ]
    return " + ".join(shown) or "defaults"
