import json
import os
import zlib

import keras
import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_funcs import search
from keras_funcs.data import Dataset
from keras_funcs.inspect import events
from keras_funcs.inspect import figures
from keras_funcs.search.report import results
from keras_funcs.search.training import fitting


def blobs(seed, size):
    rng = np.random.default_rng(seed)
    y = np.arange(size) % 3
    x = rng.normal(size=(size, 4)) + 2.5 * np.eye(3, 4)[y]
    return x.astype("float32"), y.astype("int64")


CLASSES = ["ant", "bee|wasp", "<b>cat</b>"]


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


class Listener(search.Progress):
    """Calls a function with the name of each step, and the step."""

    def __init__(self, hear):
        for name in dir(search.Progress):
            if name.startswith("on_"):
                kind = name.removeprefix("on_")
                setattr(self, name, self.caller(hear, kind))

    def caller(self, hear, kind):
        return lambda *details: hear(kind, details[0] if details else None)


def at(kind, number, act):
    """Progress that acts at the step of a kind and a number."""

    def hear(heard, step):
        if heard == kind and step.number == number:
            act()

    return Listener(hear)


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
            Dataset.of(*splits, class_names=CLASSES),
            objective="accuracy",
            directory=directory,
            trials=4,
            epochs=2,
            batch_size=15,
            final=search.Final(seeds=3, finalists=2),
            oracle="random",
            strategy=None,
            name="three kinds",
            progress=Listener(lambda *heard: told.append(heard)),
        ).run()
    return study, told, results.read(directory)


@pytest.fixture
def make_study(tmp_path, splits, monkeypatch):
    without_pictures(monkeypatch)

    def make(**changes):
        def take(**defaults):
            return {k: changes.pop(k, value) for k, value in defaults.items()}

        train, validation, test = splits
        dataset = Dataset.of(
            **take(train=train, validation=validation, test=test)
        )
        final = search.Final(
            **take(seeds=2, finalists=1, ablation=True, references=False)
        )
        arguments = {
            "build": build,
            "dataset": dataset,
            "objective": "accuracy",
            "directory": tmp_path / "study",
            "trials": 3,
            "epochs": 1,
            "batch_size": 30,
            "final": final,
            "oracle": "random",
            "strategy": None,
            "tensorboard": False,
            "progress": None,
            **changes,
        }
        return search.Study(**arguments)

    return make


class Untrained:
    """A program that trains nothing: its scores follow from values and seed."""

    def __init__(self, plan, hp):
        self.metric = plan.objective.name
        self.values = json.dumps(hp.values, sort_keys=True)
        self.model = self

    def fit(self, seed, **options):
        text = f"{self.values} {seed}"
        score = 0.3 + zlib.crc32(text.encode()) / 2**33
        logs = {self.metric: score, "loss": 1.0}
        return fitting.Run(score, 0, logs, 0.1, 0.1)

    def evaluate(self, split):
        return {self.metric.removeprefix("val_"): 0.5}

    def predict(self, split):
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
