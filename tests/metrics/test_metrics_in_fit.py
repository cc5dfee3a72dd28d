"""What `fit` and Keras's own callbacks see of the metrics."""

import csv

import keras
import numpy as np
import pytest
import sklearn.metrics
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.util import tensor_util

from keras_funcs import callbacks
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


def test_callbacks_are_told_that_a_threshold_has_no_direction(data):
    x, y = data
    threshold = metrics.BestThreshold(average="micro", from_logits=True)
    model = model_with(threshold)
    stopping = keras.callbacks.EarlyStopping("best_threshold")
    with pytest.raises(ValueError, match="mode='max'"):
        model.fit(x, y, callbacks=[stopping], verbose=0)


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


def per_class():
    """Metrics whose results are dicts, alone and in a group."""
    names = ["a", "b/c", "d"]
    return [
        metrics.RecallScore(average=None, class_names=names),
        metrics.MetricGroup(
            [
                metrics.BalancedAccuracy(),
                metrics.FScore(average=None, class_names=names),
                metrics.ShotRecall([500, 50, 5]),
                metrics.WorstClassRecall(),
                metrics.MacroMAE(),
            ]
        ),
    ]


KEYS = [
    "recall_score/a",
    "recall_score/b/c",
    "recall_score/d",
    "balanced_accuracy",
    "f_score/a",
    "f_score/b/c",
    "f_score/d",
    "shot_recall/many",
    "shot_recall/medium",
    "shot_recall/few",
    "worst_class_recall",
    "macro_mae",
]


def board(folder):
    """TensorBoard's callback; Keras's own needs TensorFlow."""
    if keras.config.backend() == "tensorflow":
        return keras.callbacks.TensorBoard(folder)
    return callbacks.TensorBoardInspector(folder)


# Keras's variables do not know NumPy 2's `copy` yet.
@pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)
def test_per_class_results_reach_every_callback(data, tmp_path):
    x, y = data
    model = model_with(*per_class())
    stop = keras.callbacks.EarlyStopping(
        "val_recall_score/b/c", mode="max", patience=9
    )
    reduce = keras.callbacks.ReduceLROnPlateau(
        "val_shot_recall/few", mode="max", patience=9
    )
    best = keras.callbacks.ModelCheckpoint(
        str(tmp_path / "best.keras"),
        monitor="val_balanced_accuracy",
        mode="max",
        save_best_only=True,
    )
    lowest = keras.callbacks.EarlyStopping(
        "val_macro_mae", mode="min", patience=9
    )
    log = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    history = model.fit(
        x,
        y,
        epochs=3,
        validation_data=(x, y),
        callbacks=[
            stop,
            reduce,
            best,
            lowest,
            log,
            board(str(tmp_path / "board")),
        ],
        verbose=0,
    ).history
    assert set(KEYS) | {f"val_{key}" for key in KEYS} <= set(history)
    assert stop.best == max(history["val_recall_score/b/c"])
    assert reduce.best == max(history["val_shot_recall/few"])
    assert best.best == max(history["val_balanced_accuracy"])
    assert lowest.best == min(history["val_macro_mae"])
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for key in KEYS:
        found = [float(row[f"val_{key}"]) for row in rows]
        np.testing.assert_allclose(found, history[f"val_{key}"], 1e-5)
    events = event_accumulator.EventAccumulator(
        str(tmp_path / "board" / "validation"), size_guidance={"tensors": 0}
    ).Reload()
    for key in KEYS:
        found = [
            float(tensor_util.make_ndarray(event.tensor_proto))
            for event in events.Tensors(f"epoch_{key}")
        ]
        np.testing.assert_allclose(found, history[f"val_{key}"], 1e-5)
    loaded = keras.saving.load_model(tmp_path / "best.keras")
    logs = loaded.evaluate(x, y, verbose=0, return_dict=True)
    assert set(KEYS) <= set(logs)
    np.testing.assert_allclose(logs["balanced_accuracy"], best.best, 1e-5)


def test_a_group_in_evaluate_gives_scikit_learns_numbers(data):
    x, y = data
    model = model_with(*per_class())
    predicted = model.predict(x, verbose=0).argmax(-1)
    logs = model.evaluate(x, y, batch_size=13, verbose=0, return_dict=True)
    recall = sklearn.metrics.recall_score(
        y, predicted, average=None, zero_division=0.0
    )
    f_score = sklearn.metrics.f1_score(
        y, predicted, average=None, zero_division=0.0
    )
    for index, name in enumerate(("a", "b/c", "d")):
        for key, theirs in (("recall_score", recall), ("f_score", f_score)):
            np.testing.assert_allclose(
                logs[f"{key}/{name}"], theirs[index], 1e-5
            )
    for group, theirs in zip(("many", "medium", "few"), recall):
        np.testing.assert_allclose(logs[f"shot_recall/{group}"], theirs, 1e-5)
    np.testing.assert_allclose(logs["worst_class_recall"], min(recall), 1e-5)


def test_groups_get_weights_and_outputs_of_their_own(data):
    x, y = data
    inputs = keras.Input((4,))
    outputs = [
        keras.layers.Dense(3, name="first")(inputs),
        keras.layers.Dense(3, name="second")(inputs),
    ]
    model = keras.Model(inputs, outputs)
    losses_ = [keras.losses.SparseCategoricalCrossentropy(from_logits=True)]
    groups = [
        metrics.MetricGroup(
            [
                metrics.BalancedAccuracy(name=f"{head}_balanced"),
                metrics.MatthewsCorrelation(name=f"{head}_matthews"),
            ]
        )
        for head in ("first", "second")
    ]
    model.compile("sgd", losses_ * 2, weighted_metrics=groups)
    weight = np.random.default_rng(1).integers(0, 4, 48)
    logs = model.evaluate(
        x, [y, 2 - y], sample_weight=weight, verbose=0, return_dict=True
    )
    found = model.predict(x, verbose=0)
    for head, true, scores in zip(("first", "second"), (y, 2 - y), found):
        wanted = sklearn.metrics.balanced_accuracy_score(
            true, scores.argmax(-1), sample_weight=weight
        )
        np.testing.assert_allclose(logs[f"{head}_balanced"], wanted, 1e-5)


def test_keras_f1_misreads_ids_and_one_sigmoid_and_this_one_does_not():
    # Keras 3: 0.381 for ids of shape (B, 1), and 0.4 for every sigmoid.
    random = np.random.default_rng(0)
    y, scores = random.integers(0, 3, 20), random.normal(0, 1, (20, 3))
    wanted = sklearn.metrics.f1_score(y, scores.argmax(-1), average="macro")
    for labels in (y, y[:, None], np.eye(3)[y]):
        metric = metrics.FScore()
        metric.update_state(labels, scores)
        np.testing.assert_allclose(float(metric.result()), wanted, 1e-5)
    for flip, wanted in ((False, 1.0), (True, 0.0)):
        metric = metrics.FScore(average="binary", from_logits=True)
        truth = np.arange(10) % 2
        logits = np.where(truth == flip, -3.0, 3.0)[:, None]
        metric.update_state(truth[:, None], logits)
        assert float(metric.result()) == wanted
    precision = metrics.PrecisionScore(average=None)
    precision.update_state(y, scores)
    theirs = sklearn.metrics.precision_score(y, scores.argmax(-1), average=None)
    found = [float(value) for value in precision.result().values()]
    np.testing.assert_allclose(found, theirs, 1e-5)
