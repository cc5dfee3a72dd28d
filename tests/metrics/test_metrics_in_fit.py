"""What `fit` and Keras's own callbacks see of the metrics."""

import csv

import keras
import numpy as np
import pytest
import sklearn.metrics

from keras_funcs import losses
from keras_funcs import metrics


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    x = random.normal(0, 1, (48, 4)).astype("float32")
    y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0.8)
    return x, y


def model_with(*given, units=3):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units)])
    model.compile(
        "sgd",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=list(given),
    )
    return model


def test_fit_and_evaluate_report_scikit_learns_numbers(data):
    x, y = data
    model = model_with(
        metrics.BalancedAccuracy(),
        metrics.MatthewsCorrelation(),
        metrics.ConfusionMatrix(class_names=["a", "b", "c"]),
    )
    history = model.fit(
        x, y, epochs=2, batch_size=20, validation_data=(x, y), verbose=0
    ).history
    predicted = model.predict(x, verbose=0).argmax(-1)
    logs = model.evaluate(x, y, batch_size=13, verbose=0, return_dict=True)
    wanted = {
        "balanced_accuracy": sklearn.metrics.balanced_accuracy_score(
            y, predicted
        ),
        "matthews_correlation": sklearn.metrics.matthews_corrcoef(y, predicted),
    }
    matrix = sklearn.metrics.confusion_matrix(y, predicted)
    for name, count in zip("abc", matrix.diagonal()):
        wanted[f"confusion_matrix/{name}"] = count
    for name, value in wanted.items():
        np.testing.assert_allclose(logs[name], value, 1e-5, err_msg=name)
        # The last validation saw the same weights.
        final = history[f"val_{name}"][-1]
        np.testing.assert_allclose(final, value, 1e-5, err_msg=name)


def test_every_callback_that_reads_logs_can_read_them(data, tmp_path):
    x, y = data
    model = model_with(
        metrics.BalancedAccuracy(),
        metrics.ConfusionMatrix(normalize="true", class_names=["a", "b", "c"]),
    )
    watched = "val_confusion_matrix/c"
    stop = keras.callbacks.EarlyStopping("val_balanced_accuracy", patience=9)
    reduce = keras.callbacks.ReduceLROnPlateau(watched, mode="max", patience=9)
    best = keras.callbacks.ModelCheckpoint(
        str(tmp_path / "best.keras"),
        monitor="val_balanced_accuracy",
        save_best_only=True,
    )
    log = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    history = model.fit(
        x,
        y,
        epochs=3,
        validation_data=(x, y),
        callbacks=[stop, reduce, best, log],
        verbose=0,
    ).history
    scores = history["val_balanced_accuracy"]
    # `mode="auto"` knew that more is better.
    assert stop.best == best.best == max(scores)
    np.testing.assert_allclose(reduce.best, max(history[watched]))
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    np.testing.assert_allclose(
        [float(row[watched]) for row in rows], history[watched], 1e-5
    )
    loaded = keras.saving.load_model(tmp_path / "best.keras")
    logs = loaded.evaluate(x, y, verbose=0, return_dict=True)
    np.testing.assert_allclose(logs["balanced_accuracy"], max(scores), 1e-5)


def test_weighted_metrics_get_the_weights(data):
    x, y = data
    weight = np.random.default_rng(1).integers(0, 4, 48)
    model = model_with()
    model.compile(
        "sgd",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=[metrics.BalancedAccuracy()],
    )
    logs = model.evaluate(
        x, y, sample_weight=weight, verbose=0, return_dict=True
    )
    predicted = model.predict(x, verbose=0).argmax(-1)
    wanted = sklearn.metrics.balanced_accuracy_score(
        y, predicted, sample_weight=weight
    )
    np.testing.assert_allclose(logs["balanced_accuracy"], wanted, 1e-5)


def test_a_wrong_label_shows_as_nan_in_the_logs(data):
    x, y = data
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    loss = losses.WeightedCrossentropy(from_logits=True, ignore_class=7)
    model.compile("sgd", loss, metrics=[metrics.BalancedAccuracy()])
    y = np.where(np.arange(48) == 40, 7, y)
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert np.isfinite(logs["loss"])
    assert np.isnan(logs["balanced_accuracy"])


def test_one_sigmoid_output(data):
    x, y = data
    y = np.minimum(y, 1)
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")]
    )
    model.compile(
        "sgd",
        "binary_crossentropy",
        metrics=[metrics.MatthewsCorrelation(), metrics.ConfusionMatrix()],
    )
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    predicted = model.predict(x, verbose=0)[:, 0] >= 0.5
    wanted = sklearn.metrics.matthews_corrcoef(y, predicted)
    np.testing.assert_allclose(logs["matthews_correlation"], wanted, 1e-5)
    assert logs["confusion_matrix/1"] == (predicted & (y == 1)).sum()
