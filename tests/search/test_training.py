import math

import keras
import keras_tuner
import numpy as np
import pytest

from keras_funcs import search
from keras_funcs.data import Dataset
from keras_funcs.search.plan import Plan
from keras_funcs.search.training import data
from keras_funcs.search.training import fitting
from keras_funcs.search.tuner.hyperparameters import settings_of

OBJECTIVE = keras_tuner.Objective("val_accuracy", "max")


def settings(splits, build, **changes):
    train, validation, _ = splits
    arguments = {
        "build": build,
        "dataset": Dataset.of(train, validation),
        "objective": OBJECTIVE,
        "directory": None,
        "epochs": 3,
        "batch_size": 8,
        "patience": 3,
        **changes,
    }
    return Plan(**arguments)


def compiled(hp):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(6),
            search.activation(hp, ["Swish"])(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(3),
        ]
    )
    model.compile(
        optimizer=search.optimizer(hp, ["AdEMAMix"]),
        loss=search.loss(hp, ["sparse_categorical_crossentropy"]),
        metrics=["accuracy"],
    )
    return model


def test_a_reused_program_trains_like_a_new_one(splits):
    """Weights, optimizer and dropout start as if nothing had been before."""
    hp = keras_tuner.HyperParameters()
    given = settings(splits, compiled)
    used = fitting.Program(given, hp)
    used.fit(5)
    first = used.model
    again = used.fit(6)
    assert used.model is first  # nothing was compiled again
    fresh = fitting.Program(given, hp)
    expected = fresh.fit(6)
    assert again.logs == pytest.approx(expected.logs, rel=1e-6)
    for a, b in zip(used.model.get_weights(), fresh.model.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


class Scripted(keras.callbacks.Callback):
    """Puts given numbers into the logs, and the epoch into the weights."""

    def __init__(self, **series):
        super().__init__()
        self.series = series

    def on_epoch_end(self, epoch, logs=None):
        self.model.weights[0].assign(np.full((4, 3), float(epoch)))
        for name, values in self.series.items():
            logs[name] = values[min(epoch, len(values) - 1)]


def scripted(splits, patience=10, **series):
    def build(hp):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", loss, metrics=["accuracy"], run_eagerly=True)
        return model

    train, validation, _ = splits
    model = build(None)
    best = fitting.BestEpoch(OBJECTIVE, patience)
    history = model.fit(
        *train,
        validation_data=validation,
        epochs=8,
        batch_size=30,
        verbose=0,
        callbacks=[Scripted(**series), best],
    )
    return model, best, len(history.epoch)


def test_the_best_epochs_weights_come_back(splits):
    model, best, _ = scripted(
        splits, val_accuracy=[0.1, 0.5, 0.9, 0.3, 0.9, 0.2]
    )
    assert (best.epoch, best.logs["val_accuracy"]) == (2, 0.9)
    assert float(model.get_weights()[0][0, 0]) == 2.0


def test_patience(splits):
    _, best, epochs = scripted(splits, 2, val_accuracy=[0.1, 0.5, 0.4])
    assert (best.epoch, epochs) == (1, 4)


def test_an_epoch_without_a_number_does_not_count(splits):
    nan, inf = math.nan, math.inf
    _, best, epochs = scripted(
        splits, val_accuracy=[nan, 0.2, inf, 0.3, nan, 0.1]
    )
    assert (best.epoch, best.logs["val_accuracy"]) == (3, 0.3)
    assert epochs == 8
    _, best, epochs = scripted(splits, val_accuracy=[0.2, 0.9], loss=[1.0, nan])
    assert (best.epoch, epochs) == (0, 2)  # a diverged model has one too


def test_nothing_finite_is_an_error(splits):
    def diverging(hp):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        model.compile(
            keras.optimizers.SGD(1e38),
            "mse",
            metrics=["accuracy"],
            run_eagerly=True,
        )
        return model

    (x, _), _, _ = splits
    huge = (1e30 * x, np.zeros((30, 3), "float32"))
    given = settings((huge, huge, None), diverging)
    with pytest.raises(fitting.NotFinite, match="not finite in any epoch"):
        fitting.Program(given, None).fit(0)


def test_an_unknown_objective_names_what_there_is(splits):
    given = settings(
        splits, compiled, objective=keras_tuner.Objective("val_x", "max")
    )
    with pytest.raises(ValueError, match="val_accuracy.*Received: val_x"):
        fitting.Program(given, keras_tuner.HyperParameters()).fit(0)


def test_all_batches_have_one_shape_and_no_sample_is_left_out():
    x = np.arange(20.0, dtype="float32").reshape(10, 2)
    y = np.arange(10)
    weight = np.arange(10) / 10
    given = data.inputs((x, y, weight), 4, seed=3)
    assert len(given["y"]) == 12 and set(given["y"]) == set(y)
    np.testing.assert_array_equal(given["x"][:, 0], 2.0 * given["y"])
    np.testing.assert_array_equal(given["sample_weight"], given["y"] / 10)
    assert data.inputs((x, y), 64, 0)["batch_size"] == 10
    assert data.inputs((x, y), 5, 0)["x"] is x


def test_build_must_return_a_compiled_model(splits):
    for wrong in (lambda hp: None, lambda hp: keras.Sequential()):
        with pytest.raises(TypeError, match="compiled keras.Model"):
            fitting.build(wrong, None)


def test_settings_of_leaves_the_inactive_out():
    space = keras_tuner.HyperParameters()
    search.optimizer(space, ["adam", "sgd"])
    found = settings_of(
        space,
        {
            "optimizer": "sgd",
            "optimizer/sgd/learning_rate": 0.5,
            "optimizer/adam/learning_rate": 0.1,
        },
    )
    assert found.values == {
        "optimizer": "sgd",
        "optimizer/sgd/learning_rate": 0.5,
    }
    default = settings_of(space, {"optimizer": "sgd"})
    assert default.values["optimizer/sgd/learning_rate"] == 0.01


def test_a_data_set_can_stand_for_arrays(splits):
    (x, y), _, _ = splits

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            part = slice(10 * index, 10 * index + 10)
            return x[part], y[part]

    batches = Batches()
    given = settings((batches, batches, None), compiled)
    program = fitting.Program(given, keras_tuner.HyperParameters())
    program.fit(0)
    assert set(program.evaluate(batches)) == {"loss", "accuracy"}
    read, whole = program.predict(batches), program.predict((x, y))
    np.testing.assert_array_equal(read[0], y)
    np.testing.assert_allclose(read[1], whole[1], rtol=1e-5, atol=1e-6)
