"""Which rows train, which choose and which are scored once."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_funcs._core import checks
from keras_funcs._core.extras import require
from keras_funcs.data import cells

STRATA = 10  # of a quantity, so that each split has small and large ones
LEAST = 5  # rows of a stratum

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Shares:
    """How rows are split.

    Args:
        validation: Float in (0, 1). The share of the rows to choose by.
        test: Float in [0, 1). The share of the rows to score; 0 if they come
            from a file of their own.
        seed: Integer.
        groups: Array `(N,)` of texts, or None. Rows of one group stay in one
            split.
        times: Array `(N,)` of numbers, or None. The last rows are the test
            split, those before them the validation split.
    """

    validation: float
    test: float
    seed: int
    groups: np.ndarray | None = None
    times: np.ndarray | None = None

    def split(self, y: np.ndarray, are_classes: bool) -> Rows:
        """Indices of train, validation and test rows.

        Args:
            y: Class ids or numbers `(N,)`.
            are_classes: Boolean.

        Raises:
            ValueError: If a split would lack a class, or have no row.
        """
        rows = np.arange(len(y))
        strata = y if are_classes else _strata(y)
        parts = []
        for share in (self.test, self.validation):
            size = math.ceil(share * len(y) - 1e-9)
            rows, part = self._cut(rows, size, strata)
            parts.append(part)
        held, val = parts
        found = {"train": rows, "validation": val, "test": held}
        for name, part in found.items():
            if name == "test" and not self.test:
                continue
            lacking = are_classes and set(np.unique(y)) - set(
                np.unique(y[part])
            )
            if lacking or not len(part):
                checks.invalid(
                    "test",
                    f"shares that leave rows of every class for {name}"
                    if are_classes
                    else f"shares that leave a row for {name}",
                    f"{self.test}, with validation={self.validation} and "
                    f"{len(y)} rows{self._by()}",
                )
        return rows, val, held

    def _by(self) -> str:
        if self.groups is not None:
            return f" in {len(np.unique(self.groups))} groups"
        return "" if self.times is None else " in the order of time"

    def _cut(
        self, rows: np.ndarray, size: int, strata: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Takes about `size` rows away."""
        if not size:
            return rows, rows[:0]
        selection = require("sklearn.model_selection")
        if self.times is not None:
            times = self.times[rows]
            # Rows of one moment stay together, on the later side.
            first = np.sort(times)[-size] if size < len(rows) else times.min()
            return rows[times < first], rows[times >= first]
        if self.groups is not None:
            groups = self.groups[rows]
            folds = min(round(len(rows) / size), len(np.unique(groups)))
            if folds < 2:
                checks.invalid("group", "two groups or more", folds)
            splitter = selection.StratifiedGroupKFold(
                folds, shuffle=True, random_state=self.seed
            )
            kept, part = next(splitter.split(rows, strata[rows], groups))
            return rows[kept], rows[part]
        kept, part = selection.train_test_split(
            rows, test_size=size, stratify=strata[rows], random_state=self.seed
        )
        return kept, part


def _strata(y: np.ndarray) -> np.ndarray:
    """The tenth of its values that each number is in; fewer for few rows."""
    count = max(1, min(STRATA, len(y) // LEAST))
    inner = np.quantile(y, np.linspace(0, 1, count + 1)[1:-1])
    found = np.searchsorted(inner, y, side="right")
    sizes = np.bincount(found)
    # Equal numbers may leave a tenth with a row or two, which has no split.
    small = np.isin(found, np.flatnonzero(sizes < LEAST))
    return np.zeros_like(found) if small.any() else found


def read_groups(name: str, series: Any) -> np.ndarray:
    """The group of each row.

    Raises:
        ValueError: If a row has none.
    """
    groups = cells.to_texts(series)
    absent = sum(group is None for group in groups)
    if absent:
        cells.column_error(
            name, "a group in every row", f"{absent} rows without one"
        )
    return groups.astype(str)


def read_times(name: str, series: Any) -> np.ndarray:
    """The time of each row as a number: its own, or that of its date.

    Raises:
        ValueError: If a row has neither.
    """
    pandas = require("pandas")
    numbers = pandas.to_numeric(series, errors="coerce")
    if series.dtype.kind == "M" or numbers.isna().any():
        # Offsets that change within a year have no dtype but that of UTC.
        dates = pandas.to_datetime(
            series, errors="coerce", format="ISO8601", utc=True
        )
        wrong = series[dates.isna()]
        if len(wrong):
            cells.column_error(
                name,
                "a number or a date such as 2026-05-31 in every row",
                wrong.tolist()[:3],
            )
        numbers = dates.astype("int64")
    return np.asarray(numbers, float)
