import numpy as np
import pandas as pd
import pytest

from keras_funcs import data


def frame(rows=120, seed=0):
    random = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "age": random.normal(40, 10, rows),
            "income": random.integers(0, 9_000, rows),
            "town": random.choice(["Oslo", "Rome", "Bern"], rows),
            "zip": random.choice([1001, 1002, 1003], rows),
            "member": random.choice([True, False], rows),
            "label": np.where(np.arange(rows) % 4 == 0, "rare", "often"),
        }
    )
    table.loc[3:40, "age"] = np.nan
    table.loc[5:50, "town"] = None
    return table


def save(table, folder, kind="csv", **options):
    path = folder / f"people.{kind}"
    if kind == "csv":
        table.to_csv(path, index=False, **options)
    else:
        table.to_parquet(path)
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_features(tmp_path, kind):
    path = save(frame(), tmp_path, kind)
    found = data.load_table(path, "label", categorical=["zip"])
    assert found.name == "people"
    assert found.class_names == ("often", "rare")
    assert found.feature_names == (
        "age", "age is missing", "income", "member",
        "town=Bern", "town=Oslo", "town=Rome", "town is missing",
        "zip=1001", "zip=1002", "zip=1003",
    )  # fmt: skip
    sizes = [len(y) for _, y in (found.train, found.validation, found.test)]
    assert sizes == [72, 24, 24]
    for _, y in (found.train, found.validation, found.test):
        assert y.mean() == pytest.approx(0.25)


def test_csv_and_parquet_are_the_same_data(tmp_path):
    table = frame()
    one = data.load_table(save(table, tmp_path), "label")
    two = data.load_table(save(table, tmp_path, "parquet"), "label")
    assert contents(one) == contents(two)


def test_constants_are_those_of_the_training_rows(tmp_path):
    found = data.load_table(save(frame(), tmp_path), "label")
    age = found.feature_names.index("age")
    income = found.feature_names.index("income")
    x = found.train[0].astype(float)
    assert x[:, income].mean() == pytest.approx(0, abs=1e-6)
    assert x[:, income].std() == pytest.approx(1, abs=1e-6)
    # The median of the present values is what a missing one becomes.
    missing = x[:, age + 1] == 1
    assert missing.any()
    assert x[missing, age] == pytest.approx(np.median(x[~missing, age]), abs=1)
    assert len(set(x[missing, age])) == 1
    assert abs(found.test[0][:, income].mean()) > 1e-3


def test_test_rows_change_nothing_that_is_fitted(tmp_path):
    table = frame()
    table["row"] = np.arange(len(table))
    options = {"numeric": ["row"]}
    first = data.load_table(save(table, tmp_path), "label", **options)
    row = first.preprocessing.numbers[-2:]
    assert [column.name for column in row] == ["member", "row"]
    scale, mean = row[1].scale, row[1].mean
    split = {
        name: np.rint(x[:, first.feature_names.index("row")] * scale + mean)
        for name, (x, _) in {
            "train": first.train,
            "validation": first.validation,
            "test": first.test,
        }.items()
    }
    together = np.concatenate(list(split.values()))
    assert sorted(together.tolist()) == list(range(len(table)))

    for name in ("validation", "test"):
        table.loc[split[name].astype(int), "income"] = 10**6
    changed = data.load_table(save(table, tmp_path), "label", **options)
    assert changed.preprocessing == first.preprocessing
    assert np.array_equal(changed.train[0], first.train[0])
    assert not np.array_equal(changed.test[0], first.test[0])


def test_seed_and_shares(tmp_path):
    path = save(frame(), tmp_path)
    one = data.load_table(path, "label", seed=1)
    assert contents(one) == contents(data.load_table(path, "label", seed=1))
    assert contents(one) != contents(data.load_table(path, "label"))
    found = data.load_table(path, "label", validation=0.1, test=0.5)
    sizes = [len(y) for _, y in (found.train, found.validation, found.test)]
    assert sizes == [48, 12, 60]


def test_every_split_has_every_class_down_to_five_rows(tmp_path):
    for rows in range(40, 70):
        table = pd.DataFrame({"x": np.arange(rows) % 7, "y": "often"})
        table.loc[:4, "y"] = "rare"
        table.loc[5:10, "y"] = "other"
        found = data.load_table(save(table, tmp_path), "y")
        for _, y in (found.train, found.validation, found.test):
            assert set(y) == {0, 1, 2}


@pytest.mark.parametrize(
    "values, names",
    [
        ([0, 1], ("0", "1")),
        ([10, 9], ("9", "10")),
        ([1.0, 0.5], ("0.5", "1")),
        ([True, False], ("False", "True")),
        (["b", "a"], ("a", "b")),
        (["10", "9 lives"], ("10", "9 lives")),
    ],
)
def test_targets(tmp_path, values, names):
    table = pd.DataFrame({"x": range(40), "y": values * 20})
    found = data.load_table(save(table, tmp_path), "y", numeric=["x"])
    assert found.class_names == names
    # The first row of the file, found again by its feature.
    x = np.concatenate([found.train[0], found.validation[0], found.test[0]])
    y = np.concatenate([found.train[1], found.validation[1], found.test[1]])
    first = y[x[:, 0].argmin()]
    shown = found.class_names[first]
    assert shown == str(values[0]).removesuffix(".0")


@pytest.mark.parametrize("sep", [";", "\t", "|"])
def test_other_separators_and_a_byte_order_mark(tmp_path, sep):
    path = save(frame(), tmp_path, sep=sep, encoding="utf-8-sig")
    plain = data.load_table(save(frame(), tmp_path), "label")
    path = save(frame(), tmp_path, sep=sep, encoding="utf-8-sig")
    assert contents(data.load_table(path, "label")) == contents(plain)


def test_a_saved_row_index_is_no_feature(tmp_path):
    path = tmp_path / "indexed.csv"
    frame().to_csv(path)
    found = data.load_table(path, "label", drop=["zip", "income", "member"])
    assert found.preprocessing.columns == ("age", "town")


def test_marks_of_missing_values(tmp_path):
    table = frame().astype({"income": object})
    table.loc[:30, "income"] = "?"
    path = save(table, tmp_path)
    with pytest.raises(ValueError, match=r"`income`.*not both.*\['\?'\]"):
        data.load_table(path, "label")
    found = data.load_table(path, "label", missing=["?"])
    assert "income is missing" in found.feature_names


def test_a_short_scale_is_text(tmp_path):
    table = frame().assign(children=["0", "1", "2", "3+"] * 30)
    found = data.load_table(save(table, tmp_path), "label")
    assert "children=3+" in found.feature_names


def small(**columns):
    x = [i * 7 % 40 for i in range(40)]
    return pd.DataFrame({"x": x, "y": ["a", "b"] * 20} | columns)


@pytest.mark.parametrize(
    "table, options, message",
    [
        (small(), {"target": "z"}, "There are: x, y. Received: target='z'"),
        (frame(), {"target": "labl"}, "Nearest: label"),
        (small(), {"drop": ["z"]}, "argument `drop`"),
        (small(), {"drop": ["y"]}, "other columns than the target"),
        (small(), {"drop": ["x"]}, "at least one column left"),
        (small(), {"drop": "x"}, "a list of strings"),
        (small(), {"categorical": ["z"]}, "argument `categorical`"),
        (small(y="a"), {}, r"at least two classes. Received: \['a'\]"),
        (small(y=["a", None] * 20), {}, "20 of 40 rows without one"),
        (small(y=["a"] * 39 + ["b"]), {}, r"1 with fewer, such as b \(1\)"),
        (small(y=["a"] * 36 + ["b"] * 4), {}, "at least 5 rows"),
        (small(y=np.linspace(0, 1, 40)), {"task": "multiclass"},
         "at least 5 rows"),
        (small(), {"task": "regression"}, "numbers, for a regression"),
        (small(y=[0, 1, 2, 3] * 10), {"task": "binary"}, "two classes"),
        (small(), {"task": "sums"}, "`task`"),
        (small(), {"task": "ordinal"}, "numbers to order.*or `classes`"),
        (small(), {"classes": ["b", "c"]}, "each class of `y` once: a, b"),
        (small(), {"classes": "b,a"}, "a list of strings"),
        (small(y=1e9 + np.arange(40)), {}, "precision of float32"),
        (small(y=3.5), {"task": "regression"}, "numbers that differ"),
        (small(), {"test": "absent.csv"}, "a file that exists"),
        (small(), {"group": "z"}, "argument `group`"),
        (small(), {"group": "y"}, "other columns than the target"),
        (small(), {"group": "x", "time": "x"}, "no time beside `group`"),
        (small(t="soon"), {"time": "t"}, r"`t`.*a date such as 2026-05-31"),
        (small(g=["a", None] * 20), {"group": "g"}, "20 rows without one"),
        (small(z=np.nan), {}, "Invalid column `z`.*at least one value"),
        (small(z=[f"id{i}" for i in range(40)]), {"max_categories": 39},
         "Invalid column `z`.*at most 39 different.*leave it out with `drop`"),
        (small(z=[*range(39), "x"]), {}, "Invalid column `z`.*not both"),
        (small(z=[*range(39), np.inf]), {}, "Invalid column `z`.*within"),
        (small(), {"validation": 0}, "`validation`"),
        (small(), {"test": 1.0}, "`test`"),
        (small(), {"validation": 0.5, "test": 0.5}, "less than 0.5 beside"),
        (small(), {"seed": -1}, "`seed`"),
        (small(), {"max_categories": 1}, "`max_categories`"),
        (small()[:0], {}, "at least one row"),
        (small()[["y"]], {}, "at least one column beside it"),
    ],
)  # fmt: skip
def test_mistakes(tmp_path, table, options, message):
    path = save(table, tmp_path)
    with pytest.raises((ValueError, OSError), match=message) as caught:
        data.load_table(path, **({"target": "y"} | options))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("a.csv", b"", "not an empty file"),
        ("a.csv", b"\n\n\n", "not an empty file"),
        ("a.csv", b"x,y\n", "at least one row"),
        ("a.csv", b"x,y\n1,2\n1,2,3\n", "rows of its length"),
        ("a.csv", b"x,y\n1,2,3\n1,2,3\n", "rows of its length"),
        ("a.csv", b"x,y,x\n1,2,3\n", r"different names.*\['x'\]"),
        ("a.csv", b"\x89PNG\r\n\x1a\n\x00\xff\xfe", "UTF-8 table"),
        ("a.csv", b"words and words\nmore words\n", "at least one column"),
        ("a.parquet", b"PAR1 no", "a Parquet file"),
        ("a.parquet", b"", "not an empty file"),
        ("a.xlsx", b"PK", r"a .csv, .tsv or .parquet file"),
    ],
)
def test_files_that_are_no_table(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        data.load_table(tmp_path / name, "y")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="a file that exists"):
        data.load_table(tmp_path / "no.csv", "y")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(FileNotFoundError, match="a file that exists"):
        data.load_table(tmp_path / "folder.csv", "y")


def test_parquet_types(tmp_path):
    table = small(
        when=pd.date_range("2020-01-01", periods=40),
        kind=pd.Categorical(["u", "v"] * 20),
        count=pd.array([1, 2, 3, None] * 10, dtype="Int64"),
    )
    path = save(table, tmp_path, "parquet")
    with pytest.raises(ValueError, match="Invalid column `when`.*datetime"):
        data.load_table(path, "y")
    found = data.load_table(path, "y", drop=["when"])
    assert found.feature_names == (
        "x", "kind=u", "kind=v", "count", "count is missing",
    ) or found.feature_names == (
        "x", "count", "count is missing", "kind=u", "kind=v",
    )  # fmt: skip


def test_a_text_column_that_names_each_row_is_refused(tmp_path):
    path = tmp_path / "ids.csv"
    rows = [f"row{i},{i % 7},{'ab'[i % 2]}" for i in range(40)]
    path.write_text("\n".join(["name,x,label", *rows]))
    with pytest.raises(ValueError, match="name.*identifier.*`drop`"):
        data.load_table(path, "label")
    assert data.load_table(path, "label", drop=["name"]).feature_names == ("x",)
    kept = data.load_table(path, "label", categorical=["name"])
    assert len(kept.feature_names) > 2


def contents(dataset):
    """All that a dataset holds, in a form that can be compared."""
    splits = (dataset.train, dataset.validation, dataset.test)
    arrays = [(a.shape, a.tobytes()) for split in splits for a in split]
    return dataset.class_names, arrays
