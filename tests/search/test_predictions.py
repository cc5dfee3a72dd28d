"""Predictions have one form, whatever a model's outputs are."""

import keras
import numpy as np
import pytest

from keras_funcs.search.training.predictions import log_probabilities
from keras_funcs.search.training.predictions import of_model

Z = np.array([[2.0, 0.0, -1.0], [0.0, 1.0, 3.0]])
P = np.exp(Z) / np.exp(Z).sum(1, keepdims=True)


def model(units, loss):
    found = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units)])
    found.compile("sgd", loss)
    return found


@pytest.mark.parametrize("logits", [True, False])
@pytest.mark.parametrize("rows", [True, False])
def test_classes_of_logits_and_of_probabilities(logits, rows):
    kind = "Categorical" if rows else "SparseCategorical"
    loss = getattr(keras.losses, f"{kind}Crossentropy")(from_logits=logits)
    y = np.eye(3)[[0, 2]] if rows else np.array([[0], [2]])
    found = of_model(model(3, loss), y, Z if logits else P)
    assert found.are_classes and found.values.dtype == np.float32
    np.testing.assert_array_equal(found.labels, [0, 2])
    np.testing.assert_allclose(np.exp(found.values), P, rtol=1e-5)


@pytest.mark.parametrize("logits", [True, False])
def test_one_score_of_two_classes(logits):
    loss = keras.losses.BinaryCrossentropy(from_logits=logits)
    scores = np.array([[-800.0], [1.0]]) if logits else np.array([[0.0], [0.7]])
    found = of_model(model(1, loss), np.array([0.0, 1.0]), scores)
    assert found.values.shape == (2, 2) and np.isfinite(found.values).all()
    assert list(found.values.argmax(1)) == list(found.labels) == [0, 1]


def test_scores_that_nobody_declared_are_told_by_their_values():
    for scores in (Z, P):
        np.testing.assert_allclose(np.exp(log_probabilities(scores, None)), P)


def test_numbers_and_what_is_neither():
    y = np.array([0.2, 0.9])
    found = of_model(model(1, "mse"), y, y[:, None] + 1)
    assert not found.are_classes
    np.testing.assert_allclose(found.values, y + 1, rtol=1e-6)
    assert of_model(model(3, "mse"), y, Z) is None
    several = np.array([[1, 1, 0], [0, 1, 0]])
    assert of_model(model(3, "binary_crossentropy"), several, P) is None
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=2
    )
    assert of_model(model(3, loss), np.array([0, 2]), Z) is None
