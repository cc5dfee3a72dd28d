import jax
import keras
import numpy as np
import pytest
import torch.nn.functional
from keras import ops

from keras_funcs.activations import hard_mish
from keras_funcs.activations import smelu
from keras_funcs.activations import squared_relu
from keras_funcs.activations import star_relu
from tests.activations.oracles import LARGEST
from tests.activations.oracles import agrees
from tests.activations.oracles import at_the_end_of
from tests.derivatives import derivative

X = np.linspace(-6, 6, 41, dtype="float32")


def test_squared_relu_is_the_definition():
    x = np.random.default_rng(0).normal(0, 3, 50).astype("float32")
    expected = [float(v) * float(v) if v > 0 else 0.0 for v in x]
    np.testing.assert_allclose(squared_relu(x), expected, 1e-6)
    theirs = torch.nn.functional.relu(torch.tensor(x)) ** 2
    np.testing.assert_allclose(squared_relu(x), theirs.numpy(), 1e-6)


def test_squared_relu_is_smooth_at_0():
    x = np.array([-2.0, -1e-3, 0.0, 1e-3, 3.0], "float32")
    expected = [0, 0, 0, 2e-3, 6]
    np.testing.assert_allclose(derivative(squared_relu, x), expected, 1e-5)
    twice = derivative(squared_relu, x[[0, 1, 3, 4]], order=2)
    np.testing.assert_allclose(twice, [0, 0, 2, 2])


def test_squared_relu_ends_at_255_in_float16():
    x = ops.convert_to_tensor([255.0, 257.0], "float16")
    found = ops.convert_to_numpy(squared_relu(x))
    assert np.isfinite(found).tolist() == [True, False]


@pytest.mark.parametrize("scale, bias", [(1.0, 0.0), (0.8944, -0.4472)])
def test_star_relu_is_the_definition(scale, bias):
    agrees(
        lambda x: star_relu(x, scale, bias),
        lambda x: scale * max(x, 0) ** 2 + bias,
    )


def test_star_relu_keeps_mean_and_variance():
    x = np.random.default_rng(0).normal(size=1_000_000).astype("float32")
    y = ops.convert_to_numpy(star_relu(x)).astype("float64")
    assert abs(y.mean()) < 0.01 and abs(y.var() - 1) < 0.02


def test_star_relu_of_1_and_0_is_squared_relu():
    found = ops.convert_to_numpy(star_relu(X, 1.0, 0.0))
    expected = ops.convert_to_numpy(squared_relu(X))
    np.testing.assert_array_equal(found, expected)


def parabola(x, beta=1.0):
    if abs(x) >= beta:
        return max(x, 0.0)
    return x * x / (4 * beta) + x / 2 + beta / 4


@pytest.mark.parametrize("beta", [0.25, 1.0, 3.0])
def test_smelu_is_the_definition(beta):
    agrees(lambda x: smelu(x, beta), lambda x: parabola(x, beta))


def test_smelu_is_sparse_plus():
    ours = ops.convert_to_numpy(smelu(X))
    theirs = ops.convert_to_numpy(keras.activations.sparse_plus(X))
    np.testing.assert_allclose(ours, theirs, 1e-6)
    np.testing.assert_allclose(ours, jax.nn.sparse_plus(X), 1e-6)
    scaled = 2.5 * np.asarray(jax.nn.sparse_plus(X / 2.5))
    found = ops.convert_to_numpy(smelu(X, 2.5))
    np.testing.assert_allclose(found, scaled, 1e-5, 1e-6)


def test_smelu_has_no_corners():
    x = np.array([-1.0, np.nextafter(-1.0, 0), 0.0, np.nextafter(1, 0), 1.0])
    found = derivative(smelu, x)
    np.testing.assert_allclose(found, [0, 0, 0.5, 1, 1], atol=1e-6)
    slopes = derivative(smelu, X)
    assert np.all((slopes >= 0) & (slopes <= 1))


@pytest.mark.parametrize("beta", [0.0, -1.0, float("nan"), None, "wide"])
def test_smelu_refuses_nonsense(beta):
    with pytest.raises(ValueError, match="argument `beta`"):
        smelu(X, beta)


@pytest.mark.parametrize("value", [float("inf"), "1", True])
def test_star_relu_refuses_nonsense(value):
    with pytest.raises(ValueError, match="argument `scale`"):
        star_relu(X, scale=value)
    with pytest.raises(ValueError, match="argument `bias`"):
        star_relu(X, bias=value)


def test_hard_mish_is_the_definition():
    agrees(hard_mish, lambda x: x / 2 * min(2, max(0, x + 2)))
    theirs = torch.tensor(X)
    theirs = 0.5 * theirs * (theirs + 2).clamp(0, 2)
    np.testing.assert_allclose(hard_mish(X), theirs.numpy(), 1e-6, 1e-6)


@pytest.mark.parametrize("dtype", LARGEST)
@pytest.mark.parametrize("function", [smelu, hard_mish])
def test_straight_at_both_ends_of_every_dtype(function, dtype):
    x, y, slope = at_the_end_of(dtype, function)
    np.testing.assert_allclose(y[4:], x[4:], 6e-3)
    assert not y[:3].any()
    assert slope.tolist() == [0, 0, 0, 0.5 if function is smelu else 1, 1, 1, 1]


@pytest.mark.parametrize("dtype", LARGEST)
@pytest.mark.parametrize("function", [squared_relu, star_relu])
def test_squares_overflow_to_infinity_and_never_to_nan(function, dtype):
    x, y, slope = at_the_end_of(dtype, function)
    assert not np.isnan(y).any() and not np.isnan(slope).any()
    assert np.isinf(y[-1]) and not slope[:4].any()


def test_the_slope_of_hard_mish_has_no_hole_at_zero():
    x = np.array([-1e-6, 0.0, 1e-6], "float32")
    slopes = derivative(hard_mish, x)
    np.testing.assert_allclose(slopes, [1, 1, 1], 1e-5)
