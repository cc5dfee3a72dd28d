"""A preprocessing as JSON, and its decisions as a table for the terminal.

The JSON may come from elsewhere, so every part of it is checked.
"""

import json
from collections.abc import Sequence
from typing import Any

from keras_funcs._core import checks
from keras_funcs.data.columns import FLOAT32_MAX
from keras_funcs.data.columns import NumberColumn
from keras_funcs.data.columns import TextColumn
from keras_funcs.data.kinds import Decision
from keras_funcs.data.reading import Reading
from keras_funcs.data.spelling import DECIMALS
from keras_funcs.data.spelling import GROUPS
from keras_funcs.data.spelling import MAX_AFFIX
from keras_funcs.data.spelling import Spelling

FORMAT = 2
# What a number column of format 1 did not say.
FORMAT_1 = {
    "limit": FLOAT32_MAX,
    "squashed": False,
    "spelling": {
        "decimal": ".",
        "group": "",
        "prefix": "",
        "suffix": "",
        "boolean": False,
    },
}
MAX_COLUMNS = 1_000_000
MANY_ROWS = 30


def parse(text: str) -> dict[str, Any]:
    """Returns the arguments of a `TablePreprocessing`.

    Raises:
        ValueError: If the text is no complete description.
    """
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        checks.invalid("text", "a preprocessing.json", str(error))
    if not isinstance(found, dict) or found.get("format") not in (1, FORMAT):
        checks.invalid("text", f"a description of format 1 or {FORMAT}", text)
    old = found["format"] == 1
    try:
        arguments: dict[str, Any] = {
            "target": _string(found["target"]),
            "class_names": _strings(found["class_names"]),
            "numbers": tuple(
                _number(FORMAT_1 | item if old else item)
                for item in _list(found["numbers"])
            ),
            "texts": tuple(
                _text({"whole": False} | item if old else item)
                for item in _list(found["texts"])
            ),
        }
        if old:
            arguments["reading"] = Reading(missing=None)
        else:
            arguments["reading"] = _reading(found["reading"])
            arguments["decisions"] = tuple(
                Decision(*(_string(item[key]) for key in Decision.FIELDS))
                for item in _list(found["decisions"])
            )
    except (KeyError, TypeError) as error:
        checks.invalid("text", "a complete description", repr(error))
    return arguments


def as_table(decisions: Sequence[Decision]) -> str:
    """Returns one row per decision, aligned; like columns of many share one."""
    rows = group_decisions(decisions)
    width = max((len(row[0]) for row in rows), default=0)
    return "\n".join(
        f"{name:<{width}}  {kind:<10}  {reason}".rstrip()
        for name, kind, reason in rows
    )


def group_decisions(
    decisions: Sequence[Decision],
) -> list[tuple[str, str, str]]:
    """Returns column, kind and reason per row of a table.

    In a table of more than 30 columns, those that were read in the same way
    share one row.
    """
    groups: dict[Any, list[str]] = {}
    for index, item in enumerate(decisions):
        alone = index if len(decisions) <= MANY_ROWS else None
        key = (item.kind, item.reason, alone)
        groups.setdefault(key, []).append(item.name)
    return [
        (_few(names), kind, _printable(reason))
        for (kind, reason, _), names in groups.items()
    ]


def _printable(text: str) -> str:
    """A text without line breaks, and without signs that a terminal obeys."""
    return "".join(
        sign if sign.isprintable() else repr(sign)[1:-1] for sign in text
    )


def _few(names: list[str]) -> str:
    plain = [_printable(name) for name in names[:3]]
    shown = [n if len(n) <= 40 else f"{n[:37]}..." for n in plain]
    more = f" ... ({len(names)} columns)" if len(names) > 3 else ""
    return ", ".join(shown) + more


def _number(item: Any) -> NumberColumn:
    return NumberColumn(
        name=_string(item["name"]),
        fill=checks.number("fill", item["fill"]),
        mean=checks.number("mean", item["mean"]),
        scale=checks.number("scale", item["scale"], above=0),
        indicator=checks.boolean("indicator", item["indicator"]),
        limit=_limit(item),
        squashed=checks.boolean("squashed", item["squashed"]),
        spelling=_spelling(item["spelling"]),
    )


def _limit(item: Any) -> float:
    limit = checks.number("limit", item["limit"], at_most=FLOAT32_MAX)
    if limit < 0 or (item["squashed"] and not limit):
        checks.invalid("limit", "a number >= 0, > 0 where squashed", limit)
    return limit


def _spelling(item: Any) -> Spelling:
    affixes = {key: _string(item[key]) for key in ("prefix", "suffix")}
    for key, value in affixes.items():
        if len(value) > MAX_AFFIX:
            checks.invalid(key, f"at most {MAX_AFFIX} characters", value)
    return Spelling(
        decimal=checks.one_of("decimal", item["decimal"], DECIMALS),
        group=checks.one_of("group", item["group"], GROUPS),
        boolean=checks.boolean("boolean", item["boolean"]),
        **affixes,
    )


def _text(item: Any) -> TextColumn:
    return TextColumn(
        name=_string(item["name"]),
        categories=_strings(item["categories"]),
        indicator=checks.boolean("indicator", item["indicator"]),
        whole=checks.boolean("whole", item["whole"]),
    )


def _reading(item: Any) -> Reading:
    separator = _string(item["separator"])
    if len(separator) > 1:
        checks.invalid("separator", "one character", separator)
    missing = item["missing"]
    return Reading(
        separator,
        _string(item["encoding"]),
        None if missing is None else _strings(missing),
    )


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > MAX_COLUMNS:
        checks.invalid("text", f"a list of at most {MAX_COLUMNS}", value)
    return value


def _string(value: Any) -> str:
    if not isinstance(value, str):
        checks.invalid("text", "a string", value)
    return value


def _strings(value: Any) -> tuple[str, ...]:
    return tuple(_string(item) for item in _list(value))
