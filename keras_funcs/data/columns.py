"""From the values of one column to its features.

The constants are estimated on the training rows only, in float64 and after
the median is subtracted: a running number from 1e17 has a spread that
float32 cannot see, and a sum of a thousand times 1e30 is not 1e33.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_funcs.data import cells
from keras_funcs.data.spelling import Spelling

LIMIT = 10.0
FLOAT32_MAX = float(np.finfo(np.float32).max)
# From here on, four neighbours of float64 cover the whole spread.
NEIGHBOURS = 4
FINE = 0.01  # a step of this share of the spread loses nothing
NORMAL_QUARTILES = 1.349  # their distance, in standard deviations


@dataclass(frozen=True)
class NumberColumn:
    """One feature, the standardized number.

    Formula:
    ```python
    z = (value - mean) / scale        # a missing value is `fill`
    clip(z, -limit, limit)
    z / sqrt(1 + (z / limit)**2)      # where `squashed`
    ```

    Args:
        name: String. The column of the table.
        fill: Float. The median of the training rows.
        mean: Float. The median, if `squashed`.
        scale: Float > 0. The standard deviation; if `squashed`, the distance
            of the quartiles over 1.349; 1 for a constant column.
        indicator: Boolean. Whether there is a feature more, 1 where the value
            is missing. True where a training row lacks it.
        limit: Float >= 0. The largest feature. 0 for a constant column, which
            no model can learn from.
        squashed: Boolean. Whether large values are compressed, not clipped.
        spelling: `Spelling` of the numbers in text.

    Reference:
        Holzmueller, Grinsztajn and Steinwart (2024), NeurIPS,
        arXiv:2407.04491 (the squashing)
    """

    name: str
    fill: float
    mean: float
    scale: float
    indicator: bool
    limit: float = LIMIT
    squashed: bool = False
    spelling: Spelling = Spelling()

    @property
    def feature_names(self) -> list[str]:
        """A name for each feature."""
        return [self.name] + [f"{self.name} is missing"] * self.indicator

    def transform(self, series: Any, missing: cells.Marks) -> np.ndarray:
        """Returns the features, float32 `(N, 1)` or `(N, 2)`."""
        values = cells.to_numbers(self.name, series, self.spelling, missing)
        absent = np.isnan(values)
        with np.errstate(over="ignore"):
            z = (np.where(absent, self.fill, values) - self.mean) / self.scale
        z = np.clip(z, -FLOAT32_MAX, FLOAT32_MAX)
        if self.squashed:
            z = z / np.hypot(1.0, z / self.limit)
        z = np.clip(z, -self.limit, self.limit)
        parts = [z] + [absent] * self.indicator
        return np.stack(parts, axis=1).astype(np.float32)


@dataclass(frozen=True)
class TextColumn:
    """One feature for each category, 1 where the value is that category.

    A value that was never seen in training is 0 in all of them.

    Args:
        name: String. The column of the table.
        categories: Tuple of strings, those of the training rows.
        indicator: Boolean. Whether "missing" is a category too.
        whole: Boolean. Whether the text `"2.0"` is `"2"`.
    """

    name: str
    categories: tuple[str, ...]
    indicator: bool
    whole: bool = False

    @property
    def feature_names(self) -> list[str]:
        """A name for each feature."""
        names = [f"{self.name}={item}" for item in self.categories]
        return names + [f"{self.name} is missing"] * self.indicator

    def transform(
        self, series: Any, missing: cells.Marks
    ) -> tuple[np.ndarray, dict[str, int]]:
        """Returns the features, float32, and how often unknown values occur.

        Raises:
            ValueError: If a number could be either of two categories.
        """
        codes, values = cells.distinct_cells(series, missing)
        size = len(self.categories)
        known = {item: place for place, item in enumerate(self.categories)}
        places = [self._place(value, known) for value in values]
        # A missing value without a feature for it is nothing, not unknown.
        places.append(size if self.indicator else size + 1)
        unknown: dict[str, int] = {}
        counts = np.bincount(codes[codes >= 0], minlength=len(values))
        for value, place, count in zip(values, places, counts.tolist()):
            if place is None and count:
                text = cells.to_text(value, self.whole)
                unknown[text] = unknown.get(text, 0) + count
        rows = np.eye(size + 2, size + self.indicator, dtype=np.float32)
        chosen = [size + 1 if place is None else place for place in places]
        return rows[np.array(chosen)[codes]], unknown

    def _place(self, value: Any, known: dict[str, int]) -> int | None:
        """The category of a cell.

        A number that pandas read is every category that spells it, as `1.10`
        and `1.1` do; a text is itself.
        """
        text = cells.to_text(value, self.whole)
        found = {text} & set(known)
        if not isinstance(value, str | bool | np.bool_):
            found |= {item for item in known if _spells(item, value)}
        if len(found) > 1:
            cells.column_error(
                self.name,
                f"texts, because {sorted(found)} are different categories; "
                "read the file with `TablePreprocessing.read`",
                value,
            )
        return known[found.pop()] if found else None


def fit_number(
    name: str, values: np.ndarray, spelling: Spelling
) -> tuple[NumberColumn, str]:
    """Fits a column of numbers, and says what is special about it.

    Args:
        name: String.
        values: float64, NaN where missing: those of the training rows.
        spelling: `Spelling`.
    """
    absent = np.isnan(values)
    present = values[~absent]
    fill = float(np.median(present)) if present.size else 0.0
    centred = np.where(absent, fill, values) - fill
    notes = []
    if absent.any():
        notes.append(
            f"missing in {absent.sum()} training rows: the median, {fill:g}"
        )
    size = float(np.abs(present).max(initial=0.0))
    deviation = _deviation(centred)
    limit, squashed = LIMIT, False
    # Less than this is rounding, of the file or of float64.
    if deviation <= NEIGHBOURS * np.spacing(size):
        notes.append(
            "always 0: constant in the training rows"
            if not centred.any()
            else f"always 0: a spread of {deviation:.3g} is rounding at "
            f"{size:.3g}"
        )
        column = NumberColumn(
            name, fill, fill, 1.0, bool(absent.any()), 0.0, False, spelling
        )
        return column, "; ".join(notes)
    mean, scale = fill + float(centred.mean()), deviation
    if np.abs(centred - centred.mean()).max() > LIMIT * deviation:
        squashed, mean, scale = True, fill, _robust_scale(centred)
        notes.append(
            f"long tails: scaled by the quartiles, squashed to {LIMIT:g}"
        )
    step = 2.0 ** (math.frexp(size)[1] - 24)
    if step > FINE * deviation:
        notes.append(
            f"centred in float64: float32 has steps of {step:.3g} at {size:.3g}"
        )
    column = NumberColumn(
        name, fill, mean, scale, bool(absent.any()), limit, squashed, spelling
    )
    return column, "; ".join(notes)


def fit_text(name: str, values: np.ndarray, whole: bool) -> TextColumn:
    """Fits a column of categories.

    Args:
        name: String.
        values: Strings, None where missing: those of the training rows.
        whole: Boolean. Whether `"2.0"` is `"2"`.
    """
    categories = tuple(sorted(set(values) - {None}))
    return TextColumn(name, categories, None in set(values), whole)


def _deviation(values: np.ndarray) -> float:
    top = float(np.abs(values).max(initial=0.0))
    # The squares of numbers below 1e-160 are 0.
    return top * float((values / top).std()) if top else 0.0


def _robust_scale(centred: np.ndarray) -> float:
    low, high = np.quantile(centred, [0.25, 0.75])
    if high > low:
        return float((high - low) / NORMAL_QUARTILES)
    # More than half of the rows have one value: the others' distance to it.
    distances = np.abs(centred[centred != 0])
    return float(np.median(distances))


def _spells(text: str, value: Any) -> bool:
    """Whether a text is a way to write a number."""
    number = Spelling().parse(text)
    if number is None:
        return False
    if isinstance(value, int | np.integer) and text.lstrip("+-").isdecimal():
        return int(text) == value  # float64 merges large ones
    return bool(number == value)
