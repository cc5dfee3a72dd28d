"""Penalties on outputs against SciPy's entropies, in layers that divide."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
from keras import ops

from keras_funcs.regularizers import ConfidencePenalty
from keras_funcs.regularizers import KLSparsity
from tests.derivatives import gradient
from tests.regularizers.training import total


def logits(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 2, shape).astype("float32")


def through(penalty, x):
    """The loss that Keras adds for outputs x: divided by the batch size."""
    layer = keras.layers.ActivityRegularization()
    layer.activity_regularizer = penalty
    layer(x)
    return total(layer.losses)


@pytest.mark.parametrize("shape", [(5, 4), (5, 3, 2, 4)])
def test_confidence_penalty_is_the_mean_negative_entropy(shape):
    z = logits(*shape)
    p = scipy.special.softmax(z.astype("float64"), -1)
    entropies = scipy.stats.entropy(p, axis=-1).reshape(5, -1)
    expected = -0.3 * entropies.sum(1).mean()
    for given, from_logits in ((z, True), (p, False)):
        given = given.astype("float32")
        penalty = ConfidencePenalty(0.3, from_logits)
        np.testing.assert_allclose(through(penalty, given), expected, 1e-5)
        penalty = ConfidencePenalty(0.3, from_logits, reduction="mean")
        found = through(penalty, given)
        np.testing.assert_allclose(found, -0.3 * entropies.mean(), 1e-5)
        moved = np.moveaxis(given, -1, 1)
        penalty = ConfidencePenalty(0.3, from_logits, axis=1)
        np.testing.assert_allclose(through(penalty, moved), expected, 1e-5)


def test_confidence_is_punished_and_certainty_is_finite():
    sure = np.array([[1e4, -1e4, 0.0], [1.0, 0.0, 0.0]], "float32")
    for from_logits in (True, False):
        penalty = ConfidencePenalty(1.0, from_logits)
        given = sure if from_logits else sure[1:]
        assert np.isfinite(total([penalty(given)]))
        assert np.isfinite(gradient(penalty, given)).all()
    z = np.array([[2.0, 0.0, 0.0]], "float32")
    slope = gradient(ConfidencePenalty(1.0, from_logits=True), z)
    assert slope[0, 0] > 0 > slope[0, 1]


@pytest.mark.parametrize("shape", [(200, 4), (50, 3, 2, 4)])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_kl_sparsity_is_the_divergence_of_bernoulli_means(shape, reduction):
    x = scipy.special.expit(logits(*shape))
    means = x.astype("float64").reshape(-1, 4).mean(0)
    kl = scipy.special.rel_entr(0.1, means)
    kl += scipy.special.rel_entr(0.9, 1 - means)
    expected = 0.3 * (kl.sum() if reduction == "sum" else kl.mean())
    penalty = KLSparsity(0.3, 0.1, reduction=reduction)
    np.testing.assert_allclose(through(penalty, x), expected, 1e-4)
    penalty = KLSparsity(0.3, 0.1, axis=1, reduction=reduction)
    found = through(penalty, np.moveaxis(x, -1, 1))
    np.testing.assert_allclose(found, expected, 1e-4)


def test_copies_of_the_batch_change_nothing():
    x = scipy.special.expit(logits(20, 4))
    penalty = KLSparsity(1.0)
    once = through(penalty, x)
    np.testing.assert_allclose(through(penalty, np.tile(x, (3, 1))), once, 1e-5)


def test_silent_and_saturated_units_are_moved():
    x = np.tile([[0.0, 1.0, 0.05]], (8, 1)).astype("float32")
    penalty = KLSparsity(1.0, rho=0.05)
    assert np.isfinite(total([penalty(x)]))
    slope = gradient(penalty, x)
    assert np.isfinite(slope).all()
    assert (slope[:, 0] < -1).all() and (slope[:, 1] > 1).all()
    np.testing.assert_allclose(slope[:, 2], 0, atol=1e-3)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_units_become_sparse_in_training_and_after_loading(policy, tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((10,))
    h = keras.layers.Dense(
        8,
        "sigmoid",
        activity_regularizer=KLSparsity(10.0, 0.1),
        dtype=policy,
        name="code",
    )(inputs)
    penalty = ConfidencePenalty(0.1)
    outputs = keras.layers.Dense(
        3, "softmax", activity_regularizer=penalty, dtype="float32"
    )(h)
    model = keras.Model(inputs, outputs)
    model.compile(
        keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy"
    )
    x = logits(64, 10)
    y = np.arange(64) % 3
    model.fit(x, y, epochs=40, batch_size=32, verbose=0)
    code = keras.Model(inputs, model.get_layer("code").output)
    means = ops.convert_to_numpy(ops.cast(code(x), "float32")).mean(0)
    assert abs(means - 0.1).max() < 0.12
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        loaded.evaluate(x, y, batch_size=64, verbose=0),
        model.evaluate(x, y, batch_size=64, verbose=0),
        1e-5,
    )


@pytest.mark.parametrize(
    "cls, arguments",
    [
        (ConfidencePenalty, {"factor": -1}),
        (ConfidencePenalty, {"from_logits": 1}),
        (ConfidencePenalty, {"axis": "1"}),
        (ConfidencePenalty, {"reduction": "max"}),
        (KLSparsity, {"rho": 0.0}),
        (KLSparsity, {"rho": 1}),
        (KLSparsity, {"epsilon": 0.5}),
        (KLSparsity, {"axis": None}),
    ],
)
def test_bad_arguments_are_refused(cls, arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        cls(**arguments)


@pytest.mark.parametrize("cls", [ConfidencePenalty, KLSparsity])
def test_an_axis_that_the_outputs_lack_is_refused(cls):
    with pytest.raises(ValueError, match="argument `axis`.*rank 2"):
        cls(axis=2)(np.ones((2, 3), "float32"))
