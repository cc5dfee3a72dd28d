"""How the command prints: for a terminal, for a pipe, and as JSON."""

import difflib
import json
import math
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

WIDEST = 100  # longer lines are hard to read


def bold(text: str) -> str:
    """Text in bold, where a terminal is there and wants it."""
    wanted = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return f"\x1b[1m{text}\x1b[0m" if wanted else text


def paragraph(text: str, before: str = "") -> None:
    """Prints a text, wrapped to the terminal and hung after `before`."""
    columns = shutil.get_terminal_size((80, 24)).columns
    wrapped = textwrap.fill(
        " ".join(text.split()),
        width=max(len(before) + 30, min(columns, WIDEST)),
        initial_indent=before,
        subsequent_indent=" " * len(before),
        break_on_hyphens=False,
        break_long_words=False,
    )
    print(wrapped or before)


def print_json(value: Any) -> None:
    """Prints JSON that every reader takes: NaN and infinity become null."""
    print(json.dumps(_plain(value), indent=1, allow_nan=False))


def near(name: str, known: Iterable[str]) -> str:
    """A sentence with the names that were perhaps meant."""
    names = {item.lower(): item for item in known}
    found = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.4)
    shown = found or sorted(names)[:10]
    start = "Nearest" if found else "There are"
    return f"{start}: {', '.join(names[item] for item in shown)}."


def _plain(item: Any) -> Any:
    if isinstance(item, Mapping):
        return {str(key): _plain(part) for key, part in item.items()}
    if isinstance(item, Sequence) and not isinstance(item, str):
        return [_plain(part) for part in item]
    if isinstance(item, float) and not math.isfinite(item):
        return None
    return item
