"""Figures as PNG bytes, for TensorBoard and for reports.

Drawn with matplotlib's objects and never through `pyplot`, so that neither the
user's own figures nor the chosen backend are touched. Colours are Okabe and
Ito's, which the colour-blind can tell apart; what matters is never said by
colour alone. Labels are text from elsewhere: never read as formulas.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_funcs._core import checks
from keras_funcs.inspect.figures import _style as style

MAX_ITEMS = 1000  # classes or bars; beyond that there is nothing to see


def confusion_matrix(
    matrix: Any,
    class_names: Sequence[str] | None = None,
    normalize: str | None = "true",
    title: str = "",
    form: str = "png",
) -> bytes:
    """Draws which class is taken for which.

    Args:
        matrix: `(C, C)` counts; rows are the true classes.
        class_names: Names of the classes. Defaults to their numbers.
        normalize: `"true"` (each row sums to 1: recall), `"pred"` (each
            column: precision), `"all"`, or `None` for counts.
        title: String above the figure.
        form: String. `"png"` or `"svg"`.

    Returns:
        PNG or SVG bytes. Up to 20 classes each cell shows its number.

    Raises:
        ValueError: for a matrix that is not square, or names that do not fit.
    """
    from matplotlib.colors import PowerNorm

    counts = np.asarray(matrix, dtype=np.float64)
    size = len(counts)
    if counts.ndim != 2 or counts.shape != (size, size) or not size:
        checks.invalid("matrix", "a square matrix", counts.shape)
    if size > MAX_ITEMS:
        checks.invalid("matrix", f"at most {MAX_ITEMS} classes", size)
    checks.one_of("normalize", normalize, (None, "true", "pred", "all"))
    names = _labels("class_names", class_names or range(size), size)
    axis = {"true": 1, "pred": 0}.get(str(normalize))
    if normalize is None:
        shown, label = counts, "samples"
    else:
        total = counts.sum(axis=axis, keepdims=True)
        shown = counts / np.where(total > 0, total, 1.0)
        whole = {"true": "true class", "pred": "predicted class"}
        label = f"share of {whole.get(normalize, 'all samples')}"

    side = float(np.clip(2.2 + 0.42 * size, 4.2, 9.0))
    figure, axes = style.figure(side + 1.1, side)
    top = 1.0 if axis is not None else max(float(shown.max()), 1e-12)
    # Among many classes each confusion is rare: the root lifts it into sight.
    scale = PowerNorm(1.0 if size <= 20 else 0.5, vmin=0.0, vmax=top)
    grid = axes.imshow(shown, cmap="Blues", norm=scale)
    bar = figure.colorbar(grid, ax=axes, fraction=0.046, pad=0.03)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=style.MUTED, labelsize=8, length=0)
    bar.set_label(label, color=style.MUTED, fontsize=9)
    every = style.every(size, 25)
    # Long names are turned; short ones read better level.
    turned = max(len(name) for name in names) * min(size, 25) > 60
    style.ticks(axes, "x", names, every, rotation=45 if turned else 0)
    style.ticks(axes, "y", names, every)
    axes.set_xlabel("predicted", color=style.INK)
    axes.set_ylabel("true", color=style.INK)
    if size <= 20:
        for (row, column), value in np.ndenumerate(shown):
            if counts[row, column]:
                axes.text(
                    column,
                    row,
                    _cell(value, counts=normalize is None),
                    ha="center",
                    va="center",
                    fontsize=float(np.clip(110 / size, 6, 10)),
                    color="white" if value > 0.55 * top else style.INK,
                )
    axes.set_xticks(np.arange(1, size) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, size) - 0.5, minor=True)
    if size <= 40:
        axes.grid(which="minor", color="white", linewidth=1.0)
    axes.tick_params(which="minor", length=0)
    style.title(axes, title)
    return style.save(figure, form)


def activation_curve(
    x: Any,
    y: Any,
    derivative: Any = None,
    title: str = "",
    *,
    spread: tuple[Any, Any] | None = None,
    earlier: Mapping[str, Any] | None = None,
    label: str = "now",
) -> bytes:
    """Draws a learned activation and its slope.

    Args:
        x: `(points,)` inputs.
        y: `(points,)` outputs, the mean over channels.
        derivative: `(points,)` slopes, or None to leave them out.
        title: String above the figure.
        spread: Pair of arrays `(points,)`, the lower and the upper edge of
            the band that the channels fill.
        earlier: Mapping from a label such as `"epoch 0"` to the `y` of that
            time, oldest first; drawn from pale to dark below the curve.
        label: String. The legend's name of `y` where there are earlier ones.

    Returns:
        PNG bytes.
    """
    earlier = earlier or {}
    rows = [3, 2] if derivative is not None else [1]
    figure, first = style.figure(6.4, 5.4 if len(rows) > 1 else 3.8, rows)
    axes = first if isinstance(first, list) else [first]
    top = axes[0]
    for axis in axes:
        axis.axhline(0.0, color=style.FAINT, linewidth=1.2, zorder=0)
        axis.axvline(0.0, color=style.FAINT, linewidth=1.2, zorder=0)
        axis.margins(x=0.0)
    for shade, (name, values) in zip(
        style.shades(len(earlier)), earlier.items()
    ):
        top.plot(x, values, color=shade, linewidth=1.3, label=style.plain(name))
    if spread is not None:
        low, high = spread
        top.fill_between(
            x,
            low,
            high,
            color=style.SKY,
            alpha=0.3,
            linewidth=0,
            label="90% of the channels",
        )
    top.plot(x, y, color=style.BLUE, linewidth=2.4, label=style.plain(label))
    top.set_ylabel("f(x)", color=style.INK)
    if earlier or spread is not None:
        style.legend(top)
    if derivative is not None:
        axes[1].plot(x, derivative, color=style.RED, linewidth=1.8)
        axes[1].set_ylabel("f′(x)", color=style.INK)
        top.tick_params(labelbottom=False)
    axes[-1].set_xlabel("x", color=style.INK)
    style.title(top, title)
    return style.save(figure)


def interval_plot(
    labels: Sequence[str],
    differences: Any,
    intervals: Any,
    title: str = "",
    xlabel: str = "difference to the baseline",
    better: str = "higher",
    form: str = "png",
) -> bytes:
    """Draws differences with their confidence intervals around zero.

    Args:
        labels: Names of the rows, from top to bottom.
        differences: `(N,)` numbers.
        intervals: `(N, 2)` lower and upper ends.
        title: String above the figure.
        xlabel: String below it.
        better: `"higher"` or `"lower"`: which side of zero is a gain.
        form: String. `"png"` or `"svg"`.

    Returns:
        PNG or SVG bytes. A gain is a blue triangle, a loss a red one (pointing
        the way the number went); what an interval leaves open is a grey
        circle.
    """
    centre = np.asarray(differences, dtype=np.float64).reshape(-1)
    ends = np.asarray(intervals, dtype=np.float64)
    if ends.shape != (len(centre), 2):
        checks.invalid("intervals", f"shape {(len(centre), 2)}", ends.shape)
    checks.one_of("better", better, ("higher", "lower"))
    names = _labels("labels", labels, len(centre))
    sign = 1.0 if better == "higher" else -1.0

    figure, axes = style.figure(9.2, 1.5 + 0.42 * min(len(centre), 60))
    axes.axvline(0.0, color=style.MUTED, linewidth=1.2, zorder=1)
    seen: dict[str, str] = {}
    for row, (value, (low, high)) in enumerate(zip(centre, ends)):
        word, colour, marker = "inconclusive", style.MUTED, "o"
        if low > 0 or high < 0:
            gain = sign * value > 0
            word, colour = (
                ("better", style.BLUE) if gain else ("worse", style.RED)
            )
            marker = ">" if value > 0 else "<"
        axes.plot([low, high], [row, row], color=colour, linewidth=2.2)
        axes.plot(
            [value],
            [row],
            marker,
            color=colour,
            markersize=8,
            markeredgecolor="white",
            label=None if word in seen else word,
        )
        seen[word] = colour
        axes.annotate(
            f"{value:+.3g}",
            (1.0, row),
            xycoords=("axes fraction", "data"),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=colour,
        )
    axes.set_ylim(len(centre) - 0.4, -0.6)
    style.ticks(axes, "y", names, style.every(len(names), 60))
    axes.grid(axis="x", color=style.FAINT, linewidth=0.8)
    axes.set_xlabel(style.plain(xlabel), color=style.INK)
    style.legend(axes, above=True)
    style.title(axes, title)
    return style.save(figure, form)


def grouped_bars(
    labels: Sequence[str],
    series: Mapping[str, Any],
    title: str = "",
    ylabel: str = "",
    errors: Mapping[str, Any] | None = None,
    form: str = "png",
) -> bytes:
    """Draws several numbers for each label side by side.

    Args:
        labels: Names of the groups, such as the classes.
        series: Mapping from the name of a series to its `(N,)` numbers.
        title: String above the figure.
        ylabel: String beside it.
        errors: Mapping from the name of a series to `(N,)` half widths of
            its error bars.
        form: String. `"png"` or `"svg"`.

    Returns:
        PNG or SVG bytes. Beyond 40 labels the bars become points on a thin line
        from series to series, since so many bars are a grey wall.
    """
    if not series or len(series) > len(style.PALETTE):
        expected = f"1 to {len(style.PALETTE)} series"
        checks.invalid("series", expected, list(series))
    size = len(next(iter(series.values())))
    names = _labels("labels", labels, size)
    values = {
        name: _column(name, numbers, size) for name, numbers in series.items()
    }
    spread = {
        name: _column(name, numbers, size)
        for name, numbers in (errors or {}).items()
    }
    figure, axes = style.figure(
        float(np.clip(2.5 + 0.6 * size, 6.4, 14.0)), 4.2
    )
    place = np.arange(size)
    width = 0.8 / len(values)
    if size > 40:
        stack = np.stack(list(values.values()))
        axes.vlines(
            place, stack.min(axis=0), stack.max(axis=0), color="#C4C9D1"
        )
    for index, (name, numbers) in enumerate(values.items()):
        # The first series is what the others are held against: no colour.
        colour = "#8A93A0" if index == 0 else style.PALETTE[index - 1]
        if size > 40:
            marker = "os^Dv>"[index]
            axes.plot(
                place,
                numbers,
                marker,
                color=colour,
                markersize=5,
                label=style.plain(name),
            )
            continue
        axes.bar(
            place + (index - (len(values) - 1) / 2) * width,
            numbers,
            width * 0.92,
            color=colour,
            label=style.plain(name),
            yerr=spread.get(name),
            error_kw={"ecolor": style.INK, "elinewidth": 1.0, "capsize": 2},
        )
    axes.axhline(0.0, color=style.MUTED, linewidth=0.8)
    axes.set_xlim(-0.6, size - 0.4)
    every = style.every(size, 40)
    turned = max(len(name) for name in names) * size / every > 90
    style.ticks(axes, "x", names, every, rotation=45 if turned else 0)
    axes.grid(axis="y", color=style.FAINT, linewidth=0.8)
    axes.set_ylabel(style.plain(ylabel), color=style.INK)
    style.legend(axes, above=True)
    style.title(axes, title)
    return style.save(figure, form)


def _cell(value: float, counts: bool) -> str:
    if counts:
        return f"{value:.0f}" if value < 10_000 else f"{value / 1000:.0f}k"
    # Rounded down to 0 or up to 1, a number would hide its exceptions.
    return f"{value:.2f}".removeprefix("0") if value < 0.995 else f"{value:.3g}"


def _column(name: str, numbers: Any, size: int) -> np.ndarray:
    array = np.asarray(numbers, dtype=np.float64)
    if array.shape != (size,):
        checks.invalid(name, f"{size} numbers", array.shape)
    return array


def _labels(name: str, labels: Any, size: int) -> list[str]:
    if len(labels) != size or not 0 < size <= MAX_ITEMS:
        checks.invalid(name, f"{size} names, 1 to {MAX_ITEMS}", len(labels))
    return [style.plain(label) for label in labels]
