"""Bounded activations against their formulas, limits and relatives."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import activations
from tests.activations.oracles import LARGEST
from tests.activations.oracles import X
from tests.activations.oracles import agrees
from tests.activations.oracles import at_the_end_of
from tests.derivatives import derivative
from tests.derivatives import gradient

MU, SIGMA = math.sqrt(0.5), math.sqrt(0.25 / math.pi)
FORMULAS = [
    (
        activations.penalized_tanh,
        lambda x: math.tanh(x) * (0.25 if x < 0 else 1),
    ),
    (activations.isru, lambda x: math.sin(math.atan(x))),
    (
        lambda x: activations.isru(x, 3.0),
        lambda x: math.sin(math.atan(math.sqrt(3) * x)) / math.sqrt(3),
    ),
    (
        activations.laplace,
        lambda x: (1 + math.erf((x - MU) / (SIGMA * math.sqrt(2)))) / 2,
    ),
    (
        lambda x: activations.laplace(x, mu=-0.5, sigma=2.0),
        lambda x: (1 + math.erf((x + 0.5) / (2 * math.sqrt(2)))) / 2,
    ),
]
ENDS = {"penalized_tanh": (-0.25, 1), "isru": (-1, 1), "laplace": (0, 1)}


@pytest.mark.parametrize("function, oracle", FORMULAS)
def test_value_slope_and_curve(function, oracle):
    agrees(function, oracle)


@pytest.mark.parametrize("dtype", LARGEST)
@pytest.mark.parametrize("name", ENDS)
def test_flat_at_both_ends_of_every_dtype(name, dtype):
    x, y, slope = at_the_end_of(dtype, getattr(activations, name))
    left, right = ENDS[name]
    np.testing.assert_allclose(y[:3], [left] * 3, 1e-4, 1e-4)
    np.testing.assert_allclose(y[4:], [right] * 3, 1e-4)
    np.testing.assert_allclose(slope[[0, 1, 2, 4, 5, 6]], 0, atol=2e-3)


@pytest.mark.parametrize("name", ENDS)
def test_bounded_and_monotone(name):
    x = np.linspace(-60, 60, 4001).astype("float32")
    y = ops.convert_to_numpy(getattr(activations, name)(x))
    left, right = ENDS[name]
    assert np.all(np.diff(y) >= -1e-6)
    assert y.min() >= left - 1e-6 and y.max() <= right + 1e-6


def test_isru_is_odd_and_never_steeper_than_1():
    found = ops.convert_to_numpy(activations.isru(X))
    mirrored = ops.convert_to_numpy(activations.isru(-X))
    np.testing.assert_array_equal(found, -mirrored)
    slope = derivative(activations.isru, X)
    assert np.all((slope >= 0) & (slope <= 1 + 1e-6))
    assert derivative(activations.isru, np.zeros(1))[0] == 1.0


def test_slopes_with_respect_to_alpha():
    x = np.array([-7.0, -0.6, 0.2, 3.0])
    found = gradient(
        lambda a: ops.sum(activations.isru(x.astype("float32"), a)),
        np.array(0.7),
    )
    expected = np.sum(-0.5 * x**3 * (1 + 0.7 * x**2) ** -1.5)
    np.testing.assert_allclose(found, expected, 1e-5)


def test_penalized_tanh_of_slope_1_is_tanh():
    found = ops.convert_to_numpy(activations.penalized_tanh(X, slope=1.0))
    np.testing.assert_allclose(found, np.tanh(X), 1e-6)


def test_laplace_touches_squared_relu():
    at = np.array([math.sqrt(0.5)])
    found = ops.convert_to_numpy(activations.laplace(at))
    np.testing.assert_allclose(found, at**2, 1e-6)
    slope = derivative(activations.laplace, at)
    np.testing.assert_allclose(slope, 2 * at, 1e-6)


def test_laplace_keeps_the_digits_of_its_left_tail():
    found = ops.convert_to_numpy(
        activations.laplace(np.array([-8.0], "float32"), mu=0.0, sigma=1.0)
    )
    np.testing.assert_allclose(found, [6.220960574271785e-16], 1e-4)


def test_laplace_with_the_constants_that_checkpoints_round():
    # Mega writes 0.707107 and 0.282095.
    ours = ops.convert_to_numpy(activations.laplace(X))
    theirs = ops.convert_to_numpy(
        activations.laplace(X, mu=0.707107, sigma=0.282095)
    )
    np.testing.assert_allclose(ours, theirs, 1e-5, 1e-6)


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("isru", {"alpha": 0}),
        ("isru", {"alpha": -1.0}),
        ("isru", {"alpha": float("nan")}),
        ("laplace", {"sigma": 0.0}),
        ("laplace", {"mu": float("inf")}),
        ("penalized_tanh", {"slope": "steep"}),
        ("penalized_tanh", {"slope": True}),
    ],
)
def test_nonsense_is_refused(name, arguments):
    (argument,) = arguments
    with pytest.raises(ValueError, match=f"argument `{argument}`"):
        getattr(activations, name)(X, **arguments)


def test_a_tensor_is_taken_for_a_number():
    alpha = keras.Variable(2.0)
    found = ops.convert_to_numpy(activations.isru(X.astype("float32"), alpha))
    expected = ops.convert_to_numpy(activations.isru(X, 2.0))
    np.testing.assert_allclose(found, expected, 1e-6)
