"""The predictions of the final's runs on the disk, one file for each run.

All runs predict the same rows in the same order, whose labels stand once; a
data set that yields them in another order each time has no such file.
"""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_funcs.search.store import files
from keras_funcs.search.store import state

HELD_OUT, VALIDATION = "held_out", "validation"
# Of the predictions of a run; beyond it only its confusion matrix is kept.
MAX_BYTES = 2**25


def store(
    directory: Path, name: str, seed: int, found: Mapping[str, Any]
) -> None:
    """Stores the predictions of a run, if they are of the rows of all others.

    Args:
        directory: Path. The study's folder.
        name: String. The configuration.
        seed: Integer.
        found: Mapping from `HELD_OUT` and `VALIDATION` to `Predictions`.
    """
    values = {split: item.values for split, item in found.items()}
    if not found or sum(v.nbytes for v in values.values()) > MAX_BYTES:
        return
    labels = {split: item.labels for split, item in found.items()}
    known = read(files.labels_of(directory))
    if known is None:
        _write(files.labels_of(directory), labels)
    elif not all(
        # Class 1 is not the number 1.0.
        split in known
        and known[split].dtype.kind == rows.dtype.kind
        and np.array_equal(known[split], rows)
        for split, rows in labels.items()
    ):
        return
    _write(files.predictions_of(directory, name, seed), values)


def read(path: Path) -> dict[str, np.ndarray] | None:
    """The arrays of a file; None if there is none, or no whole one."""
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        state.tell(f"{path} cannot be read: {error}. It is left out.")
        return None


def _write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **dict(arrays))  # type: ignore[arg-type]
    state.write_bytes(path, buffer.getvalue())
