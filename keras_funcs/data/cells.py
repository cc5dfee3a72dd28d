"""The cells of a column: cleaned texts, and numbers without rounding twice.

A CSV file holds texts, a data frame holds what pandas made of them. Both go
through here, so that the same rows give the same features.
"""

import unicodedata
from collections.abc import Collection
from typing import Any
from typing import NoReturn

import numpy as np

from keras_funcs._core.extras import require
from keras_funcs.data.spelling import Spelling
from keras_funcs.data.spelling import find_misfits

MAX_MAGNITUDE = 1e100  # its square, in a variance, is finite

Marks = Collection[str] | None

# The texts for which pandas reads "missing". They mean that in a column of
# numbers; a category or a class may be called so (NA is Namibia).
NO_NUMBER = frozenset(
    "#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>|N/A|NA|"
    "NULL|NaN|None|n/a|nan|null".split("|")
)


def clean(text: str) -> str:
    """Removes outer spaces, and composes letters with their accents."""
    text = text.strip()
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def distinct_cells(
    series: Any, missing: Marks = ()
) -> tuple[np.ndarray, list[Any]]:
    """Returns codes and different values of a column, as `factorize` does.

    Texts are clean; a missing value has the code -1. Two values may be equal
    if they differed in outer spaces only.

    Args:
        series: pandas Series.
        missing: Texts that mean a missing value, beside the empty one. None
            takes texts as they are, spaces and all.
    """
    pandas = require("pandas")
    codes, found = pandas.factorize(series.astype(object))
    if missing is None:
        return np.asarray(codes), list(found)
    values = [clean(v) if isinstance(v, str) else v for v in found]
    marks = {""} | set(missing)
    # A mark `-1` of a file stands for the number that pandas reads, too.
    numbers = {Spelling().parse(clean(text)) for text in missing} - {None}
    lost = np.array(
        [
            value in marks if isinstance(value, str) else value in numbers
            for value in values
        ],
        bool,
    )
    codes = np.asarray(codes)
    if lost.any():
        codes = np.where((codes >= 0) & lost[codes], -1, codes)
    return codes, values


def to_numbers(
    name: str,
    series: Any,
    spelling: Spelling | None = None,
    missing: Marks = (),
) -> np.ndarray:
    """A column as float64, NaN where missing; never text, never infinite.

    Raises:
        ValueError: If a cell is no number, or a number is out of range.
    """
    expected = "numbers, or nothing where a value is missing"
    if series.dtype.kind in "mMc":
        column_error(name, expected, str(series.dtype))
    spelling = spelling or Spelling()
    codes, values = distinct_cells(series, missing)
    used = set(codes.tolist())
    parsed, strange = [], []
    for code, value in enumerate(values):
        number = _number(value, spelling)
        if number is None and code in used:
            strange.append(value)
        parsed.append(np.nan if number is None else number)
    if strange:
        column_error(name, expected, strange[:5])
    # The last one is where the code -1, missing, points to.
    found = np.array([*parsed, np.nan], float)[codes]
    if not np.all(np.abs(found[~np.isnan(found)]) <= MAX_MAGNITUDE):
        column_error(
            name, f"numbers within {MAX_MAGNITUDE:g}", np.nanmax(np.abs(found))
        )
    return np.asarray(found)


def to_texts(
    series: Any, missing: Marks = (), whole: bool = False
) -> np.ndarray:
    """A column as strings, None where missing.

    Args:
        series: pandas Series.
        missing: As for `distinct_cells`.
        whole: Boolean. Whether `"2.0"` is `"2"`: a column of whole numbers
            turns into floats as soon as one of its values is missing.
    """
    codes, values = distinct_cells(series, missing)
    texts: list[str | None] = [to_text(value, whole) for value in values]
    return np.array([*texts, None], dtype=object)[codes]


def to_text(value: Any, whole: bool = False) -> str:
    """A cell as a category: `2`, `2.0` and `np.int8(2)` are `"2"`."""
    if isinstance(value, str):
        return value.removesuffix(".0") if whole else value
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        value = int(value)
    return str(value)


def not_numbers(values: Collection[Any]) -> list[Any]:
    """The values of a column that keep it from being one of numbers."""
    texts = [value for value in values if isinstance(value, str)]
    texts = [text for text in texts if text not in NO_NUMBER]
    return find_misfits(texts)


def column_error(name: str, expected: str, received: Any) -> NoReturn:
    """Raises the error of a column whose values do not fit."""
    shown = repr(received)
    shown = shown if len(shown) <= 200 else shown[:197] + "..."
    raise ValueError(
        f"Invalid column `{name}`. Expected {expected}. Received: {shown}"
    )


def _number(value: Any, spelling: Spelling) -> float | None:
    if isinstance(value, str):
        if not value or value in NO_NUMBER:
            return np.nan
        return spelling.parse(value)
    try:
        return float(value)
    except (ValueError, TypeError, OverflowError):
        return None
