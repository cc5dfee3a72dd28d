"""Periodic activations against their formulas, limits and layers."""

import math

import numpy as np
import pytest
from keras import ops

from keras_funcs import activations
from keras_funcs import layers
from tests.activations.oracles import LARGEST
from tests.activations.oracles import X
from tests.activations.oracles import agrees
from tests.activations.oracles import at_the_end_of
from tests.derivatives import derivative
from tests.derivatives import gradient

FORMULAS = [
    (activations.snake, lambda x: x + math.sin(x) ** 2),
    (
        lambda x: activations.snake(x, 2.5),
        lambda x: x + (1 - math.cos(5 * x)) / 5,
    ),
    (lambda x: activations.sine(x, 1.0), math.sin),
    (lambda x: activations.sine(x, -2.0), lambda x: -math.sin(2 * x)),
    (activations.gcu, lambda x: x * math.cos(x)),
]


@pytest.mark.parametrize("function, oracle", FORMULAS)
def test_value_slope_and_curve(function, oracle):
    agrees(function, oracle, X[1:-1])


def test_sine_of_frequency_30_is_the_layer_of_its_authors():
    x = np.linspace(-1, 1, 21).astype("float32")
    expected = [math.sin(30 * v) for v in map(float, x)]
    found = ops.convert_to_numpy(activations.sine(x, 30.0))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    layer = ops.convert_to_numpy(layers.Sine()(x[:, None]))[:, 0]
    np.testing.assert_array_equal(found, layer)


@pytest.mark.parametrize("dtype", LARGEST)
@pytest.mark.parametrize("frequency", [1.0, 1e4])
def test_no_end_of_a_dtype_gives_nan(dtype, frequency):
    x, y, slope = at_the_end_of(
        dtype, lambda t: activations.snake(t, frequency)
    )
    np.testing.assert_allclose(y, x, 1e-2, 1.0)
    assert np.all((slope >= -1e-3) & (slope <= 2.01))
    _, y, slope = at_the_end_of(dtype, lambda t: activations.sine(t, frequency))
    assert np.all(np.abs(y) <= 1.0)
    assert np.all(np.abs(slope) <= frequency * 1.01)


@pytest.mark.parametrize("dtype", LARGEST)
def test_gcu_grows_and_is_never_nan(dtype):
    x, y, slope = at_the_end_of(dtype, activations.gcu)
    assert np.all(np.abs(y) <= np.abs(x))
    assert not np.isnan(slope).any()


def test_snake_of_frequency_0_is_the_identity_and_learns():
    x = X.astype("float32")
    found = ops.convert_to_numpy(activations.snake(x, 0.0))
    np.testing.assert_array_equal(found, x)
    slope = gradient(lambda a: ops.sum(activations.snake(x, a)), np.array(0.0))
    np.testing.assert_allclose(slope, np.sum(X**2), 1e-5)
    np.testing.assert_allclose(
        derivative(lambda t: activations.snake(t, 0.0), X), 1.0
    )


def test_snake_never_falls():
    slope = derivative(activations.snake, np.linspace(-10, 10, 2001))
    assert slope.min() >= -1e-6


@pytest.mark.parametrize("frequency", [0.3, 1.0, 4.0])
def test_snake_is_the_untrained_layer(frequency):
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    ours = ops.convert_to_numpy(activations.snake(x, frequency))
    layer = ops.convert_to_numpy(layers.Snake(frequency)(x))
    np.testing.assert_array_equal(ours, layer)


def test_snake_of_a_normal_input_has_the_published_variance():
    x = np.random.default_rng(0).normal(size=1_000_000).astype("float32")
    y = ops.convert_to_numpy(activations.snake(x)).astype("float64")
    exact = 1 + (1 + math.exp(-8) - 2 * math.exp(-4)) / 8
    np.testing.assert_allclose(y.var(), exact, 0.01)
    np.testing.assert_allclose(y.mean(), (1 - math.exp(-2)) / 2, 0.01)


def test_odd_ones():
    for function in (activations.gcu, activations.sine):
        found = ops.convert_to_numpy(function(X))
        mirrored = ops.convert_to_numpy(function(-X))
        np.testing.assert_array_equal(found, -mirrored)


@pytest.mark.parametrize("name", ["snake", "sine"])
@pytest.mark.parametrize("value", [float("nan"), "fast", None])
def test_nonsense_is_refused(name, value):
    with pytest.raises(ValueError, match="argument `frequency`"):
        getattr(activations, name)(X, frequency=value)
