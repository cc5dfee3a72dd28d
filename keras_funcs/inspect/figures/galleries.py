"""Many curves beside each other: one activation's parameters, or all of them.

Every panel has the axes of its neighbours, so that the eye can compare.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_funcs._core import checks
from keras_funcs.inspect.figures import _style as style

Curves = Mapping[str, Any]  # of objects with `x`, `y` and `slope`

BESIDE = 4  # parameters beside each other, where a screen ends
SHEET = (-4.0, 4.0), (-2.0, 3.0)  # where the activations differ


def parameter_curves(columns: Mapping[str, Curves], title: str = "") -> bytes:
    """Draws how a curve and its slope move with each parameter.

    Args:
        columns: Mapping from the parameter's name to the curves, by the value
            that is drawn, in ascending order.
        title: String above the figure.

    Returns:
        PNG bytes: a column for each parameter, values above, slopes below;
        more than four stand in several rows.
    """
    from matplotlib import colormaps

    if not columns:
        checks.invalid("columns", "at least one parameter", columns)
    bands = -(-len(columns) // BESIDE)
    size = -(-len(columns) // bands)
    figure, grid = style.grid(
        1.0 + 3.4 * size, 5.6 * bands, 2 * bands, size, sharex=True
    )
    pairs = [grid[2 * band : 2 * band + 2] for band in range(bands)]
    panels = [pair[:, place] for pair in pairs for place in range(size)]
    for pair, (name, curves) in zip(panels, columns.items()):
        colours = colormaps["viridis"](np.linspace(0.0, 0.85, len(curves)))
        for colour, (label, curve) in zip(colours, curves.items()):
            for axes, values in zip(pair, (curve.y, curve.slope)):
                axes.plot(
                    curve.x,
                    values,
                    color=colour,
                    linewidth=1.7,
                    label=style.plain(label),
                )
        for axes in pair:
            _cross(axes)
            axes.margins(x=0.0)
        pair[0].set_title(
            style.plain(name, 34), loc="left", fontsize=10, color=style.INK
        )
        style.legend(pair[0])
        pair[1].set_xlabel("x", color=style.INK)
        pair[1].tick_params(labelbottom=True)
    for pair in panels[len(columns) :]:
        for axes in pair:
            axes.set_visible(False)
    for row, label in enumerate(("f(x)", "f′(x)")):
        drawn = [
            (curve.y, curve.slope)[row]
            for column in columns.values()
            for curve in column.values()
        ]
        limits = _limits(drawn)
        for place, pair in enumerate(panels):
            pair[row].set_ylim(*limits)
            pair[row].tick_params(labelleft=place % size == 0)
            if place % size == 0:
                pair[row].set_ylabel(label, color=style.INK)
    style.title(grid[0, 0], title)
    return style.save(figure)


def contact_sheet(
    curves: Curves,
    title: str = "",
    missing: Sequence[str] = (),
    trainable: Sequence[str] = (),
    columns: int | None = None,
) -> bytes:
    """Draws many activations, small, each with its slope, on the same axes.

    Args:
        curves: Mapping from the name to the curve, in the order to draw. One
            that ends before the axes do is stretched to them, and says so.
        title: String above the figure.
        missing: Names that have no curve, for the line below.
        trainable: Names to print bold.
        columns: Integer >= 1, or None. Panels in a row. Defaults to `None`,
            those of 7 to 9 that leave the fewest places empty.

    Returns:
        PNG bytes; all names stand in its metadata as `Description`.
    """
    if not curves:
        checks.invalid("curves", "at least one curve", curves)
    if columns is None:
        columns = min((9, 8, 7), key=lambda number: -len(curves) % number)
    columns = checks.integer("columns", columns, at_least=1)
    rows = -(-len(curves) // columns)
    figure, grid = style.grid(
        1.45 * columns, 1.3 * rows + 0.9, rows, columns, sharex=True,
        sharey=True,
    )  # fmt: skip
    (left, right), (bottom, top) = SHEET
    stretched = False
    for axes, (name, curve) in zip(grid.flat, curves.items()):
        stretch = max(1, round(right / float(curve.x[-1])))
        stretched = stretched or stretch > 1
        x = np.asarray(curve.x) * stretch
        _cross(axes)
        axes.plot(x, curve.slope, color=style.ORANGE, linewidth=1.0)
        axes.plot(x, curve.y, color=style.BLUE, linewidth=1.7)
        label = style.plain(name, 22)
        axes.set_title(
            label if stretch == 1 else f"{label} (x/{stretch})",
            fontsize=8.5,
            color=style.INK,
            fontweight="bold" if name in trainable else "normal",
            pad=3,
        )
        axes.tick_params(labelsize=7)
    first = grid.flat[0]
    first.set(xlim=(left, right), ylim=(bottom, top))
    first.set_xticks([left, 0, right])
    first.set_yticks([bottom, 0, top])
    for axes in list(grid.flat)[len(curves) :]:
        axes.set_visible(False)
        axes = grid[rows - 2, axes.get_subplotspec().colspan.start]
        axes.tick_params(labelbottom=True)
    note = "blue f(x), orange f′(x)"
    note += "; bold: trained" if trainable else ""
    if stretched:
        note += "; (x/10): axis divided by 10"
    if missing:
        note += f"; not of one number: {', '.join(missing)}"
    figure.supxlabel(
        style.plain(note, 300), x=0.01, ha="left", fontsize=9, color=style.MUTED
    )
    style.title(first, title)
    names = " ".join([*curves, *missing])
    return style.save(figure, Description=names)


def _cross(axes: Any) -> None:
    axes.axhline(0.0, color=style.FAINT, linewidth=1.0, zorder=0)
    axes.axvline(0.0, color=style.FAINT, linewidth=1.0, zorder=0)


def _limits(curves: Sequence[Any]) -> tuple[float, float]:
    """Limits of the y axis without the steepest 2 % at each end."""
    values = np.concatenate([np.asarray(curve) for curve in curves])
    low, high = np.quantile(values, [0.02, 0.98])
    room = 0.08 * max(high - low, 1e-6)
    return float(low - room), float(high + room)
