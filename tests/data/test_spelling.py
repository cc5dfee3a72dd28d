import math

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_funcs.data import spelling
from keras_funcs.data.spelling import Spelling


@pytest.mark.parametrize(
    "texts, numbers",
    [
        (["1", "-2", "+3"], [1, -2, 3]),
        (["1.5", "2", ".5", "3.", "1e-2"], [1.5, 2, 0.5, 3, 0.01]),
        (["1,5", "2", "-,5"], [1.5, 2, -0.5]),
        (["1,234", "950", "10,000"], [1234, 950, 10000]),
        (["1,234.5", "0.25"], [1234.5, 0.25]),
        (["1.234,5", "0,25"], [1234.5, 0.25]),
        (["1.234.567", "12"], [1234567, 12]),
        (["1 234,5", "1\u00a0234", "1\u202f234"], [1234.5, 1234, 1234]),
        (["1'234.5", "1\u2019234"], [1234.5, 1234]),
        (["\u22125", "5"], [-5, 5]),
        (["12%", "3.5 %"], [12, 3.5]),
        (["$12", "-$3", "$-4", "$1,200.50"], [12, -3, -4, 1200.5]),
        (["\u20ac 1.234,50", "\u20ac 3,00"], [1234.5, 3]),
        (["12,5 \u20ac", "1.000,00 \u20ac"], [12.5, 1000]),
        (["US$5", "US$7"], [5, 7]),
        (["EUR 5", "EUR 6"], [5, 6]),
        (["12 kg", "1.5 kg"], [12, 1.5]),
        (["20\u00b0C", "-3\u00b0C"], [20, -3]),
        (["True", "false", "TRUE"], [1, 0, 1]),
        (["12345678901234567890123", "7"], [1.2345678901234567e22, 7]),
    ],
)
def test_spellings(texts, numbers):
    found = spelling.find_spellings(texts)[0]
    assert [found.parse(text) for text in texts] == numbers


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["a", "1"],
        ["A1", "A2"],
        ["1a", "2b"],
        ["12%", "12 kg"],
        ["2020-01-01"],
        ["12:30"],
        ["1/2"],
        ["0171 234"],
        ["1,23,4"],
        ["1.2.3"],
        ["1_000"],
        ["0x10"],
        ["\u0661"],  # a digit, but float("\u0661") is a surprise
        ["."],
        [","],
        ["-"],
        ["1" * 500],
    ],
)
def test_texts_that_are_no_numbers(texts):
    assert spelling.find_spellings(texts) == []


def test_a_bare_number_among_units_is_a_number_and_another_unit_is_not():
    percent = Spelling(suffix="%")
    assert percent.parse("12%") == percent.parse("12 %") == 12
    assert percent.parse("12") == 12
    assert percent.parse("12 kg") is None


@pytest.mark.parametrize(
    "others, decimal, number",
    [
        ([], ".", 1234),
        ([["7"], ["1,234"]], ".", 1234),
        ([["1,5"]], ",", 1.234),
        ([["1.5"], ["2.5"], ["1,5"]], ".", 1234),
    ],
)
def test_other_columns_decide_where_two_spellings_fit(others, decimal, number):
    columns = [spelling.find_spellings(texts) for texts in others]
    assert spelling.find_decimal(columns) == decimal
    found = spelling.find_spellings(["1,234"])
    chosen = spelling.choose_spelling(found, decimal, fixed=False)
    assert chosen.parse("1,234") == number


def test_a_given_sign_allows_no_other():
    found = spelling.find_spellings(["1,5"])
    assert spelling.choose_spelling(found, ".", fixed=True) is None
    assert spelling.choose_spelling(found, ".", fixed=False).decimal == ","


def test_misfits():
    many = [str(number) for number in range(20)]
    assert spelling.find_misfits([*many, "?", "x"]) == ["?", "x"]
    percents = [f"{number},5%" for number in range(20)]
    assert spelling.find_misfits([*percents, "-"]) == ["-"]
    assert spelling.find_misfits(["1a", "2a"]) == ["1a", "2a"]


def spelled(number, decimal, group, prefix, suffix):
    whole, _, rest = f"{abs(number):,.2f}".partition(".")
    core = whole.replace(",", group) + decimal + rest
    return "-" * (number < 0) + prefix + core + suffix


@given(
    st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=6),
    st.sampled_from(
        [(".", ""), (",", ""), (".", ","), (",", "."), (",", " "), (".", "'")]
    ),
    st.sampled_from([("", ""), ("$", ""), ("", " %"), ("", "km")]),
)
def test_what_is_written_is_read(cents, signs, affixes):
    numbers = [number / 100 for number in cents]
    texts = [spelled(number, *signs, *affixes) for number in numbers]
    found = spelling.find_spellings(sorted(set(texts)))
    chosen = spelling.choose_spelling(found, signs[0], fixed=False)
    assert [chosen.parse(text) for text in texts] == numbers


@given(st.floats(allow_nan=False))
def test_what_python_writes_is_read(number):
    text = repr(number)
    assert spelling.find_spellings([text])[0].parse(text) == number


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=20))
def test_any_text_is_a_number_or_is_not(text):
    for found in spelling.find_spellings([text]):
        assert not math.isnan(found.parse(text))
