import numpy as np
import pandas as pd
import pytest

from keras_funcs import data

N = 60
CLASSES = ["yes" if i % 3 else "no" for i in range(N)]


def load(folder, cells, name="x", classes=CLASSES, **options):
    """A table of one column beside another of noise."""
    noise = np.random.default_rng(0).normal(size=N).round(3)
    table = pd.DataFrame({name: cells, "noise": noise, "label": classes})
    table.to_csv(folder / "t.csv", index=False, sep=";")
    return data.load_table(folder / "t.csv", "label", **options)


def decision(found, name="x"):
    [item] = [d for d in found.preprocessing.decisions if d.name == name]
    return f"{item.kind}: {item.reason}".removesuffix(": ")


def some(*values):
    return [values[i * 7 % len(values)] for i in range(N)]


@pytest.mark.parametrize(
    "cells, expected",
    [
        (some(1, 2, 3), "numbers"),
        (some("1,5", "2,25", "3"), "numbers: decimal comma"),
        (some("12%", "3%"), "numbers: unit '%'"),
        (some("$12", "$1,300"), "numbers: thousands separated by ',', unit "
         "'$'"),
        (some("1.000.000", "20.000"), "numbers: thousands separated by '.'"),
        (some("True", "False"), "numbers: true is 1, false is 0"),
        (some("a", "b"), "categories: 2 distinct"),
        (some("a", "b ", "b"), "categories: 2 distinct; 'b ' is read as 'b'"),
        (some("\u00e9", "e\u0301"), "categories: 1 distinct; 'e\u0301' is read "
         "as '\u00e9'"),
        (some("01", "02", "10"), "categories: 3 distinct; codes such as 01; "
         "`numeric` makes them numbers"),
        (some("NA", "DE"), "categories: 2 distinct; NA is a category; "
         "`missing` makes it no value"),
        (range(N), "left out: running number of the rows; `numeric` keeps it"),
        (range(N, 0, -1), "left out: running number of the rows; `numeric` "
         "keeps it"),
        ([10**18 + i for i in range(N)], "left out: running number of the "
         "rows; `numeric` keeps it"),
        ([f"{i:04}" for i in range(N)], "left out: running number of the "
         "rows; `numeric` keeps it"),
        ([3 * i + i % 2 for i in range(N)], "numbers: in the order of the "
         "rows: `drop` leaves it out"),
        ([i * 7 % N for i in range(N)], "numbers: another whole number in each "
         "row, as an identifier has: `drop` leaves it out"),
        (some("5"), "numbers: always 0: constant in the training rows"),
    ],
)  # fmt: skip
def test_decisions(tmp_path, cells, expected):
    assert decision(load(tmp_path, cells)) == expected


def test_texts_that_mean_no_number_are_named(tmp_path):
    found = decision(load(tmp_path, some("1", "2", "NA", "null")))
    assert found.startswith("numbers: NA, null: missing; missing in ")


def test_numbers_that_float64_merges_are_told(tmp_path):
    ids = [str(2**60 + i * 7 % N) for i in range(N)]
    found = decision(load(tmp_path, ids))
    assert "different numbers are lost in float64" in found
    assert "always 0" in found
    kept = load(tmp_path, ids, categorical=["x"])
    assert decision(kept).startswith(f"categories: {N} distinct; as asked for")


def test_held_out_rows_with_other_categories_are_counted(tmp_path):
    cells = ["a"] * N
    for row in range(0, N, 3):
        cells[row] = f"{chr(98 + row // 6)}"
    found = load(tmp_path, cells)
    categories = found.preprocessing.texts[0].categories
    lost = sum(cell not in categories for cell in cells)
    assert lost > 0
    assert decision(found).endswith(f"; {lost} held-out rows have others")


@pytest.mark.parametrize(
    "name, cells, left_out",
    [
        ("Unnamed: 0", range(N), True),
        ("Unnamed: 0", some("a", "b"), True),
        ("Unnamed: 0.1", range(N), True),
        ("Unnamed: 3", [3 * i + i % 2 for i in range(N)], True),
        ("Unnamed: 3", [i * 7 % N for i in range(N)], True),
        ("id", range(1, N + 1), True),
        ("year", some(2020, 2021), False),
    ],
)
def test_row_numbers(tmp_path, name, cells, left_out):
    found = load(tmp_path, cells, name)
    assert (name not in found.preprocessing.columns) == left_out
    kept = load(tmp_path, cells, name, categorical=[name])
    assert name in kept.preprocessing.columns


@pytest.mark.parametrize(
    "cells, options, expected",
    [
        (range(N), {"numeric": ["x"]}, "numbers: as asked for"),
        (some("01", "02"), {"numeric": ["x"]}, "numbers: as asked for"),
        (some(1, 2), {"categorical": ["x"]}, "categories: 2 distinct; as as"),
        (some("1,5", "2,5"), {"decimal": "."}, "categories: 2 distinct"),
        (some("1,234", "5,678"), {"decimal": ","}, "numbers: decimal comma"),
        (some("1,234", "5,678"), {}, "numbers: thousands separated by ','"),
        (some("1.234", "5.678"), {"decimal": ","}, "numbers: thousands sep"),
        (some("a", "?"), {"missing": ["?"]}, "categories: 1 distinct"),
        (some("a", "NA"), {"missing": ["NA"]}, "categories: 1 distinct"),
        (some(1, 2), {"drop": ["x"]}, "left out: as asked for"),
    ],
)  # fmt: skip
def test_every_decision_can_be_overruled(tmp_path, cells, options, expected):
    # The noise has a decimal point, which a given sign would refuse.
    table = pd.DataFrame({"x": cells, "n": some(1, 5), "label": CLASSES})
    table.to_csv(tmp_path / "t.csv", index=False, sep=";")
    found = data.load_table(tmp_path / "t.csv", "label", **options)
    assert decision(found).startswith(expected)


@pytest.mark.parametrize(
    "options, message",
    [
        (
            {"numeric": ["label"]},
            "`numeric`. Expected other columns than the t",
        ),
        ({"numeric": ["x"], "drop": ["x"]}, r"than in `drop`.*numeric=\['x'\]"),
        ({"numeric": ["x"], "categorical": ["x"]}, "than in `categorical`"),
        ({"numeric": ["y"]}, "`numeric`. Expected a column of the table"),
        ({"numeric": ["x"]}, r"column `x`. Expected numbers.*\['a', 'b'\]"),
        ({"decimal": ";"}, "`decimal`"),
        ({"separator": "ab"}, "`separator`. Expected one character"),
    ],
)
def test_wishes_that_cannot_be(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        load(tmp_path, some("a", "b"), **options)


@pytest.mark.parametrize(
    "name", ["None", "NA", "N/A", "n/a", "null", "nan", "NULL", "#N/A"]
)
def test_a_class_may_be_called_so(tmp_path, name):
    found = load(tmp_path, some("a", "b"), classes=some(name, "x1", "y"))
    assert sorted(found.class_names) == sorted([name, "x1", "y"])
    assert f"{name} is a class" in decision(found, "label")


def test_no_class_among_numbers(tmp_path):
    classes = some(0, 1, "NA")
    with pytest.raises(ValueError, match="NA beside numbers in 20 of 60 rows"):
        load(tmp_path, some("a", "b"), classes=classes)
    options = {"classes": classes, "categorical": ["label"]}
    found = load(tmp_path, some("a", "b"), **options)
    assert found.class_names == ("0", "1", "NA")
    with pytest.raises(ValueError, match="20 of 60 rows without one"):
        load(tmp_path, some("a", "b"), **options, missing=["NA"])


@pytest.mark.parametrize(
    "classes, names",
    [
        (["yes", "yes ", "no"], ("no", "yes")),
        (["01", "1", "2"], ("01", "1", "2")),
        (["1.10", "1.1", "2.0"], ("1.1", "1.10", "2.0")),
        (["1E5", "2E3", "100000"], ("2E3", "100000", "1E5")),
        (["1,5", "10,5", "9"], ("1,5", "9", "10,5")),
        ([str(2**53), str(2**53 + 1)], (str(2**53), str(2**53 + 1))),
    ],
)
def test_classes_stay_what_they_are(tmp_path, classes, names):
    found = load(tmp_path, some("a", "b"), classes=some(*classes))
    assert found.class_names == names


def test_a_quantity_may_be_called_classes(tmp_path):
    classes = some(*range(30))
    numbers = [i // 2 + 0.5 for i in range(N)]
    found = load(tmp_path, some("a", "b"), classes=numbers)
    assert found.task == "regression"
    assert "a quantity: 30 different numbers" in decision(found, "label")
    with pytest.raises(ValueError, match="at least 5 rows of every class"):
        load(tmp_path, some("a", "b"), classes=classes, categorical=["label"])


def test_a_name_in_another_unicode_form_is_found(tmp_path):
    nfc, nfd = "gr\u00f6\u00dfe", "gro\u0308\u00dfe"
    for written, asked in ((nfc, nfd), (nfd, nfc), (nfd, nfd)):
        found = load(tmp_path, some("a", "b"), written, categorical=[asked])
        assert decision(found, nfc).endswith("as asked for")
    table = pd.DataFrame({nfc: range(6), nfd: range(6), "y": list("ababab")})
    table.to_parquet(tmp_path / "t.parquet")
    mixed = "gro\u0308\u00df\u0065"
    assert mixed == nfd
    with pytest.raises(
        ValueError, match=r"Alike: 'gr\\xf6\\xdfe', 'gro\\u0308"
    ):
        data.load_table(tmp_path / "t.parquet", " " + nfc)


def test_feature_names_differ(tmp_path):
    table = pd.DataFrame(
        {
            "x": some(1.5, 2.5, None),
            "x is missing": some(3, 4, 5, 6),
            "a": some("b=c", "d"),
            "a=b": some("c", "e"),
            "label": CLASSES,
        }
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    names = data.load_table(tmp_path / "t.csv", "label").feature_names
    assert names == (
        "x", "x is missing", "x is missing (2)",
        "a=b=c", "a=d", "a=b=c (2)", "a=b=e",
    )  # fmt: skip
