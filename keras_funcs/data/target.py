"""The target: from its cells to class ids, and the names of the classes."""

import math
from typing import Any

import numpy as np

from keras_funcs.data import cells
from keras_funcs.data import spelling as spell
from keras_funcs.data.kinds import Cells
from keras_funcs.data.kinds import Decision
from keras_funcs.data.kinds import Wishes
from keras_funcs.data.spelling import Spelling

TARGET = "target"
REGRESSION = "regression"
TASKS = (
    *("binary", "multiclass", "onehot", "multilabel", "ordinal"),
    *(REGRESSION, "segmentation"),
)
FEW_CLASSES = 20  # up to here any number may be the name of a class


def infer_task(y: Any, num_classes: int = 0) -> str:
    """The name of the task that labels are for.

    Args:
        y: Array of labels.
        num_classes: Integer. The classes that have names; 0 if none have.

    Returns:
        `"regression"` for numbers with a fraction, and for all numbers in
        float if no class has a name. Other numbers are class ids; in rows they
        are one-hot if each has a single 1, or else yes-or-no labels; in images
        they are the classes of pixels.
    """
    y = np.asarray(y)
    rows = y.ndim == 2 and y.shape[-1] > 1
    whole = y.dtype.kind in "biu" or bool(np.all(np.mod(y, 1) == 0))
    if not num_classes and (not whole or (y.dtype.kind == "f" and not rows)):
        return REGRESSION
    if y.ndim > 2:
        return "segmentation"
    if rows:
        single = np.all((y == 0) | (y == 1)) and np.all(y.sum(axis=-1) == 1)
        return "onehot" if single else "multilabel"
    classes = num_classes or int(y.max(initial=0)) + 1
    return "binary" if classes == 2 else "multiclass"


def decide_classes(
    name: str, series: Any, share: float, wishes: Wishes, typed: bool
) -> tuple[np.ndarray, tuple[str, ...], Decision]:
    """Returns class ids, class names, and how the target was read.

    A class may be called `None` or `NA`; only an empty cell and the texts in
    `missing` are no class.

    Args:
        name: String. The target.
        series: pandas Series.
        share: Float. The smaller one of the shares that are held out.
        wishes: `Wishes`. A target in `categorical` may hold any numbers.
        typed: Boolean. Whether the file has types, as Parquet has.

    Raises:
        ValueError: If no split can serve these classes.
    """
    profile = Cells(series, wishes.missing)
    texts = cells.to_texts(series, wishes.missing, profile.whole)
    absent = sum(text is None for text in texts)
    if absent:
        cells.column_error(
            name,
            "a class in every row; remove the rows without one",
            f"{absent} of {len(series)} rows without one",
        )
    order = sorted(set(texts))
    notes = [profile.spaces]
    asked = name in wishes.categorical
    spelling = None if asked else _number_spelling(profile, wishes, typed)
    if spelling is not None:
        if profile.marks:
            rows = int(np.isin(texts.astype(str), profile.marks).sum())
            cells.column_error(
                name,
                "a class in every row; remove the rows without one, or name "
                "the target in `categorical` to have classes of these names",
                f"{', '.join(profile.marks)} beside numbers in {rows} of "
                f"{len(series)} rows",
            )
        values = cells.to_numbers(name, series, spelling, wishes.missing)
        _check_discrete(name, values)
        number = dict(zip(texts, values.tolist()))
        order.sort(key=lambda text: (number[text], text))
    elif profile.marks:
        notes.append(
            f"{', '.join(profile.marks)} is a class; `missing` makes it no "
            "value"
        )
    if len(order) < 2:
        cells.column_error(name, "at least two classes", order)
    place = {text: index for index, text in enumerate(order)}
    y = np.array([place[text] for text in texts], np.int64)
    _check_sizes(name, np.bincount(y), order, share)
    shown = ", ".join(order[:5]) + ", ..." * (len(order) > 5)
    reason = "; ".join(filter(None, [f"{len(order)} classes: {shown}", *notes]))
    return y, tuple(order), Decision(name, TARGET, reason)


def _number_spelling(
    profile: Cells, wishes: Wishes, typed: bool
) -> Spelling | None:
    """How the classes are spelled if all of them are numbers."""
    texts = profile.texts
    if not texts:
        names = {str(value) for value in profile.values}
        typed_text = str(profile.series.dtype) == "category"
        return None if typed_text or names <= {"True", "False"} else Spelling()
    if typed or len(texts) < len(profile.values):
        return None
    found = spell.find_spellings(profile.numbers)
    decimal = wishes.decimal or spell.find_decimal([found])
    chosen = spell.choose_spelling(found, decimal, wishes.decimal is not None)
    return None if chosen is None or chosen.boolean else chosen


def _check_discrete(name: str, values: np.ndarray) -> None:
    different = len(np.unique(values))
    whole = bool(np.all(values == np.floor(values)))
    limit = max(FEW_CLASSES, len(values) // 10) if whole else FEW_CLASSES
    if different > min(limit, len(values) // 2):
        cells.column_error(
            name,
            "classes; these look like a quantity (a regression), which can be "
            "cut into ranges first; name the target in `categorical` if each "
            "number is a class",
            f"{different} different numbers in {len(values)} rows",
        )


def _check_sizes(
    name: str, counts: np.ndarray, order: list[str], share: float
) -> None:
    need = max(math.ceil(1 / share - 1e-9), 3)
    small = np.flatnonzero(counts < need)
    if small.size:
        shown = [f"{order[i]} ({counts[i]})" for i in small[:5]]
        cells.column_error(
            name,
            f"at least {need} rows of every class, so that each split has "
            "one; remove or merge the rare classes",
            f"{small.size} with fewer, such as {', '.join(shown)}",
        )
