"""Finalists and the tuned baseline, chosen from the trials."""

import keras_tuner
import pytest

from keras_funcs.search import finalists
from keras_funcs.search.report import results
from tests.search.report_folder import STUDY


def test_finalists_are_distinct_and_not_the_baseline():
    def item(number, score, **values):
        return results.Trial(
            f"trial_{number}", values, "COMPLETED", score, 0, 1.0, ""
        )

    base = {"loss": "a", "rate": 0.1}
    found = results.Results(
        directory=None,
        study={**STUDY, "objective": {"name": "val_x", "direction": "max"}},
        trials=(
            item(0, 0.9, **base),
            item(1, 0.8, loss="b", rate=0.1),
            item(2, 0.8, loss="b", rate=0.1),  # promoted: the same setting
            item(3, 0.7, loss="b", rate=0.2, **{"loss/b/scheme": "x"}),
            item(4, 0.6, loss="c", rate=0.2),
            item(5, 0.5, loss="a", rate=0.3),
        ),
    )

    def names(count):
        plans = finalists.select(found, base, count, None)
        assert [p.role for p in plans[:3]] == ["baseline", "tuned", "finalist"]
        return [p.name for p in plans]

    assert names(2) == ["baseline", "trial_5", "trial_1", "trial_4"]
    assert names(9) == [
        "baseline", "trial_5", "trial_1", "trial_4", "trial_3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rate", "expected"), [(0.02, {"o": "a", "o/a/learning_rate": 0.02}),
                           (5.0, None), (0.001, None)]
)  # fmt: skip
def test_a_tuned_baseline_is_reserved(rate, expected):
    space = keras_tuner.HyperParameters()
    space.Choice("o", ["a", "b"])
    for label in "ab":
        with space.conditional_scope("o", [label]):
            space.Float(f"o/{label}/learning_rate", 1e-4, 1.0, default=0.001)
    base = {"o": "a", "o/a/learning_rate": 0.001}
    trials = [
        results.Trial(f"trial_{n}", values, "COMPLETED", 1 - n, 0, 1.0, "")
        for n, values in enumerate(
            [base, {"o": "b", "o/b/learning_rate": rate}]
        )
    ]
    study = {**STUDY, "parts": ["o"]}
    found = results.Results(None, study, tuple(trials))
    plans = finalists.select(found, base, 3, space)
    tuned = [p.values for p in plans if p.role == "tuned"]
    assert tuned == ([] if expected is None else [expected])


def test_only_numbers_to_search_are_the_finalists():
    trials = [
        results.Trial(f"trial_{n}", {"rate": r}, "COMPLETED", r, 0, 1.0, "")
        for n, r in enumerate([0.3, 0.1, 0.2])
    ]
    found = results.Results(None, STUDY, tuple(trials))
    plans = finalists.select(found, {"rate": 0.3}, 2, None)
    assert [(p.name, p.role) for p in plans[1:]] == [
        ("trial_1", "finalist"),
        ("trial_2", "finalist"),
    ]
