"""Swish, ACON-C and SMU against formulas, limits and other packages."""

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
from tests.layers import oracle

BETAS = (-1.5, 0.0, 0.25, 1.0, 4.0)
X = np.linspace(-6, 6, 41, dtype="float32")


def swish(beta, x=X):
    layer = layers.Swish(beta, axis=None)
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
    layer = layers.Swish(beta, axis=None)
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
    layer = layers.Swish(1.0, axis=None)
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
    layer = layers.Swish(1.0, axis=None)
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
        layer = layers.Swish(beta, axis=None)
        x, b = tf.constant(X), tf.constant(beta, "float32")
        with tf.GradientTape() as tape:
            tape.watch([x, b])
            theirs = tf.nn.silu(x, b)
        by_x, by_beta = tape.gradient(theirs, [x, b])
        np.testing.assert_allclose(layer(x), theirs, 1e-6, 1e-7)
        np.testing.assert_allclose(derivative(layer, X), by_x, 1e-5, 1e-6)
        np.testing.assert_allclose(weight_gradient(layer, X), by_beta, 1e-5)


def single(kind, *args, **kwargs):
    return kind(*args, axis=None, **kwargs)


def acon(x, p1, p2, beta):
    return (p1 - p2) * x * sigmoid(beta * (p1 - p2) * x) + p2 * x


@pytest.mark.parametrize(
    "start", [(1.0, 0.0, 1.0), (0.7, -0.4, 2.0), (-0.5, 1.5, 0.3)]
)
def test_acon(start):
    oracle.agree(single(layers.AconC, *start), acon, atol=1e-5)


def test_acon_starts_as_silu():
    ours = oracle.values(single(layers.AconC), X)
    np.testing.assert_allclose(ours, np.asarray(jax.nn.silu(X)), 1e-5)


def test_acon_becomes_prelu_and_a_line():
    sharp = oracle.values(single(layers.AconC, 1.0, 0.25, 1e5), X)
    leaky = np.where(X > 0, X, 0.25 * X)
    np.testing.assert_allclose(sharp, leaky, atol=1e-5)
    line = oracle.values(single(layers.AconC, 1.2, 0.4, 0.0), X)
    np.testing.assert_allclose(line, 0.8 * X, 1e-5, 1e-6)


@pytest.mark.parametrize("p1, p2, beta", [(1.0, 0.0, 1.0), (1.5, -0.5, 2.0)])
def test_the_slope_of_acon_has_the_published_bounds(p1, p2, beta):
    x = np.linspace(-12, 12, 4001, dtype="float32")
    slope = derivative(single(layers.AconC, p1, p2, beta), x)
    high, low = 1.0998 * p1 - 0.0998 * p2, 1.0998 * p2 - 0.0998 * p1
    np.testing.assert_allclose([slope.max(), slope.min()], [high, low], 0, 1e-3)


def test_acon_draws_at_random_on_request():
    normal = keras.initializers.RandomNormal(stddev=1.0, seed=1)
    layer = layers.AconC(normal, keras.initializers.RandomNormal(seed=2))
    layer.build((None, 50))
    p1, p2, beta = layer.get_weights()
    assert p1.std() > 0.5 and p2.std() > 0 and (beta == 1).all()


def smu(x, mu, alpha):
    smooth = (1 - alpha) * x * math.erf(mu * (1 - alpha) * x)
    return ((1 + alpha) * x + smooth) / 2


def smu_1(x, mu, alpha):
    return ((1 + alpha) * x + math.hypot((1 - alpha) * x, mu)) / 2


@pytest.mark.parametrize("alpha", [0.0, 0.25])
@pytest.mark.parametrize("mu", [0.3, 0.7071, 2.5])
def test_smu(alpha, mu):
    layer = single(layers.SMU, alpha, mu)
    oracle.agree(layer, lambda x, m: smu(x, m, alpha), atol=1e-5)
    root = single(layers.SMU, alpha, mu, form="root")
    oracle.agree(root, lambda x, m: smu_1(x, m, alpha), atol=1e-5)


def test_smu_starts_as_gelu_and_its_root_at_2_is_squareplus():
    gelu = np.asarray(jax.nn.gelu(X, approximate=False))
    ours = oracle.values(single(layers.SMU), X)
    np.testing.assert_allclose(ours, gelu, 1e-6, 1e-6)
    root = single(layers.SMU, mu_initializer=2.0, form="root")
    plus = ops.convert_to_numpy(keras.activations.squareplus(X, b=4))
    np.testing.assert_allclose(oracle.values(root, X), plus, 1e-5, 1e-6)


@pytest.mark.parametrize("form, mu", [("erf", 1e5), ("root", 1e-5)])
def test_sharp_smu_is_a_leaky_relu(form, mu):
    layer = single(layers.SMU, 0.25, mu, form=form)
    leaky = np.where(X > 0, X, 0.25 * X)
    np.testing.assert_allclose(oracle.values(layer, X), leaky, atol=1e-5)


def test_smu_is_alive_where_it_starts_and_dead_where_its_authors_do():
    (alive,) = oracle.coefficient_gradients(single(layers.SMU), X)
    dead = single(layers.SMU, 0.25, 1e6)
    (dead,) = oracle.coefficient_gradients(dead, oracle.X)
    assert alive > 1.0 and dead == 0.0


def test_the_root_has_a_gradient_at_its_corner():
    layer = single(layers.SMU, 0.0, 0.0, form="root")
    x = np.array([-1.0, 0.0, 1e20], "float32")
    assert np.isfinite(derivative(layer, x)).all()
    assert np.isfinite(oracle.coefficient_gradients(layer, x)[0])
    found = oracle.values(layer, x)
    np.testing.assert_allclose(found, [0, 0, 1e20], 1e-6, 1e-6)


@pytest.mark.parametrize(
    "arguments",
    [
        {"alpha": 1.0},
        {"alpha": -0.1},
        {"mu_initializer": None},
        {"form": "tanh"},
    ],
)
def test_smu_refuses(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        layers.SMU(**arguments)
