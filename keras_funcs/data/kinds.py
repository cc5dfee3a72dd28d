"""Numbers, categories or left out: each column is decided once, with a reason.

All cells of a column are seen before one is parsed. Every decision can be
overruled by an argument of `load_table`, which its reason names.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from dataclasses import replace
from typing import Any
from typing import ClassVar

import numpy as np

from keras_funcs.data import cells
from keras_funcs.data import spelling as spell
from keras_funcs.data.spelling import Spelling

FEW_VALUES = 10  # up to here "0", "1", "2", "3+" is a scale, not a mistake
LEAST_ROWS = 10  # fewer are in order by chance
EXACT = 2**53  # beyond it, float64 merges whole numbers
INDEX = re.compile(r"Unnamed: \d")
PADDED = re.compile(r"[+-]?0\d")
NUMBERS, CATEGORIES, LEFT_OUT = "numbers", "categories", "left out"


@dataclass(frozen=True)
class Decision:
    """How one column was read, and why.

    Args:
        name: String. The column, or the file.
        kind: String: `"numbers"`, `"categories"`, `"left out"`, `"target"` or
            `"file"`.
        reason: String, for the reader of a report.
    """

    FIELDS: ClassVar = ("name", "kind", "reason")

    name: str
    kind: str
    reason: str = ""


@dataclass(frozen=True)
class Wishes:
    """The user's word on how columns are read, which overrules the rules.

    Args:
        categorical: Columns of categories.
        numeric: Columns of numbers.
        missing: Texts that mean a missing value.
        max_categories: Integer >= 2. The most categories of one column.
        decimal: `"."`, `","` or None.
        classes: All classes of the target in their order; empty to find them.
    """

    categorical: Collection[str] = ()
    numeric: Collection[str] = ()
    missing: tuple[str, ...] = ()
    max_categories: int = 100
    decimal: str | None = None
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    """A decision, and what is needed to carry it out."""

    name: str
    kind: str
    reason: str
    spelling: Spelling = Spelling()
    whole: bool = False


class Cells:
    """The different cells of a column.

    Args:
        series: pandas Series.
        missing: Texts that mean a missing value.
    """

    def __init__(self, series: Any, missing: Collection[str]) -> None:
        self.series = series
        codes, values = cells.distinct_cells(series, missing)
        self.count = int((codes >= 0).sum())
        used = [values[code] for code in np.unique(codes[codes >= 0])]
        self.values = list(dict.fromkeys(used))
        self.texts = [item for item in self.values if isinstance(item, str)]
        self.numbers = [i for i in self.texts if i not in cells.NO_NUMBER]
        self.marks = sorted({*self.texts} & cells.NO_NUMBER)

    @property
    def spaces(self) -> str:
        """A note on outer spaces, and on accents in two forms."""
        changed = [
            value
            for value in self.series.dropna().unique()
            if isinstance(value, str) and value not in ("", cells.clean(value))
            if value.strip()
        ]
        if not changed:
            return ""
        return f"{changed[0]!r} is read as {cells.clean(changed[0])!r}"

    @property
    def whole(self) -> bool:
        """Whether these are the floats that pandas writes for integers."""
        return bool(self.texts) and all(
            _is_written_float(text) for text in self.texts
        )


def decide_columns(frame: Any, wishes: Wishes, typed: bool) -> list[Column]:
    """Decides for all columns of a table but the target.

    Args:
        frame: pandas DataFrame.
        wishes: `Wishes`.
        typed: Boolean. Whether the file has types, as Parquet has: text that
            looks like a number is text there.

    Raises:
        ValueError: If a column is neither numbers nor categories.
    """
    found: dict[str, list[Spelling]] = {}
    profiles: dict[str, Cells] = {}
    for name in frame.columns:
        profiles[name] = Cells(frame[name], wishes.missing)
        spelled = not typed or name in wishes.numeric
        if spelled and profiles[name].numbers:
            found[name] = spell.find_spellings(profiles[name].numbers)
    decimal = wishes.decimal or spell.find_decimal(found.values())
    columns = []
    for index, name in enumerate(frame.columns):
        spelling = spell.choose_spelling(
            found.get(name, []), decimal, wishes.decimal is not None
        )
        profile = profiles[name]
        if name in wishes.categorical:
            column = _categories(name, profile, wishes, "as asked for")
        elif name in wishes.numeric:
            column = _numbers(name, profile, spelling, wishes, asked=True)
        elif index == 0 and INDEX.match(name):
            reason = "first column without a name, a row number; `numeric` or"
            column = Column(name, LEFT_OUT, f"{reason} `categorical` keeps it")
        elif not profile.count and INDEX.match(name):
            column = Column(name, LEFT_OUT, "neither a name nor a value")
        elif not profile.count:
            cells.column_error(
                name, "at least one value; leave it out with `drop`", "none"
            )
        elif spelling is not None or (
            typed and _is_typed_number(name, profile)
        ):
            column = _numbers(name, profile, spelling, wishes)
        else:
            column = _categories(name, profile, wishes)
        columns.append(column)
    return columns


def _numbers(
    name: str,
    profile: Cells,
    spelling: Spelling | None,
    wishes: Wishes,
    asked: bool = False,
) -> Column:
    spelling = spelling or Spelling()
    values = cells.to_numbers(name, profile.series, spelling, wishes.missing)
    notes = ["as asked for"] * asked
    padded = [text for text in profile.numbers if PADDED.match(text)]
    several = len(profile.texts) < profile.count
    if padded and several and not asked:
        if len(profile.texts) <= wishes.max_categories:
            reason = f"codes such as {padded[0]}; `numeric` makes them numbers"
            return _categories(name, profile, wishes, reason)
        notes.append("codes, too many for categories")
    order = _order(profile.series, values)
    if not asked and (order == "running" or (order and INDEX.match(name))):
        reason = "running number of the rows; `numeric` keeps it"
        return Column(name, LEFT_OUT, reason)
    if not asked and order:
        notes.append(
            "another whole number in each row, as an identifier has: `drop` "
            "leaves it out"
            if order == "unique"
            else "in the order of the rows: `drop` leaves it out"
        )
    # Whole numbers follow the decimal sign of the file, of no interest here.
    commas = any("," in text for text in profile.numbers)
    shown = spelling if commas else replace(spelling, decimal=".")
    notes.append(shown.describe())
    if profile.marks:
        notes.append(f"{', '.join(profile.marks)}: missing")
    merged = len({*profile.numbers}) - len({*values[~np.isnan(values)]})
    if merged > 0 and np.nanmax(np.abs(values)) >= EXACT:
        notes.append(
            f"{merged} of {len(profile.numbers)} different numbers are lost "
            "in float64; `categorical` keeps them apart"
        )
    return Column(name, NUMBERS, "; ".join(filter(None, notes)), spelling)


def _categories(
    name: str, profile: Cells, wishes: Wishes, reason: str = ""
) -> Column:
    asked = name in wishes.categorical
    whole = profile.whole
    different = {cells.to_text(value, whole) for value in profile.values}
    if not reason:
        _check_mixed(name, profile)
    if len(different) > wishes.max_categories:
        cells.column_error(
            name,
            f"at most {wishes.max_categories} different texts; leave it out "
            "with `drop`, turn it into numbers (a date: into days), or raise "
            "`max_categories`",
            f"{len(different)}, such as {sorted(different)[:3]}",
        )
    if not asked and len(different) == profile.count > 1:
        cells.column_error(
            name,
            "texts that are met again; each row has its own, as an "
            "identifier: leave it out with `drop`, or keep it with "
            "`categorical`",
            f"{len(different)} texts in {profile.count} rows",
        )
    notes = [f"{len(different)} distinct", reason, profile.spaces]
    if profile.marks:
        notes.append(
            f"{', '.join(profile.marks)} is a category; `missing` makes it "
            "no value"
        )
    return Column(
        name, CATEGORIES, "; ".join(filter(None, notes)), Spelling(), whole
    )


def _check_mixed(name: str, profile: Cells) -> None:
    """Refuses a column of numbers with a few texts in it."""
    if len(profile.texts) < len(profile.values):
        kinds = sorted({type(item).__name__ for item in profile.values})
        if "str" in kinds:
            _mixed(name, f"{' and '.join(kinds)} values")
    strange = spell.find_misfits(profile.numbers)
    different = len(profile.numbers)
    if different > FEW_VALUES and 0 < len(strange) <= different // 2:
        _mixed(name, f"{different - len(strange)} numbers and {strange[:5]}")


def _mixed(name: str, received: str) -> None:
    cells.column_error(
        name,
        "numbers or text, not both; name the texts in `missing`, or the column "
        "in `categorical` or `drop`",
        received,
    )


def _is_typed_number(name: str, profile: Cells) -> bool:
    dtype = profile.series.dtype
    if dtype.kind in "mMc":
        cells.column_error(
            name,
            "numbers or text; turn it into numbers, or leave it out with "
            "`drop`",
            str(dtype),
        )
    if profile.texts or str(dtype) == "category":
        return False
    try:
        return all(np.isscalar(float(value)) for value in profile.values)
    except (TypeError, ValueError):
        kind = type(profile.values[0]).__name__
        cells.column_error(
            name,
            "numbers or text; turn it into numbers, or leave it out with "
            "`drop`",
            f"{kind} values",
        )


def _order(series: Any, values: np.ndarray) -> str:
    """Returns how whole numbers follow the order of the rows.

    `"running"` in steps of one, `"rising"` (or falling) in others, `"unique"`
    without order but all different and without large gaps, or else `""`. A
    file may be sorted by class, so that such a column holds the answer.
    """
    if len(values) < LEAST_ROWS or np.isnan(values).any():
        return ""
    if np.any(values != np.floor(values)):
        return ""
    rows: Any = values
    if np.abs(values).max() >= EXACT:
        try:
            rows = np.array([int(cell) for cell in series], object)
        except (TypeError, ValueError):
            return ""
    steps = np.diff(rows)
    if np.all(steps == 1) or np.all(steps == -1):
        return "running"
    if np.all(steps > 0) or np.all(steps < 0):
        return "rising"
    span = rows.max() - rows.min() + 1
    unique = len({*rows.tolist()}) == len(rows)
    return "unique" if unique and span <= 2 * len(rows) else ""


def _is_written_float(text: str) -> bool:
    try:
        return str(float(text)) == text and "." in text
    except ValueError:
        return False
