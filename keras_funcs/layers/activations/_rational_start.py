"""The coefficients that a rational activation starts with."""

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_funcs._core import checks
from keras_funcs._core.resolve import activation_function
from keras_funcs.layers.activations._rational_fit import CURVES
from keras_funcs.layers.activations._rational_fit import Table
from keras_funcs.layers.activations._rational_fit import evaluate
from keras_funcs.layers.activations._rational_fit import fit
from keras_funcs.layers.activations._rational_fit import slopes_of
from keras_funcs.layers.activations._rational_tables import BOUND
from keras_funcs.layers.activations._rational_tables import DEGREES
from keras_funcs.layers.activations._rational_tables import TABLES

MAX_DEGREE = 8


def checked_degrees(degrees: Any) -> list[int]:
    """The degrees of numerator and denominator."""
    if not isinstance(degrees, (list, tuple)) or len(degrees) != 2:
        checks.invalid("degrees", "a list of two integers", degrees)
    return [
        checks.integer("degrees", item, at_least=1, at_most=MAX_DEGREE)
        for item in degrees
    ]


def table_of(layer: Any, approximate: Any) -> tuple[Any, Table]:
    """Finds the rational function that is near to another function.

    Args:
        layer: Has `degrees`, `version` and `bound`.
        approximate: A name, a function, or a dict of coefficients.

    Returns:
        The value of `approximate` for a config, and the table.

    Raises:
        ValueError: If the function is unknown or not finite on the interval.
    """
    degrees, version, bound = layer.degrees, layer.version, layer.bound
    m, n = degrees
    if isinstance(approximate, Mapping):
        table = _given(approximate, degrees, version, bound)
        return table._asdict(), table
    name = _name_of(approximate)
    if name in ("identity", "linear"):
        line = [0.0, 1.0] + [0.0] * (m - 1)
        return name, Table(line, [0.0] * n, [1.0, 1.0], 0.0)
    if (bound, (m, n)) == (BOUND, DEGREES):
        found = TABLES.get((str(name), version))
        if found is not None:
            return name, found
    curve = CURVES.get(str(name))
    if curve is None:
        curve = activation_function("approximate", approximate)
    table = fit(curve, bound, (m, n), version)
    return name or table._asdict(), table


def scaled(table: Table, unit: float) -> tuple[list[float], list[float]]:
    """The coefficients `a[i] * unit**i` and `b[j] * unit**j`."""
    a = np.asarray(table.numerator) * unit ** np.arange(len(table.numerator))
    powers = np.arange(1, len(table.denominator) + 1)
    b = np.asarray(table.denominator) * unit**powers
    for values in (a, b):
        if not np.all(np.abs(values) <= checks.MAX_FLOAT32):
            expected = "coefficients that float32 can hold"
            checks.invalid("approximate", expected, table._asdict())
    return a.tolist(), b.tolist()


def _given(
    table: Mapping[str, Any], degrees: list[int], version: str, bound: float
) -> Table:
    expected = 'a dict with "numerator", "denominator" and "slopes"'
    known = set(Table._fields)
    if not {"numerator", "denominator"} <= set(table) <= known:
        checks.invalid("approximate", expected, table)
    m, n = degrees
    a, b = (
        checks.numbers(f"approximate[{key!r}]", table[key], length=length)
        for key, length in (("numerator", m + 1), ("denominator", n))
    )
    slopes = table.get("slopes")
    if slopes is None:  # those of the rational itself

        def curve(x: np.ndarray) -> np.ndarray:
            return evaluate(x, a, b, version)

        slopes = slopes_of(curve, bound)
    slopes = checks.numbers("approximate['slopes']", slopes, length=2)
    error = table.get("error")
    if error is not None:
        error = checks.number("approximate['error']", error, at_least=0)
    return Table(a, b, slopes, error)


def _name_of(approximate: str | Callable[..., Any]) -> str | None:
    """The name under which a config finds the function again, if any."""
    if isinstance(approximate, str):
        return approximate
    name = getattr(approximate, "__name__", "")
    try:
        found = activation_function("approximate", name)
    except ValueError:
        return None
    return name if found is approximate else None
