import json

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.preprocessing import StandardScaler

from keras_funcs.data import NumberColumn
from keras_funcs.data import TablePreprocessing
from keras_funcs.data import TextColumn
from keras_funcs.data import preprocessing


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "age": [20.0, np.nan, 60.0, 40.0, 40.0],
            "same": [3, 3, 3, 3, 3],
            "town": ["Oslo", "Rome", None, "Rome", "Bern"],
            "code": [1.0, 2.0, np.nan, 2.0, 1.0],
        }
    )


@pytest.fixture
def fitted(table):
    return preprocessing.fit(
        table, ["age", "same"], ["town", "code"], "y", ["no", "yes"]
    )


def test_equals_scikit_learn(table, fitted):
    numbers = ["age", "same"]
    reference = ColumnTransformer(
        [
            (
                "number",
                make_pipeline(
                    SimpleImputer(strategy="median"), StandardScaler()
                ),
                numbers,
            ),
            ("missing", MissingIndicator(), numbers),
            (
                "text",
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                ["town"],
            ),
        ]
    ).fit(table)
    new = pd.DataFrame(
        {
            "age": [np.nan, 33.0, -5.0],
            "same": [3, 4, 5],
            "town": ["Paris", None, "Oslo"],
            "code": [2, 1, 7],
        }
    )
    for frame in (table, new):
        expected = np.asarray(reference.transform(frame))
        expected[:, 1] = 0  # a constant column contributes nothing
        found, _ = fitted.count_unknown(frame)
        order = ["age", "same", "age is missing"]
        order += ["town=Bern", "town=Oslo", "town=Rome", "town is missing"]
        columns = [fitted.feature_names.index(name) for name in order]
        np.testing.assert_allclose(found[:, columns], expected, rtol=1e-6)


def test_whole_numbers_as_categories_are_one_whatever_their_type(fitted):
    rows = {"age": [1.0], "same": [1], "town": ["Oslo"]}
    one = [
        fitted.transform(rows | {"code": [code]}).tolist()
        for code in (2, 2.0, "2", np.int8(2))
    ]
    assert one[0][0][-3:] == [0, 1, 0]
    assert one[1:] == one[:1] * 3


def test_json_keeps_everything(table, fitted):
    text = fitted.to_json()
    again = TablePreprocessing.from_json(text)
    assert again == fitted
    assert again.to_json() == text
    assert np.array_equal(again.transform(table), fitted.transform(table))


def test_a_number_in_quotes_is_a_number_and_other_text_is_not(fitted):
    rows = {"same": [3], "town": ["Oslo"], "code": [1]}
    assert fitted.transform(rows | {"age": ["40"]})[0, 0] == 0
    with pytest.raises(ValueError, match=r"`age`.*Received: \['old'\]"):
        fitted.transform(rows | {"age": ["old"]})
    with pytest.raises(ValueError, match="`age`.*within"):
        fitted.transform(rows | {"age": [-np.inf]})


def test_extreme_numbers_stay_finite(fitted):
    rows = {"age": [1e99], "same": [-1e99], "town": ["Oslo"], "code": [1]}
    assert np.isfinite(fitted.transform(rows)).all()


def test_columns_that_are_not_there(fitted):
    with pytest.raises(ValueError, match=r"columns \['same', 'code'\]"):
        fitted.transform({"age": [1], "town": ["Oslo"]})


def test_a_column_without_a_value_in_the_training_rows(table):
    table["age"] = np.nan
    table["town"] = None
    found = preprocessing.fit(table, ["age"], ["town"], "y", ["no", "yes"])
    assert found.numbers == (
        NumberColumn("age", 0.0, 0.0, 1.0, True, limit=0.0),
    )
    assert found.texts == (TextColumn("town", (), True),)
    rows = {"age": [2.0, None], "town": ["Oslo", None]}
    with pytest.warns(UserWarning, match="town: 'Oslo' in 1 rows"):
        assert found.transform(rows).tolist() == [[0, 0, 0], [0, 1, 1]]


@pytest.mark.parametrize(
    "change",
    [
        {"format": 3},
        {"target": None},
        {"class_names": "ab"},
        {"numbers": [{"name": "x"}]},
        {"numbers": [dict(name="x", fill=0, mean=0, scale=0, indicator=True)]},
        {"numbers": [dict(name="x", fill=0, mean=0, scale=1, indicator=1)]},
        {"numbers": ["x"]},
        {"texts": [dict(name="x", categories=[1], indicator=True)]},
        {"texts": {}},
    ],
)
def test_json_of_others_is_checked(fitted, change):
    description = json.loads(fitted.to_json()) | change
    with pytest.raises(ValueError):
        TablePreprocessing.from_json(json.dumps(description))


@pytest.mark.parametrize("text", ["", "[]", "{}", "1", "{"])
def test_text_that_is_no_description(text):
    with pytest.raises(ValueError, match="Invalid value for argument `text`"):
        TablePreprocessing.from_json(text)
