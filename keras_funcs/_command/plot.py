"""An activation's curve: as numbers, as text, and as a PNG file."""

from pathlib import Path
from typing import Any
from typing import NamedTuple

import keras
import numpy as np

import keras_funcs
from keras_funcs._core import checks

LOW, HIGH, POINTS = -5.0, 5.0, 401


class Plot(NamedTuple):
    """Values and slopes on a grid."""

    x: np.ndarray
    y: np.ndarray
    slope: np.ndarray


def curve(name: str, kind: str) -> Plot | None:
    """Evaluates an activation as it starts, or None for what has no curve.

    Args:
        name: String. The component's name.
        kind: String. Its kind; only activations and layers can have a curve.
    """
    x = np.linspace(LOW, HIGH, POINTS)
    if kind == "activations":
        function = getattr(keras_funcs.activations, name)
        try:
            # An odd number of points: a gated function cannot halve it.
            y = function(keras.ops.convert_to_tensor(x, "float32"))
        except ValueError:
            return None
        y = keras.ops.convert_to_numpy(y).astype(float)
        return Plot(x, y, np.gradient(y, x))
    found = getattr(keras_funcs, kind, None)
    target: Any = getattr(found, name, None)
    base = keras_funcs.layers.AdaptiveActivation
    if not isinstance(target, type) or not issubclass(target, base):
        return None
    from keras_funcs import inspect

    model = keras.Sequential([keras.Input((1,)), target()])
    curves = inspect.activation_curves(model, LOW, HIGH, POINTS)
    return next((Plot(c.x, c.y, c.slope) for c in curves.values()), None)


def as_text(plot: Plot, width: int = 60, height: int = 13) -> str:
    """Draws a curve with characters, the axes through 0 where they are."""
    bottom, top = float(plot.y.min()), float(plot.y.max())
    if top - bottom < 1e-6:
        bottom, top = bottom - 1, top + 1
    cells = [[" "] * width for _ in range(height)]

    def row(value: float) -> int:
        return round((top - value) / (top - bottom) * (height - 1))

    if bottom <= 0 <= top:
        cells[row(0.0)] = ["-"] * width
    middle = round((0 - LOW) / (HIGH - LOW) * (width - 1))
    for line in cells:
        line[middle] = "|"
    columns = np.linspace(LOW, HIGH, width)
    for index, value in enumerate(np.interp(columns, plot.x, plot.y)):
        cells[row(float(value))][index] = "*"
    labels = {row(value): f"{value:.3g}" for value in (bottom, top)}
    lines = [
        f"{labels.get(index, ''):>7} {''.join(line).rstrip()}"
        for index, line in enumerate(cells)
    ]
    ends = f"{LOW:g}", f"{HIGH:g}"
    lines.append(" " * 8 + ends[0] + ends[1].rjust(width - len(ends[0])))
    return "\n".join(lines)


def save(plot: Plot, title: str, path: str | Path) -> Path:
    """Writes a curve and its slope as PNG.

    Raises:
        ValueError: for a name without `.png`, or a file that exists.
    """
    from keras_funcs.inspect import figures

    path = Path(path)
    if path.suffix.lower() != ".png":
        checks.invalid("plot", "the name of a .png file", str(path))
    if path.exists():
        checks.invalid("plot", "a file that does not exist yet", str(path))
    image = figures.activation_curve(plot.x, plot.y, plot.slope, title)
    with path.open("xb") as file:
        file.write(image)
    return path
