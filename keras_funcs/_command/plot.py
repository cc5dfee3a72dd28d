"""An activation's curve: as numbers, as text, and as a PNG file."""

import functools
import itertools
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple

import numpy as np
from keras import ops

import keras_funcs
from keras_funcs._core import checks
from keras_funcs._core.backend import gradient
from keras_funcs._core.component import Range
from keras_funcs._core.component import arguments
from keras_funcs._core.component import registered

LOW, HIGH, POINTS = -5.0, 5.0, 401
WAVES = 12  # as many as a picture of a curve can show
MOVES = 8  # parameters that a picture can show
PUSH = 0.5  # takes coefficients away from where they mute another one


class Plot(NamedTuple):
    """Values and slopes on a grid."""

    x: np.ndarray
    y: np.ndarray
    slope: np.ndarray


class Moves(NamedTuple):
    """The curves for several values of one parameter."""

    name: str
    plots: dict[str, Plot]


def curve(name: str, kind: str, high: float = HIGH) -> Plot | None:
    """Evaluates an activation as it starts, or None for what has no curve.

    Args:
        name: String. The component's name.
        kind: String. Its kind; only activations and layers can have a curve.
        high: Float. The curve goes from `-high` to `high`, and from a tenth of
            that to a tenth where it has more waves than can be seen.
    """
    target = _target(name, kind)
    if target is None:
        return None
    found = _plot(_made(target, {}), high)
    if found is not None and _waves(found) > WAVES:
        found = _plot(_made(target, {}), high / 10)
    return found


def moves(name: str, kind: str) -> list[Moves]:
    """How the curve of an activation moves with each of its parameters.

    Those are what the numeric arguments start, over the range that a search
    explores where there is one, then the coefficients that none starts, then
    the other arguments. What changes nothing is left out; a coefficient that
    does so only because of where the others start is drawn with those moved.
    """
    target, start = _target(name, kind), curve(name, kind)
    if target is None or start is None:
        return []
    high = float(start.x[-1])
    arguments = [
        Moves(item, plots)
        for item, values in _arguments(target)
        if (plots := _sweep(_by_argument(target, item), values, high))
    ]
    if not isinstance(target, type):
        return arguments[:MOVES]
    weights = tuple(_short(weight) for weight in _made(target, {}).weights)
    starting = [item for item in arguments if item.name.startswith(weights)]
    others = [item for item in arguments if not item.name.startswith(weights)]
    shown = [item.name for item in starting]
    free = itertools.islice(
        _by_coefficients(target, shown, high), max(0, MOVES - len(starting))
    )
    # By the coefficients' order again, of which the first of each came first.
    coefficients = [found for _, found in sorted(free, key=lambda it: it[0])]
    return [*starting, *coefficients, *others][:MOVES]


def _target(name: str, kind: str) -> Any:
    """The function or class of an activation of one number, or None."""
    found = getattr(getattr(keras_funcs, kind, None), name, None)
    if kind == "activations":
        return found
    base = keras_funcs.layers.AdaptiveActivation
    if isinstance(found, type) and issubclass(found, base) and found.pointwise:
        return found
    return None


def _made(target: Any, given: Mapping[str, Any]) -> Any:
    """A function of one tensor, with one coefficient for all its elements."""
    if not isinstance(target, type):
        return functools.partial(target, **given)
    return target(**{"axis": None, **given})


def _plot(function: Callable[[Any], Any], high: float) -> Plot | None:
    x = np.linspace(-high, high, POINTS).astype("float32")
    try:
        # An odd number of points: a gated function cannot halve it.
        rows, column = (
            ops.convert_to_numpy(function(ops.convert_to_tensor(given)))
            for given in (x, x[:, None])
        )
    except ValueError:
        return None
    # What compares or averages its inputs has no curve.
    if column.shape != (POINTS, 1) or not np.allclose(
        rows, column[:, 0], 1e-4, 1e-5
    ):
        return None
    (slope,) = gradient(lambda t: ops.sum(function(t)), [x])
    return Plot(*(array.astype(float) for array in (x, rows, slope)))


def _waves(plot: Plot) -> int:
    return int(np.sum(np.diff(np.sign(plot.slope)) != 0)) // 2


def _arguments(target: Any) -> Iterator[tuple[str, list[Any]]]:
    """The numeric arguments of a component, and values to draw."""
    tune = next(
        (entry.tune for entry in registered() if entry.object is target), {}
    )
    for name, parameter in arguments(target).items():
        default, span = parameter.default, tune.get(name)
        if isinstance(default, bool) or not isinstance(default, (int, float)):
            continue
        if isinstance(default, int):
            yield name, list(range(1, 6))
        elif isinstance(span, Range) and span.log:
            yield name, list(np.geomspace(span.low, span.high, 5))
        elif isinstance(span, Range):
            yield name, list(np.linspace(span.low, span.high, 5))
        else:
            yield name, _around(default)


def _around(default: float) -> list[float]:
    if default == 0:
        return [-1.0, -0.5, 0.0, 0.5, 1.0]
    return sorted(default * factor for factor in (0.25, 0.5, 1.0, 2.0, 4.0))


def _by_coefficients(
    target: Any, shown: Sequence[str], high: float
) -> Iterator[tuple[tuple[int, int], Moves]]:
    """The coefficients that none of the arguments starts, and their place.

    The first element of each before the second of any.
    """
    weights = _made(target, {}).weights
    starts = [np.ravel(ops.convert_to_numpy(item.value)) for item in weights]
    for element in range(max(map(len, starts), default=0)):
        for index, start in enumerate(starts):
            name = _short(weights[index])
            if element >= len(start) or any(
                item.startswith(name) for item in shown
            ):
                continue
            if len(start) > 1:
                name += f"[{element}]"
            place, first = (index, element), round(float(start[element]), 6)
            # A factor would hardly move what starts next to 0.
            values = _around(first if abs(first) >= 0.05 else 0.0)
            plots = _sweep(_by_weight(target, place), values, high)
            if not plots and len(starts) > 1:
                plots = _sweep(_by_weight(target, place, PUSH), values, high)
                name += f" (others + {PUSH:g})"
            if plots:
                yield place, Moves(name, plots)


def _short(weight: Any) -> str:
    return str(weight.name.removeprefix("act_"))


def _by_argument(target: Any, name: str) -> Callable[[float], Any]:
    return lambda value: _made(target, {name: value})


def _by_weight(
    target: Any, place: tuple[int, int], push: float = 0.0
) -> Callable[[float], Any]:
    index, element = place

    def make(value: float) -> Any:
        layer = _made(target, {})
        # Copies: they may be read-only, and a sum of scalars is no array.
        weights = [np.array(item + push) for item in layer.get_weights()]
        weights[index] -= weights[index].dtype.type(push)
        weights[index].flat[element] = value
        layer.set_weights(weights)
        return layer

    return make


def _sweep(
    make: Callable[[float], Any], values: list[Any], high: float
) -> dict[str, Plot]:
    """The curve for each value that is valid; none where all are the same."""
    plots = {}
    for value in values:
        value = value if isinstance(value, int) else float(value)
        try:
            found = _plot(make(value), high)
        except (ValueError, TypeError):
            continue
        if found is not None and np.isfinite(found.y).all():
            plots[f"{value:.3g}"] = found
    every = list(plots.values())
    if all(np.allclose(plot.y, every[0].y, 1e-3, 1e-4) for plot in every):
        return {}
    return plots


def as_text(plot: Plot, width: int = 60, height: int = 13) -> str:
    """Draws a curve with characters, the axes through 0 where they are."""
    low, high = float(plot.x[0]), float(plot.x[-1])
    bottom, top = float(plot.y.min()), float(plot.y.max())
    if top - bottom < 1e-6:
        bottom, top = bottom - 1, top + 1
    cells = [[" "] * width for _ in range(height)]

    def row(value: float) -> int:
        return round((top - value) / (top - bottom) * (height - 1))

    if bottom <= 0 <= top:
        cells[row(0.0)] = ["-"] * width
    middle = round((0 - low) / (high - low) * (width - 1))
    for line in cells:
        line[middle] = "|"
    columns = np.linspace(low, high, width)
    for index, value in enumerate(np.interp(columns, plot.x, plot.y)):
        cells[row(float(value))][index] = "*"
    labels = {row(value): f"{value:.3g}" for value in (bottom, top)}
    lines = [
        f"{labels.get(index, ''):>7} {''.join(line).rstrip()}"
        for index, line in enumerate(cells)
    ]
    ends = f"{low:g}", f"{high:g}"
    lines.append(" " * 8 + ends[0] + ends[1].rjust(width - len(ends[0])))
    return "\n".join(lines)


def as_table(move: Moves) -> str:
    """Returns the outputs at a few inputs for each value of a parameter."""
    x = next(iter(move.plots.values())).x
    places = np.linspace(0, len(x) - 1, 5).round().astype(int)
    width = max(len(move.name), 8) + 2
    head = "".join(f"{f'f({x[place]:g})':>11}" for place in places)
    lines = [f"{move.name:<{width}}{head}"]
    for label, plot in move.plots.items():
        cells = "".join(
            f"{round(plot.y[place], 4) + 0.0:>11.4g}" for place in places
        )
        lines.append(f"{label:>{width - 2}}  {cells}")
    return "\n".join(lines)


def save(
    plot: Plot, title: str, path: str | Path, moved: list[Moves] | None = None
) -> Path:
    """Writes a curve and its slope as PNG, and how they move.

    Raises:
        ValueError: for a name without `.png`, or a file that exists.
    """
    from keras_funcs.inspect import figures
    from keras_funcs.inspect.figures import galleries

    path = Path(path)
    if path.suffix.lower() != ".png":
        checks.invalid("plot", "the name of a .png file", str(path))
    if path.exists():
        checks.invalid("plot", "a file that does not exist yet", str(path))
    if moved:
        columns = {move.name: move.plots for move in moved}
        image = galleries.parameter_curves(columns, title)
    else:
        image = figures.activation_curve(plot.x, plot.y, plot.slope, title)
    with path.open("xb") as file:
        file.write(image)
    return path
