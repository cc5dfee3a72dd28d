"""Figures made of lines: curves, and settings side by side."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_funcs._core import checks
from keras_funcs.inspect.figures import _style as style

MAX_VALUES = 12  # of one axis that are named


def line_chart(
    series: Mapping[str, Sequence[tuple[Any, Any]]],
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    diagonal: bool = False,
    form: str = "png",
) -> bytes:
    """Draws curves; those of one name have one colour.

    Args:
        series: Mapping from a name to pairs of arrays, `x` and `y`.
        title: String above the figure.
        xlabel: String below it.
        ylabel: String beside it.
        diagonal: Boolean. Whether to draw where `x` is `y`.
        form: String. `"png"` or `"svg"`.

    Returns:
        PNG or SVG bytes.
    """
    if not series or len(series) > len(style.PALETTE):
        expected = f"1 to {len(style.PALETTE)} series"
        checks.invalid("series", expected, list(series))
    figure, axes = style.figure(7.2, 4.2)
    if diagonal:
        axes.plot([0, 1], [0, 1], color=style.MUTED, linewidth=1.0)
    for colour, (name, curves) in zip(style.PALETTE, series.items()):
        for number, (x, y) in enumerate(curves):
            axes.plot(
                x,
                y,
                "o-" if len(x) < 20 else "-",
                color=colour,
                markersize=4,
                linewidth=1.6,
                alpha=0.85 if len(curves) < 4 else 0.5,
                label=None if number else style.plain(name),
            )
    axes.grid(color=style.FAINT, linewidth=0.8)
    axes.set_xlabel(style.plain(xlabel), color=style.INK)
    axes.set_ylabel(style.plain(ylabel), color=style.INK)
    # Many names in one line would press the axes together.
    style.legend(axes, above=len(series) < 3)
    style.title(axes, title)
    return style.save(figure, form)


def parallel_plot(
    columns: Mapping[str, Sequence[Any]],
    scores: Any,
    title: str = "",
    label: str = "score",
    better: str = "higher",
    form: str = "png",
) -> bytes:
    """Draws each setting as a line across one axis per hyper-parameter.

    Args:
        columns: Mapping from a hyper-parameter to its N values; None where it
            is not active. Positive numbers over two powers of ten or more
            have a logarithmic axis.
        scores: `(N,)` numbers, the last axis and the colour.
        title: String above the figure.
        label: String. The name of the last axis.
        better: `"higher"` or `"lower"`: which scores are drawn on top.
        form: String. `"png"` or `"svg"`.

    Returns:
        PNG or SVG bytes.
    """
    from matplotlib import colormaps

    checks.one_of("better", better, ("higher", "lower"))
    values = np.asarray(scores, dtype=np.float64)
    places = [_axis(column) for column in [*columns.values(), list(values)]]
    names = [*columns, label]
    figure, axes = style.figure(max(6.4, 1.9 * len(names)), 4.6)
    order = np.argsort(values if better == "higher" else -values)
    for rank, row in enumerate(order):
        share = (rank + 1) / len(order)
        heights = np.array([place[row] for place, _ in places])
        axes.plot(
            np.arange(len(names)),
            heights,
            color=colormaps["cividis_r"](share),
            linewidth=0.8 + 1.6 * share,
            alpha=0.4 + 0.6 * share,
        )
    for index, (_, marks) in enumerate(places):
        axes.axvline(index, color=style.MUTED, linewidth=0.8)
        for height, text in marks:
            axes.annotate(
                style.plain(text, 26),
                (index, height),
                xytext=(4, 2),
                textcoords="offset points",
                fontsize=7,
                color=style.INK,
            )
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    style.ticks(axes, "x", [style.plain(n, 24) for n in names], 1, rotation=20)
    axes.set_xlim(-0.1, len(names) - 0.4)
    style.title(axes, title)
    return style.save(figure, form)


def _axis(
    values: Sequence[Any],
) -> tuple[np.ndarray, list[tuple[float, str]]]:
    """Heights in [0, 1], NaN for None, and the marks of an axis."""
    known = [value for value in values if value is not None]
    if all(isinstance(v, (int, float)) and v is not True for v in known):
        numbers = np.array([np.nan if v is None else v for v in values], float)
        low, high = np.nanmin(numbers), np.nanmax(numbers)
        if low > 0 and high / low >= 100:
            numbers, low, high = np.log(numbers), np.log(low), np.log(high)
            ends = (np.exp(low), np.exp(high))
        else:
            ends = (low, high)
        if high == low:
            return numbers * 0 + 0.5, [(0.5, f"{ends[0]:.4g}")]
        marks = [(0.0, f"{ends[0]:.4g}"), (1.0, f"{ends[1]:.4g}")]
        return (numbers - low) / (high - low), marks
    texts = sorted({str(value) for value in known})
    step = 1 / max(len(texts) - 1, 1)
    places = {text: index * step for index, text in enumerate(texts)}
    heights = [np.nan if v is None else places[str(v)] for v in values]
    every = style.every(len(texts), MAX_VALUES)
    return np.array(heights), [(places[text], text) for text in texts[::every]]
