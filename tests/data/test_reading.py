import csv

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_funcs.data.cells import clean
from keras_funcs.data.reading import Reading
from keras_funcs.data.reading import find_reading
from keras_funcs.data.reading import find_separator

ROWS = [(f"{i % 11}.5", str(i % 7), "yn"[i % 2]) for i in range(40)]


def write(path, header, separator, encoding="utf-8", rows=ROWS):
    lines = "".join(separator.join(row) + "\n" for row in rows)
    path.write_text(header + lines, encoding=encoding)
    return path


@pytest.mark.parametrize(
    "name, header, separator, names",
    [
        ("a.csv", "a,b,c\n", ",", ["a", "b", "c"]),
        ("a.csv", '"a, x";"b, y";c\n', ";", ["a, x", "b, y", "c"]),
        ("a.tsv", "a, x, y\tb, %\tc\n", "\t", ["a, x, y", "b, %", "c"]),
        ("a.csv", '"a\n(C)";b;c\n', ";", ["a\n(C)", "b", "c"]),
        ("a.csv", "\n\na;b;c\n", ";", ["a", "b", "c"]),
        ("a.csv", "a, x|b, y|c\n", "|", ["a, x", "b, y", "c"]),
        ("a.csv", "sep=;\na;b;c\n", ";", ["a", "b", "c"]),
        ("a.txt", "a\tb\tc\n", "\t", ["a", "b", "c"]),
        ("a.csv", " a , b,c \n", ",", ["a", "b", "c"]),
        ("a.csv", ",b,\n", ",", ["Unnamed: 0", "b", "Unnamed: 2"]),
        ("a.csv", "gro\u0308\u00dfe,b,c\n", ",", ["gr\u00f6\u00dfe", "b", "c"]),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_headers_and_separators(
    tmp_path, name, header, separator, names, encoding
):
    path = write(tmp_path / name, header, separator, encoding)
    reading = find_reading(path)
    assert reading.separator == separator
    frame = reading.read(path)
    assert list(frame.columns) == names
    assert [tuple(row) for row in frame.to_numpy()] == ROWS


@pytest.mark.parametrize(
    "text, separator",
    [
        # Decimal commas outnumber the separators.
        ("x;y;z\n" + "1,5;2,5;3,5\n" * 20, ";"),
        ('x,y\n"He said ""a; b; c""; yes",1\n' + "it's; isn't,2\n" * 9, ","),
        ("t,b\n" + "2020-01-01 10:00:00,1\n" * 9, ","),
        ("tags,b\n" + "a;b;c,1\n" * 9, ","),
        ("x;y\n1;2\n1;2;3\n", ";"),
        ("words and words\nmore words\n", ","),
    ],
)
def test_what_separates(tmp_path, text, separator):
    (tmp_path / "a.csv").write_text(text)
    assert find_separator(tmp_path / "a.csv", "utf-8") == separator


def test_what_is_given_is_not_looked_for(tmp_path):
    path = write(tmp_path / "a.csv", "a|b|c\n", "|", "cp1252")
    reading = find_reading(path, ["?"], "|", "cp1252")
    assert reading == Reading("|", "cp1252", ("?",))


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "a UTF-8 table; give its `encoding`, such as cp1252"),
        ({"encoding": "klingon"}, "`encoding`. Expected an encoding that Pyth"),
        ({"separator": ",", "encoding": "base64"}, "`encoding`"),
    ],
)
def test_other_encodings(tmp_path, options, message):
    path = write(tmp_path / "a.csv", "gr\u00f6\u00dfe,b,c\n", ",", "cp1252")
    with pytest.raises(ValueError, match=message) as caught:
        find_reading(path, **options).read(path)
    assert "\n" not in str(caught.value)
    frame = find_reading(path, encoding="cp1252").read(path)
    assert list(frame.columns) == ["gr\u00f6\u00dfe", "b", "c"]


def test_a_mistake_in_a_row_names_the_separator(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x;y\n1;2\n1;2;3\n")
    with pytest.raises(ValueError, match="by ';'; give `separator`"):
        find_reading(path).read(path)


def test_every_cell_is_the_text_of_the_file(tmp_path):
    cells = ["01234", "1.10", "1e5", "9007199254740993", "None", "NA", "nan"]
    cells += ["", "True", "1,5", "inf", "-0", "a ", '"', "#N/A", "\u00e9"]
    frame = pd.DataFrame({"a": cells, "b": cells[::-1]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    found = find_reading(tmp_path / "a.csv").read(tmp_path / "a.csv")
    assert found["a"].tolist() == cells


# Line breaks of one kind: csv turns a lone one into another on reading.
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"),
    max_size=12,
).map(clean)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=8),
    st.sampled_from(",;\t|"),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_is_written_is_read(tmp_path_factory, rows, separator, quoting):
    path = tmp_path_factory.mktemp("read") / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=separator, quoting=quoting)
        writer.writerow(["a", "b", "c"])
        writer.writerows(rows)
    frame = Reading(separator).read(path)
    assert [tuple(map(clean, row)) for row in frame.to_numpy()] == rows
