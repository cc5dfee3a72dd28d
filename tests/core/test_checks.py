"""Every check: what passes, as which type, and what the message says."""

import re

import keras
import numpy as np
import pytest

from keras_funcs._core import checks


@pytest.mark.parametrize(
    "value", [0, 0.5, np.float32(0.5), np.int64(1), np.array(0.25)]
)
def test_numbers_come_back_as_python_floats(value):
    found = checks.number("x", value, at_least=0, at_most=1)
    assert type(found) is float and found == float(value)


@pytest.mark.parametrize(
    "value",
    [
        True,
        np.bool_(False),
        None,
        "1",
        b"1",
        [1.0],
        np.array([1.0]),
        float("nan"),
        float("inf"),
        -float("inf"),
        pytest.param(10**400, id="huge"),
        1j,
        object(),
    ],
)
def test_what_is_no_finite_number(value):
    with pytest.raises(ValueError, match="argument `x`. Expected a finite"):
        checks.number("x", value)


@pytest.mark.parametrize(
    "bounds, inside, outside",
    [
        ({"at_least": 0}, 0, -1e-9),
        ({"above": 0}, 1e-9, 0),
        ({"at_most": 1}, 1, 1 + 1e-9),
        ({"below": 1}, 1 - 1e-9, 1),
    ],
)
def test_bounds_of_numbers(bounds, inside, outside):
    assert checks.number("x", inside, **bounds) == inside
    (bound,) = bounds.values()
    with pytest.raises(ValueError, match=f"[<>]=? {bound}. Received: x="):
        checks.number("x", outside, **bounds)


def test_integers():
    assert type(checks.integer("n", np.int8(3))) is int
    assert checks.integer("n", 10**30) == 10**30
    for value in (True, 1.0, "1", None, np.float32(1)):
        with pytest.raises(ValueError, match="argument `n`.*an integer"):
            checks.integer("n", value)
    with pytest.raises(ValueError, match="an integer >= 1 and <= 3"):
        checks.integer("n", 4, at_least=1, at_most=3)
    with pytest.raises(ValueError, match="n=0"):
        checks.integer("n", 0, at_least=1)


def test_booleans_and_choices():
    assert checks.boolean("b", np.bool_(True)) is True
    for value in (1, 0, None, "True", []):
        with pytest.raises(ValueError, match="argument `b`.*a boolean"):
            checks.boolean("b", value)
    assert checks.one_of("c", None, (None, "a")) is None
    for value in ("z", 1, ["a"], {"a": 1}, {"a"}, np.array(["a", "b"])):
        with pytest.raises(ValueError, match=r"argument `c`.*\['a', 'b'\]"):
            checks.one_of("c", value, ("a", "b"))


def test_lists_of_numbers():
    for values in (
        [1, 2],
        (1.0, 2.0),
        np.array([1, 2], "float32"),
        range(1, 3),
    ):
        found = checks.numbers("w", values)
        assert found == [1.0, 2.0] and type(found[0]) is float
    for values in (
        [],
        [[1.0]],
        [[1.0], [1.0, 2.0]],
        "12",
        {0: 1.0},
        [1.0, None],
        [True, False],
        [1.0, float("nan")],
        ["a"],
        3.0,
        None,
        [10**400],
    ):
        with pytest.raises(ValueError, match="argument `w`"):
            checks.numbers("w", values)
    with pytest.raises(ValueError, match="a list of 3 finite numbers"):
        checks.numbers("w", [1, 2], length=3)
    with pytest.raises(ValueError, match="each >= 0"):
        checks.numbers("w", [1, -2], at_least=0)


def test_sizes_are_capped_before_anything_is_copied():
    with pytest.raises(ValueError, match="at most 1000000.*1000001"):
        checks.numbers("w", range(checks.MAX_CLASSES + 1))
    with pytest.raises(ValueError, match="argument `w`"):
        checks.numbers("w", np.ones(checks.MAX_CLASSES + 1))


def test_counts():
    found = checks.class_counts("n", np.array([3, 1], "float32"))
    assert found == (3, 1) and type(found[0]) is int
    assert checks.class_counts("n", [3, 0], "ignore") == (3, 0)
    with pytest.raises(ValueError, match=re.escape("none for [1, 3]")):
        checks.class_counts("n", [3, 0, 2, 0])
    with pytest.raises(ValueError, match="argument `absent`"):
        checks.class_counts("n", [3, 1], "drop")


def test_initializers():
    assert checks.initializer("i", 2) == 2.0
    ones = checks.initializer("i", "ones")
    assert isinstance(ones, keras.initializers.Ones)
    assert checks.initializer("i", ones) is ones
    for value in (None, "no such one", float("nan"), True, []):
        with pytest.raises(ValueError, match="argument `i`"):
            checks.initializer("i", value)


def test_patterns():
    assert checks.pattern("p", "^bias$") == "^bias$"
    for value in ("(", 1, None, ["bias"]):
        with pytest.raises(ValueError, match="argument `p`"):
            checks.pattern("p", value)


def test_long_values_are_cut():
    with pytest.raises(ValueError) as error:
        checks.number("x", "9" * 10_000)
    assert len(str(error.value)) < 400 and "..." in str(error.value)


@pytest.mark.parametrize(
    "value", [keras.ops.ones(()), keras.Variable(1.0), keras.KerasTensor((3,))]
)
def test_tensors_are_parameters(value):
    assert checks.parameter("alpha", value, above=5) is value


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), "1", None, True])
def test_parameters_that_are_no_tensors_are_numbers(value):
    with pytest.raises(ValueError, match="argument `alpha`.*> 0"):
        checks.parameter("alpha", value, above=0)
    assert checks.parameter("alpha", np.float32(0.5), above=0) == 0.5


def test_axes_are_counted_from_the_front():
    found = [checks.axis_of("axis", axis, 3) for axis in (-3, -1, 0, 2)]
    assert found == [0, 2, 0, 2]


@pytest.mark.parametrize("axis", [3, -4, 0.0, None, True])
def test_axes_out_of_range_are_refused(axis):
    with pytest.raises(ValueError, match="argument `axis`"):
        checks.axis_of("axis", axis, 3)


@pytest.mark.parametrize(
    "check, valid, invalid",
    [
        (checks.number, 0.5, "a"),
        (checks.integer, 3, 0.5),
        (checks.numbers, [1.0, 2.0], "ab"),
        (checks.class_counts, (3, 4), [3]),
        (checks.initializer, 0.5, "none of them"),
    ],
)
def test_an_optional_argument_may_be_none(check, valid, invalid):
    assert check("x", None, optional=True) is None
    assert check("x", valid, optional=True) == valid
    with pytest.raises(ValueError, match="argument `x`"):
        check("x", invalid, optional=True)
    with pytest.raises(ValueError, match="argument `x`"):
        check("x", None)


def test_the_message_names_none_as_a_choice():
    with pytest.raises(ValueError, match="a finite number >= 0 or None. Rec"):
        checks.number("x", -1, at_least=0, optional=True)
