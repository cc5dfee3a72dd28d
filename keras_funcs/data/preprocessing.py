"""From the columns of a table to the numbers of a network, and kept as JSON.

scikit-learn fits the constants, on the training rows only; what is kept is
the constants, not the fitted objects: those would need pickle, which runs
whatever a file says, and the same scikit-learn to come back.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from typing import Any
from typing import NoReturn

import numpy as np

from keras_funcs._core import checks
from keras_funcs._core.extras import require

FORMAT = 1
MAX_COLUMNS = 1_000_000
MAX_MAGNITUDE = 1e100  # its square, in a variance, is finite
FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class NumberColumn:
    """`(value - mean) / scale`, a missing value replaced by `fill` before.

    Args:
        name: String. The column of the table.
        fill: Float. The median of the training rows.
        mean: Float.
        scale: Float > 0. The standard deviation, or 1 for a constant column.
        indicator: Boolean. Whether there is a feature more, 1 where the value
            is missing. True where a training row lacks it.
    """

    name: str
    fill: float
    mean: float
    scale: float
    indicator: bool


@dataclass(frozen=True)
class TextColumn:
    """One feature for each category, 1 where the value is that category.

    A value that was never seen in training is 0 in all of them.

    Args:
        name: String. The column of the table.
        categories: Tuple of strings, those of the training rows.
        indicator: Boolean. Whether "missing" is a category too.
    """

    name: str
    categories: tuple[str, ...]
    indicator: bool


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
    >>> rows = {"age": [50, None], "town": ["Rome", "Paris"]}
    >>> TablePreprocessing.from_json(kept).transform(rows).tolist()
    [[1.0, 0.0, 0.0, 1.0], [-1.0, 1.0, 0.0, 0.0]]
    """

    target: str
    class_names: tuple[str, ...]
    numbers: tuple[NumberColumn, ...]
    texts: tuple[TextColumn, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that `transform` reads."""
        numbers = tuple(column.name for column in self.numbers)
        return numbers + tuple(column.name for column in self.texts)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """A name for each feature, such as `"town=Rome"`."""
        names = []
        for number in self.numbers:
            names.append(number.name)
            if number.indicator:
                names.append(f"{number.name} is missing")
        for text in self.texts:
            names += [f"{text.name}={item}" for item in text.categories]
            if text.indicator:
                names.append(f"{text.name} is missing")
        return tuple(names)

    def transform(self, frame: Any) -> np.ndarray:
        """Returns the features of some rows, float32 `(N, F)`.

        Args:
            frame: pandas DataFrame, or a mapping from column to values. Other
                columns than `columns` are ignored.

        Raises:
            ValueError: where a column is missing, or one of numbers holds
                text or infinity.
        """
        frame = require("pandas").DataFrame(frame)
        absent = [name for name in self.columns if name not in frame.columns]
        if absent:
            checks.invalid("frame", f"the columns {absent}", list(frame))
        features = np.zeros((len(frame), len(self.feature_names)), np.float32)
        end = 0
        for number in self.numbers:
            values = numeric(number.name, frame[number.name])
            missing = np.isnan(values)
            values = np.where(missing, number.fill, values)
            features[:, end] = np.clip(
                (values - number.mean) / number.scale, -FLOAT32_MAX, FLOAT32_MAX
            )
            end += 1
            if number.indicator:
                features[:, end] = missing
                end += 1
        for text in self.texts:
            known: list[str | None] = [*text.categories]
            known += [None] * text.indicator
            place = {category: index for index, category in enumerate(known)}
            for row, value in enumerate(texts(frame[text.name])):
                if value in place:
                    features[row, end + place[value]] = 1
            end += len(known)
        return features

    def to_json(self) -> str:
        """Returns a description that `from_json` reads."""
        description = {"format": FORMAT, **asdict(self)}
        return json.dumps(description, indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "TablePreprocessing":
        """Reads what `to_json` wrote, and checks every part of it.

        Raises:
            ValueError: where the text is something else.
        """
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            checks.invalid("text", "a preprocessing.json", str(error))
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            checks.invalid("text", f"a description of format {FORMAT}", text)
        try:
            return cls(
                target=_string(found["target"]),
                class_names=_strings(found["class_names"]),
                numbers=tuple(
                    NumberColumn(
                        name=_string(item["name"]),
                        fill=checks.number("fill", item["fill"]),
                        mean=checks.number("mean", item["mean"]),
                        scale=checks.number("scale", item["scale"], above=0),
                        indicator=checks.boolean(
                            "indicator", item["indicator"]
                        ),
                    )
                    for item in _list(found["numbers"])
                ),
                texts=tuple(
                    TextColumn(
                        name=_string(item["name"]),
                        categories=_strings(item["categories"]),
                        indicator=checks.boolean(
                            "indicator", item["indicator"]
                        ),
                    )
                    for item in _list(found["texts"])
                ),
            )
        except (KeyError, TypeError) as error:
            checks.invalid("text", "a complete description", repr(error))


def fit(
    frame: Any,
    number_columns: Sequence[str],
    text_columns: Sequence[str],
    target: str,
    class_names: Sequence[str],
) -> TablePreprocessing:
    """Fits scikit-learn's transformers to the training rows.

    Args:
        frame: pandas DataFrame of the training rows, and of no others.
        number_columns: Names of the columns of numbers.
        text_columns: Names of the columns of categories.
        target: String. The column that is predicted.
        class_names: The values of the target in the order of the class ids.
    """
    compose = require("sklearn.compose")
    impute = require("sklearn.impute")
    encode = require("sklearn.preprocessing")
    pipeline = require("sklearn.pipeline")
    plain: dict[str, Any] = {
        name: numeric(name, frame[name]) for name in number_columns
    }
    plain |= {name: texts(frame[name]) for name in text_columns}
    plain_frame = require("pandas").DataFrame(plain, dtype=object)
    scale = pipeline.make_pipeline(
        # A column without a value in these rows is kept, as 0.
        impute.SimpleImputer(strategy="median", keep_empty_features=True),
        encode.StandardScaler(),
    )
    fitted = compose.ColumnTransformer(
        [
            ("number", scale, list(number_columns)),
            ("text", encode.OneHotEncoder(), list(text_columns)),
        ]
    ).fit(plain_frame.astype({name: float for name in number_columns}))

    numbers: list[NumberColumn] = []
    if number_columns:
        imputer, scaler = fitted.named_transformers_["number"]
        for index, name in enumerate(number_columns):
            numbers.append(
                NumberColumn(
                    name,
                    float(imputer.statistics_[index]),
                    float(scaler.mean_[index]),
                    float(scaler.scale_[index]),
                    bool(np.isnan(plain[name]).any()),
                )
            )
    categories: list[TextColumn] = []
    if text_columns:
        encoder = fitted.named_transformers_["text"]
        for name, values in zip(text_columns, encoder.categories_):
            present = tuple(item for item in values if item is not None)
            categories.append(
                TextColumn(name, present, len(present) < len(values))
            )
    return TablePreprocessing(
        target, tuple(class_names), tuple(numbers), tuple(categories)
    )


def numeric(name: str, series: Any) -> np.ndarray:
    """A column as float64, NaN where missing; never text, never infinite."""
    pandas = require("pandas")
    expected = "numbers, or nothing where a value is missing"
    if series.dtype.kind in "mMc":
        column_error(name, expected, str(series.dtype))
    try:
        values = pandas.to_numeric(series).to_numpy(float, na_value=np.nan)
    except (ValueError, TypeError):
        column_error(name, expected, not_numbers(series)[:5])
    if not np.all(np.abs(values[~np.isnan(values)]) <= MAX_MAGNITUDE):
        column_error(
            name, f"numbers within {MAX_MAGNITUDE:g}", np.nanmax(np.abs(values))
        )
    return np.asarray(values)


def not_numbers(series: Any) -> list[Any]:
    """The different values of a column that are there and are no numbers."""
    pandas = require("pandas")
    values = pandas.Series(series.dropna().unique(), dtype=object)
    parsed = pandas.to_numeric(values, errors="coerce")
    return list(values[parsed.isna()])


def texts(series: Any) -> np.ndarray:
    """A column as strings, None where missing.

    3, 3.0 and "3" are one category: a column of whole numbers turns into
    floats as soon as one of its values is missing.
    """
    codes, values = require("pandas").factorize(series.astype(object))
    # The last one is where the code -1, missing, points to.
    return np.array([*map(_text, values), None], dtype=object)[codes]


def column_error(name: str, expected: str, received: Any) -> NoReturn:
    """Raises the error of a column whose values do not fit."""
    shown = repr(received)
    shown = shown if len(shown) <= 200 else shown[:197] + "..."
    raise ValueError(
        f"Invalid column `{name}`. Expected {expected}. Received: {shown}"
    )


def _text(value: Any) -> str:
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        value = int(value)
    return str(value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > MAX_COLUMNS:
        checks.invalid("text", f"a list of at most {MAX_COLUMNS}", value)
    return value


def _string(value: Any) -> str:
    if not isinstance(value, str):
        checks.invalid("text", "a string", value)
    return value


def _strings(value: Any) -> tuple[str, ...]:
    return tuple(_string(item) for item in _list(value))
