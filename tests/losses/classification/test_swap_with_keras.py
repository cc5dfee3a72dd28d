"""Swapping a Keras loss for its counterpart changes no number.

Where Keras clips, at probabilities below 1e-7, the numbers differ on purpose:
see `test_focal.py`. Everything here stays well above.
"""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import losses
from tests.losses import oracles

CLOSE = {"rtol": 3e-5, "atol": 1e-6}
COUNTS = [30, 20, 40, 10]


def moderate(shape=(12, 4), seed=0):
    random = np.random.default_rng(seed)
    return random.normal(0, 2, shape).astype("float32")


def probabilities(shape=(12, 4), seed=0):
    """Scores that do not sum to 1, as a sigmoid head would give them."""
    random = np.random.default_rng(seed)
    return random.uniform(0.02, 0.98, shape).astype("float32")


def soft(shape=(12, 4), seed=1):
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1])


def same(ours, theirs, y, scores, weight=None):
    np.testing.assert_allclose(
        ours(y, scores, weight),
        ops.convert_to_numpy(theirs(y, scores, weight)),
        **CLOSE,
    )


def pairs(**common):
    """Each of ours with the Keras loss whose place it takes."""
    keras_losses = keras.losses
    categorical = keras_losses.CategoricalCrossentropy(**common)
    yield losses.WeightedCrossentropy(**common), categorical
    yield (
        losses.CategoricalFocal(**common),
        keras_losses.CategoricalFocalCrossentropy(**common),
    )
    plain = losses.CategoricalFocal(alpha=None, gamma=0, **common)
    yield plain, categorical
    if "label_smoothing" not in common:
        yield losses.LogitAdjusted(COUNTS, tau=0, **common), categorical
        yield losses.ClassBalanced(COUNTS, beta=0, **common), categorical
        yield losses.Poly1(epsilon=0, **common), categorical


def inputs(from_logits):
    return moderate() if from_logits else probabilities()


def test_defaults():
    one_hot, scores = np.eye(4)[np.arange(12) % 4], probabilities()
    for ours, theirs in pairs():
        same(ours, theirs, one_hot, scores)
        same(ours, theirs, soft(), scores)
    sparse = keras.losses.SparseCategoricalCrossentropy()
    for ours in (
        losses.WeightedCrossentropy(),
        losses.LogitAdjusted(COUNTS, tau=0),
        losses.CategoricalFocal(alpha=None, gamma=0),
    ):
        same(ours, sparse, np.arange(12) % 4, scores)
        same(ours, sparse, np.arange(12)[:, None] % 4, scores)
    y = np.random.default_rng(0).integers(0, 2, (12, 4)).astype("float32")
    same(
        losses.BinaryFocal(), keras.losses.BinaryFocalCrossentropy(), y, scores
    )


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("reduction", oracles.REDUCTIONS)
def test_one_hot_and_soft(from_logits, reduction):
    scores = inputs(from_logits)
    weight = np.random.default_rng(5).uniform(0, 2, 12).astype("float32")
    labels = (np.eye(4)[np.arange(12) % 4], soft())
    settings = {"from_logits": from_logits, "reduction": reduction}
    for smoothing in ({}, {"label_smoothing": 0.15}):
        for ours, theirs in pairs(**settings, **smoothing):
            for y, w in itertools.product(labels, (None, weight)):
                same(ours, theirs, y, scores, w)


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("reduction", oracles.REDUCTIONS)
@pytest.mark.parametrize("ignore_class", [None, -1, 2])
def test_sparse(from_logits, reduction, ignore_class):
    scores = inputs(from_logits)
    ids = np.arange(12) % 4
    if ignore_class == -1:
        ids[[1, 4]] = -1
    settings = {
        "from_logits": from_logits,
        "reduction": reduction,
        "ignore_class": ignore_class,
    }
    theirs = keras.losses.SparseCategoricalCrossentropy(**settings)
    weight = np.random.default_rng(5).uniform(0, 2, 12).astype("float32")
    for ours in (
        losses.WeightedCrossentropy(**settings),
        losses.LogitAdjusted(COUNTS, tau=0, **settings),
        losses.CategoricalFocal(alpha=None, gamma=0, **settings),
    ):
        same(ours, theirs, ids, scores)
        same(ours, theirs, ids, scores, weight)


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0, 3.5])
@pytest.mark.parametrize("alpha", [0.25, [0.1, 0.9, 2.0, 1.0]])
@pytest.mark.parametrize("from_logits", [False, True])
def test_categorical_focal_settings(alpha, gamma, from_logits):
    same(
        losses.CategoricalFocal(alpha, gamma, from_logits=from_logits),
        keras.losses.CategoricalFocalCrossentropy(
            alpha, gamma, from_logits=from_logits
        ),
        soft(),
        inputs(from_logits),
    )


@pytest.mark.parametrize("q", [0.1, 0.5, 0.7, 0.95])
@pytest.mark.parametrize("reduction", oracles.REDUCTIONS)
def test_generalized_crossentropy(q, reduction):
    # Keras takes probabilities as they are; ours are divided by their sum.
    scores = probabilities()
    scores /= scores.sum(-1, keepdims=True)
    ours = losses.GeneralizedCrossentropy(q, reduction=reduction)
    theirs = keras.losses.CategoricalGeneralizedCrossEntropy(
        q, reduction=reduction
    )
    weight = np.random.default_rng(5).uniform(0, 2, 12).astype("float32")
    same(ours, theirs, np.arange(12) % 4, scores)
    same(ours, theirs, np.arange(12) % 4, scores, weight)


@pytest.mark.parametrize("axis", [1, -1, 2])
def test_axis_and_rank(axis):
    shape = (3, 4, 4)
    logits = moderate(shape)
    y = np.moveaxis(soft(shape), -1, axis)
    for ours, theirs in pairs(from_logits=True, axis=axis, reduction="none"):
        same(ours, theirs, y, logits)
        same(ours, theirs, y, logits, np.array([[1.0], [0.5], [0.0]]))
        p = probabilities(shape)
    for ours, theirs in pairs(axis=axis):
        same(ours, theirs, y, p)


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("from_logits", [False, True])
def test_binary_focal(balanced, gamma, from_logits):
    scores = inputs(from_logits)
    random = np.random.default_rng(0)
    weight = random.uniform(0, 2, 12).astype("float32")
    labels = (random.integers(0, 2, (12, 4)), random.uniform(0, 1, (12, 4)))
    for reduction, smoothing in itertools.product(
        oracles.REDUCTIONS, (0.0, 0.15)
    ):
        settings = {
            "gamma": gamma,
            "from_logits": from_logits,
            "label_smoothing": smoothing,
            "reduction": reduction,
        }
        ours = losses.BinaryFocal(0.3 if balanced else None, **settings)
        theirs = keras.losses.BinaryFocalCrossentropy(balanced, 0.3, **settings)
        for y, w in itertools.product(labels, (None, weight)):
            same(ours, theirs, y.astype("float32"), scores, w)


def test_binary_focal_without_focus_is_binary_crossentropy():
    y = np.random.default_rng(0).integers(0, 2, (12, 4)).astype("float32")
    ours = losses.BinaryFocal(gamma=0)
    same(ours, keras.losses.BinaryCrossentropy(), y, probabilities())
    ours = losses.BinaryFocal(gamma=0, from_logits=True)
    theirs = keras.losses.BinaryCrossentropy(from_logits=True)
    same(ours, theirs, y, moderate())


def test_a_model_trains_alike_after_the_swap():
    x = moderate((24, 6), seed=3)
    y = np.arange(24) % 5
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(5, activation="softmax")]
    )
    start = model.get_weights()
    final = []
    for loss in (
        keras.losses.SparseCategoricalCrossentropy(),
        losses.WeightedCrossentropy(),
    ):
        model.set_weights(start)
        model.compile(keras.optimizers.SGD(0.5), loss)
        model.fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0)
        final.append(model.get_weights())
    for theirs, ours in zip(*final):
        np.testing.assert_allclose(ours, theirs, 1e-5, 1e-6)
