import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.preprocessing import StandardScaler

from keras_funcs.data import Decision
from keras_funcs.data import NumberColumn
from keras_funcs.data import TablePreprocessing
from keras_funcs.data import TextColumn
from keras_funcs.data import load_table
from keras_funcs.data import preprocessing

SPELLING = {
    "decimal": ".",
    "group": "",
    "prefix": "",
    "suffix": "",
    "boolean": False,
}


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


@pytest.mark.parametrize(
    "part, change",
    [
        ("reading", {"separator": ";;"}),
        ("reading", {"separator": None}),
        ("reading", {"missing": "NA"}),
        ("numbers", {"limit": -1}),
        ("numbers", {"limit": 0, "squashed": True}),
        ("numbers", {"squashed": 1}),
        ("numbers", {"spelling": {}}),
        ("numbers", {"spelling": SPELLING | {"decimal": ";"}}),
        ("numbers", {"spelling": SPELLING | {"group": ";"}}),
        ("numbers", {"spelling": SPELLING | {"suffix": "x" * 100}}),
        ("texts", {"whole": None}),
        ("decisions", {"reason": 1}),
    ],
)
def test_parts_of_others_are_checked(fitted, part, change):
    found = json.loads(fitted.to_json())
    item = found[part] if part == "reading" else found[part][0]
    item.update(change)
    with pytest.raises(ValueError) as caught:
        TablePreprocessing.from_json(json.dumps(found))
    assert "\n" not in str(caught.value)


def test_a_file_of_format_1(table):
    """The features of a file of 0.1.0 are those it was written with."""
    text = json.dumps(
        {
            "format": 1,
            "target": "y",
            "class_names": ["no", "yes"],
            "numbers": [
                {"name": "age", "fill": 40.0, "mean": 40.0, "scale": 12.5,
                 "indicator": True},
                {"name": "same", "fill": 3.0, "mean": 3.0, "scale": 1.0,
                 "indicator": False},
            ],
            "texts": [
                {"name": "town", "categories": ["Oslo", "Rome", "Rome "],
                 "indicator": True},
                {"name": "code", "categories": ["1", "2"], "indicator": True},
            ],
        }
    )  # fmt: skip
    found = TablePreprocessing.from_json(text)
    rows = {
        "age": [1e9, None],
        "same": [4, 3],
        "town": ["Rome ", "Rome"],
        "code": [2.0, None],
    }
    assert found.transform(rows).tolist() == [
        [np.float32((1e9 - 40) / 12.5), 0, 1, 0, 0, 1, 0, 0, 1, 0],
        [0, 1, 0, 0, 1, 0, 0, 0, 0, 1],
    ]
    assert TablePreprocessing.from_json(found.to_json()) == found
    with pytest.raises(ValueError, match="format 1.*pandas.read_csv"):
        found.read("t.csv")


def test_unknown_categories_are_told(fitted):
    rows = {"age": [1] * 3, "same": [3] * 3, "town": ["Paris", "Oslo", "Paris"]}
    rows["code"] = [1, 2, 7]
    with pytest.warns(UserWarning) as caught:
        fitted.transform(rows)
    [warning] = caught
    assert "town: 'Paris' in 2 rows; code: '7' in 1 rows" in str(
        warning.message
    )
    _, unknown = fitted.count_unknown(rows)
    assert unknown == {"town": {"Paris": 2}, "code": {"7": 1}}


def test_names_are_those_of_read(fitted):
    rows = {" age": [1], "same": [3], "town ": ["Oslo"], "code": [1]}
    assert fitted.transform(rows).shape == (1, len(fitted.feature_names))


def test_describe():
    decisions = [Decision(f"x{i}", "numbers") for i in range(40)]
    decisions[7] = Decision("seven\x1b[31m", "left out", "as\nasked for")
    found = TablePreprocessing(
        "y", ("a", "b"), (), (), decisions=tuple(decisions)
    )
    assert found.describe().splitlines() == [
        "x0, x1, x2 ... (39 columns)  numbers",
        "seven\\x1b[31m                left out    as\\nasked for",
    ]
    few = TablePreprocessing("y", ("a", "b"), (), (), decisions=decisions[:3])
    assert [line.split() for line in few.describe().splitlines()] == [
        ["x0", "numbers"], ["x1", "numbers"], ["x2", "numbers"],
    ]  # fmt: skip


CELLS = st.sampled_from(
    ["", "NA", "None", "1", "01", "1.0", "1.10", "1,5", "-2", "7%", "$1,200"]
    + ["1e5", " x ", "x", "e\u0301", "\u00e9", '"', "a\nb", "True", "?", "nan"]
)


@settings(max_examples=25, deadline=None)
@given(data=st.data(), separator=st.sampled_from(",;\t|"))
def test_the_same_file_gives_the_same_features(
    tmp_path_factory, data, separator
):
    """Bit by bit, all of its rows or some, whatever stands in the cells."""
    rows = 24
    column = st.lists(CELLS, min_size=1, max_size=4).map(
        lambda cells: [cells[i * 5 % len(cells)] for i in range(rows)]
    )
    frame = pd.DataFrame({"a": data.draw(column), "b": data.draw(column)})
    frame["y"] = ["u", "v"] * (rows // 2)
    frame["n"] = [i % 5 for i in range(rows)]
    path = tmp_path_factory.mktemp("rows") / "t.csv"
    frame.to_csv(path, index=False, sep=separator)
    try:
        found = load_table(path, "y", missing=["?"], separator=separator)
    except ValueError as error:
        assert "Invalid column `" in str(error) and "\n" not in str(error)
        return
    again = TablePreprocessing.from_json(found.preprocessing.to_json())
    features, _ = again.count_unknown(again.read(path))
    splits = (found.train, found.validation, found.test)
    trained = np.concatenate([x for x, _ in splits])
    assert sorted(row.tobytes() for row in features) == sorted(
        row.tobytes() for row in trained
    )
    assert np.abs(trained).max() <= 10
    some = frame.iloc[::3].drop(columns="y")
    some.to_csv(path, index=False, sep=separator)
    part, _ = again.count_unknown(again.read(path))
    assert part.tobytes() == features[::3].tobytes()


def test_read_wants_the_columns(tmp_path):
    frame = pd.DataFrame({"a": [1, 2, 3, 4] * 6, "b": list("uvw") * 8})
    frame["y"] = list("xy") * 12
    frame.to_csv(tmp_path / "t.csv", index=False)
    found = load_table(tmp_path / "t.csv", "y").preprocessing
    frame[["b"]].assign(c=1).to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(ValueError, match=r"`path`.*\['a'\] \(1 of 2 are abs"):
        found.read(tmp_path / "new.csv")
    with pytest.raises(FileNotFoundError):
        found.read(tmp_path / "other.csv")
    frame.to_parquet(tmp_path / "t.parquet")
    rows = found.read(tmp_path / "t.parquet")
    same = found.transform(found.read(tmp_path / "t.csv"))
    assert np.array_equal(found.transform(rows), same)
