"""How a network reads the numeric columns of a table."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from keras_funcs import layers
from keras_funcs._core import checks
from keras_funcs._core.component import registered
from keras_funcs.layers.embeddings.numeric import quantiles
from keras_funcs.search.spaces.options import Option

PERIODIC = "PeriodicEmbedding"
PIECEWISE = "PiecewiseLinearEncoding"
INPUTS = (None, PIECEWISE, PERIODIC)
# Small: a search trains them many times.
DIMENSION, FREQUENCIES, BINS = 8, 16, 16
MOST = 40  # columns; beyond, the first dense layer would be most of the model


def options(
    dataset: Any, choices: Sequence[str | None] | None = None
) -> list[Option]:
    """The ways to read the numeric columns of a data set.

    Args:
        dataset: `keras_funcs.data.Dataset`.
        choices: Sequence of None (as they are), `"PiecewiseLinearEncoding"`
            and `"PeriodicEmbedding"`. Defaults to all if the data set is a
            table of 1 to 40 numeric columns, else to None alone.
    """
    columns = number_columns(dataset)
    if choices is None:
        choices = INPUTS if 0 < len(columns) <= MOST else (None,)
    for item in choices:
        checks.one_of("choices", item, INPUTS)
    if not columns and set(choices) != {None}:
        checks.invalid("choices", "numeric columns in the table", choices)
    return [_option(item, dataset, columns) for item in choices]


def number_columns(dataset: Any) -> list[int]:
    """The features that are numbers and vary, by the data's preprocessing."""
    found, place = [], 0
    if dataset.preprocessing is None:
        return []
    for column in dataset.preprocessing.numbers:
        if column.limit:  # else it is constant
            found.append(place)
        place += len(column.feature_names)
    return found


def _option(choice: str | None, dataset: Any, columns: list[int]) -> Option:
    if choice is None:
        return Option("none", lambda: None)
    if choice == PIECEWISE:
        edges = quantiles(dataset.train[0][:, columns], BINS)
        make = partial(
            layers.PiecewiseLinearEncoding, bins=edges, columns=columns
        )
        return Option(choice, make)
    make = partial(
        layers.PeriodicEmbedding,
        dimension=DIMENSION,
        frequencies=FREQUENCIES,
        activation="relu",
        columns=columns,
    )
    tune = next(dict(e.tune) for e in registered("layers") if e.name == choice)
    return Option(choice, make, tune, {"sigma": 0.1})
