"""A dear test runs on one backend, and every backend gets its share."""

from pathlib import Path

import keras
import pytest

from keras_funcs._core.backend import BACKENDS
from tests import assignment


@pytest.mark.parametrize("backends", [BACKENDS, BACKENDS[:2], BACKENDS[1:2]])
def test_rows_and_columns_meet_all_backends(backends):
    for start in range(5):
        row = [assignment.home_of(start, c, backends) for c in range(3)]
        column = [assignment.home_of(r, start, backends) for r in range(3)]
        assert set(row) == set(column) == set(backends)


def test_the_home_is_the_same_where_it_can_be():
    for row in range(9):
        home = assignment.home_of(row, 0)
        if home in BACKENDS[:2]:
            assert assignment.home_of(row, 0, BACKENDS[:2]) == home


def test_one_backend_is_here():
    for row in range(3):
        home = assignment.home_of(row, 1)
        assert assignment.is_here(row, 1) == (home == keras.config.backend())


@pytest.mark.parametrize(
    ("chosen", "names"),
    [("", ()), ("*", ("Dice", "Snake")), ("Dice,Swish", ("Dice",))],
)
def test_in_full(monkeypatch, chosen, names):
    monkeypatch.setenv(assignment.VARIABLE, chosen)
    found = [n for n in ("Dice", "Snake") if assignment.is_in_full(n)]
    assert found == list(names)


def test_without_the_variable_all_is_in_full(monkeypatch):
    monkeypatch.delenv(assignment.VARIABLE, raising=False)
    assert assignment.is_in_full("Dice")


DEAR = {"a.py::dear", f"{assignment.BATTERY}::dear"}


def test_dear_tests_take_turns(monkeypatch):
    monkeypatch.setenv(assignment.VARIABLE, "")

    def count(name):
        return sum(
            not assignment.is_assigned_elsewhere(name, number, DEAR)
            for number in range(120)
        )

    share = assignment.TURNS.count(keras.config.backend())
    assert 1 <= share < len(assignment.TURNS)
    assert count("a.py::dear") == count("tests/data/a.py::test") == 10 * share
    assert count("a.py::cheap") == 120
    assert count(f"{assignment.BATTERY}::dear") == 120
    monkeypatch.setenv(assignment.VARIABLE, assignment.EVERYTHING)
    assert count("a.py::dear") == 120


def test_a_test_runs_where_it_has_something_to_ask(monkeypatch):
    monkeypatch.setenv(assignment.VARIABLE, "")
    away = [
        assignment.is_assigned_elsewhere("a::dear", n, {"a::dear"}, ("jax",))
        for n in range(12)
    ]
    assert set(away) == {keras.config.backend() != "jax"}


def test_turns_have_every_backend():
    assert set(assignment.TURNS) == set(BACKENDS)


def test_paths_exist():
    root = Path(__file__).parents[1]
    assert all((root / path).exists() for path in assignment.ON_ONE_BACKEND)
