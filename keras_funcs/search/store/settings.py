"""The settings that a trial tried, on the disk: one file for all of them.

It is written before the trial's own file says that the trial has ended.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from keras_funcs.search.jobs import Tried
from keras_funcs.search.store import files
from keras_funcs.search.store import records
from keras_funcs.search.store import state


def write(folder: Path, tried: Sequence[Tried]) -> None:
    """Writes what became of all settings of a trial, in one step.

    Args:
        folder: Path. The trial's folder.
        tried: Sequence of `Tried`.
    """
    rows = [{**vars(item), "values": dict(item.values)} for item in tried]
    state.write_json(folder / files.SETTINGS, {"settings": rows})


def read(folder: Path, move: bool) -> tuple[Tried, ...]:
    """Reads them; empty if the oracle's values were trained.

    Args:
        folder: Path. The trial's folder.
        move: Boolean. As for `records.read`.
    """
    names = [field.name for field in dataclasses.fields(Tried)]
    found: tuple[Tried, ...] | None = records.read(
        folder / files.SETTINGS,
        records.SETTINGS,
        move,
        lambda saved: tuple(
            Tried(**{name: row[name] for name in names})
            for row in saved["settings"]
        ),
    )
    return found or ()
