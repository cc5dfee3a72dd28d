"""Facts on the splits of a study: rows, classes, gaps, duplicate rows."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from keras_funcs.data import Dataset
from keras_funcs.search.training import data

MAX_CLASSES = 1000
MAX_NUMBERS = 50_000_000  # in rows that are compared with each other


def describe(dataset: Dataset) -> dict[str, Any]:
    """The facts that a report shows of a data set.

    Returns:
        Mapping with `"splits"`, from the name of each split of arrays to its
        `"rows"`, the rows of each of its `"classes"` (None if its labels are
        no ids), its `"missing"` numbers (None if unknown), and the rows with
        `"repeated"` inputs of the training data (None if not compared).
    """
    found: dict[str, Any] = {}
    splits = dataset.splits
    arrays = {
        name: data.parts_of(split)
        for name, split in splits.items()
        if isinstance(split, tuple)
    }
    parts = keras.tree.flatten([x for x, _, _ in arrays.values()])
    few = sum(part.size for part in parts) <= MAX_NUMBERS
    seen = set(_rows(arrays["train"][0])) if "train" in arrays and few else None
    for name, (x, y, _) in arrays.items():
        repeated = None
        if seen is not None and name != "train":
            repeated = sum(row in seen for row in _rows(x))
        found[name] = {
            "rows": data.count(y),
            "classes": _classes(y, len(dataset.class_names)),
            "missing": _missing(dataset, x),
            "repeated": repeated,
        }
    return {"splits": found}


def _rows(x: Any) -> Iterable[bytes]:
    """The inputs of each row as bytes."""
    # As one type, and without a negative zero: equal numbers, equal bytes.
    parts = [np.asarray(p, np.float64) + 0.0 for p in keras.tree.flatten(x)]
    for index in range(len(parts[0])):
        yield b"".join(part[index].tobytes() for part in parts)


def _classes(y: Any, classes: int) -> list[int] | None:
    if not isinstance(y, np.ndarray) or y.dtype.kind not in "biu":
        return None
    if y.ndim == 2 and y.shape[1] > 1:
        if not (y.sum(1) == 1).all():
            return None
        y = y.argmax(1)
    if y.size != len(y) or y.min() < 0 or y.max() >= MAX_CLASSES:
        return None
    counts = np.bincount(y.reshape(-1).astype(int), minlength=classes)
    return [int(number) for number in counts]


def _missing(dataset: Dataset, x: Any) -> int | None:
    """Gaps in the columns of numbers that had some in training rows."""
    columns = getattr(dataset.preprocessing, "numbers", None)
    if columns is None or not isinstance(x, np.ndarray) or x.ndim != 2:
        return None
    marks = {f"{item.name} is missing" for item in columns if item.indicator}
    at = [i for i, name in enumerate(dataset.feature_names) if name in marks]
    return int((x[:, at] > 0).sum())
