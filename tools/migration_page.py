"""Writes docs/migration.md from docs/migration.toml and the code itself.

python -m tests.migration_page docs/migration.md
"""

import inspect
import sys
import tomllib
from pathlib import Path
from typing import Any

import keras

import keras_funcs
from keras_funcs._core.component import arguments

FACTS = Path(__file__).parents[1] / "docs" / "migration.toml"
REQUIRED = "required"
HEAD = """\
# From TensorFlow Addons and keras-contrib

TensorFlow Addons ended with Keras 2, keras-contrib before it. This page says
where each of their losses, metrics, activations and layers is now, in this pack
or in Keras 3, and which defaults differ: the old default stands before the
arrow. Shapes, weights and `reduction` are those of Keras 3. Written by `make
readme` from the code's own signatures.
"""
# The tables: what is in each, and the module it was in.
TABLES = {
    "losses": ("Losses", "tfa.losses"),
    "metrics": ("Metrics", "tfa.metrics"),
    "activations": ("Activations", "tfa.activations"),
    "layers": ("Layers", "tfa.layers"),
    "contrib": ("Layers of keras-contrib", "keras_contrib.layers"),
}


def entries() -> dict[str, list[dict[str, Any]]]:
    """The facts, by table."""
    return tomllib.loads(FACTS.read_text())


def target(path: str) -> Any:
    """The class that a dotted name stands for."""
    found: Any = {"keras": keras, "keras_funcs": keras_funcs}[
        path.split(".")[0]
    ]
    for name in path.split(".")[1:]:
        found = getattr(found, name)
    return found


def defaults(cls: Any) -> dict[str, Any]:
    """Arguments of a class with their defaults, `reduction` included."""
    if not cls.__module__.startswith("keras_funcs"):
        parameters = dict(inspect.signature(cls).parameters)
    else:
        parameters = arguments(cls)
    found = {
        name: REQUIRED if item.default is item.empty else item.default
        for name, item in parameters.items()
    }
    if isinstance(cls, type) and issubclass(cls, keras.losses.Loss):
        found.setdefault("reduction", "sum_over_batch_size")
    return found


def differences(entry: dict[str, Any]) -> list[tuple[str, str, Any, Any]]:
    """Arguments whose default is another: old name, new name, old, new."""
    ours = defaults(target(entry["to"]))
    found = []
    for old, theirs in entry.get("arguments", {}).items():
        if old in entry.get("dropped", {}):
            continue
        new = entry.get("renamed", {}).get(old, old)
        theirs = None if theirs == "None" else theirs
        theirs = entry.get("values", {}).get(theirs, theirs)
        # What had to be given and may be left out now is no trap.
        if ours[new] != theirs and theirs != REQUIRED:
            found.append((old, new, theirs, ours[new]))
    return found


def page() -> str:
    """The whole page, as Markdown."""
    parts = [HEAD]
    for kind, items in entries().items():
        parts.append(
            f"## {TABLES[kind][0]}\n\n"
            f"| `{TABLES[kind][1]}.` | Now | Renamed | Other defaults | Note |"
            "\n"
            "|---|---|---|---|---|\n" + "\n".join(map(_row, items)) + "\n"
        )
    return "\n".join(parts)


def _row(entry: dict[str, Any]) -> str:
    if "to" not in entry:
        cells = [entry["name"], "", "", "", entry["note"]]
        return f"| `{cells[0]}` | {' | '.join(cells[1:])} |"
    renamed = [f"`{a}` → `{b}`" for a, b in entry.get("renamed", {}).items()]
    other = [
        f"`{new}`: `{theirs!r}` → `{ours!r}`"
        for _, new, theirs, ours in differences(entry)
    ]
    notes = [f"No `{a}`: {why}." for a, why in entry.get("dropped", {}).items()]
    notes += [entry["note"]] if "note" in entry else []
    cells = [f"`{entry['to']}`", "<br>".join(renamed), "<br>".join(other)]
    return f"| `{entry['name']}` | {' | '.join(cells)} | {' '.join(notes)} |"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page())
