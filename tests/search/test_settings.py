"""Many settings under one combination: how they are drawn, met and stored."""

import keras_tuner
import numpy as np
import pytest

from keras_funcs.search import jobs
from keras_funcs.search.budget import Pace
from keras_funcs.search.jobs import Tried
from keras_funcs.search.report import results
from keras_funcs.search.report import tables
from keras_funcs.search.store import settings as stored
from keras_funcs.search.tuner import settings
from keras_funcs.search.tuner.hardened import harden
from keras_funcs.search.tuner.oracles import BayesianOracle


@pytest.fixture
def space():
    hp = keras_tuner.HyperParameters()
    hp.Choice("optimizer", ["sgd", "adam"])
    with hp.conditional_scope("optimizer", ["sgd"]):
        hp.Float("sgd/rate", 1e-3, 1.0, sampling="log", default=0.1)
        hp.Float("sgd/momentum", 0.0, 0.9)
    hp.Int("units", 1, 3)
    return hp


def test_a_combination_has_no_floats_of_its_own(space):
    found = settings.combinations(space)
    kinds = {item.name: type(item).__name__ for item in found.space}
    assert kinds["sgd/rate"] == "Fixed" and kinds["units"] == "Int"
    values = {"optimizer": "sgd", "units": 2, "sgd/rate": 0.5}
    assert settings.combination_of(space, values) == {
        "optimizer": "sgd", "units": 2, "sgd/rate": 0.1, "sgd/momentum": 0.0,
    }  # fmt: skip


def test_settings_begin_with_the_defaults_and_fill_the_ranges(space):
    drawn = settings.draw(space, {"optimizer": "sgd", "units": 2}, 65, 0)
    assert len(drawn) == 65
    assert drawn[0] == {
        "optimizer": "sgd", "units": 2, "sgd/rate": 0.1, "sgd/momentum": 0.0,
    }  # fmt: skip
    rates = np.array([values["sgd/rate"] for values in drawn[1:]])
    # A Sobol sequence has as many points in each eighth of a range.
    shares = np.histogram(np.log10(rates), 8, (-3, 0))[0]
    assert np.all(shares == 8)
    momenta = [values["sgd/momentum"] for values in drawn[1:]]
    assert np.all(np.histogram(momenta, 8, (0, 0.9))[0] == 8)
    assert drawn == settings.draw(space, drawn[0], 65, 0)
    assert drawn[1:] != settings.draw(space, drawn[0], 65, 1)[1:]


def test_settings_without_a_float_are_one(space):
    (only,) = settings.draw(space, {"optimizer": "adam"}, 64, 0)
    assert only == {"optimizer": "adam", "units": 1}


def test_settings_gather_around_the_best(space):
    values = {"optimizer": "sgd", "units": 2}
    best = {**values, "sgd/rate": 0.01, "sgd/momentum": 0.9}
    drawn = settings.draw(space, values, 65, 0, best)
    assert drawn[0]["sgd/rate"] == 0.01
    rates = np.log10([item["sgd/rate"] for item in drawn])
    assert abs(np.median(rates) + 2) < 0.1
    assert 0.3 < np.std(rates) < 0.6  # 0.15 of three decades
    momenta = np.array([item["sgd/momentum"] for item in drawn])
    assert np.all((momenta >= 0) & (momenta <= 0.9))


def oracle(space, seed=1):
    made = BayesianOracle(
        objective=keras_tuner.Objective("val_loss", "min"),
        hyperparameters=settings.combinations(space),
        num_initial_points=4,
        seed=seed,
    )
    made.max_trials, made.verbose = 50, 0
    return harden(made, meets_again=True)


@pytest.mark.parametrize("seed", range(3))
def test_every_combination_is_met_before_the_better_half_again(
    space, tmp_path, seed
):
    found = oracle(space, seed)
    found._set_project_dir(str(tmp_path), "search")
    scores = {}
    met = []
    while True:
        trial = found.create_trial("tuner0")
        if trial.status != "RUNNING":
            break
        values = trial.hyperparameters.values
        name = (values["optimizer"], values["units"])
        met.append(name)
        score = scores.setdefault(name, len(scores) + 0.5)
        found.update_trial(trial.trial_id, {"val_loss": score})
        trial.status = "COMPLETED"
        found.end_trial(trial)
    assert len(set(met[:6])) == 6
    assert met[6:9] == met[:3]  # the better half of six
    assert met[9:] == met[:1]  # and of three


def tried(*scores):
    return [
        Tried({"rate": float(n)}, score, 1, 2, "epochs" if score else "failed")
        for n, score in enumerate(scores)
    ]


def test_the_best_of_settings():
    assert jobs.best_of(tried(None, 0.3, 0.5, 0.5), float.__gt__) == 2
    assert jobs.best_of(tried(None, None), float.__gt__) is None


def test_a_record_of_settings_is_one_file(tmp_path, recwarn):
    assert stored.read(tmp_path, move=True) == ()
    stored.write(tmp_path, tried(None, 0.3))
    assert stored.read(tmp_path, move=True) == tuple(tried(None, 0.3))
    (tmp_path / "settings.json").write_text('{"settings": [{}]}')
    assert stored.read(tmp_path, move=True) == ()
    assert "no `values`" in str(recwarn.pop().message)


def test_all_settings_are_rows_of_the_table():
    trials = (
        results.Trial("trial_0000", {"rate": 1.0}, "COMPLETED", 0.3, 1, 4.0,
                      "", tuple(tried(None, 0.3))),
        results.Trial("trial_0001", {"rate": 5.0}, "COMPLETED", 0.2, 1, 1.0,
                      ""),
    )  # fmt: skip
    table = tables.trials(results.Results(None, {}, trials))
    assert table["trial"].tolist() == ["trial_0000"] * 2 + ["trial_0001"]
    assert table["setting"].tolist() == [0, 1, 0]
    assert table["status"].tolist() == ["FAILED", "COMPLETED", "COMPLETED"]
    assert table["rate"].tolist() == [0.0, 1.0, 5.0]
    assert table["seconds"].sum() == 5.0


def test_of_a_block_a_seed_costs_what_one_setting_does():
    pace = Pace()
    pace.learn([(60.0, 4.0, 0.5), (40.0, 2.0, 0.5)])
    assert pace.trial == 50.0
    assert pace.runs(3) == 3.0 + 2 * 0.5
