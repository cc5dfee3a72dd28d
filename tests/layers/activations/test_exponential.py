"""Activations with an exponential side against their formulas."""

import math

import keras
import numpy as np
import pytest
import torch
from keras import ops

from keras_funcs import layers
from keras_funcs._core.backend import active
from keras_funcs._core.component import registered
from tests.derivatives import derivative
from tests.layers.oracle import X
from tests.layers.oracle import agree
from tests.layers.oracle import coefficient_gradients
from tests.layers.oracle import softplus
from tests.layers.oracle import values


def single(kind, *args, **kwargs):
    return kind(*args, axis=None, **kwargs)


def xielu(x, raw_positive, raw_negative, beta=0.5):
    if x > 0:
        return softplus(raw_positive) * x * x + beta * x
    alpha = beta + softplus(raw_negative)
    return alpha * (math.exp(x) - 1 - x) + beta * x


@pytest.mark.parametrize("positive, negative", [(0.8, 0.8), (0.1, 2.0)])
def test_xielu(positive, negative):
    agree(layers.XIELU(positive, negative), xielu)
    other = layers.XIELU(positive, negative, beta=-0.2)
    agree(other, lambda x, p, n: xielu(x, p, n, -0.2))


def test_xielu_stores_what_the_published_code_does():
    raw = layers.XIELU().get_weights()
    published = [math.log(math.expm1(0.8)), math.log(math.expm1(0.3))]
    np.testing.assert_allclose(raw, published, 1e-7)


def test_xielu_is_the_one_of_transformers():
    # As `XIELUActivation` of transformers computes it in Python.
    # Without -1e-6 to 0, where theirs has another slope than on both sides.
    x = torch.tensor(np.concatenate([X, [-1e-5, 1e-7, -100.0, 300.0]]))
    x = x.float().requires_grad_()
    raw = [math.log(math.expm1(0.8)), math.log(math.expm1(0.3))]
    raw = [torch.tensor(r, requires_grad=True) for r in raw]
    alpha_p = torch.nn.functional.softplus(raw[0])
    alpha_n = 0.5 + torch.nn.functional.softplus(raw[1])
    bounded = torch.min(x, torch.tensor(-1e-6))
    theirs = torch.where(
        x > 0,
        alpha_p * x * x + 0.5 * x,
        (torch.expm1(bounded) - x) * alpha_n + 0.5 * x,
    )
    theirs.sum().backward()
    layer, given = layers.XIELU(), x.detach().numpy()
    wanted = theirs.detach().numpy()
    np.testing.assert_allclose(values(layer, given), wanted, 1e-5, 1e-6)
    slope = derivative(layer, given)
    np.testing.assert_allclose(slope, x.grad.numpy(), 1e-5, 1e-6)
    for found, their in zip(coefficient_gradients(layer, given), raw):
        np.testing.assert_allclose(found, their.grad.numpy(), 1e-5)


def test_xielu_has_at_0_the_slope_of_both_sides():
    x = np.array([-1e-4, -1e-6, -9e-7, -1e-7, 0.0, 1e-7, 1e-4], "float32")
    np.testing.assert_allclose(derivative(layers.XIELU(), x), 0.5, 0, 2e-4)
    assert values(layers.XIELU(), [0.0]).item() == 0.0


def test_every_draw_of_the_search_is_an_xielu():
    tune = {c.name: c.tune for c in registered("layers")}["XIELU"]
    layers.XIELU(
        alpha_negative_initializer=tune["alpha_negative_initializer"].low,
        beta=tune["beta"].high,
    )


def test_xielu_gain_for_normal_inputs():
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    y = values(layers.XIELU(), nodes).astype("float64")
    gain = 1 / ((weights / weights.sum()) @ y**2)
    np.testing.assert_allclose(gain, 0.576, atol=2e-3)


def pelu(x, raw_a, raw_b):
    a, b = softplus(raw_a), softplus(raw_b)
    return a / b * x if x >= 0 else a * (math.exp(x / b) - 1)


def mpelu(x, raw_a, raw_b):
    a, b = softplus(raw_a), softplus(raw_b)
    return x if x > 0 else a * (math.exp(b * x) - 1)


@pytest.mark.parametrize("a", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("b", [0.3, 1.0, 2.0])
def test_pelu_and_mpelu(a, b):
    agree(single(layers.PELU, a, b), pelu)
    agree(single(layers.MPELU, a, b), mpelu)


@pytest.mark.parametrize("kind", [layers.PELU, layers.MPELU])
def test_they_start_as_elu(kind):
    elu = torch.nn.functional.elu(torch.tensor(X)).numpy()
    np.testing.assert_allclose(values(single(kind), X), elu, 1e-5, 1e-6)
    gradients = coefficient_gradients(single(kind), X)
    assert all(g != 0 for g in gradients)


def test_mpelu_becomes_prelu_and_elu():
    x = X[np.abs(X) < 2]
    slope = single(layers.MPELU, 25.0, 0.01)  # alpha beta = 0.25
    leaky = np.where(x > 0, x, 0.25 * x)
    np.testing.assert_allclose(values(slope, x), leaky, atol=6e-3)


@pytest.mark.parametrize("kind", [layers.PELU, layers.MPELU])
def test_coefficients_stay_positive(kind):
    layer = single(kind, 0.01, 0.02)
    for variable in layer.trainable_variables:
        variable.assign(variable.value - 5.0)
    x = np.array([-1.0, -0.01], "float32")
    assert (values(layer, x) < 0).all()
    assert (values(layer, -x) > 0).all()


def soft_exponential(x, alpha):
    if alpha == 0:
        return x
    if alpha < 0:
        return -math.log(1 - alpha * (x + alpha)) / alpha
    return (math.exp(alpha * x) - 1) / alpha + alpha


@pytest.mark.parametrize(
    "alpha", [-0.22, -0.1, -0.02, -1e-4, 1e-4, 0.02, 0.1, 0.5, 1.0]
)
def test_soft_exponential(alpha):
    layer = single(layers.SoftExponential, alpha)
    x = X if alpha > -0.2 else X + 1.0

    def exact(x, a):  # the plain formula has no digits near 0
        if abs(a) > 1e-2:
            return soft_exponential(x, a)
        if a > 0:
            return x + a * (1 + x * x / 2) + a * a * x**3 / 6
        s = x + a
        return s + a * s * s / 2 + a * a * s**3 / 3

    agree(layer, exact, x, 2e-5, 1e-5)


def test_soft_exponential_is_alive_where_it_starts():
    layer = single(layers.SoftExponential)
    np.testing.assert_array_equal(values(layer, X), X)
    np.testing.assert_allclose(derivative(layer, X), np.ones_like(X))
    (found,) = coefficient_gradients(layer, X)
    expected = sum(1 + float(x) ** 2 / 2 for x in X)
    np.testing.assert_allclose(found, expected, 1e-5)


@pytest.mark.parametrize("alpha", [0.1, 0.3, 0.5])
def test_soft_exponential_of_minus_alpha_is_the_inverse(alpha):
    there = single(layers.SoftExponential, alpha)
    back = single(layers.SoftExponential, -alpha)
    x = X / 2
    np.testing.assert_allclose(values(back, values(there, x)), x, 1e-4, 1e-4)


@pytest.mark.parametrize("alpha", [-3.0, -0.5, 0.5, 3.0])
def test_soft_exponential_goes_on_along_its_tangent(alpha):
    layer = single(layers.SoftExponential, alpha)
    x = np.array([-1e4, -500.0, -50.0, 50.0, 500.0, 1e4], "float32")
    slope = derivative(layer, x)
    assert np.isfinite(values(layer, x)).all() and np.isfinite(slope).all()
    # exp(10), where the curve ends
    np.testing.assert_allclose(slope.max(), math.exp(10), 1e-3)
    assert slope.min() >= 0
    assert (np.diff(values(layer, x)) >= 0).all()
    # At the seam, value and slope are continuous.
    seam = 10 / alpha if alpha > 0 else math.expm1(-10) / -alpha - alpha
    near = np.array([seam - 1e-6 * abs(seam), seam + 1e-6 * abs(seam)])
    with active().float64():
        exact = single(layers.SoftExponential, alpha, dtype="float64")
        before, after = ops.convert_to_numpy(exact(near.astype("float64")))
    step = math.exp(10) * (near[1] - near[0])
    assert 0 <= after - before <= 1.3 * step + 1e-3 * abs(before)


def test_it_learns_an_exponential():
    x = np.linspace(-2, 2, 64, dtype="float32")[:, None]
    y = np.exp(x)
    layer = single(layers.SoftExponential)
    model = keras.Sequential([keras.Input((1,)), layer])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    model.fit(x, y, epochs=60, batch_size=64, verbose=0)
    assert abs(float(layer.get_weights()[0]) - 1.0) < 0.05


@pytest.mark.parametrize(
    "kind, arguments, name",
    [
        (layers.XIELU, {"alpha_positive_initializer": 0.0}, "alpha_pos"),
        (layers.XIELU, {"alpha_negative_initializer": 0.5}, "alpha_neg"),
        (layers.XIELU, {"beta": 0.9}, "alpha_neg"),
        (layers.XIELU, {"epsilon": 1e-6}, "epsilon"),
        (layers.PELU, {"alpha_initializer": 0.0}, "alpha_initializer"),
        (layers.PELU, {"beta_initializer": -1.0}, "beta_initializer"),
        (layers.MPELU, {"alpha_initializer": -0.25}, "alpha_initializer"),
        (layers.MPELU, {"beta_initializer": None}, "beta_initializer"),
        (layers.SoftExponential, {"alpha_initializer": "x"}, "alpha_"),
    ],
)
def test_bad_arguments_are_refused(kind, arguments, name):
    with pytest.raises(ValueError, match=f"argument `{name}"):
        kind(**arguments)


@pytest.mark.parametrize("kind", [layers.PELU, layers.MPELU])
def test_the_slope_has_no_hole_at_zero(kind):
    x = np.array([-1e-6, 0.0, 1e-6], "float32")
    slopes = derivative(kind(axis=None), x)
    np.testing.assert_allclose(slopes, [1, 1, 1], 1e-5)
