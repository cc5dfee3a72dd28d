"""One confusion matrix: the metric, the inspector and the report agree."""

import keras
import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from keras_funcs._core.confusion import confusion_counts
from keras_funcs.inspect import confusion
from keras_funcs.losses import CategoricalFocal
from keras_funcs.metrics import BalancedAccuracy
from keras_funcs.metrics import ConfusionMatrix
from keras_funcs.search.training import fitting

DRAW = np.random.default_rng(3)
Z = DRAW.normal(size=(40, 3)).astype("float32")
IDS = DRAW.integers(0, 3, 40)
ONE = (Z[:, :1] * 0.6).astype("float32")  # most of it within [0, 1]
YES = IDS > 0
FORMS = {
    "ids": (IDS, Z),
    "column of ids": (IDS[:, None], Z),
    "float ids": (IDS.astype("float32"), Z),
    "one-hot": (np.eye(3)[IDS], Z),
    "soft": (np.eye(3)[IDS] * 0.8 + 0.2 / 3, Z),
    "pixels": (IDS.reshape(10, 4), Z.reshape(10, 4, 3)),
    "yes or no": (YES.astype("int64"), ONE),
    "booleans": (YES, ONE),
    "column of labels": (YES[:, None].astype("float32"), ONE),
    "one score each": (YES.astype("int8"), ONE[:, 0]),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("from_logits", [True, False])
def test_counts_are_those_of_scikit_learn_and_the_metric(form, from_logits):
    y, scores = FORMS[form]
    single = scores.ndim < 2 or scores.shape[-1] == 1
    if not from_logits:
        scores = 1.0 / (1.0 + np.exp(-scores))
    found = confusion_counts(y, scores, from_logits)
    metric = ConfusionMatrix(from_logits=from_logits)
    metric.update_state(y, scores)
    np.testing.assert_array_equal(found, metric.matrix())
    true = y.argmax(-1) if y.ndim == 2 and y.shape[-1] == 3 else y
    if single:
        predicted = scores.ravel() >= (0.0 if from_logits else 0.5)
    else:
        predicted = scores.argmax(-1)
    expected = confusion_matrix(true.ravel(), predicted.ravel())
    np.testing.assert_array_equal(found, expected)


def test_logits_are_not_guessed_from_their_values():
    y, inside = [0, 1, 1], np.array([[0.2], [0.7], [0.4]])
    assert confusion_counts(y, inside, True).tolist() == [[0, 1], [0, 2]]
    assert confusion_counts(y, inside, False).tolist() == [[1, 0], [1, 1]]
    assert confusion_counts([1], [[0.5]], False).tolist() == [[0, 0], [0, 1]]


@pytest.mark.parametrize(
    ("y", "scores"),
    [
        ([0.5, 1.2], [[1.0], [2.0]]),
        ([0, 7], [[1.0, 0.0], [0.0, 1.0]]),
        ([0, -1], [[1.0, 0.0], [0.0, 1.0]]),
        ([[1, 1], [0, 1]], [[1.0, 0.0], [0.0, 1.0]]),
        ([0, 1], [[np.nan, 0.0], [0.0, 1.0]]),
        ([0, 1], [[-3.0], [4.0]]),  # logits that nobody announced
        (["a", "b"], [[1.0, 0.0], [0.0, 1.0]]),
        ([0, 1, 0], [[1.0, 0.0], [0.0, 1.0]]),
    ],
)
def test_labels_that_are_no_classes_have_no_matrix(y, scores):
    assert confusion_counts(y, scores) is None


def test_ignored_labels_do_not_count():
    found = confusion_counts([0, 255], np.eye(2), ignore_class=255)
    assert found.tolist() == [[1, 0], [0, 0]]


def model(loss, metrics=(), units=1):
    net = keras.Sequential([keras.Input((units,)), keras.layers.Identity()])
    net.compile("sgd", loss, metrics=list(metrics), run_eagerly=True)
    return net


BINARY = keras.losses.BinaryCrossentropy
MODELS = {
    "binary logits": lambda: (model(BINARY(from_logits=True)), YES, ONE, {}),
    "own threshold": lambda: (
        model(
            BINARY(from_logits=True),
            [BalancedAccuracy(from_logits=True, threshold=0.3)],
        ),
        YES,
        ONE,
        {"from_logits": True, "threshold": 0.3},
    ),
    "ids": lambda: (
        model("sparse_categorical_crossentropy", units=3), IDS, Z, {},
    ),
    "ignored": lambda: (
        model(CategoricalFocal(from_logits=True, ignore_class=0), units=3),
        IDS,
        Z,
        {"ignore_class": 0},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_inspector_report_and_metric_agree(name):
    net, y, x, given = MODELS[name]()
    given = {"from_logits": True, **given}
    y = y.astype("int32")
    metric = ConfusionMatrix(**given)
    metric.update_state(y, x)
    matrix, names = confusion.measured(net, (x, y))
    np.testing.assert_array_equal(matrix, metric.matrix())
    assert names == [str(index) for index in range(len(matrix))]
    program = fitting.Program(plan=None, hp=None)
    program.model = net
    found = confusion_counts(*program.predict((x, y)), **confusion.reading(net))
    np.testing.assert_array_equal(found, matrix)
    net.evaluate(x, y, verbose=0)
    held = confusion.counted(net)
    if held is not None:
        np.testing.assert_array_equal(held[0], matrix)


def test_a_model_of_numbers_has_no_matrix():
    net = model("mse")
    assert confusion.measured(net, (ONE * 9, ONE * 9)) is None
