"""The spaces of a table under plain KerasTuner, Optuna and others."""

import keras_tuner
import numpy as np
import optuna
import pytest

from keras_funcs import data
from keras_funcs import search
from keras_funcs.search.spaces import inputs

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(30, 3)).astype("float32")
Y = np.repeat([0, 1, 2], [20, 6, 4])


class Asked:
    """What Optuna's trial does, with a way to say what comes out."""

    def __init__(self, **given):
        self.given, self.params = given, {}

    def _take(self, name, value):
        self.params[name] = self.given.get(name, value)
        return self.params[name]

    def suggest_categorical(self, name, choices):
        assert self.given.get(name, choices[0]) in choices
        return self._take(name, choices[0])

    def suggest_float(self, name, low, high, *, step=None, log=False):
        assert step is None or not log
        return self._take(name, low)

    suggest_int = suggest_float


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    import pandas as pd

    path = tmp_path_factory.mktemp("data") / "t.csv"
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    frame["town"] = np.where(X[:, 0] > 0, "Oslo", "Rome")
    frame["y"] = Y
    frame.loc[:4, "b"] = np.nan
    frame.to_csv(path, index=False)
    return data.load_table(path, "y", validation=0.3, test=0.3)


def test_only_what_is_active_is_suggested(table):
    build = search.table(table)
    trial = Asked(network="linear", loss="LogitAdjusted")
    hp = search.optuna_trial(trial)
    model = build(hp)
    assert type(model.loss).__name__ == "LogitAdjusted"
    assert trial.params == hp.values
    assert "activation" not in trial.params
    assert trial.params["loss/LogitAdjusted/tau"] == 0.25
    assert model.loss.tau == 0.25


def test_all_kinds_of_numbers():
    trial = Asked()
    hp = search.optuna_trial(trial)
    assert hp.Int("n", 2, 8) == 2 and hp.Int("m", 2, 8, step=2) == 2
    assert hp.Float("f", 0.5, 1.0, step=0.25) == 0.5
    assert hp.Float("g", 1e-3, 1.0, sampling="log") == 1e-3
    assert hp.Boolean("b") is False and hp.Fixed("c", 7) == 7
    assert hp.Int("n", 2, 8) == 2
    assert set(trial.params) == {"n", "m", "f", "g", "b"}
    with pytest.raises(ValueError, match="`trial`"):
        search.optuna_trial({})


def test_under_optuna(table):
    build = search.table(table, choices={"network": ["linear", "8"]})
    seen = []

    def objective(trial):
        model = build(search.optuna_trial(trial))
        seen.append(trial.params["network"])
        assert tuple(model(table.train[0]).shape)[1] == 3
        return trial.params.get("network/dropout", 0.0)

    sampler = optuna.samplers.RandomSampler(seed=0)
    optuna.create_study(sampler=sampler).optimize(objective, 4)
    assert set(seen) == {"linear", "8"}


def test_under_a_plain_tuner(table, tmp_path):
    tuner = keras_tuner.RandomSearch(
        search.table(table, choices={"network": ["linear", "4"]}),
        objective=search.objective("balanced_accuracy"),
        max_trials=1,
        seed=1,
        directory=tmp_path,
    )
    tuner.search(
        *table.train, validation_data=table.validation, epochs=1, verbose=0
    )
    best = tuner.get_best_hyperparameters()[0]
    assert best.get("network") in ("linear", "4")


def test_numeric_columns_are_those_that_vary(table):
    names = np.array(table.feature_names)
    assert list(names[inputs.number_columns(table)]) == ["a", "b", "c"]
    assert "b is missing" in names
    found = {item.label: item for item in inputs.options(table)}
    for label, width in (
        ("PiecewiseLinearEncoding", inputs.BINS),
        ("PeriodicEmbedding", inputs.DIMENSION),
    ):
        layer = found[label].make()
        others = len(names) - 3
        assert layer(table.train[0]).shape[1] == 3 * width + others
    plain = data.Dataset.of((X, Y), (X, Y))
    assert [item.label for item in inputs.options(plain)] == ["none"]
    with pytest.raises(ValueError, match="numeric columns"):
        inputs.options(plain, ["PeriodicEmbedding"])


def test_class_weights_are_a_choice():
    hp = keras_tuner.HyperParameters()
    assert search.class_weight(hp, [20, 6, 4]) is None
    hp.values["class_weight"] = "balanced"
    found = search.class_weight(hp, [20, 10])
    assert found[1] == pytest.approx(2 * found[0])
    with pytest.raises(ValueError, match="choices"):
        search.class_weight(hp, [2, 1], ["cubic"])
