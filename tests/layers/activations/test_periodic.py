"""Snake against its formula, its limits and its moments."""

import math

import numpy as np
import pytest
from keras import ops

from keras_funcs import layers
from tests.derivatives import derivative
from tests.derivatives import weight_gradient
from tests.layers.oracle import agree

FREQUENCIES = (-2.0, 0.01, 0.5, 1.0, 5.0)
X = np.linspace(-5, 5, 37, dtype="float32")


def values(layer, x=X):
    return ops.convert_to_numpy(layer(x))


def single(frequency, **arguments):
    return layers.Snake(frequency, axis=None, **arguments)


@pytest.mark.parametrize("a", FREQUENCIES)
def test_value_and_slopes(a):
    layer = single(a)
    value = [x + math.sin(a * x) ** 2 / a for x in map(float, X)]
    np.testing.assert_allclose(values(layer), value, 1e-5, 2e-6)
    slope = [1 + math.sin(2 * a * x) for x in map(float, X)]
    np.testing.assert_allclose(derivative(layer, X), slope, 1e-4, 1e-5)
    curve = [2 * a * math.cos(2 * a * x) for x in map(float, X)]
    twice = derivative(layer, X, order=2)
    np.testing.assert_allclose(twice, curve, 1e-3, 2e-4)
    by_a = [
        x * math.sin(2 * a * x) / a - math.sin(a * x) ** 2 / a**2
        for x in map(float, X)
    ]
    np.testing.assert_allclose(weight_gradient(layer, X), sum(by_a), 1e-4)


def test_frequency_0_is_the_identity_with_a_way_out():
    layer = single(0.0)
    np.testing.assert_array_equal(values(layer), X)
    np.testing.assert_array_equal(derivative(layer, X), np.ones_like(X))
    expected = sum(float(x) ** 2 for x in X)
    np.testing.assert_allclose(weight_gradient(layer, X), expected, 1e-6)


@pytest.mark.parametrize("a", [1e-30, 1e-8, 1e-5, 1e-4, 1e-3])
def test_small_frequencies_pass_into_the_limit(a):
    # sin(ax)**2 / a -> a x**2; its slope in a -> x**2
    x = np.array([-3.0, -1.0, -0.1, 0.1, 1.0, 3.0], "float32")
    layer = single(a)
    expected = [v + math.sin(a * v) ** 2 / a for v in map(float, x)]
    np.testing.assert_allclose(values(layer, x), expected, 1e-6)
    slope = float(weight_gradient(layer, x))
    np.testing.assert_allclose(slope, sum(float(v) ** 2 for v in x), 1e-3)


@pytest.mark.parametrize("a", [0.2, 1.0, 3.0])
def test_log_scale_is_the_same_function_of_the_exponent(a):
    plain, log = single(a), single(a, log_scale=True)
    np.testing.assert_allclose(log.get_weights()[0], math.log(a), atol=1e-7)
    np.testing.assert_allclose(values(log), values(plain), 1e-4, 1e-5)
    # d/db f(exp(b)) = a f'(a)
    np.testing.assert_allclose(
        weight_gradient(log, X), a * weight_gradient(plain, X), 1e-4
    )


@pytest.mark.parametrize("a", [0.3, 1.0, 2.0])
def test_moments_for_normal_inputs(a):
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    y = values(single(a), nodes.astype("float32"))
    mean = (weights * y).sum()
    variance = (weights * (y - mean) ** 2).sum()
    expected = (1 - math.exp(-2 * a * a)) / (2 * a)
    np.testing.assert_allclose(mean, expected, 1e-4)
    square = a * a
    expected = 1 + math.exp(-8 * square) - 2 * math.exp(-4 * square)
    expected = 1 + expected / (8 * square)
    np.testing.assert_allclose(variance, expected, 1e-4)
    if a == 1.0:
        assert round(float(variance), 4) == 1.1205


def test_the_slope_is_never_negative():
    x = np.linspace(-20, 20, 2001, dtype="float32")
    slope = derivative(single(1.7), x)
    assert slope.min() > -1e-5 and slope.max() < 2 + 1e-5


def test_each_channel_has_its_own_frequency():
    layer = layers.Snake()
    layer.build((None, 4, 3))
    layer.set_weights([np.array([0.0, 1.0, 5.0], "float32")])
    x = np.random.default_rng(0).normal(0, 1, (2, 4, 3)).astype("float32")
    y = values(layer, x)
    for channel, a in enumerate((0.0, 1.0, 5.0)):
        expected = values(single(a), x[..., channel])
        np.testing.assert_allclose(y[..., channel], expected, 1e-6)


@pytest.mark.parametrize(
    "arguments",
    [
        {"frequency_initializer": float("nan")},
        {"frequency_initializer": "1"},
        {"frequency_initializer": None},
        {"frequency_initializer": 0.0, "log_scale": True},
        {"frequency_initializer": -1.0, "log_scale": True},
        {"log_scale": "yes"},
    ],
)
def test_bad_arguments_are_refused(arguments):
    name = next(iter(arguments))
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        layers.Snake(**arguments)


@pytest.mark.parametrize("a, b", [(1.0, 1.0), (0.3, 2.0), (2.0, 0.5)])
def test_snake_beta(a, b):
    def formula(x, log_a, log_b):
        return x + math.sin(math.exp(log_a) * x) ** 2 / math.exp(log_b)

    layer = layers.SnakeBeta(a, b, axis=None)
    np.testing.assert_allclose(layer.get_weights(), np.log([a, b]), atol=1e-7)
    agree(layer, formula, rtol=1e-5, atol=1e-5)
    plain = layers.SnakeBeta(a, b, log_scale=False, axis=None)
    agree(plain, lambda x, a, b: x + math.sin(a * x) ** 2 / b, atol=1e-5)


@pytest.mark.parametrize("a", [0.5, 1.0, 3.0])
def test_snake_beta_with_equal_coefficients_is_snake(a):
    ours = layers.SnakeBeta(a, a, axis=None)
    np.testing.assert_allclose(values(ours), values(single(a)), 1e-5, 1e-5)


@pytest.mark.parametrize("name", ["frequency", "magnitude"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), None, "1"])
def test_snake_beta_refuses(name, value):
    with pytest.raises(ValueError, match=f"argument `{name}_init"):
        layers.SnakeBeta(**{f"{name}_initializer": value})
