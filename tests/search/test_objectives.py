import re
import sys

import keras
import keras_tuner
import pytest

import keras_funcs
from keras_funcs import search
from keras_funcs._core.component import arguments
from keras_funcs._core.component import registered


@pytest.mark.parametrize(
    ("name", "full", "direction"),
    [
        ("balanced_accuracy", "val_balanced_accuracy", "max"),
        ("val_f1_score", "val_f1_score", "max"),
        ("loss", "val_loss", "min"),
        ("auc_2", "val_auc_2", "max"),
        ("cosine_similarity", "val_cosine_similarity", "max"),
        ("mse", "val_mse", "min"),
        ("shot_recall/few", "val_shot_recall/few", "max"),
        ("val_f_score_1/cat", "val_f_score_1/cat", "max"),
        ("macro_mae", "val_macro_mae", "min"),
    ],
)
def test_direction(name, full, direction):
    found = search.objective(name)
    assert (found.name, found.direction) == (full, direction)


def test_objectives_and_metrics_pass():
    given = keras_tuner.Objective("x", "min")
    assert search.objective(given) is given
    assert search.objective(keras.metrics.AUC()).direction == "max"
    assert search.objective("mine", direction="min").name == "val_mine"


def test_an_unknown_name_says_how_to_give_the_direction():
    with pytest.raises(ValueError, match='direction="max"'):
        search.objective("my_metric")
    for bad in (None, "", 3):
        with pytest.raises(ValueError, match="objective"):
            search.objective(bad)
    with pytest.raises(ValueError, match="direction"):
        search.objective("loss", direction="up")


def scalar_metrics():
    for attribute in dir(keras.metrics):
        cls = getattr(keras.metrics, attribute)
        if (
            isinstance(cls, type)
            and issubclass(cls, keras.metrics.Metric)
            and attribute not in ("Metric", "Mean", "MeanMetricWrapper", "Sum")
        ):
            yield attribute


def snake(name):
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


@pytest.mark.parametrize("name", list(scalar_metrics()))
def test_the_registry_covers_keras(name):
    assert search.objective(snake(name)).direction in ("max", "min")


def test_the_registry_covers_the_pack():
    given = {"class_counts": [9, 3], "k": 1, "fraction": 0.1}
    for entry in registered("metrics"):
        # A group's members have names of their own; a threshold is not better
        # for being larger, and has to be refused.
        if entry.name in ("MetricGroup", "BestThreshold"):
            continue
        wanted = {
            name: given[name]
            for name in given
            if name in arguments(entry.object)
        }
        metric = entry.object(**wanted)
        direction = {"up": "max", "down": "min"}[metric._direction]
        assert metric.name == snake(entry.name)
        assert search.objective(metric).direction == direction


@keras.saving.register_keras_serializable("users")
class Mine(keras.metrics.Mean):
    traits = keras_funcs.MetricTraits(direction="min")


def test_a_metric_of_ones_own_declares_its_direction():
    assert search.objective(Mine(name="mine")).direction == "min"
    with pytest.raises(ValueError, match="whose direction is known"):
        search.objective(keras.metrics.Mean(name="mean"))


@pytest.mark.parametrize("name", ["acc", "mae", "huber", "poisson", "dice"])
def test_names_that_keras_reads(name):
    expected = "max" if name == "acc" else "min"
    assert search.objective(name).direction == expected


def test_the_nearest_names_are_shown():
    with pytest.raises(ValueError, match=r"nearest: balanced_accuracy"):
        search.objective("balanced_acuracy")


def test_a_missing_kerastuner_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_tuner", None)
    with pytest.raises(ImportError, match=r"keras-funcs\[tune\]"):
        search.objective("loss")
