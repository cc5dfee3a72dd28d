"""Powers and polynomials of ReLU against their formulas."""

import math

import numpy as np
import pytest
import torch
from keras import ops

from keras_funcs import layers
from keras_funcs._core.backend import gradient
from tests.derivatives import derivative
from tests.layers.oracle import agree
from tests.layers.oracle import coefficient_gradients
from tests.layers.oracle import values


@pytest.mark.parametrize("scale, bias", [(1.0, 0.0), (0.7, -0.3), (-2.0, 1.0)])
def test_star_relu(scale, bias):
    layer = layers.StarReLU(scale, bias)
    agree(layer, lambda x, s, b: s * max(x, 0.0) ** 2 + b)


def test_star_relu_normalizes_normal_inputs():
    # Half of E[x^2] = 1, and half of E[x^4] = 3, which no quadrature of a
    # kink gives exactly.
    nodes, weights = np.polynomial.legendre.leggauss(200)
    x = 5 + 5 * nodes
    density = 5 * weights * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    y = values(layers.StarReLU(), x).astype("float64")
    rest = float(values(layers.StarReLU(), [-1.0])[0])
    mean = density @ y + 0.5 * rest
    variance = density @ y**2 + 0.5 * rest**2 - mean**2
    np.testing.assert_allclose([mean, variance], [0.0, 1.0], atol=1e-5)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_poly_relu(order):
    layer = layers.PolyReLU(order)
    weight, bias = layer.get_weights()
    np.testing.assert_allclose(weight, [1 / order] * order)
    assert bias == 0 and weight.ndim == 1
    layer.set_weights([np.linspace(-0.4, 0.7, order), np.float32(0.2)])

    def formula(x, w, b):
        powers = [max(x, 0.0) ** (i + 1) for i in range(order)]
        return b + sum(a * power for a, power in zip(w, powers))

    x = np.linspace(-2.03, 2.1, 31, dtype="float32")
    agree(layer, formula, x, 1e-5, 1e-5)


def poly_norm(x, weight, bias, epsilon=1e-6):
    """As the authors' code, with their order of weights, in float64."""
    x = np.asarray(x, "float64")

    def norm(z):
        return z / np.sqrt((z**2).mean(-1, keepdims=True) + epsilon)

    reverse = list(weight)[::-1]  # theirs: weight[0] is that of the cube
    powers = range(len(reverse), 0, -1)
    return sum(w * norm(x**i) for w, i in zip(reverse, powers)) + bias


@pytest.mark.parametrize("order", [1, 3, 4])
@pytest.mark.parametrize("scale", [1e-4, 0.1, 1.0, 30.0, 3e4])
def test_poly_norm(order, scale):
    x = np.random.default_rng(0).normal(0, scale, (4, 3, 8)).astype("float32")
    layer = layers.PolyNorm(order)
    layer(x)
    weight = np.linspace(-0.5, 0.8, order)
    layer.set_weights([weight, np.float32(0.1)])
    wanted = poly_norm(x, weight, 0.1)
    np.testing.assert_allclose(values(layer, x), wanted, 1e-4, 1e-5)
    by_weight, by_bias = coefficient_gradients(layer, x)
    each = [poly_norm(x, row, 0).sum() for row in np.eye(order)]
    np.testing.assert_allclose(by_weight, each, 1e-4, 2e-4)
    np.testing.assert_allclose(by_bias, x.size, 1e-6)


def test_poly_norm_gradient_is_that_of_the_plain_formula():
    x = np.random.default_rng(1).normal(0, 5.0, (3, 6)).astype("float32")
    upstream = np.linspace(-1, 1, 18).reshape(3, 6).astype("float32")
    layer = layers.PolyNorm()

    def total(x):
        return ops.sum(layer(x) * ops.convert_to_tensor(upstream))

    (found,) = gradient(total, [x])
    given = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    y = 0.0
    for i in (1, 2, 3):
        z = given**i
        y = y + z / 3 * torch.rsqrt((z**2).mean(-1, keepdim=True) + 1e-6)
    (y * torch.tensor(upstream)).sum().backward()
    np.testing.assert_allclose(found, given.grad.numpy(), 1e-4, 1e-5)


def test_poly_norm_of_nothing_and_of_the_largest():
    layer = layers.PolyNorm()
    assert (values(layer, np.zeros((2, 4))) == 0).all()
    slope = derivative(layer, np.zeros((2, 4), "float32"))
    assert np.isfinite(slope).all()
    x = np.array([[1e30, -1e30, 5e29, 0.0]], "float32")
    wanted = poly_norm(x / 1e30, [1 / 3] * 3, 0, 0.0)
    np.testing.assert_allclose(values(layer, x), wanted, 1e-5, 1e-6)


def test_poly_norm_normalizes_the_axis_that_it_is_given():
    x = np.random.default_rng(2).normal(size=(2, 3, 4, 5)).astype("float32")
    first = values(layers.PolyNorm(axis=1), np.moveaxis(x, -1, 1))
    wanted = values(layers.PolyNorm(), x)
    np.testing.assert_allclose(np.moveaxis(first, 1, -1), wanted, 1e-5, 1e-6)


@pytest.mark.parametrize("kind", [layers.PolyReLU, layers.PolyNorm])
@pytest.mark.parametrize("order", [0, -1, 11, 2.0, None, "3"])
def test_bad_orders_are_refused(kind, order):
    with pytest.raises(ValueError, match="argument `order`"):
        kind(order)


@pytest.mark.parametrize("epsilon", [0.0, -1e-6, float("nan")])
def test_bad_epsilons_are_refused(epsilon):
    with pytest.raises(ValueError, match="argument `epsilon`"):
        layers.PolyNorm(epsilon=epsilon)
