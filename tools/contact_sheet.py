"""Draws every activation: `python -m tools.contact_sheet docs/activations.png`.

On one page, on the same axes, each with its slope.
"""

import sys
from pathlib import Path
from typing import Any

from keras_funcs._command.plot import Plot
from keras_funcs._command.plot import curve
from keras_funcs._core.component import registered
from keras_funcs.inspect.figures import galleries
from keras_funcs.layers import AdaptiveActivation


def names() -> dict[str, str]:
    """Every registered activation, trained or not, with its kind."""
    found = {entry.name: entry.kind for entry in registered("activations")}
    for entry in registered("layers"):
        target: Any = entry.object
        if issubclass(target, AdaptiveActivation):
            found[entry.name] = entry.kind
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def curves() -> dict[str, Plot | None]:
    """Their curves, or None for what has none."""
    high = galleries.SHEET[0][1]
    return {name: curve(name, kind, high) for name, kind in names().items()}


def draw() -> bytes:
    """The page as PNG."""
    found = curves()
    return galleries.contact_sheet(
        {name: plot for name, plot in found.items() if plot is not None},
        "Activations as they start",
        [name for name, plot in found.items() if plot is None],
        [name for name, kind in names().items() if kind == "layers"],
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(draw())
