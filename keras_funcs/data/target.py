"""The target: classes or a quantity, decided once, and read from its cells."""

import math
from dataclasses import dataclass
from typing import Any
from typing import NoReturn

import numpy as np

from keras_funcs._core import checks
from keras_funcs.data import cells
from keras_funcs.data import spelling as spell
from keras_funcs.data.kinds import Cells
from keras_funcs.data.kinds import Decision
from keras_funcs.data.kinds import Wishes
from keras_funcs.data.spelling import Spelling

TARGET = "target"
REGRESSION = "regression"
ORDINAL = "ordinal"
TASKS = (
    *("binary", "multiclass", "onehot", "multilabel", ORDINAL),
    *(REGRESSION, "segmentation"),
)
FEW_CLASSES = 20  # up to here any number may be the name of a class
FINE = 0.01  # a step of this share of the spread loses nothing
MAX_TARGET = 1e30


def infer_task(y: Any, num_classes: int = 0) -> str:
    """The name of the task that labels are for.

    Args:
        y: Array of labels.
        num_classes: Integer. The classes that have names; 0 if none have.

    Returns:
        `"regression"` for numbers with a fraction, and for all numbers in
        float if no class has a name. Other numbers are class ids; in rows they
        are one-hot if each has a single 1, or else yes-or-no labels; in images
        they are the classes of pixels. Texts are `"multiclass"`.
    """
    try:
        y = np.asarray(y)
    except ValueError:  # rows of several lengths: a study refuses them
        return "multiclass"
    if y.dtype.kind not in "biuf":
        return "multiclass"
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


@dataclass(frozen=True)
class Target:
    """The target of a table, and how further rows of it are read.

    Attributes:
        name: String. The column.
        task: String, as of `keras_funcs.search.space`.
        y: Class ids, int64 `(N,)`; or numbers, float64 `(N,)`.
        class_names: Tuple of strings, empty for numbers.
        decision: `Decision`: how it was read, and why.
        spelling: `Spelling` of numbers in text.
        missing: Tuple of texts that mean a missing value.
        whole: Boolean. Whether the class `"2.0"` is `"2"`.
    """

    name: str
    task: str
    y: np.ndarray
    class_names: tuple[str, ...]
    decision: Decision
    spelling: Spelling
    missing: tuple[str, ...]
    whole: bool

    @property
    def is_regression(self) -> bool:
        """Whether numbers are predicted."""
        return self.task == REGRESSION

    def read(self, series: Any) -> np.ndarray:
        """Class ids or numbers of further rows.

        Raises:
            ValueError: If a row has none, or a class that training lacks.
        """
        if self.is_regression:
            return _quantities(self.name, series, self.spelling, self.missing)
        texts = _texts(self.name, series, self.missing, self.whole)
        place = {text: index for index, text in enumerate(self.class_names)}
        new = sorted(set(texts) - set(place))
        if new:
            cells.column_error(
                self.name, f"one of the classes {list(place)[:10]}", new[:5]
            )
        return np.array([place[text] for text in texts], np.int64)


def decide_target(
    name: str,
    series: Any,
    share: float,
    wishes: Wishes,
    typed: bool,
    task: str = "",
) -> Target:
    """Decides between classes and a quantity, and reads them.

    A class may be called `None` or `NA`; only an empty cell and the texts in
    `missing` are no class. Numbers are a quantity if they are many, or have
    fractions and are more than a few.

    Args:
        name: String. The target.
        series: pandas Series.
        share: Float. The smaller one of the shares that are held out.
        wishes: `Wishes`. A target in `categorical` may hold any numbers; one
            with `classes` holds no quantity.
        typed: Boolean. Whether the file has types, as Parquet has.
        task: String of the user's, which overrules what the cells look like.

    Raises:
        ValueError: If no split can serve these classes, or a row has none.
    """
    profile = Cells(series, wishes.missing)
    asked = name in wishes.categorical
    spelling = None if asked else _number_spelling(profile, wishes, typed)
    if spelling is not None:
        if profile.marks:
            _refuse_marks(name, series, profile)
        values = _quantities(name, series, spelling, wishes.missing)
        different = len(np.unique(values))
        free = not task and not wishes.classes
        quantity = free and _is_quantity(values, different)
        if task == REGRESSION or quantity:
            return _of_numbers(
                name, values, different, spelling, wishes, bool(task)
            )
    elif task == REGRESSION:
        cells.column_error(name, "numbers, for a regression", profile.texts[:5])
    texts = _texts(name, series, wishes.missing, profile.whole)
    order = sorted(set(texts))
    notes = [profile.spaces]
    if spelling is not None:
        number = dict(zip(texts, values.tolist()))
        order.sort(key=lambda text: (number[text], text))
    elif profile.marks:
        notes.append(
            f"{', '.join(profile.marks)} is a class; `missing` makes it no "
            "value"
        )
    if len(order) < 2:
        cells.column_error(name, "at least two classes", order)
    ordered = task == ORDINAL or bool(wishes.classes)
    if wishes.classes:
        if sorted(wishes.classes) != sorted(order):
            checks.invalid(
                "classes",
                f"each class of `{name}` once: {', '.join(sorted(order))}",
                ", ".join(wishes.classes),
            )
        order = list(wishes.classes)
    elif task == ORDINAL and spelling is None:
        cells.column_error(
            name, "numbers to order classes by, or `classes` in order", order
        )
    place = {text: index for index, text in enumerate(order)}
    y = np.array([place[text] for text in texts], np.int64)
    _check_sizes(name, np.bincount(y), order, share)
    shown = ", ".join(order[:5]) + ", ..." * (len(order) > 5)
    if spelling is not None and not task:
        notes.append(f"`task` {REGRESSION!r} makes them numbers")
    counted = f"{len(order)} classes" + " in order" * ordered
    reason = "; ".join(filter(None, [f"{counted}: {shown}", *notes]))
    task = task or ("binary" if len(order) == 2 else "multiclass")
    if task == "binary" and len(order) > 2:
        cells.column_error(
            name, "two classes, for the task `binary`", order[:5]
        )
    return Target(
        name,
        task,
        y,
        tuple(order),
        Decision(name, TARGET, reason),
        Spelling(),
        wishes.missing,
        profile.whole,
    )


def _of_numbers(
    name: str,
    values: np.ndarray,
    different: int,
    spelling: Spelling,
    wishes: Wishes,
    asked: bool,
) -> Target:
    low, middle, high = np.quantile(values, [0.0, 0.5, 1.0])
    size = float(np.abs(values).max())
    step = 2.0 ** (math.frexp(size)[1] - 24)
    if different < 2 or step > FINE * float(values.std()):
        cells.column_error(
            name,
            "numbers that differ, within the precision of float32; subtract "
            "their mean first",
            f"{low:g} to {high:g}",
        )
    reason = (
        f"a quantity: {different} different numbers, {low:g} to {high:g}, "
        f"median {middle:g}"
    )
    if not asked:
        reason += "; `task` 'multiclass' makes each a class"
    decision = Decision(name, TARGET, reason)
    return Target(
        name, REGRESSION, values, (), decision, spelling, wishes.missing, False
    )


def _quantities(
    name: str, series: Any, spelling: Spelling, missing: tuple[str, ...]
) -> np.ndarray:
    values = cells.to_numbers(name, series, spelling, missing)
    absent = int(np.isnan(values).sum())
    if absent:
        _refuse_absent(name, absent, len(values))
    if np.abs(values).max(initial=0.0) > MAX_TARGET:
        cells.column_error(name, f"numbers within {MAX_TARGET:g}", values.max())
    return values


def _texts(
    name: str, series: Any, missing: tuple[str, ...], whole: bool
) -> np.ndarray:
    texts = cells.to_texts(series, missing, whole)
    absent = sum(text is None for text in texts)
    if absent:
        _refuse_absent(name, absent, len(texts))
    return texts


def _refuse_absent(name: str, absent: int, rows: int) -> NoReturn:
    cells.column_error(
        name,
        "a class or number in every row; remove the rows without one",
        f"{absent} of {rows} rows without one",
    )


def _refuse_marks(name: str, series: Any, profile: Cells) -> None:
    texts = cells.to_texts(series)
    rows = int(np.isin(texts.astype(str), profile.marks).sum())
    cells.column_error(
        name,
        "a class or number in every row; remove the rows without one, or name "
        "the target in `categorical` to have classes of these names",
        f"{', '.join(profile.marks)} beside numbers in {rows} of "
        f"{len(series)} rows",
    )


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


def _is_quantity(values: np.ndarray, different: int) -> bool:
    whole = bool(np.all(values == np.floor(values)))
    limit = max(FEW_CLASSES, len(values) // 10) if whole else FEW_CLASSES
    return different > min(limit, len(values) // 2)


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
