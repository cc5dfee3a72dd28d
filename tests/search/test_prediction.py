"""Predictions on new rows: how outputs become classes, labels and numbers."""

import keras
import numpy as np
import pytest
from scipy import special

from keras_funcs import losses
from keras_funcs import search
from keras_funcs._core.traits import LossTraits
from keras_funcs.data import NumberColumn
from keras_funcs.data import TablePreprocessing
from keras_funcs.search.training.predictions import of_model


class Scores(keras.layers.Layer):
    """Gives its input as the model's output."""

    def call(self, inputs):
        return inputs


def predictor(loss, width, names=(), preprocessing=None, host=False):
    model = keras.Sequential([keras.Input((width,)), Scores()])
    if host:
        model, loss = losses.LossModel(model, loss), None
    model.compile("sgd", loss)
    return search.Predictor(model, preprocessing, names)


X = np.random.default_rng(0).normal(size=(9, 3)).astype("float32")


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        lambda: losses.LogitAdjusted([5, 3, 1], from_logits=True),
        lambda: losses.AutoBalanced([5, 3, 1]),
    ],
)
def test_logits_become_classes(make):
    loss = make()
    found = predictor(loss, 3, host=isinstance(loss, keras.layers.Layer))
    shares = found.predict_proba(X)
    np.testing.assert_allclose(shares, special.softmax(X, -1), rtol=1e-5)
    np.testing.assert_array_equal(found.predict(X), X.argmax(-1))


def test_cosines_are_scaled_as_by_their_loss():
    loss = losses.LDAM([5, 3, 1], scale=20.0)
    found = predictor(loss, 3)
    expected = special.softmax(20.0 * X, -1)
    np.testing.assert_allclose(found.predict_proba(X), expected, atol=1e-6)
    stored = of_model(found.model, X.argmax(-1), X)
    np.testing.assert_allclose(np.exp(stored.values), expected, atol=1e-6)


def test_undeclared_scores_are_read_as_those_that_are_stored():
    class Own(keras.losses.Loss):
        traits = LossTraits(targets="classes")

    found = predictor(Own(), 3)
    stored = of_model(found.model, X.argmax(-1), X)
    shares = found.predict_proba(X)
    np.testing.assert_allclose(shares, np.exp(stored.values), rtol=1e-5)
    np.testing.assert_allclose(shares, special.softmax(X, -1), rtol=1e-5)


def test_probabilities_stay():
    found = predictor("sparse_categorical_crossentropy", 3, ("a", "b", "c"))
    x = special.softmax(X, -1)
    np.testing.assert_allclose(found.predict_proba(x), x, rtol=1e-6)
    assert list(found.predict(x[:2])) == [
        "abc"[index] for index in x[:2].argmax(-1)
    ]


def test_one_score_is_a_yes_or_no():
    loss = losses.BinaryFocal(from_logits=True)
    found = predictor(loss, 1, ("no", "yes"))
    x = X[:, :1]
    shares = found.predict_proba(x)
    np.testing.assert_allclose(shares[:, 1:], special.expit(x), rtol=1e-5)
    np.testing.assert_allclose(shares.sum(-1), 1.0, rtol=1e-6)
    assert list(found.predict(x) == "yes") == list(x[:, 0] > 0)
    table = found.table(x)
    assert list(table) == [
        "prediction",
        "probability of no",
        "probability of yes",
    ]


def test_one_score_of_a_hosted_loss_is_a_yes_or_no():
    loss = losses.BinaryFocal(from_logits=True)
    found = predictor(loss, 1, ("no", "yes"), host=True)
    assert list(found.predict(X[:, :1]) == "yes") == list(X[:, 0] > 0)


def test_several_labels_may_hold():
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    found = predictor(loss, 3)
    np.testing.assert_allclose(
        found.predict_proba(X), special.expit(X), rtol=1e-5
    )
    np.testing.assert_array_equal(found.predict(X), X > 0)
    assert list(found.table(X)) == [f"probability of {i}" for i in range(3)]


def test_numbers_stay():
    found = predictor(keras.losses.MeanSquaredError(), 1)
    np.testing.assert_allclose(found.predict(X[:, :1]), X[:, 0])
    np.testing.assert_allclose(found.table(X[:, :1])["prediction"], X[:, 0])
    with pytest.raises(ValueError, match="one for classes or labels"):
        found.predict_proba(X[:, :1])


def test_rows_of_a_table_are_preprocessed():
    preprocessing = TablePreprocessing(
        target="y",
        class_names=("low", "high"),
        numbers=(NumberColumn("age", 40.0, 40.0, 10.0, False),),
        texts=(),
    )
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    found = predictor(loss, 1, preprocessing.class_names, preprocessing)
    assert list(found.predict({"age": [20, 60]})) == ["low", "high"]
    with pytest.raises(ValueError, match="age"):
        found.predict({"town": ["Rome"]})


def test_what_is_no_study_is_refused(tmp_path):
    with pytest.raises(ValueError, match="the folder of a study"):
        search.load(tmp_path)
