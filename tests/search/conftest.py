import json
import os
import zlib

import keras
import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_funcs import search
from keras_funcs.inspect import events
from keras_funcs.inspect import figures
from keras_funcs.search.report import results
from keras_funcs.search.training import fitting


def blobs(seed, size):
    rng = np.random.default_rng(seed)
    y = np.arange(size) % 3
    x = rng.normal(size=(size, 4)) + 2.5 * np.eye(3, 4)[y]
    return x.astype("float32"), y.astype("int64")


@pytest.fixture(scope="session")
def splits():
    return blobs(0, 30), blobs(1, 30), blobs(2, 60)


def build(hp):
    activation = search.activation(hp, ["relu", "Swish"])
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(4), activation(),
         keras.layers.Dense(3)]
    )  # fmt: skip
    model.compile(
        optimizer=search.optimizer(hp, ["adam", "sgd"]),
        loss=search.loss(hp, ["sparse_categorical_crossentropy"]),
        metrics=["accuracy"],
        run_eagerly=True,  # small: compiling would take longer
    )
    return model


def without_pictures(patch):
    """Saves one picture for all, and leaves garbage where it is."""
    picture = events._png(np.zeros((1, 1, 3), "uint8"))
    patch.setattr(
        Figure, "savefig", lambda self, file, **_: file.write(picture)
    )
    patch.setattr(fitting, "clear", lambda: None)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, splits):
    """One whole study, with logs, that tests only read, or damage a copy of."""
    directory = tmp_path_factory.mktemp("whole") / "study"
    told = []
    with pytest.MonkeyPatch.context() as patch:
        without_pictures(patch)
        study = search.Study(
            build,
            *splits,
            objective="accuracy",
            oracle="random",
            max_trials=4,
            epochs=2,
            batch_size=15,
            seeds=3,
            finalists=2,
            directory=directory,
            strategy=None,
            class_names=["ant", "bee|wasp", "<b>cat</b>"],
            on_event=told.append,
            name="three kinds",
        ).run()
    return study, told, results.read(directory)


@pytest.fixture
def make_study(tmp_path, splits, monkeypatch):
    without_pictures(monkeypatch)

    def make(**changes):
        train, validation, test = splits
        arguments = {
            "build": build,
            "train": train,
            "validation": validation,
            "test": test,
            "objective": "accuracy",
            "oracle": "random",
            "max_trials": 3,
            "epochs": 1,
            "batch_size": 30,
            "seeds": 2,
            "finalists": 1,
            "directory": tmp_path / "study",
            "strategy": None,
            "tensorboard": False,
            "on_event": None,
            **changes,
        }
        return search.Study(**arguments)

    return make


class Untrained:
    """A program that trains nothing: its scores follow from values and seed."""

    def __init__(self, settings, hp):
        self.metric = settings.objective.name
        self.values = json.dumps(hp.values, sort_keys=True)
        self.model = self

    def fit(self, seed, **options):
        text = f"{self.values} {seed}"
        score = 0.3 + zlib.crc32(text.encode()) / 2**33
        logs = {self.metric: score, "loss": 1.0}
        return fitting.Run(score, 0, logs, 0.1, 0.1)

    def evaluate(self, split):
        return {self.metric.removeprefix("val_"): 0.5}

    def confusion(self, split):
        return None

    def save(self, path):
        path.write_bytes(b"model")


@pytest.fixture
def untrained(monkeypatch):
    """Studies whose order, files and messages count, not what they learn."""
    monkeypatch.setattr(fitting, "Program", Untrained)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    without_pictures(monkeypatch)
    for name in ("interval_plot", "grouped_bars", "confusion_matrix"):
        monkeypatch.setattr(figures, name, lambda *_, **__: b"PNG")
