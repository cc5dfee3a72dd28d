"""Gated rectifiers against their formulas, limits and other packages."""

import math

import keras
import numpy as np
import pytest
import torch
from keras import ops

from keras_funcs import activations
from tests.activations.oracles import LARGEST
from tests.activations.oracles import X
from tests.activations.oracles import agrees
from tests.activations.oracles import at_the_end_of
from tests.activations.oracles import normal_cdf
from tests.activations.oracles import sigmoid
from tests.activations.oracles import softplus

ORACLES = {
    "quick_gelu": lambda x: x * sigmoid(1.702 * x),
    "telu": lambda x: x * math.tanh(math.exp(x)),
    "serf": lambda x: x * math.erf(softplus(x)),
    "phish": lambda x: x * math.tanh(x * normal_cdf(x)),
    "logish": lambda x: x * math.log(1 + sigmoid(x)),
    "smish": lambda x: x * math.tanh(math.log(1 + sigmoid(x))),
    "lisht": lambda x: x * math.tanh(x),
}
# Slopes far left and far right.
SLOPES = {
    "quick_gelu": (0, 1),
    "telu": (0, 1),
    "serf": (0, 1),
    "phish": (0, 1),
    "logish": (0, math.log(2)),
    "smish": (0, 0.6),
    "lisht": (-1, 1),
}


@pytest.mark.parametrize("name", ORACLES)
def test_value_slope_and_curve(name):
    agrees(getattr(activations, name), ORACLES[name])


@pytest.mark.parametrize("dtype", LARGEST)
@pytest.mark.parametrize("name", ORACLES)
def test_straight_at_both_ends_of_every_dtype(name, dtype):
    x, y, slope = at_the_end_of(dtype, getattr(activations, name))
    left, right = SLOPES[name]
    digits = {"float16": 2e-3, "bfloat16": 1e-2, "float32": 1e-5}[dtype]
    assert y[3] == 0.0
    np.testing.assert_allclose(slope[:3], [left] * 3, digits, 1e-6)
    np.testing.assert_allclose(slope[4:], [right] * 3, digits)
    np.testing.assert_allclose(y[4:], right * x[4:], digits)
    np.testing.assert_allclose(y[:3], left * x[:3], digits, 1e-6)


@pytest.mark.parametrize("name", ORACLES)
def test_whole_numbers_and_lists_are_taken(name):
    function = getattr(activations, name)
    found = ops.convert_to_numpy(function([-1, 0, 2]))
    expected = [ORACLES[name](v) for v in (-1, 0, 2)]
    np.testing.assert_allclose(found, expected, 1e-5, 1e-6)


def test_telu_is_straight_from_3_on():
    x = np.linspace(3, 120, 40).astype("float32")
    found = ops.convert_to_numpy(activations.telu(x))
    np.testing.assert_array_equal(found, x)


def test_lisht_is_even_and_never_negative():
    found = ops.convert_to_numpy(activations.lisht(X))
    mirrored = ops.convert_to_numpy(activations.lisht(-X))
    np.testing.assert_array_equal(found, mirrored)
    assert np.all(found >= 0)


def test_phish_is_never_negative():
    x = np.linspace(-20, 20, 401)
    assert np.all(ops.convert_to_numpy(activations.phish(x)) >= 0)


def test_quick_gelu_is_gelu_but_for_two_hundredths():
    x = np.linspace(-8, 8, 321).astype("float32")
    exact = torch.nn.functional.gelu(torch.tensor(x)).numpy()
    apart = np.abs(ops.convert_to_numpy(activations.quick_gelu(x)) - exact)
    assert 0.015 < apart.max() < 0.021


def test_quick_gelu_is_swish_of_another_slope():
    # What a parametric SiLU gives that was written elsewhere.
    x = torch.tensor(X, dtype=torch.float32)
    theirs = torch.nn.functional.silu(1.702 * x) / 1.702
    found = ops.convert_to_numpy(activations.quick_gelu(X.astype("float32")))
    np.testing.assert_allclose(found, theirs.numpy(), 1e-5, 1e-7)


def test_serf_and_mish_differ_by_the_gate_alone():
    x = X.astype("float32")
    gate = np.tanh([softplus(v) for v in x])
    mish = ops.convert_to_numpy(keras.activations.mish(x))
    np.testing.assert_allclose(x * gate, mish, 1e-4, 1e-5)
    serf = ops.convert_to_numpy(activations.serf(x))
    assert np.all(serf[x > 0] >= mish[x > 0])
