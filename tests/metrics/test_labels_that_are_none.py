"""Labels and scores that a confusion matrix cannot count."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs.metrics import BalancedAccuracy
from keras_funcs.metrics import ConfusionMatrix
from keras_funcs.metrics import TopKRecall

Z = np.eye(3, dtype="float32")


def score(y_true, y_pred, **kwargs):
    metric = BalancedAccuracy(**kwargs)
    metric.update_state(np.asarray(y_true), np.asarray(y_pred))
    return float(metric.result())


@pytest.mark.parametrize("wrong", [-1.0, 3.0, 0.7, float("nan")])
def test_an_id_that_is_no_class(wrong):
    assert np.isnan(score(np.array([0.0, 1.0, wrong]), Z))


def test_several_labels_at_once():
    assert np.isnan(score([[1, 1, 0], [0, 1, 0], [0, 0, 1]], Z))
    assert score([[0.9, 0.1, 0.0], [0, 1, 0], [0, 0, 1]], Z) == 1.0


def test_a_prediction_that_is_no_number():
    broken = Z.copy()
    broken[1, 0] = np.nan
    assert np.isnan(score([0, 1, 2], broken))
    assert np.isnan(score([0.0, 1.0], [0.2, np.nan]))


@pytest.mark.parametrize("classes", [10, 33])
def test_no_number_among_many(classes):
    # JAX's largest of many passes over a NaN.
    rng = np.random.default_rng(0)
    labels, columns = rng.integers(0, classes, (2, 1000))
    broken = rng.normal(size=(1000, classes)).astype("float32")
    broken[np.arange(1000), columns] = np.nan
    assert np.isnan(score(labels, broken))
    metric = TopKRecall(2)
    metric.update_state(labels, broken)
    assert np.isnan(float(metric.result()))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16"])
def test_more_classes_than_a_narrow_integer_has_room_for(dtype):
    ids = np.arange(0, 100, 9)
    for classes in (128, 256, 300):
        scores = np.eye(classes, dtype="float32")[ids]
        assert score(ids.astype(dtype), scores) == 1.0


def test_a_batch_without_samples():
    metric = BalancedAccuracy()
    metric.update_state(np.zeros(0, "int32"), np.zeros((0, 3), "float32"))
    assert float(metric.result()) == 0.0


@pytest.mark.parametrize("dtype", ["bool", "int32", "uint8"])
def test_predictions_that_are_decisions(dtype):
    assert score([0, 1, 1], np.array([0, 1, 0], dtype)) == 0.75


def test_soft_binary_labels_are_the_nearer_class():
    assert score([0.9, 0.9, 0.1], [0.8, 0.7, 0.2]) == 1.0


@pytest.mark.parametrize("wrong", [2.0, -1.0, 255.0])
def test_a_binary_label_that_is_none(wrong):
    assert np.isnan(score([0.0, wrong], [0.2, 0.9]))
    assert score([0.0, wrong, 1.0], [0.2, 0.9, 0.7], ignore_class=int(wrong))


def test_masked_positions_may_be_labelled_with_anything():
    x = np.ones((1, 3, 3), "float32")
    x[0, 2] = 0.0
    masked = keras.layers.Masking()(ops.convert_to_tensor(x))
    metric = ConfusionMatrix()
    metric.update_state(np.array([[0, 1, -1]]), masked)
    assert metric.matrix().sum() == 2
    assert not np.isnan(float(metric.result()["confusion_matrix/0"]))


def test_adjusted_for_one_class_is_zero():
    assert score([0, 0], Z[[0, 1]], adjusted=True) == 0.0


def test_names_must_differ():
    with pytest.raises(ValueError, match="class_names"):
        ConfusionMatrix(class_names=["a", "a"])


def test_a_matrix_has_no_scalar_before_its_classes():
    assert ConfusionMatrix().result() == {}
