"""Which backend runs a dear test, by a fixed assignment.

Cheap tests run on every backend. A dear test runs on one: the cases are the
rows of a Latin square, the checks its columns, the backends its symbols, so
that every case and every check meet all backends. Other tests that were
measured to be dear (`tests/seconds.json`) are assigned by their names.
`make test-all` runs the full product; `make test-touched` does so for the
components that a change touches.
"""

import os
import zlib
from collections.abc import Sequence
from collections.abc import Set

import keras

from keras_funcs._core.backend import BACKENDS

EVERYTHING = "*"
# `EVERYTHING`, which is the default, or names with commas between them.
VARIABLE = "KERAS_FUNCS_IN_FULL"

# Their tests run nothing on the backend: one of the three is enough.
WITHOUT_BACKEND = (
    "tests/command/test_printing.py",
    "tests/data/",
    "tests/inspect/figures/",
    "tests/search/test_statistics.py",
    "tests/test_contact_sheet.py",
    "tests/test_imports.py",
    "tests/test_migration.py",
    "tests/test_wheel.py",
)


def is_in_full(component: str) -> bool:
    """Whether every check of a component runs on every backend."""
    chosen = os.environ.get(VARIABLE, EVERYTHING).split(",")
    return EVERYTHING in chosen or component in chosen


def home_of(row: int, column: int, backends: Sequence[str] = BACKENDS) -> str:
    """The backend in that place of the square.

    Where it is none of those that can be asked, these take turns.
    """
    number = row + column
    home = BACKENDS[number % len(BACKENDS)]
    if home in backends:
        return home
    return backends[number // len(BACKENDS) % len(backends)]


def is_here(row: int, column: int, backends: Sequence[str] = BACKENDS) -> bool:
    """Whether the active backend is the one in that place."""
    return bool(home_of(row, column, backends) == keras.config.backend())


def row_of(name: str) -> int:
    """The row of what has no number, the same in every process."""
    return zlib.crc32(name.encode())


def is_assigned_elsewhere(name: str, number: int, dear: Set[str]) -> bool:
    """Whether a test, the `number`-th of its function, runs elsewhere.

    The parameters of one function are spread over the backends.
    """
    assigned = name in dear or name.startswith(WITHOUT_BACKEND)
    if not assigned or is_in_full(EVERYTHING):
        return False
    return not is_here(row_of(name), number)
