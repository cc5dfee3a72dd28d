import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_funcs.data import columns
from keras_funcs.data.columns import NumberColumn
from keras_funcs.data.columns import TextColumn
from keras_funcs.data.spelling import Spelling


def features(values):
    """The features of the rows that a column was fitted to, and its note."""
    values = np.asarray(values, float)
    column, note = columns.fit_number("x", values, Spelling())
    return column.transform(pd.Series(values), ())[:, 0], note


RANDOM = np.random.default_rng(0)
FIVES = RANDOM.normal(5, 1, 1000)
ORDER = RANDOM.permutation(1000)


@pytest.mark.parametrize(
    "values, note",
    [
        (RANDOM.normal(40, 10, 1000), ""),
        (ORDER, ""),
        (1e17 + ORDER, "float32 has steps of 8.59e+09 at 1e+17"),
        (1e30 * (1 + 1e-9 * ORDER), "centred in float64"),
        (1e9 + RANDOM.normal(0, 1, 1000), "centred in float64"),
        (1e-200 * RANDOM.normal(size=1000), ""),
    ],
)
def test_a_column_with_spread_has_deviation_one(values, note):
    found, shown = features(values)
    assert found.std() == pytest.approx(1, abs=1e-3)
    # float64 itself has steps of 16 at 1e17.
    assert found.mean() == pytest.approx(0, abs=0.02)
    assert (note in shown) if note else shown == ""


@pytest.mark.parametrize(
    "values, note",
    [
        ([7] * 200, "constant"),
        ([12345678901234567890123] * 300, "constant"),
        ([1e30] * 1000, "constant"),
        ([0] * 5, "constant"),
        ([np.nan] * 5, "constant"),
        # Neighbours in float64: rounding, not information.
        ([0.3, 0.1 + 0.2] * 100, "is rounding at 0.3"),
        (1.7e18 + ORDER, "is rounding at 1.7e+18"),
    ],
)
def test_a_column_without_spread_contributes_nothing(values, note):
    found, shown = features(values)
    assert not found.any()
    assert "always 0" in shown and note in shown
    column, _ = columns.fit_number("x", np.asarray(values, float), Spelling())
    assert not column.transform(pd.Series([5.0, 1e30]), ())[:, 0].any()


@pytest.mark.parametrize(
    "values",
    [
        RANDOM.lognormal(0, 3, 1000),
        np.where(ORDER < 900, 0, FIVES + 1e9 * (ORDER > 998)),
        np.where(ORDER < 999, RANDOM.normal(size=1000), 1e30),
    ],
)  # fmt: skip
def test_long_tails_leave_the_others_their_spread(values):
    found, note = features(values)
    assert "long tails" in note
    assert np.abs(found).max() <= 10
    order = np.argsort(values)
    assert np.all(np.diff(found[order]) >= 0)
    middle = np.sort(found[values != np.median(values)])
    share = len(middle) // 4
    assert middle[-share] - middle[share] > 0.1


NUMBERS = st.one_of(
    st.none(),
    st.floats(-1e100, 1e100, allow_nan=False),
    st.integers(-(2**70), 2**70),
    st.sampled_from([0.0, 1.0, 7.0, 1e30]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=30), NUMBERS)
def test_no_feature_exceeds_ten(values, other):
    numbers = np.array([np.nan if v is None else v for v in values], float)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        column, _ = columns.fit_number("x", numbers, Spelling())
        found = column.transform(pd.Series([*numbers, other], dtype=float), ())
    assert found.dtype == np.float32
    assert np.all(np.abs(found) <= 10)


def test_numbers_of_text_are_spelled_and_those_of_a_frame_are_numbers():
    spelling = Spelling(",", ".", suffix="%")
    column = NumberColumn("x", 0.0, 0.0, 1.0, True, 1e9, False, spelling)
    texts = pd.Series(["1.234,5%", " 3% ", "", "NA", "?", "7"])
    assert column.transform(texts, ["?"]).tolist() == [
        [1234.5, 0], [3, 0], [0, 1], [0, 1], [0, 1], [7, 0],
    ]  # fmt: skip
    numbers = pd.Series([1234.5, np.nan, -1])
    assert column.transform(numbers, ["-1"]).tolist() == [
        [1234.5, 0], [0, 1], [0, 1],
    ]  # fmt: skip
    with pytest.raises(ValueError, match=r"`x`.*Received: \['1.5.0'\]"):
        column.transform(pd.Series(["1.5.0"]), [])


CODES = TextColumn("code", ("01", "1.10", "2", "2.50", "NA", "True"), True)


@pytest.mark.parametrize(
    "value, category",
    [
        ("01", "01"), (" 01 ", "01"), (1, "01"), (1.0, "01"),
        (np.int8(1), "01"), (1.1, "1.10"), ("2", "2"), (2.0, "2"),
        (2.5, "2.50"), ("NA", "NA"),
        (True, "True"), ("", None), ("?", None), (None, None), (np.nan, None),
    ],
)  # fmt: skip
def test_categories_of_text_and_of_what_pandas_parsed(value, category):
    found, unknown = CODES.transform(pd.Series([value], dtype=object), ["?"])
    expected = [item == category for item in (*CODES.categories, None)]
    assert found.tolist() == [expected]
    assert not unknown


@pytest.mark.parametrize("value", ["1", "2.0", "na", 7, 0.1, "true"])
def test_unknown_categories_are_counted(value):
    found, unknown = CODES.transform(pd.Series([value, value, "01"]), [])
    assert found[:2].sum() == 0 and found[2, 0] == 1
    assert unknown == {str(value): 2}


@pytest.mark.parametrize(
    "categories, value",
    [(("1", "01"), 1), (("1.1", "1.10"), 1.1), (("1e2", "100"), 100)],
)
def test_a_number_that_two_categories_spell_is_refused(categories, value):
    column = TextColumn("code", categories, False)
    with pytest.raises(ValueError, match=r"`code`.*TablePreprocessing.read"):
        column.transform(pd.Series([value]), [])


def test_large_ids_stay_apart():
    ids = tuple(str(2**53 + step) for step in range(3))
    column = TextColumn("id", ids, False)
    for values in (list(ids), [int(item) for item in ids]):
        found, unknown = column.transform(pd.Series(values), [])
        assert found.tolist() == np.eye(3).tolist() and not unknown


def test_whole_floats_are_integers_where_the_column_says_so():
    column = columns.fit_text("x", np.array(["1", "2", None], object), True)
    assert column == TextColumn("x", ("1", "2"), True, True)
    found, _ = column.transform(pd.Series(["1.0", "2", ""]), [])
    assert found.tolist() == np.eye(3).tolist()
