"""Swish against its formula, its limits and other packages."""

import math

import jax
import keras
import numpy as np
import pytest
import torch.nn.functional
from keras import ops

from keras_funcs import layers
from tests.derivatives import derivative
from tests.derivatives import weight_gradient

BETAS = (-1.5, 0.0, 0.25, 1.0, 4.0)
X = np.linspace(-6, 6, 41, dtype="float32")


def swish(beta, x=X):
    layer = layers.Swish(beta, granularity="layer")
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(x)))


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize("beta", BETAS)
def test_value_and_slopes(beta):
    value, slope, curve, by_beta = [], [], [], []
    for x in map(float, X):
        s = sigmoid(beta * x)
        value.append(x * s)
        slope.append(s + beta * x * s * (1 - s))
        curve.append(beta * s * (1 - s) * (2 + beta * x * (1 - 2 * s)))
        by_beta.append(x * x * s * (1 - s))
    layer = layers.Swish(beta, granularity="layer")
    np.testing.assert_allclose(swish(beta), value, 1e-5, 1e-6)
    np.testing.assert_allclose(derivative(layer, X), slope, 1e-5, 1e-5)
    twice = derivative(layer, X, order=2)
    np.testing.assert_allclose(twice, curve, 1e-4, 1e-5)
    total = weight_gradient(layer, X)
    np.testing.assert_allclose(total, sum(by_beta), 1e-4)


def test_it_starts_as_silu():
    theirs = np.asarray(jax.nn.silu(X))
    ours = ops.convert_to_numpy(layers.Swish()(X[:, None]))
    np.testing.assert_allclose(ours[:, 0], theirs, 1e-5)
    theirs = torch.nn.functional.silu(torch.tensor(X)).numpy()
    np.testing.assert_allclose(swish(1.0), theirs, 1e-5)
    np.testing.assert_allclose(swish(1.0), np.asarray(ops.silu(X)), 1e-5)


def test_limits():
    np.testing.assert_allclose(swish(0.0), X / 2, 1e-6)
    np.testing.assert_allclose(swish(1e5), np.maximum(X, 0), atol=1e-5)
    np.testing.assert_allclose(swish(-1e5), np.minimum(X, 0), atol=1e-5)


def test_extremes_are_finite():
    x = np.array([-1e30, -1e4, 0.0, 1e4, 1e30], "float32")
    np.testing.assert_allclose(swish(1.0, x), [0, 0, 0, 1e4, 1e30])
    layer = layers.Swish(1.0, granularity="layer")
    assert np.isfinite(derivative(layer, x)).all()
    assert np.isfinite(weight_gradient(layer, x[1:-1])).all()


def test_each_channel_has_its_own_slope():
    layer = layers.Swish()
    layer.build((None, 3))
    layer.set_weights([np.array([0.0, 1.0, 4.0], "float32")])
    x = np.stack([X] * 3, -1)
    y = ops.convert_to_numpy(layer(x))
    for channel, beta in enumerate((0.0, 1.0, 4.0)):
        np.testing.assert_allclose(y[:, channel], swish(beta), 1e-6, 1e-7)
    slopes = weight_gradient(layer, x)
    assert slopes.shape == (3,)
    expected = [float(x**2) / 4 for x in X]
    np.testing.assert_allclose(slopes[0], sum(expected), 1e-5)


def test_beta_learns():
    layer = layers.Swish(1.0, granularity="layer")
    model = keras.Sequential([keras.Input((1,)), layer])
    model.compile(keras.optimizers.RMSprop(0.1), "mse")
    x = X[:, None]
    model.fit(x, swish(2.5)[:, None], epochs=50, batch_size=41, verbose=0)
    assert abs(float(layer.get_weights()[0]) - 2.5) < 0.1


@pytest.mark.parametrize(
    "initializer", ["ones", keras.initializers.Constant(0.5), None, "random"]
)
def test_initializers(initializer):
    if initializer in (None, "random"):
        with pytest.raises(ValueError, match="argument `beta_initializer`"):
            layers.Swish(initializer)
        return
    layer = layers.Swish(initializer)
    layer.build((None, 2))
    wanted = 1.0 if initializer == "ones" else 0.5
    assert layer.get_weights()[0].tolist() == [wanted] * 2


@pytest.mark.parametrize("value", [float("inf"), float("nan"), True])
def test_a_beta_that_is_no_finite_number_is_refused(value):
    with pytest.raises(ValueError, match="argument `beta_initializer`"):
        layers.Swish(value)


if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    @pytest.mark.parametrize("beta", BETAS)
    def test_tensorflow_has_the_same_function_and_the_same_gradients(beta):
        layer = layers.Swish(beta, granularity="layer")
        x, b = tf.constant(X), tf.constant(beta, "float32")
        with tf.GradientTape() as tape:
            tape.watch([x, b])
            theirs = tf.nn.silu(x, b)
        by_x, by_beta = tape.gradient(theirs, [x, b])
        np.testing.assert_allclose(layer(x), theirs, 1e-6, 1e-7)
        np.testing.assert_allclose(derivative(layer, X), by_x, 1e-5, 1e-6)
        np.testing.assert_allclose(weight_gradient(layer, X), by_beta, 1e-5)
