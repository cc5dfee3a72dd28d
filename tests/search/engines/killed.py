"""A small study; as a program, one that is killed in its final."""

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


def make(directory, engine, progress=None):
    return search.Study(
        build,
        Dataset.of(*map(conftest.blobs, (0, 1, 2), (28, 30, 60))),
        objective="accuracy", directory=directory, trials=2, epochs=3,
        batch_size=8, final=search.Final(seeds=2, finalists=1, ablation=False),
        oracle="random", strategy=None, tensorboard=False, engine=engine,
        progress=progress,
    )  # fmt: skip


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    make(sys.argv[1], "vectorized", conftest.at("run_end", 2, kill)).run()
