"""The pieces of Markdown that a report is made of."""

import math

from keras_funcs._core.text import markdown
from keras_funcs.search.report.results import Results
from keras_funcs.search.report.statistics import Comparison
from keras_funcs.search.report.terminal import number
from keras_funcs.search.store import files
from keras_funcs.search.store import state

DASH = "–"


def interval(item: Comparison) -> str:
    """The ends of an interval, or a dash."""
    if not math.isfinite(item.low):
        return DASH
    return f"{number(item.low, '+')} to {number(item.high, '+')}"


def figure(found: Results, name: str, png: bytes) -> list[str]:
    """Stores a picture; returns the lines that show it."""
    path = found.directory / files.FIGURES / f"{name}.png"
    state.write_bytes(path, png)
    return [f"![{name}]({files.FIGURES}/{name}.png)", ""]


def row(*cells: str) -> str:
    """A row of a table, of untrusted text."""
    return f"| {' | '.join(markdown(cell) for cell in cells)} |"
