import keras
import numpy as np
import pytest

from keras_funcs import search


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


@pytest.fixture
def make_study(tmp_path, splits):
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
