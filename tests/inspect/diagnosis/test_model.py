import keras
import numpy as np
import pytest

import keras_funcs
from keras_funcs.inspect import diagnose
from keras_funcs.inspect.diagnosis.model import _keras
from keras_funcs.losses import LogitAdjusted
from keras_funcs.metrics import BalancedAccuracy

LOSSES, METRICS = keras.losses, keras.metrics
X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32") * 3
IDS = np.arange(32) % 3
ONE_HOT = np.eye(3)[IDS]
BINARY = (np.arange(32) % 2).astype("float32")


def model(loss, metrics=(), units=3, activation=None):
    keras.utils.set_random_seed(0)
    net = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(units, activation=activation)]
    )
    net.compile("sgd", loss, metrics=list(metrics), run_eagerly=True)
    return net


def values(net):
    return [np.array(keras.ops.convert_to_numpy(w.value)) for w in net.weights]


def said(findings, severity):
    return [f.message for f in findings if f.severity == severity]


CLEAN = {
    "sparse logits": (
        model,
        (LOSSES.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"]),
        IDS,
    ),
    "own loss, ids": (
        model,
        (LogitAdjusted([9, 3, 1], from_logits=True), [BalancedAccuracy()]),
        IDS,
    ),
    "one-hot softmax": (
        model,
        ("categorical_crossentropy", ["accuracy", METRICS.AUC()], 3, "softmax"),
        ONE_HOT,
    ),
    "binary": (
        model,
        ("binary_crossentropy", ["accuracy", METRICS.AUC()], 1, "sigmoid"),
        BINARY,
    ),
    "binary logits": (
        model,
        (
            LOSSES.BinaryCrossentropy(from_logits=True),
            [METRICS.AUC(from_logits=True), BalancedAccuracy(from_logits=True)],
            1,
        ),
        BINARY,
    ),
    "regression": (model, ("mse", ["mae"], 1), BINARY * 7),
}


@pytest.mark.parametrize("name", CLEAN)
def test_sound_models_give_no_finding(name):
    make, arguments, y = CLEAN[name]
    assert diagnose(make(*arguments), X, y) == []


SPARSE = LOSSES.SparseCategoricalCrossentropy
WRONG = {
    "logits to probabilities": (
        ("sparse_categorical_crossentropy",),
        IDS,
        "error",
        "takes probabilities; the outputs are in",
    ),
    "probabilities to logits": (
        (SPARSE(from_logits=True), [], 3, "softmax"),
        IDS,
        "warning",
        "are probabilities already",
    ),
    "sigmoid to logits": (
        (LOSSES.BinaryCrossentropy(from_logits=True), [], 1, "sigmoid"),
        BINARY,
        "warning",
        "are probabilities already",
    ),
    "do not sum to 1": (
        ("categorical_crossentropy", [], 3, "sigmoid"),
        ONE_HOT,
        "warning",
        "sum to 1",
    ),
    "label beyond the classes": (
        (SPARSE(from_logits=True),),
        IDS + 1,
        "error",
        "such as 3 are no class of 3",
    ),
    "negative label": (
        (LogitAdjusted([9, 3, 1], from_logits=True),),
        IDS - 1,
        "error",
        "such as -1 are no class of 3",
    ),
    "one-hot to sparse": (
        (SPARSE(from_logits=True),),
        ONE_HOT,
        "error",
        "takes class ids",
    ),
    "ids to one-hot": (
        (LOSSES.CategoricalCrossentropy(from_logits=True),),
        IDS,
        "error",
        "these are class ids",
    ),
    "text": ((SPARSE(from_logits=True),), IDS.astype("U"), "error", "dtype"),
    "softmax of one": (
        ("categorical_crossentropy", [], 1, "sigmoid"),
        BINARY[:, None],
        "error",
        "softmax over one class",
    ),
    "labels 1 and 2": (
        ("binary_crossentropy", [], 1, "sigmoid"),
        BINARY + 1,
        "error",
        "takes labels in [0, 1]",
    ),
    "broadcast": (("mse", [], 2), np.zeros((32, 3)), "warning", "broadcast"),
    "dice on ids": (
        (LOSSES.Dice(), [], 3, "softmax"),
        IDS,
        "error",
        "these are class ids",
    ),
    "dice on a batch": (
        (LOSSES.Dice(), [], 3, "softmax"),
        ONE_HOT,
        "note",
        "one number for a whole batch",
    ),
    "tversky": (
        (LOSSES.Tversky(alpha=0.3, beta=0.7), [], 3, "softmax"),
        ONE_HOT,
        "note",
        "false negatives",
    ),
    "auc on logits": (
        (
            LOSSES.BinaryCrossentropy(from_logits=True),
            [METRICS.AUC(name="auc")],
            1,
        ),
        BINARY,
        "error",
        "`auc` takes probabilities",
    ),
    "accuracy of binary logits": (
        (LOSSES.BinaryCrossentropy(from_logits=True), ["accuracy"], 1),
        BINARY,
        "error",
        "`accuracy` takes probabilities",
    ),
    "balanced accuracy of logits": (
        (
            LOSSES.BinaryCrossentropy(from_logits=True),
            [BalancedAccuracy(name="ba")],
            1,
        ),
        BINARY,
        "error",
        "`ba` takes probabilities",
    ),
    "f1 on ids": (
        (SPARSE(), [METRICS.F1Score(name="f1_score")], 3, "softmax"),
        IDS[:, None],
        "error",
        "`f1_score` takes one-hot labels",
    ),
    "precision on ids": (
        (
            SPARSE(),
            [METRICS.Precision(class_id=1, name="precision")],
            3,
            "softmax",
        ),
        IDS[:, None],
        "error",
        "`precision` takes one-hot labels",
    ),
    "auc on ids": (
        (SPARSE(), [METRICS.AUC(multi_label=True, name="auc")], 3, "softmax"),
        IDS[:, None],
        "error",
        "`auc` takes one-hot labels",
    ),
    "f1 of one output": (
        ("binary_crossentropy", [METRICS.F1Score()], 1, "sigmoid"),
        BINARY[:, None],
        "error",
        "without a threshold",
    ),
    "mean iou of scores": (
        (SPARSE(), [METRICS.MeanIoU(3)], 3, "softmax"),
        IDS,
        "error",
        "takes class ids as predictions",
    ),
    "class weights of rows": (
        ("binary_crossentropy", [], 3, "sigmoid"),
        np.ones((32, 3)),
        "note",
        "class_weight",
    ),
    "counts differ": (("mse", [], 1), BINARY[:5], "error", "32 inputs and 5"),
    "not finite": (
        ("mse", [], 1),
        np.full(32, np.nan),
        "error",
        "labels are not all finite",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_each_trap_is_found(name):
    arguments, y, severity, words = WRONG[name]
    findings = diagnose(model(*arguments), X, y)
    assert any(words in message for message in said(findings, severity)), (
        findings
    )
    assert all("\n" not in finding.message for finding in findings)


def test_inputs_that_do_not_fit():
    findings = diagnose(model("mse", units=1), X[:, :3], BINARY)
    assert "does not take these inputs" in said(findings, "error")[0]


def test_class_weights_of_pictures():
    net = keras.Sequential([keras.Input((2, 2, 4)), keras.layers.Dense(3)])
    net.compile("sgd", SPARSE(from_logits=True))
    y = np.zeros((8, 2, 2), "int32")
    findings = diagnose(net, np.zeros((8, 2, 2, 4)), y)
    assert [f.severity for f in findings] == ["note"]
    assert "class_weight" in findings[0].message


def test_unregistered_objects_are_named():
    class Mine(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    def my_loss(y_true, y_pred):
        return keras.ops.mean(y_pred, axis=-1)

    net = keras.Sequential([keras.Input((4,)), Mine()])
    net.compile("sgd", my_loss)
    messages = said(diagnose(net), "warning")
    assert any("`Mine`" in message for message in messages)
    assert any("`my_loss`" in message for message in messages)
    assert len(messages) == 2


def test_registered_objects_are_not():
    net = keras.Sequential(
        [
            keras.Input((4,)),
            keras_funcs.layers.Snake(),
            keras.layers.Dense(3, activation="gelu"),
        ]
    )
    net.compile("adam", "mse", metrics=["mae", BalancedAccuracy()])
    assert diagnose(net) == []


@pytest.mark.parametrize(
    "version, safe",
    [
        ("3.12.3", False),
        ("3.12.4", True),
        ("3.12.10", True),
        ("3.13.2", False),
        ("3.15.0", False),
        ("3.15.1", True),
        ("3.16", True),
        ("4.0.0", True),
        ("3.9.0", False),
    ],
)
def test_versions(version, safe):
    assert (list(_keras(version)) == []) is safe


def test_weights_stay_and_metrics_are_reset():
    net = model(SPARSE(from_logits=True), ["accuracy"])
    before = values(net)
    diagnose(net, X, IDS)
    for old, new in zip(before, values(net)):
        np.testing.assert_array_equal(old, new)
    assert net.get_metrics_result()["accuracy"] == 0


def test_worst_comes_first():
    net = model("binary_crossentropy", [], 3, "sigmoid")
    findings = diagnose(net, X, np.full((32, 3), 2.0))
    order = [finding.severity for finding in findings]
    assert order == sorted(order, key=["error", "warning", "note"].index)
    assert order[0] == "error"
