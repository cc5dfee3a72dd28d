"""The data of a study in its report: rows, classes, gaps, rows held twice."""

from collections.abc import Mapping
from typing import Any

from keras_funcs.search.report.pieces import DASH
from keras_funcs.search.report.pieces import row
from keras_funcs.search.report.results import Results

MOST_CLASSES = 20  # that are named, from the rarest


def splits(found: Results) -> Mapping[str, Any]:
    """From the name of a split to its facts; see `training.facts`."""
    facts: Mapping[str, Any] = found.study.get("data", {}).get("splits", {})
    return facts


def section(found: Results) -> list[str]:
    """The data section of `report.md`."""
    facts = splits(found)
    if not facts:
        return []
    lines = [
        "## Data",
        "",
        row("", *facts),
        "|---" * (1 + len(facts)) + "|",
        row("rows", *(str(item["rows"]) for item in facts.values())),
    ]
    counts = [item["classes"] for item in facts.values()]
    if all(counts):
        names = found.class_names(max(map(len, counts)))
        padded = [[*c, *[0] * (len(names) - len(c))] for c in counts]
        order = sorted(range(len(names)), key=lambda i: padded[0][i])
        for index in order[:MOST_CLASSES]:
            cells = (str(column[index]) for column in padded)
            lines.append(row(f"class {names[index]}", *cells))
        if len(order) > MOST_CLASSES:
            lines.append(row(f"{len(order) - MOST_CLASSES} larger classes"))
    for title, key in (
        ("missing numbers", "missing"),
        ("rows with the inputs of a training row", "repeated"),
    ):
        values = [item[key] for item in facts.values()]
        if any(values):
            shown = (DASH if v is None else str(v) for v in values)
            lines.append(row(title, *shown))
    warned = warning(found)
    return [*lines, "", *([f"**{warned}**", ""] if warned else [])]


def warning(found: Results) -> str:
    """Faults of the split that the final is scored on."""
    facts = splits(found).get(found.where)
    if not facts or not facts["repeated"]:
        return ""
    return (
        f"{facts['repeated']} of {facts['rows']} {found.where} rows have "
        "exactly the inputs of a training row: if they are copies, scores are "
        "too good."
    )
