"""Which backend runs a dear test, by a fixed assignment.

Cheap tests run on every backend. A dear check of the battery runs on one: the
cases are the rows of a Latin square, the checks its columns, the backends its
symbols, so that every case and every check meet all backends. Torch alone runs
dear checks of the numbers at the ends of ranges, which change no program, and
those that look at nothing but a component's Python. Other tests that
were measured to be dear (`tests/seconds.json`) take turns by their names.
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

BATTERY = "tests/test_conformance.py"
# One backend is enough for whole studies, for processes of their own, and for
# what runs nothing on the backend.
ON_ONE_BACKEND = (
    "tests/command/",
    "tests/data/",
    "tests/inspect/figures/",
    "tests/search/",
    "tests/test_cli.py",
    "tests/test_contact_sheet.py",
    "tests/test_examples.py",
    "tests/test_imports.py",
    "tests/test_migration.py",
    "tests/test_readme.py",
    "tests/test_wheel.py",
)
# Operations that are run one by one cost several times as much on JAX and
# TensorFlow. The battery and the golden models compare the backends.
TURNS = (*5 * ("torch",), "jax", *5 * ("torch",), "tensorflow")


def is_in_full(component: str) -> bool:
    """Whether every check of a component runs on every backend."""
    chosen = os.environ.get(VARIABLE, EVERYTHING).split(",")
    return EVERYTHING in chosen or component in chosen


def home_of(row: int, column: int, backends: Sequence[str] = BACKENDS) -> str:
    """The backend in that place of the square.

    The last of those that can be asked takes the places of those that cannot.
    """
    home = BACKENDS[(row + column) % len(BACKENDS)]
    return home if home in backends else backends[-1]


def is_here(row: int, column: int, backends: Sequence[str] = BACKENDS) -> bool:
    """Whether the active backend is the one in that place."""
    return bool(home_of(row, column, backends) == keras.config.backend())


def row_of(name: str) -> int:
    """A number for a name, the same in every process."""
    return zlib.crc32(name.encode())


def is_assigned_elsewhere(
    name: str,
    number: int,
    dear: Set[str],
    backends: Sequence[str] = BACKENDS,
) -> bool:
    """Whether a test, the `number`-th of its function, runs elsewhere.

    The parameters of one function are spread over the backends that it has
    something to ask of: `pytest.mark.backends("jax")`.
    """
    assigned = name in dear or name.startswith(ON_ONE_BACKEND)
    in_square = name.startswith(BATTERY)  # it assigns its cases itself
    if not assigned or in_square or is_in_full(EVERYTHING):
        return False
    turns = [backend for backend in TURNS if backend in backends]
    turn = (row_of(name) + number) % len(turns)
    return turns[turn] != keras.config.backend()
