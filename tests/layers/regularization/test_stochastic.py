"""DropPath and StochasticDepth: who is dropped, how often, what is left."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import layers
from tests.derivatives import gradient


def drop(x, rate, seed=7):
    layer = layers.DropPath(rate, seed=seed)
    return ops.convert_to_numpy(layer(x, training=True))


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.9])
def test_share_and_scale(rate):
    samples = 20_000
    y = drop(np.ones((samples, 1), "float32"), rate)[:, 0]
    assert np.isin(y, [0.0, np.float32(1.0) / np.float32(1 - rate)]).all()
    # Four standard errors of a binomial share.
    error = 4 * (rate * (1 - rate) / samples) ** 0.5
    assert abs((y == 0).mean() - rate) < error
    assert abs(y.mean() - 1) < error / (1 - rate)


@pytest.mark.parametrize("shape", [(64,), (64, 3), (64, 2, 3, 4)])
def test_samples_are_dropped_whole(shape):
    x = np.random.default_rng(0).uniform(1, 2, shape).astype("float32")
    ratio = (drop(x, 0.5) / x).reshape(64, -1)
    for row in ratio:
        np.testing.assert_allclose(row, row[0], 1e-6)
    np.testing.assert_allclose(np.unique(ratio[:, 0].round(4)), [0.0, 2.0])


def test_inference_and_rate_0_change_nothing():
    x = np.random.default_rng(0).normal(0, 1, (50, 3)).astype("float32")
    layer = layers.DropPath(0.9)
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_array_equal(layer(x, training=False), x)
    np.testing.assert_array_equal(drop(x, 0.0), x)


def test_draws_repeat_with_the_seed_and_differ_from_call_to_call():
    x = np.ones((200, 1), "float32")
    layer = layers.DropPath(0.5, seed=3)
    first, second = (
        ops.convert_to_numpy(layer(x, training=True)) for _ in range(2)
    )
    assert (first != second).any()
    np.testing.assert_array_equal(first, drop(x, 0.5, seed=3))
    assert (first != drop(x, 0.5, seed=4)).any()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_small_rates_survive_half_precision(dtype):
    layer = layers.DropPath(0.003, seed=0, dtype=dtype)
    y = layer(ops.ones((40_000, 1), dtype), training=True)
    share = (ops.convert_to_numpy(ops.cast(y, "float32")) == 0).mean()
    assert 0.002 < share < 0.004


def test_it_trains_inside_fit_with_an_unknown_batch():
    inputs = keras.Input((4,))
    branch = layers.DropPath(0.5, seed=1)(keras.layers.Dense(4)(inputs))
    model = keras.Model(inputs, keras.layers.Add()([inputs, branch]))
    assert model.output_shape == (None, 4)
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(0, 1, (21, 4)).astype("float32")
    before = ops.convert_to_numpy(model.layers[2].seed_generator.state)
    start = model.evaluate(x, 2 * x, verbose=0)
    model.fit(x, 2 * x, batch_size=8, epochs=20, verbose=0)
    assert model.evaluate(x, 2 * x, verbose=0) < start
    after = ops.convert_to_numpy(model.layers[2].seed_generator.state)
    assert (before != after).any()  # a new draw for every batch


def test_gradients_flow_through_the_kept_only():
    x = np.ones((32, 2), "float32")
    kept = drop(x, 0.5) > 0
    layer = layers.DropPath(0.5, seed=7)
    slope = gradient(lambda t: ops.sum(layer(t, training=True)), x)
    np.testing.assert_allclose(slope, np.where(kept, 2.0, 0.0))


@pytest.mark.parametrize(
    "arguments",
    [{"rate": 1.0}, {"rate": -0.1}, {"rate": "0.1"}, {"seed": 1.5}],
)
def test_bad_arguments_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        layers.DropPath(**arguments)


def depth(shortcut, residual, p, seed=7, training=True):
    layer = layers.StochasticDepth(p, seed=seed)
    return ops.convert_to_numpy(layer([shortcut, residual], training=training))


def test_a_batch_survives_as_one_and_unscaled():
    shortcut = np.full((8, 3), 5.0, "float32")
    residual = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    layer = layers.StochasticDepth(0.7, seed=1)
    kept = 0
    for _ in range(400):
        y = layer([shortcut, residual], training=True)
        y = ops.convert_to_numpy(y)
        whole = np.array_equal(y, shortcut + residual)
        assert whole or np.array_equal(y, shortcut)
        kept += whole
    # Four standard errors of a binomial share.
    assert abs(kept / 400 - 0.7) < 4 * (0.7 * 0.3 / 400) ** 0.5


def test_inference_scales_the_branch_by_its_probability():
    shortcut, residual = np.random.default_rng(0).normal(size=(2, 5, 3))
    y = depth(shortcut, residual, 0.8, training=False)
    np.testing.assert_allclose(y, shortcut + 0.8 * residual, 1e-5, 1e-6)
    sure = depth(shortcut, residual, 1.0)
    np.testing.assert_allclose(sure, shortcut + residual, 1e-5, 1e-6)


def test_a_dropped_branch_may_be_infinite():
    y = depth(np.ones((2, 3)), np.full((2, 3), np.inf), 1e-9)
    np.testing.assert_array_equal(y, 1.0)


def test_stochastic_depth_trains_inside_fit_with_an_unknown_batch():
    inputs = keras.Input((4,))
    branch = keras.layers.Dense(4)(inputs)
    y = layers.StochasticDepth(0.5, seed=1)([inputs, branch])
    model = keras.Model(inputs, y)
    assert model.output_shape == (None, 4)
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(0, 1, (21, 4)).astype("float32")
    start = model.evaluate(x, 2 * x, verbose=0)
    model.fit(x, 2 * x, batch_size=8, epochs=10, verbose=0)
    assert model.evaluate(x, 2 * x, verbose=0) < start


def test_the_mask_is_the_shortcuts():
    x = np.ones((2, 3, 4), "float32")
    x[:, 2] = 0.0
    masked = keras.layers.Masking()
    layer = layers.StochasticDepth()
    mask = layer.compute_mask([x, x], [masked.compute_mask(x), None])
    expected = np.array([[True, True, False]] * 2)
    np.testing.assert_array_equal(ops.convert_to_numpy(mask), expected)


@pytest.mark.parametrize("p", [0.0, 1.1, "0.5"])
def test_bad_probabilities_are_refused(p):
    with pytest.raises(ValueError, match="argument `survival_probability`"):
        layers.StochasticDepth(p)


def test_one_input_is_refused():
    with pytest.raises(ValueError, match="Expected 2 inputs"):
        layers.StochasticDepth()(np.ones((2, 3)))
