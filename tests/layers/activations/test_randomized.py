"""Randomized ReLU: its range, its mean and its draws."""

import keras
import numpy as np
import pytest
import torch
from keras import ops

from keras_funcs import layers


def slopes(layer, shape=(4000, 2)):
    y = layer(-np.ones(shape, "float32"), training=True)
    return -ops.convert_to_numpy(y)


def test_the_slopes_are_uniform_and_drawn_for_each_element():
    found = slopes(layers.RReLU(0.1, 0.5, seed=3))
    assert 0.1 <= found.min() and found.max() <= 0.5
    np.testing.assert_allclose(found.mean(), 0.3, atol=5e-3)
    np.testing.assert_allclose(found.var(), 0.4**2 / 12, rtol=0.05)
    assert len(np.unique(found)) > 7000
    assert abs(np.corrcoef(found.T)[0, 1]) < 0.05


def test_positive_inputs_are_kept():
    x = np.abs(np.random.default_rng(0).normal(size=(5, 6))).astype("float32")
    y = layers.RReLU()(x, training=True)
    np.testing.assert_array_equal(ops.convert_to_numpy(y), x)


def test_inference_is_the_mean_slope_as_in_torch():
    x = np.linspace(-3, 3, 21, dtype="float32")
    theirs = torch.nn.RReLU().eval()(torch.tensor(x)).numpy()
    ours = ops.convert_to_numpy(layers.RReLU()(x))
    np.testing.assert_allclose(ours, theirs, 1e-6)


def test_draws_repeat_with_the_seed_and_differ_from_call_to_call():
    first, second = layers.RReLU(seed=1), layers.RReLU(seed=1)
    one = slopes(first)
    np.testing.assert_array_equal(one, slopes(second))
    assert (one != slopes(first)).mean() > 0.99


def test_equal_bounds_are_a_leaky_relu():
    found = slopes(layers.RReLU(0.25, 0.25))
    np.testing.assert_allclose(found, 0.25)


def test_it_trains_in_a_model():
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(8), layers.RReLU()]
        + [keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
    history = model.fit(x, x[:, :1], epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"lower": -0.1}, "lower"),
        ({"upper": 1.1}, "upper"),
        ({"lower": 0.5, "upper": 0.4}, "upper"),
        ({"lower": float("nan")}, "lower"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.0}, "seed"),
    ],
)
def test_bad_arguments_are_refused(arguments, name):
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        layers.RReLU(**arguments)
