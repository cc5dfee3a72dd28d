"""A user's own table, from CSV or Parquet, as a `Dataset`."""

import difflib
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
from keras_funcs.data.splitting import Shares
from keras_funcs.data.splitting import read_groups
from keras_funcs.data.splitting import read_times
from keras_funcs.data.target import REGRESSION
from keras_funcs.data.target import decide_target

TABLE_TASKS = ("binary", "multiclass", "ordinal", REGRESSION)


def load_table(
    path: str | PathLike[str],
    target: str,
    *,
    validation: float = 0.2,
    test: float | str | PathLike[str] = 0.2,
    seed: int = 0,
    task: str = "",
    classes: Sequence[str] = (),
    group: str = "",
    time: str = "",
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    numeric: Sequence[str] = (),
    missing: Sequence[str] = (),
    max_categories: int = 100,
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
) -> Dataset:
    """Loads a table, to predict one of its columns.

    A target of texts or of few different numbers is a class, one of many
    numbers a quantity, for a regression; `task` overrules that. The rows are
    split at random, each split with the same share of every class or of small
    and large numbers, unless there is a file of test rows, a group or a time.
    A column of numbers is standardized, its missing values replaced by
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

    Args:
        path: String or path. `.csv`, `.tsv` or `.txt` (with a header line),
            `.parquet` or `.pq`.
        target: String. The column to predict: text or numbers, every row.
        validation: Float in (0, 1). Share of the rows that a search chooses
            by.
        test: Float in (0, 1), the share of the rows that are scored once, at
            the end, with `validation + test < 1`; or the path of a table with
            these rows, which is read as the first one.
        seed: Integer in [0, 2**32). Of the split.
        task: `"binary"`, `"multiclass"`, `"ordinal"` or `"regression"`.
            Defaults to what the target looks like.
        classes: Sequence of strings. All classes of the target in their order,
            such as `["low", "medium", "high"]`, which `"ordinal"` needs for
            texts. Defaults to the order of the numbers or the alphabet.
        group: String. A column whose equal values stay in one split, such as
            a patient. It is no feature.
        time: String. A column of numbers or dates such as 2026-05-31 to split
            by: the last rows are the test split. It is no feature.
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
            that has missing values or one class, or a class with too few rows.
        ImportError: If pandas, scikit-learn or pyarrow is not installed.
    """
    shares = _shares(validation, test, seed, group, time)
    if task:
        checks.one_of("task", task, TABLE_TASKS)
    max_categories = checks.integer(
        "max_categories", max_categories, at_least=2
    )
    checks.one_of("decimal", decimal, (None, *DECIMALS))
    if separator is not None and (
        not isinstance(separator, str) or len(separator) != 1
    ):
        checks.invalid("separator", "one character", separator)
    if classes and task == REGRESSION:
        checks.invalid("classes", "none for a regression", classes)
    lists = {"drop": drop, "categorical": categorical, "numeric": numeric}
    named = {**lists, "missing": missing, "classes": classes}
    for name, value in named.items():
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
        categorical,
        numeric,
        reading.missing or (),
        max_categories,
        decimal,
        tuple(classes),
    )
    typed = not is_text(path)
    smaller = min(shares.validation, shares.test or shares.validation)
    about = decide_target(target, frame[target], smaller, wishes, typed, task)
    ruled: dict[str, str] = dict.fromkeys(drop, "as asked for")
    if group:
        [group] = _find_columns("group", [group], present)
        groups = read_groups(group, frame[group])
        shares = replace(shares, groups=groups)
        ruled[group] = f"{len(np.unique(groups))} groups of rows"
    if time:
        [time] = _find_columns("time", [time], present)
        shares = replace(shares, times=read_times(time, frame[time]))
        ruled[time] = "the order of the rows in time"
    if target in ruled:
        checks.invalid("group or time", "other columns than the target", target)
    columns = kinds.decide_columns(
        frame.drop(columns=[target, *ruled]), wishes, typed
    )
    train, val, held = shares.split(about.y, not about.is_regression)
    preprocessing = _fit(
        frame.iloc[train], columns, target, about.class_names, reading
    )
    special = {item.name: item.reason for item in preprocessing.decisions}
    x, unknown = preprocessing.count_unknown(frame)
    splits = {"train": (x[train], about.y[train])}
    splits["validation"] = (x[val], about.y[val])
    splits["test"] = (x[held], about.y[held])
    if not shares.test:
        rows = _read_test(Path(test), preprocessing, target)  # type: ignore[arg-type]
        if group:
            _check_groups(Path(test), rows, group, shares.groups)  # type: ignore[arg-type]
        splits["test"] = (
            preprocessing.count_unknown(rows)[0],
            about.read(rows[target]),
        )
    decisions = [
        Decision(path.name, "file", reading.describe()),
        Decision(path.name, "rows", _about_rows(splits, shares, test)),
        about.decision,
        *(_decision(item, special, unknown) for item in columns),
        *(Decision(name, kinds.LEFT_OUT, why) for name, why in ruled.items()),
    ]
    preprocessing = replace(preprocessing, decisions=tuple(decisions))
    return Dataset(
        name=path.stem,
        **splits,
        class_names=about.class_names,
        feature_names=preprocessing.feature_names,
        preprocessing=preprocessing,
        task=about.task,
    )


def _shares(
    validation: Any, test: Any, seed: Any, group: str, time: str
) -> Shares:
    """Checks how the rows are to be split."""
    validation = checks.number("validation", validation, above=0, below=1)
    if isinstance(test, (str, PathLike)):
        test = 0.0
    else:
        test = checks.number("test", test, above=0, below=1)
    if validation + test >= 1:
        checks.invalid(
            "test", f"less than {1 - validation:g} beside `validation`", test
        )
    if group and time:
        checks.invalid("time", "no time beside `group`", time)
    seed = checks.integer("seed", seed, at_least=0, at_most=2**32 - 1)
    return Shares(validation, test, seed)


def _read_test(
    path: Path, preprocessing: pre.TablePreprocessing, target: str
) -> Any:
    """The rows of a table of test rows, read as the training rows were."""
    frame = preprocessing.read(path)
    if target not in frame.columns:
        checks.invalid("test", f"a table with the target `{target}`", str(path))
    if not len(frame):
        checks.invalid("test", "at least one row of data", str(path))
    return frame


def _check_groups(path: Path, rows: Any, group: str, known: Any) -> None:
    """Refuses test rows of a group that the other rows have as well."""
    if group not in rows.columns:
        checks.invalid("test", f"a table with the group `{group}`", str(path))
    both = np.intersect1d(read_groups(group, rows[group]), known)
    if len(both):
        checks.invalid(
            "test",
            f"other groups of `{group}` than in the table",
            f"{path}, with {len(both)} of them, such as {', '.join(both[:3])}",
        )


def _about_rows(
    splits: Mapping[str, tuple[np.ndarray, np.ndarray]],
    shares: Shares,
    test: Any,
) -> str:
    """A note on the splits, for people."""
    sizes = "/".join(str(len(y)) for _, y in splits.values())
    notes = [f"{sizes} to train, choose and test"]
    if not shares.test:
        notes.append(f"test rows of {Path(test).name}")
    if shares.groups is not None:
        notes.append("by group")
    if shares.times is not None:
        last = "test" if shares.test else "choose"
        notes.append(f"by time, the last ones to {last}")
    return "; ".join(notes)


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
