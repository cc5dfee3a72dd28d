"""What `keras-funcs tune` takes, and how it speaks of it."""

import inspect

import numpy as np
import pandas as pd
import pytest

from keras_funcs import data
from keras_funcs._command import options
from keras_funcs._command import studies
from keras_funcs.search.spaces import measures
from keras_funcs_cli import studies as cli
from tests.command.calls import isolate
from tests.command.calls import mistake


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    isolate(monkeypatch, tmp_path)


def test_every_objective_is_listed_in_the_help():
    assert cli.OBJECTIVES["classes"] == tuple(measures.CLASSES)
    assert cli.OBJECTIVES["numbers"] == tuple(measures.VALUES)


def test_every_argument_has_its_option():
    given = set(inspect.signature(cli.tune).parameters)
    taken = set(inspect.signature(data.load_table).parameters)
    for name in taken - {"path", "seed"}:
        first = options.OPTIONS[name].split(",")[0].removeprefix("--")
        assert first.replace("-", "_") in given


def test_a_message_names_the_option():
    text = (
        "Invalid column `drop`. Leave it out with `drop`, or `max_categories`"
    )
    assert options.with_options(text) == (
        "Invalid column `drop`. Leave it out with `--drop`, or "
        "`--max-categories`"
    )
    text = options.with_options("Invalid value for argument `test`. `tau`")
    assert text == "Invalid value for option `--test, --test-share`. `tau`"


def test_choices():
    assert studies._read_choices([]) is None
    assert studies._read_choices(["all"]) == "all"
    found = studies._read_choices(
        ["loss=LDAM+CosineDense, AutoBalanced", "regularizer=none,l2",
         "activation=all"]
    )  # fmt: skip
    assert found == {
        "loss": ["LDAM+CosineDense", "AutoBalanced"],
        "regularizer": [None, "l2"],
        "activation": "all",
    }


def test_mistakes_in_a_table(tmp_path):
    random = np.random.default_rng(0)
    table = pd.DataFrame({"a": random.normal(size=40), "b": range(40)})
    table["y"] = np.where(table["a"] > 0, "p", "n")
    table.to_csv("t.csv", index=False)
    table.drop(columns="a").to_csv("other.csv", index=False)
    call = ("tune", "t.csv", "--target", "y")
    for more, message in (
        (["--task", "sums"], "option `--task`"),
        (["--task", "ordinal"], "or `--classes` in order"),
        (["--classes", "n, q"], "option `--classes`"),
        (["--task", "regression"], "Expected numbers, for a regression"),
        (["--test-share", "0.9"], "option `--test, --test-share`"),
        (["--group", "c"], "option `--group`"),
        (["--test", "other.csv"], "['a']"),
        (["--positive", "q"], "option `--positive`"),
        (["--positive", "p"], "objectives of one class: f1, precision"),
        (["--objective", "r2"], "option `--objective`"),
    ):
        assert message in mistake(*call, *more)
    assert not (tmp_path / "runs").exists()
