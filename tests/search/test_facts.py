"""What a report says of the data."""

import dataclasses
import types

import numpy as np

from keras_funcs.data import Dataset
from keras_funcs.search.report import contents
from keras_funcs.search.report import results
from keras_funcs.search.store import records
from keras_funcs.search.training import facts
from tests.search.test_report import STUDY

X = np.arange(12.0, dtype="float32").reshape(6, 2)
Y = np.array([0, 0, 0, 1, 1, 2])
NAMES = ["a|b", "c", "d"]
TWICE = X[[0, 0, 5]] + [[0], [100], [0]]  # two of these, as float64
SPLITS = (X, Y), (X[:3] + 100, Y[1:4]), (TWICE, Y[:3])


def test_classes_and_rows_that_stand_in_two_splits():
    dataset = Dataset.of(*SPLITS, class_names=NAMES)
    found = facts.describe(dataset)["splits"]
    assert found["train"]["classes"] == [3, 2, 1]
    assert found["validation"]["classes"] == [2, 1, 0]
    assert [item["repeated"] for item in found.values()] == [None, 0, 2]
    study = {**STUDY, "data": {"splits": found}, "class_names": NAMES}
    assert records.fault(study, records.STUDY) == ""
    shown = results.Results(None, study)
    lines = contents.section(shown)
    assert "| class a\\|b | 3 | 2 | 3 |" in lines
    assert "| rows with the inputs of a training row | – | 0 | 2 |" in lines
    assert contents.warning(shown).startswith("2 of 3 test rows have exactly")


def test_gaps_of_a_table_are_counted():
    x = np.array([[0.0, 1.0], [2.0, 0.0], [1.0, 1.0]])
    split = (x, np.array([0, 1, 0]))
    column = types.SimpleNamespace(name="age", indicator=True)
    dataset = dataclasses.replace(
        Dataset.of(split, split, class_names=["n", "y"]),
        feature_names=("age", "age is missing"),
        preprocessing=types.SimpleNamespace(numbers=[column]),
    )
    found = facts.describe(dataset)["splits"]
    assert found["train"]["missing"] == 2


def test_numbers_and_data_sets_have_no_classes():
    found = facts.describe(Dataset.of((X, Y * 0.5), (X, Y * 0.5)))["splits"]
    assert found["train"]["classes"] is None
    assert facts.describe(Dataset.of([1], [2])) == {"splits": {}}
    assert contents.section(results.Results(None, STUDY)) == []
