"""A user's own table, from CSV or Parquet, as a `Dataset`."""

import difflib
import math
import warnings
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any
from typing import NoReturn

import numpy as np

from keras_funcs._core import checks
from keras_funcs._core.extras import require
from keras_funcs.data import preprocessing as pre
from keras_funcs.data.dataset import Dataset

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
PARQUET_SUFFIXES = (".parquet", ".pq")
FEW_VALUES = 10  # up to here "0", "1", "2", "3+" is a scale, not a mistake
FEW_CLASSES = 20  # up to here any number may be the name of a class


def load_table(
    path: str | PathLike[str],
    target: str,
    *,
    validation: float = 0.2,
    test: float = 0.2,
    seed: int = 0,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    missing: Sequence[str] = (),
    max_categories: int = 100,
) -> Dataset:
    """Loads a table for classification.

    The rows are split at random, each split with the same share of every
    class. A column of numbers is standardized, its missing values replaced by
    the median; a column of text becomes one feature for each category. Where
    a training row lacks a value, "is missing" is a feature too. Everything is
    estimated on the training rows alone, and kept in `Dataset.preprocessing`.

    Rows that belong together (one patient, one day) may end in different
    splits: where that matters, split the file yourself and make a `Dataset`.

    Args:
        path: String or path. `.csv`, `.tsv` or `.txt` (UTF-8, a header line,
            separated by comma, semicolon, tab or `|`), `.parquet` or `.pq`.
            A first column without a name is a row number and is left out.
        target: String. The column to predict: text or numbers, every row.
        validation: Float in (0, 1). Share of the rows that a search chooses
            by.
        test: Float in (0, 1). Share of the rows that are scored once, at the
            end. `validation + test < 1`.
        seed: Integer in [0, 2**32). Of the split.
        drop: Sequence of strings. Columns to leave out, such as row ids.
        categorical: Sequence of strings. Columns of numbers that are names,
            such as postal codes.
        missing: Sequence of strings. Cells of a text file that stand for a
            missing value, beside the empty cell, `NA`, `NaN` and `null`.
        max_categories: Integer >= 2. The most categories of one column.

    Returns:
        A `Dataset`, named after the file.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: for a file that is empty or no table, a column that is
            absent, double, without values, of dates, of text and numbers, of
            texts that all differ, or of too many categories; for a target
            that is continuous, has missing values or one class, or a class
            with too few rows.
        ImportError: where pandas, scikit-learn or pyarrow is not installed.
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
    lists = {"drop": drop, "categorical": categorical, "missing": missing}
    for name, value in lists.items():
        if isinstance(value, str):
            checks.invalid(name, "a list of strings", value)

    path = Path(path)
    frame = _read(path, missing)
    for name, value in {"target": [target], **lists}.items():
        if name != "missing":
            _present(name, value, list(frame.columns))
    if target in drop:
        checks.invalid("drop", "other columns than the target", target)
    frame = frame.drop(columns=list(drop))
    y, class_names = _classes(target, frame[target], min(validation, test))
    numbers, texts = _kinds(
        frame.drop(columns=target), categorical, max_categories
    )
    train, val, held = _split(y, validation, test, seed)
    preprocessing = pre.fit(
        frame.iloc[train], numbers, texts, target, class_names
    )
    x = preprocessing.transform(frame)
    return Dataset(
        name=path.stem,
        train=(x[train], y[train]),
        validation=(x[val], y[val]),
        test=(x[held], y[held]),
        class_names=class_names,
        feature_names=preprocessing.feature_names,
        preprocessing=preprocessing,
    )


def _read(path: Path, missing: Sequence[str]) -> Any:
    suffix = path.suffix.lower()
    if suffix not in TEXT_SUFFIXES + PARQUET_SUFFIXES:
        checks.invalid("path", "a .csv, .tsv or .parquet file", str(path))
    if not path.is_file():
        raise FileNotFoundError(
            "Invalid value for argument `path`. Expected a file that exists. "
            f"Received: path={str(path)!r}"
        )
    if not path.stat().st_size:
        checks.invalid("path", "a table, not an empty file", str(path))
    is_text = suffix in TEXT_SUFFIXES
    frame = _read_text(path, missing) if is_text else _read_parquet(path)
    if not len(frame):
        checks.invalid("path", "at least one row of data", str(path))
    if frame.shape[1] < 2:
        checks.invalid(
            "path",
            "the target and at least one column beside it",
            f"{path}, with the columns {list(frame.columns)}",
        )
    return frame


def _read_text(path: Path, missing: Sequence[str]) -> Any:
    pandas = require("pandas")
    try:
        with path.open(encoding="utf-8-sig") as file:
            line = file.readline(1_000_000)
        # The comma stands first, so that it wins where nothing separates.
        options = {
            "sep": max(",;\t|", key=line.count),
            "skipinitialspace": True,
            "index_col": False,
            "encoding": "utf-8-sig",
        }
        header = pandas.read_csv(
            path,
            header=None,
            nrows=1,
            dtype=str,
            keep_default_na=False,
            **options,
        )
        names = [name.strip() for name in header.iloc[0]]
        _unique(names)
        with warnings.catch_warnings():
            # pandas would cut a row that is longer than the header.
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            frame = pandas.read_csv(
                path, low_memory=False, na_values=list(missing), **options
            )
    except pandas.errors.EmptyDataError:
        checks.invalid("path", "a table, not an empty file", str(path))
    except (
        UnicodeDecodeError,
        pandas.errors.ParserError,
        pandas.errors.ParserWarning,
    ) as error:
        reason = " ".join(str(error).split())
        checks.invalid(
            "path",
            "a UTF-8 table with one header line and rows of its length",
            f"{path} ({reason})",
        )
    frame.columns = [
        name or f"Unnamed: {index}" for index, name in enumerate(names)
    ]
    return frame if names[0] else frame.iloc[:, 1:]


def _read_parquet(path: Path) -> Any:
    parquet = require("pyarrow.parquet")
    try:
        _unique(parquet.read_schema(path).names)
        frame = require("pandas").read_parquet(path)
    except (OSError, require("pyarrow").ArrowException) as error:
        reason = " ".join(str(error).split())
        checks.invalid("path", "a Parquet file", f"{path} ({reason})")
    frame.columns = [str(name) for name in frame.columns]
    return frame


def _unique(names: Sequence[str]) -> None:
    named = [name for name in names if name]
    double = sorted({name for name in named if named.count(name) > 1})
    if double:
        checks.invalid("path", "columns with different names", double)


def _present(argument: str, names: Sequence[str], columns: list[str]) -> None:
    for name in names:
        if name not in columns:
            near = difflib.get_close_matches(
                str(name), columns, n=3, cutoff=0.4
            )
            shown = ", ".join(near or columns[:10])
            kind = "Nearest" if near else "There are"
            checks.invalid(
                argument, f"a column of the table. {kind}: {shown}", name
            )


def _classes(
    target: str, series: Any, share: float
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Class ids and class names; refuses what no split can serve."""
    absent = int(series.isna().sum())
    if absent:
        pre.column_error(
            target,
            "a class in every row; remove the rows without one",
            f"{absent} of {len(series)} rows without one",
        )
    values = pre.texts(series)
    order = sorted(set(values))
    if _kind(target, series) == "number":
        _discrete(target, pre.numeric(target, series))
        is_bool = set(order) <= {"False", "True"}
        order.sort(key=None if is_bool else float)
    if len(order) < 2:
        pre.column_error(target, "at least two classes", order)
    names, y = np.unique(values.astype(str), return_inverse=True)
    rank = {name: index for index, name in enumerate(order)}
    y = np.array([rank[name] for name in names], np.int64)[y]

    need = math.ceil(1 / share - 1e-9)
    counts = np.bincount(y)
    small = np.flatnonzero(counts < max(need, 3))
    if small.size:
        shown = [f"{order[i]} ({counts[i]})" for i in small[:5]]
        pre.column_error(
            target,
            f"at least {max(need, 3)} rows of every class, so that each split "
            "has one; remove or merge the rare classes",
            f"{small.size} with fewer, such as {', '.join(shown)}",
        )
    return y, tuple(order)


def _discrete(target: str, values: np.ndarray) -> None:
    different = len(np.unique(values))
    whole = bool(np.all(values == np.floor(values)))
    limit = max(FEW_CLASSES, len(values) // 10) if whole else FEW_CLASSES
    if different > min(limit, len(values) // 2):
        pre.column_error(
            target,
            "classes; these look like a quantity (a regression), which can be "
            "cut into ranges first",
            f"{different} different numbers in {len(values)} rows",
        )


def _kinds(
    frame: Any, categorical: Sequence[str], max_categories: int
) -> tuple[list[str], list[str]]:
    """The columns of numbers and those of categories."""
    numbers, texts = [], []
    for name in frame.columns:
        series = frame[name]
        if series.isna().all():
            pre.column_error(
                name, "at least one value; leave it out with `drop`", "none"
            )
        if name not in categorical and _kind(name, series) == "number":
            pre.numeric(name, series)
            numbers.append(name)
            continue
        different = set(pre.texts(series)) - {None}
        if len(different) > max_categories:
            pre.column_error(
                name,
                f"at most {max_categories} different texts; leave it out with "
                "`drop`, turn it into numbers (a date: into days), or raise "
                "`max_categories`",
                f"{len(different)}, such as {sorted(different)[:3]}",
            )
        if name not in categorical and len(different) == series.count() > 1:
            pre.column_error(
                name,
                "texts that are met again; each row has its own, as an "
                "identifier: leave it out with `drop`, or keep it with "
                "`categorical`",
                f"{len(different)} texts in {series.count()} rows",
            )
        texts.append(name)
    if not numbers and not texts:
        raise ValueError(
            "Invalid value for argument `drop`. Expected at least one column "
            "left beside the target."
        )
    return numbers, texts


def _kind(name: str, series: Any) -> str:
    types = require("pandas").api.types
    if series.dtype.kind in "mMc":
        pre.column_error(
            name,
            "numbers or text; turn it into numbers, or leave it out with "
            "`drop`",
            str(series.dtype),
        )
    if types.is_numeric_dtype(series.dtype):  # booleans too
        return "number"
    found = types.infer_dtype(series, skipna=True)
    if found == "categorical":
        return "text"
    if found in ("boolean", "decimal", "integer", "floating"):
        return "number"
    if found in ("mixed-integer-float", "empty"):
        return "number"
    if found != "string":
        _mixed(name, f"{found} values")
    different = series.nunique()
    strange = pre.not_numbers(series)
    if different > FEW_VALUES and 0 < len(strange) <= different // 2:
        _mixed(name, f"{different - len(strange)} numbers and {strange[:5]}")
    return "text"


def _mixed(name: str, received: str) -> NoReturn:
    pre.column_error(
        name,
        "numbers or text, not both; name the texts in `missing`, or the column "
        "in `categorical` or `drop`",
        received,
    )


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
