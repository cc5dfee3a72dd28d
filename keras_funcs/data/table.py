"""A user's own table, from CSV or Parquet, as a `Dataset`."""

import difflib
import math
import unicodedata
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from keras_funcs._core import checks
from keras_funcs._core.extras import require
from keras_funcs.data import kinds
from keras_funcs.data import preprocessing as pre
from keras_funcs.data.dataset import Dataset
from keras_funcs.data.kinds import Column
from keras_funcs.data.kinds import Decision
from keras_funcs.data.kinds import Wishes
from keras_funcs.data.reading import Reading
from keras_funcs.data.reading import find_reading
from keras_funcs.data.reading import is_text
from keras_funcs.data.spelling import DECIMALS
from keras_funcs.data.target import decide_classes


def load_table(
    path: str | PathLike[str],
    target: str,
    *,
    validation: float = 0.2,
    test: float = 0.2,
    seed: int = 0,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    numeric: Sequence[str] = (),
    missing: Sequence[str] = (),
    max_categories: int = 100,
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
) -> Dataset:
    """Loads a table for classification.

    The rows are split at random, each split with the same share of every
    class. A column of numbers is standardized, its missing values replaced by
    the median; no feature exceeds 10. A column of text becomes one feature
    per category. If a training row lacks a value, "is missing" is a feature
    too. Everything is estimated on the training rows alone, and kept in
    `Dataset.preprocessing`.

    A text file is read as text first. Each column is then decided once, as a
    whole, and `print(dataset.preprocessing.describe())` shows the decisions:

    - Columns of numbers, also of `1,5`, `1.234,50`, `12%`, `$12` or `3 kg`;
      in them `NA`, `NaN`, `None` and `null` mean a missing value.
    - Columns of categories: texts without outer spaces, and codes with
      leading zeros. A category or class may be called `NA`.
    - Left out: a first column without a name, and a running number of the
      rows, which would give the order of the file away.

    Rows that belong together (one patient, one day) may end in different
    splits: if that matters, split the file yourself and make a `Dataset`.

    Args:
        path: String or path. `.csv`, `.tsv` or `.txt` (with a header line),
            `.parquet` or `.pq`.
        target: String. The column to predict: text or numbers, every row.
        validation: Float in (0, 1). Share of the rows that a search chooses
            by.
        test: Float in (0, 1). Share of the rows that are scored once, at the
            end. `validation + test < 1`.
        seed: Integer in [0, 2**32). Of the split.
        drop: Sequence of strings. Columns to leave out, such as row ids.
        categorical: Sequence of strings. Columns of numbers that are names,
            such as postal codes.
        numeric: Sequence of strings. Columns to read as numbers although they
            would be categories or left out.
        missing: Sequence of strings. Texts that mean a missing value in every
            column, beside the empty cell.
        max_categories: Integer >= 2. The most categories of one column.
        separator: One character, or None. Defaults to what Python's
            `csv.Sniffer` finds among comma, semicolon, tab and `|`.
        decimal: `"."`, `","`, or None. Defaults to what each column says and,
            if it fits both, to what the other columns say.
        encoding: String, or None. Of a text file. Defaults to UTF-8, or to
            UTF-16 if the file begins with its mark.

    Returns:
        A `Dataset`, named after the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: For a file that is empty or no table, a column that is
            absent, double, without values, of dates, of text and numbers, of
            texts that all differ, or of too many categories; for a target
            that is continuous, has missing values or one class, or a class
            with too few rows.
        ImportError: If pandas, scikit-learn or pyarrow is not installed.
    """
    validation = checks.number("validation", validation, above=0, below=1)
    test = checks.number("test", test, above=0, below=1)
    if validation + test >= 1:
        checks.invalid(
            "test", f"less than {1 - validation:g} beside `validation`", test
        )
    seed = checks.integer("seed", seed, at_least=0, at_most=2**32 - 1)
    max_categories = checks.integer(
        "max_categories", max_categories, at_least=2
    )
    checks.one_of("decimal", decimal, (None, *DECIMALS))
    if separator is not None and (
        not isinstance(separator, str) or len(separator) != 1
    ):
        checks.invalid("separator", "one character", separator)
    lists = {"drop": drop, "categorical": categorical, "numeric": numeric}
    for name, value in {**lists, "missing": missing}.items():
        if isinstance(value, str):
            checks.invalid(name, "a list of strings", value)

    path = Path(path)
    reading = find_reading(path, missing, separator, encoding)
    frame = _read(path, missing, reading)
    present = list(frame.columns)
    [target] = _find_columns("target", [target], present)
    drop, categorical, numeric = (
        _find_columns(name, value, present) for name, value in lists.items()
    )
    _check_wishes(target, drop, categorical, numeric)
    wishes = Wishes(
        categorical, numeric, reading.missing or (), max_categories, decimal
    )
    typed = not is_text(path)
    y, class_names, about_target = decide_classes(
        target, frame[target], min(validation, test), wishes, typed
    )
    rest = frame.drop(columns=[target, *drop])
    columns = kinds.decide_columns(rest, wishes, typed)
    train, val, held = _split(y, validation, test, seed)
    preprocessing = _fit(
        frame.iloc[train], columns, target, class_names, reading
    )
    special = {item.name: item.reason for item in preprocessing.decisions}
    x, unknown = preprocessing.count_unknown(frame)
    decisions = [
        Decision(path.name, "file", reading.describe()),
        about_target,
        *(_decision(item, special, unknown) for item in columns),
        *(Decision(name, kinds.LEFT_OUT, "as asked for") for name in drop),
    ]
    preprocessing = replace(preprocessing, decisions=tuple(decisions))
    return Dataset(
        name=path.stem,
        train=(x[train], y[train]),
        validation=(x[val], y[val]),
        test=(x[held], y[held]),
        class_names=class_names,
        feature_names=preprocessing.feature_names,
        preprocessing=preprocessing,
    )


def _read(
    path: Path, missing: Collection[str], reading: Reading | None = None
) -> Any:
    """The rows of a file; refuses a table without rows or columns."""
    reading = reading or find_reading(path, missing)
    frame = reading.read(path)
    if not len(frame):
        checks.invalid("path", "at least one row of data", str(path))
    if frame.shape[1] < 2:
        checks.invalid(
            "path",
            "the target and at least one column beside it; give `separator` "
            "if it was not found",
            f"{path}, with the columns {list(frame.columns)}",
        )
    return frame


def _find_columns(
    argument: str, names: Sequence[str], columns: list[str]
) -> list[str]:
    """The columns of the table by these names; their Unicode form is free."""
    found = []
    for name in names:
        same = [c for c in columns if _composed(c) == _composed(name)]
        if name in columns:
            same = [name]
        if len(same) == 1:
            found.append(same[0])
            continue
        near = same or difflib.get_close_matches(
            str(name), columns, n=3, cutoff=0.4
        )
        shown = near or columns[:10]
        kind = "Nearest" if near else "There are"
        if same:
            # These look alike in print.
            kind, shown = "Alike", [ascii(item) for item in same]
        checks.invalid(
            argument, f"a column of the table. {kind}: {', '.join(shown)}", name
        )
    return found


def _composed(name: Any) -> str:
    return unicodedata.normalize("NFC", str(name)).strip()


def _check_wishes(
    target: str,
    drop: Sequence[str],
    categorical: Sequence[str],
    numeric: Sequence[str],
) -> None:
    if target in drop:
        checks.invalid("drop", "other columns than the target", target)
    if target in numeric:
        checks.invalid("numeric", "other columns than the target", target)
    for name, value in {"categorical": categorical, "drop": drop}.items():
        both = sorted({*value} & {*numeric})
        if both:
            checks.invalid("numeric", f"other columns than in `{name}`", both)


def _fit(
    frame: Any,
    columns: Sequence[Column],
    target: str,
    class_names: Sequence[str],
    reading: Reading,
) -> pre.TablePreprocessing:
    numbers = [item for item in columns if item.kind == kinds.NUMBERS]
    texts = [item for item in columns if item.kind == kinds.CATEGORIES]
    if not numbers and not texts:
        left = ", ".join(f"{item.name} ({item.reason})" for item in columns)
        raise ValueError(
            "Invalid value for argument `drop`. Expected at least one column "
            "left beside the target." + f" Left out: {left}" * bool(left)
        )
    return pre.fit(
        frame,
        [item.name for item in numbers],
        [item.name for item in texts],
        target,
        class_names,
        reading=reading,
        spellings={item.name: item.spelling for item in numbers},
        whole={item.name for item in texts if item.whole},
    )


def _decision(
    column: Column,
    special: Mapping[str, str],
    unknown: Mapping[str, Mapping[str, int]],
) -> Decision:
    notes = [column.reason, special.get(column.name, "")]
    if column.name in unknown:
        rows = sum(unknown[column.name].values())
        notes.append(f"{rows} held-out rows have others")
    return Decision(column.name, column.kind, "; ".join(filter(None, notes)))


def _split(
    y: np.ndarray, validation: float, test: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of train, validation and test rows."""
    split = require("sklearn.model_selection").train_test_split
    rows = np.arange(len(y))
    parts = []
    for share in (test, validation):
        size = math.ceil(share * len(y) - 1e-9)
        rows, part = split(
            rows, test_size=size, stratify=y[rows], random_state=seed
        )
        parts.append(part)
    held, val = parts
    for name, part in {"validation": val, "test": held, "train": rows}.items():
        if len(np.unique(y[part])) < len(np.unique(y)):
            checks.invalid(
                "test",
                f"shares that leave a row of every class for {name}",
                f"{test}, with validation={validation} and {len(y)} rows",
            )
    return rows, val, held
