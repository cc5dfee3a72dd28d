"""The look that all figures share: colours, axes, labels; and out to PNG."""

import io
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_funcs._core.text import printable

BLUE, ORANGE, GREEN, RED, SKY, PURPLE = PALETTE = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#56B4E9",
    "#CC79A7",
)
INK = "#222222"
MUTED = "#6B7280"
FAINT = "#E5E7EB"
DPI = 110


def figure(
    width: float, height: float, rows: Sequence[int] | None = None
) -> tuple[Any, Any]:
    """A figure and its axes: one, or a list where `rows` gives heights."""
    heights = list(rows or [1])
    fig, all_axes = grid(
        width,
        height,
        len(heights),
        1,
        (0.12, 0.1),
        height_ratios=heights,
        sharex=True,
    )
    column = list(all_axes[:, 0])
    return fig, column[0] if len(heights) == 1 else column


def grid(
    width: float,
    height: float,
    rows: int,
    columns: int,
    pads: tuple[float, float] = (0.04, 0.04),
    **kwargs: Any,
) -> tuple[Any, Any]:
    """A figure and its axes, an array `(rows, columns)`."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=pads[0], h_pad=pads[1])
    fig = Figure(figsize=(width, height), dpi=DPI, layout=layout)
    fig.set_facecolor("white")
    all_axes = fig.subplots(rows, columns, squeeze=False, **kwargs)
    for axes in all_axes.flat:
        axes.set_facecolor("white")
        axes.set_axisbelow(True)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color("#C4C9D1")
        axes.tick_params(colors=MUTED, labelsize=9, length=0)
    return fig, all_axes


def title(axes: Any, title: str) -> None:
    """Above the whole figure, where long labels leave it room."""
    axes.get_figure().suptitle(
        plain(title, 90),
        x=0.015,
        ha="left",
        color=INK,
        fontsize=12,
        fontweight="bold",
    )


def legend(axes: Any, above: bool = False) -> None:
    place: dict[str, Any] = {"loc": "best"}
    if above:
        place = {
            "loc": "lower left",
            "bbox_to_anchor": (0.0, 1.0),
            "ncols": 6,
            "borderaxespad": 0.3,
            "handletextpad": 0.5,
        }
    axes.legend(
        frameon=not above,
        framealpha=0.85,
        edgecolor="none",
        fontsize=9,
        labelcolor=INK,
        **place,
    )


def ticks(
    axes: Any, which: str, names: Sequence[str], every: int, rotation: int = 0
) -> None:
    place = list(range(0, len(names), every))
    shown = [names[index] for index in place]
    if which == "y":
        axes.set_yticks(place, shown)
        return
    axes.set_xticks(place, shown, rotation=rotation)
    if rotation:
        for text in axes.get_xticklabels():
            text.set(ha="right", rotation_mode="anchor")


def every(size: int, most: int) -> int:
    """How many labels apart to name one, in steps that people count in."""
    for step in (1, 2, 5, 10, 20, 50, 100):
        if math.ceil(size / step) <= most:
            return step
    return 200


def shades(count: int) -> list[str]:
    """Greys from pale to dark."""
    levels = np.linspace(0.82, 0.45, max(count, 1))
    return [f"{level:.3f}" for level in levels[:count]]


def plain(text: Any, most: int = 48) -> str:
    """Text as it stands: one printable line, no `$formula$`, not too long."""
    line = printable(text, instead=" ").strip()
    if len(line) > most:
        line = line[: most - 1] + "…"
    return line.replace("$", r"\$")


def save(fig: Any, form: str = "png", **metadata: str) -> bytes:
    """The figure as PNG or SVG, without the time and the software."""
    import matplotlib

    buffer = io.BytesIO()
    nothing = {"png": ("Software",), "svg": ("Creator", "Date")}[form]
    # Text stays text in SVG, and the same figure gets the same file.
    settings = {"svg.fonttype": "none", "svg.hashsalt": "keras_funcs"}
    with warnings.catch_warnings(), matplotlib.rc_context(settings):
        # A sign that the font lacks is drawn as a box; that is all.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        fig.savefig(
            buffer, format=form, metadata={**dict.fromkeys(nothing), **metadata}
        )
    return buffer.getvalue()
