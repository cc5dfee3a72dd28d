"""The end of a study as a few lines and a table for the terminal."""

import io
import math
import shutil
from pathlib import Path
from typing import Any

from keras_funcs._core.text import block
from keras_funcs._core.text import rich
from keras_funcs.search.progress import duration
from keras_funcs.search.report import contents
from keras_funcs.search.report import recalls
from keras_funcs.search.report import tables
from keras_funcs.search.report.headline import headline
from keras_funcs.search.report.pieces import number
from keras_funcs.search.report.results import Results
from keras_funcs.search.store import files

MOST_CLASSES = 12  # on the terminal


def summary(found: Results, report: Path, seconds: float) -> str:
    """Leaderboard, verdict, contributions, and where everything lies."""
    directory = found.directory
    pieces = ["", headline(found), _render(leaderboard(found)), ""]
    pieces.extend(f"  {c.name}: {c.label}" for c in tables.ranked(found))
    pieces.extend(
        _render(table)
        for table in (_measures(found), _recalls(found))
        if table is not None
    )
    pieces.extend(["", found.verdict])
    contributions = [
        part for part in found.contributions() if part[2].pairs > 1
    ]
    if contributions:
        pieces.append(
            "Each choice of the best finalist, with it against without it:"
        )
        pieces.extend(
            f"  {part}: {value}: {number(c.difference, '+')} "
            f"({number(c.low, '+')} to {number(c.high, '+')})"
            for part, value, c in contributions
        )
    warned = contents.warning(found)
    if warned:
        pieces.append(warned)
    failed = found.failed()
    if failed:
        pieces.append(f"{len(failed)} of {len(found.trials)} trials failed.")
    pieces.append(f"Report       {report}, {files.PAGE}")
    if (directory / files.BEST_MODEL).exists():
        pieces.append(f"Model        {directory / files.BEST_MODEL}")
        if found.shipped is not None:
            item, seed = found.shipped
            score = number(item.scores().get(seed, math.nan))
            pieces.append(
                f"             {item.label}, seed {seed} (the median): "
                f"{found.metric} {score} on {found.where} data"
            )
    if (directory / files.LOGS).exists():
        pieces.append(
            f"TensorBoard  tensorboard --logdir {directory / files.LOGS}"
        )
    pieces.append(f"Time         {duration(seconds)}")
    return block("\n".join(pieces))


def leaderboard(found: Results) -> Any:
    """The leaderboard as a `rich` table, narrow enough for 80 columns."""
    table = _table(
        f"{found.metric}, {_scored(found)}",
        *("configuration", "mean", "sd", "vs baseline", "95 % CI"),
    )
    for item in tables.ranked(found):
        compared = found.differences.get(item.name)
        interval = ""
        if compared is not None and math.isfinite(compared.low):
            low, high = number(compared.low, "+"), number(compared.high, "+")
            interval = f"{low} to {high}"
        difference = number(compared.difference, "+") if compared else ""
        table.add_row(
            rich(item.name),
            number(item.mean()),
            number(item.deviation()),
            difference,
            interval,
        )
    return table


def _measures(found: Results) -> Any:
    """A table of the measures beside the objective, or None."""
    shown, rows = tables.measures(found)
    if not rows:
        return None
    titles = [item.short for item in shown]
    table = _table("Beside it, on the same rows", "configuration", *titles)
    for item, values in rows:
        table.add_row(rich(item.name), *map(number, values))
    return table


def _recalls(found: Results) -> Any:
    """The recall of the classes, what fell first, or None."""
    changed = recalls.changes(found)
    if not changed or found.subject is None:
        return None
    title = f"Recall by class, baseline and {found.subject.name}"
    table = _table(title, "class", "rows", "before", "after", "change", "")
    order = sorted(changed, key=lambda item: item.change.difference)
    for item in order[:MOST_CLASSES]:
        table.add_row(
            rich(item.name),
            str(item.rows),
            number(item.before),
            number(item.after),
            number(item.change.difference, "+"),
            item.note,
        )
    if len(order) > MOST_CLASSES:
        rest = f"{len(order) - MOST_CLASSES} more in the report"
        table.add_row(rich(rest))
    return table


def _table(title: str, *columns: str) -> Any:
    """A `rich` table whose first column holds names."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=rich(title))
    for index, name in enumerate(columns):
        table.add_column(
            rich(name),
            justify="right" if index and name else "left",
            overflow="fold",
        )
    return table


def _scored(found: Results) -> str:
    return f"{len(found.study['seeds'])} seeds, on {found.where} data"


def _render(table: Any) -> str:
    from rich.console import Console

    out = io.StringIO()
    width = shutil.get_terminal_size((80, 24)).columns
    Console(file=out, width=width, color_system=None).print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())
