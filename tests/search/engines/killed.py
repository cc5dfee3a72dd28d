"""A small study; as a program, one that is killed in its search or final."""

import os
import signal
import sys

import keras

from keras_funcs import search
from keras_funcs.data import Dataset
from tests.search import conftest


def build(hp):
    rate = hp.Float("learning_rate", 0.01, 0.5, default=0.1)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate), loss, metrics=["accuracy"])
    return model


def build_kind(hp):
    """Has lanes of two kinds, and a kind without."""
    kind = hp.Choice("kind", ["plain", "tanh", "eager"])
    model = build(hp)
    if kind == "tanh":
        model = keras.Sequential([keras.Input((4,)),
                                  keras.layers.Activation("tanh"),
                                  *model.layers])  # fmt: skip
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        keras.optimizers.SGD(hp.get("learning_rate")),
        loss,
        metrics=["accuracy"],
        run_eagerly=kind == "eager",
    )
    return model


def make(directory, engine, progress=None, **changes):
    arguments = {
        "build": build, "objective": "accuracy", "trials": 2, "epochs": 3,
        "batch_size": 8, "settings": 1, "oracle": "random", "strategy": None,
        "tensorboard": False, **changes,
    }  # fmt: skip
    return search.Study(
        dataset=Dataset.of(*map(conftest.blobs, (0, 1, 2), (28, 30, 60))),
        directory=directory,
        final=search.Final(
            seeds=2, finalists=1, ablation=False, references=False
        ),
        engine=engine,
        progress=progress,
        **arguments,
    )


def make_blocks(directory, progress=None):
    """A study whose trials have four settings each."""
    return make(
        directory, "auto", progress, build=build_kind, trials=4, settings=4,
        tensorboard=True, objective="loss",
    )  # fmt: skip


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    if sys.argv[2] == "search":
        make_blocks(sys.argv[1], conftest.at("trial_begin", 2, kill)).run()
    make(sys.argv[1], "vectorized", conftest.at("run_end", 2, kill)).run()
