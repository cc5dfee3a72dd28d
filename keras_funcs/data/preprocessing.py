"""From the columns of a table to the numbers of a network, and kept as JSON.

What is kept is constants and texts, not fitted objects: those would need
pickle, which runs whatever a file says, and the same library to come back.
How the file was read is kept too, because the same rows read in another way
are other features.
"""

import json
import warnings
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from keras_funcs._core import checks
from keras_funcs._core.extras import require
from keras_funcs.data import cells
from keras_funcs.data import columns as fitting
from keras_funcs.data import description
from keras_funcs.data.columns import NumberColumn
from keras_funcs.data.columns import TextColumn
from keras_funcs.data.kinds import NUMBERS
from keras_funcs.data.kinds import Decision
from keras_funcs.data.reading import Reading
from keras_funcs.data.spelling import Spelling


@dataclass(frozen=True)
class TablePreprocessing:
    """Turns the rows of a table into the features a model was trained on.

    Use it to predict on new rows: a study keeps it as `preprocessing.json`
    beside the model. Reading that file needs neither pickle nor scikit-learn.

    Args:
        target: String. The column that is predicted.
        class_names: Tuple of strings. The value of the target for each output
            of the model.
        numbers: Tuple of `NumberColumn`.
        texts: Tuple of `TextColumn`.
        reading: `Reading`: how a file becomes rows.
        decisions: Tuple of `Decision`: how each column was read, and why.

    Example:
    >>> from keras_funcs.data import NumberColumn, TablePreprocessing
    >>> from keras_funcs.data import TextColumn
    >>> preprocessing = TablePreprocessing(
    ...     target="label",
    ...     class_names=("no", "yes"),
    ...     numbers=(NumberColumn("age", 30.0, 40.0, 10.0, True),),
    ...     texts=(TextColumn("town", ("Oslo", "Rome"), False),),
    ... )
    >>> kept = preprocessing.to_json()
    >>> rows = {"age": [50, None], "town": ["Rome", "Oslo"]}
    >>> TablePreprocessing.from_json(kept).transform(rows).tolist()
    [[1.0, 0.0, 0.0, 1.0], [-1.0, 1.0, 1.0, 0.0]]
    """

    target: str
    class_names: tuple[str, ...]
    numbers: tuple[NumberColumn, ...]
    texts: tuple[TextColumn, ...]
    reading: Reading = Reading()
    decisions: tuple[Decision, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that `transform` reads."""
        numbers = tuple(column.name for column in self.numbers)
        return numbers + tuple(column.name for column in self.texts)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """A different name for each feature, such as `"town=Rome"`."""
        names: list[str] = []
        for number_column in self.numbers:
            names += number_column.feature_names
        for text_column in self.texts:
            names += text_column.feature_names
        seen: set[str] = set()
        for index, name in enumerate(names):
            number = 2
            # A column may be called `x is missing` itself.
            while names[index] in seen:
                names[index] = f"{name} ({number})"
                number += 1
            seen.add(names[index])
        return tuple(names)

    def read(self, path: str | PathLike[str]) -> Any:
        """Reads the rows of a file in the way that the table was read.

        `transform` then returns the features that the same rows had in
        training, bit by bit. pandas' own reader may return others: it parses
        `01` as 1, and takes `NA` and `None` for missing values.

        Args:
            path: String or path of a text or Parquet file with the columns
                `columns`. The target may be absent.

        Returns:
            A pandas DataFrame. The cells of a text file are texts.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is no table, or columns are absent; if
                this preprocessing is of format 1, which did not keep how the
                table was read.
        """
        if self.reading.missing is None:
            raise ValueError(
                "A preprocessing of format 1 does not know how its table was "
                "read. Read the rows with `pandas.read_csv(path)`, as it was, "
                "and call `transform`."
            )
        frame = self.reading.read(Path(path))
        self._check_columns("path", frame)
        return frame

    def transform(self, frame: Any) -> np.ndarray:
        """Returns the features of some rows, float32 `(N, F)`.

        Warns of categories that the training rows do not have.

        Args:
            frame: pandas DataFrame, as of `read`, or a mapping from column to
                values. Other columns than `columns` are ignored.

        Raises:
            ValueError: If a column is absent, one of numbers holds text or
                infinity, or a number could be either of two categories.
        """
        features, unknown = self.count_unknown(frame)
        if unknown:
            shown = "; ".join(
                f"{name}: {_listed(found)}" for name, found in unknown.items()
            )
            warnings.warn(
                "Categories that the training rows do not have count as none "
                f"of the known ones: {shown}",
                stacklevel=2,
            )
        return features

    def count_unknown(
        self, frame: Any
    ) -> tuple[np.ndarray, dict[str, dict[str, int]]]:
        """Returns the features, and per column the unknown categories.

        Args:
            frame: As for `transform`.
        """
        frame = self._named(require("pandas").DataFrame(frame))
        self._check_columns("frame", frame)
        marks = self.reading.missing
        parts = [np.zeros((len(frame), 0), np.float32)]
        parts += [
            column.transform(frame[column.name], marks)
            for column in self.numbers
        ]
        unknown = {}
        for column in self.texts:
            features, found = column.transform(frame[column.name], marks)
            parts.append(features)
            if found:
                unknown[column.name] = found
        return np.concatenate(parts, axis=1), unknown

    def describe(self) -> str:
        """Returns how the columns were read, as a table of text."""
        return description.as_table(self.decisions)

    def to_json(self) -> str:
        """Returns a description that `from_json` reads."""
        found = {"format": description.FORMAT, **asdict(self)}
        return json.dumps(found, indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "TablePreprocessing":
        """Reads what `to_json` wrote, and checks every part of it.

        Raises:
            ValueError: If the text is something else.
        """
        return cls(**description.parse(text))

    def _named(self, frame: Any) -> Any:
        """A frame whose names are those of `read`: clean, as far as needed."""
        found = list(frame.columns)
        absent = {*self.columns} - {*found}
        names = [
            cells.clean(str(name)) if cells.clean(str(name)) in absent else name
            for name in found
        ]
        return frame.set_axis(names, axis=1) if absent else frame

    def _check_columns(self, argument: str, frame: Any) -> None:
        absent = [name for name in self.columns if name not in frame.columns]
        if absent:
            count = f"{len(absent)} of {len(self.columns)} are absent"
            checks.invalid(
                argument, f"the columns {absent} ({count})", list(frame)
            )


def fit(
    frame: Any,
    number_columns: Sequence[str],
    text_columns: Sequence[str],
    target: str,
    class_names: Sequence[str],
    *,
    reading: Reading | None = None,
    spellings: Mapping[str, Spelling] | None = None,
    whole: Collection[str] = (),
) -> TablePreprocessing:
    """Fits the columns to the training rows.

    Args:
        frame: pandas DataFrame of the training rows, and of no others.
        number_columns: Names of the columns of numbers.
        text_columns: Names of the columns of categories.
        target: String. The column that is predicted.
        class_names: The values of the target in the order of the class ids.
        reading: `Reading`.
        spellings: Mapping from column to `Spelling`, of numbers in text.
        whole: Columns of categories where `"2.0"` is `"2"`.

    Returns:
        The preprocessing. Its decisions say what is special about a column
        of numbers in these rows.
    """
    reading = reading or Reading()
    numbers, decisions = [], []
    for name in number_columns:
        spelling = (spellings or {}).get(name, Spelling())
        values = cells.to_numbers(name, frame[name], spelling, reading.missing)
        column, note = fitting.fit_number(name, values, spelling)
        numbers.append(column)
        decisions.append(Decision(name, NUMBERS, note))
    texts = [
        fitting.fit_text(
            name,
            cells.to_texts(frame[name], reading.missing, name in whole),
            name in whole,
        )
        for name in text_columns
    ]
    return TablePreprocessing(
        target,
        tuple(class_names),
        tuple(numbers),
        tuple(texts),
        reading,
        tuple(decisions),
    )


def _listed(found: Mapping[str, int]) -> str:
    ranked = sorted(found.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{text!r} in {count} rows" for text, count in ranked[:3])
    rest = f" and {len(ranked) - 3} more" if len(ranked) > 3 else ""
    return shown + rest
