"""The pieces that a report is made of."""

import math
from collections.abc import Callable

from keras_funcs._core.text import markdown
from keras_funcs.search.report.results import Results
from keras_funcs.search.report.statistics import Comparison
from keras_funcs.search.store import files
from keras_funcs.search.store import state

DASH = "–"


def number(value: float, sign: str = "") -> str:
    """Four decimals, one of a large number; a dash where there is none."""
    if not math.isfinite(value):
        return DASH
    return f"{value:{sign}.{4 if abs(value) < 100 else 1}f}"


def interval(item: Comparison) -> str:
    """The ends of an interval, or a dash."""
    if not math.isfinite(item.low):
        return DASH
    return f"{number(item.low, '+')} to {number(item.high, '+')}"


def figure(found: Results, name: str, draw: Callable[..., bytes]) -> list[str]:
    """Stores a picture as PNG and SVG; returns the lines that show it.

    Args:
        found: `Results`.
        name: String. Of the files.
        draw: Function that returns its bytes for `form="png"` or `"svg"`.
    """
    for form in ("png", "svg"):
        path = files.figure_of(found.directory, name, form)
        state.write_bytes(path, draw(form=form))
    return [f"![{name}]({files.FIGURES}/{name}.png)", ""]


def row(*cells: str) -> str:
    """A row of a table, of untrusted text."""
    return f"| {' | '.join(markdown(cell) for cell in cells)} |"
