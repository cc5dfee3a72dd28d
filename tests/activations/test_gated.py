import math

import jax
import numpy as np
import pytest
import torch.nn.functional
from keras import ops

from keras_funcs.activations import geglu
from keras_funcs.activations import reglu
from keras_funcs.activations import swiglu
from tests.activations.oracles import LARGEST
from tests.derivatives import derivative
from tests.derivatives import gradient


def draw(shape, seed=0):
    return np.random.default_rng(seed).normal(0, 3, shape).astype("float32")


def test_swiglu_is_the_definition():
    x = draw((3, 6))
    expected = np.empty((3, 3))
    for i, j in np.ndindex(3, 3):
        gate, value = float(x[i, j]), float(x[i, 3 + j])
        expected[i, j] = gate / (1 + math.exp(-gate)) * value
    np.testing.assert_allclose(swiglu(x), expected, 1e-5, 1e-6)


@pytest.mark.parametrize("axis", [-1, 0, 1, 2, -2])
def test_swiglu_gates_any_axis_as_jax_and_torch_do(axis):
    x = draw((4, 6, 8))
    gate, value = np.split(x, 2, axis)
    y = ops.convert_to_numpy(swiglu(x, axis))
    theirs = np.asarray(jax.nn.silu(gate)) * value
    np.testing.assert_allclose(y, theirs, 1e-5, 1e-6)
    silu = torch.nn.functional.silu(torch.tensor(gate)).numpy()
    np.testing.assert_allclose(y, silu * value, 1e-5, 1e-6)


def test_swiglu_slopes():
    x = np.array([[0.7, -1.3]])

    def exact(gate, value):
        return gate / (1 + math.exp(-gate)) * value

    h = 1e-6
    expected = [
        (exact(0.7 + h, -1.3) - exact(0.7 - h, -1.3)) / (2 * h),
        (exact(0.7, -1.3 + h) - exact(0.7, -1.3 - h)) / (2 * h),
    ]
    slope = gradient(lambda t: ops.sum(swiglu(t)), x)
    np.testing.assert_allclose(slope[0], expected, 1e-5)


def test_swiglu_closes_and_opens_without_overflow():
    x = np.array([[-1e4, 1e4, 2.0, 2.0]], "float32")
    np.testing.assert_allclose(swiglu(x), [[0.0, 2e4]], atol=1e-6)
    slope = gradient(lambda t: ops.sum(swiglu(t)), x)
    np.testing.assert_allclose(slope, [[0, 2, 0, 1e4]], atol=1e-6)


@pytest.mark.parametrize("axis", [-1, 0, 1, 2, -2])
def test_geglu_and_reglu_gate_any_axis_as_jax_and_torch_do(axis):
    x = draw((4, 6, 8))
    gate, value = np.split(x, 2, axis)
    for approximate in (False, True):
        y = ops.convert_to_numpy(geglu(x, axis, approximate))
        theirs = np.asarray(jax.nn.gelu(gate, approximate)) * value
        np.testing.assert_allclose(y, theirs, 1e-4, 1e-5)
        kind = "tanh" if approximate else "none"
        gelu = torch.nn.functional.gelu(torch.tensor(gate), approximate=kind)
        np.testing.assert_allclose(y, gelu.numpy() * value, 1e-4, 1e-5)
    y = ops.convert_to_numpy(reglu(x, axis))
    np.testing.assert_allclose(y, np.maximum(gate, 0) * value, 1e-6)


@pytest.mark.parametrize("function", [swiglu, geglu, reglu])
def test_the_first_half_is_the_gate(function):
    y = function(np.array([[-50.0, 50.0, 3.0, 3.0]], "float32"))
    np.testing.assert_allclose(y, [[0.0, 150.0]], atol=1e-5)


def test_geglu_slopes_and_curves():
    def exact(g):
        return g * math.erfc(-g / math.sqrt(2)) / 2 * -1.3

    def along(t):
        value = ops.full_like(t, -1.3)
        return geglu(ops.stack([t, value], axis=-1))[..., 0]

    x, h = np.array([-2.0, -0.3, 0.7, 3.0]), 1e-4
    slope = [(exact(g + h) - exact(g - h)) / (2 * h) for g in x]
    curve = [(exact(g + h) - 2 * exact(g) + exact(g - h)) / h**2 for g in x]
    np.testing.assert_allclose(derivative(along, x), slope, 1e-4, 1e-5)
    found = derivative(along, x, order=2)
    np.testing.assert_allclose(found, curve, 1e-3, 1e-4)


@pytest.mark.parametrize("dtype", LARGEST)
@pytest.mark.parametrize("function", [swiglu, geglu, reglu])
def test_a_gate_at_the_end_of_a_dtype_is_shut_or_open(function, dtype):
    end = LARGEST[dtype] / 3  # Torch's GELU doubles it on the way
    x = np.array([[-end, end, 0.5, 0.5]], "float32")

    def call(t):
        return ops.cast(function(ops.cast(t, dtype)), "float32")

    y = ops.convert_to_numpy(call(ops.convert_to_tensor(x)))
    np.testing.assert_allclose(y, [[0.0, end / 2]], 1e-2)
    slope = gradient(lambda t: ops.sum(call(t)), x)
    np.testing.assert_allclose(slope, [[0, 0.5, 0, end]], 1e-2)


@pytest.mark.parametrize("function", [swiglu, geglu, reglu])
@pytest.mark.parametrize("shape, axis", [((2, 5), -1), ((3, 4), 0)])
def test_an_odd_size_is_refused(function, shape, axis):
    with pytest.raises(ValueError, match="shape of `x`.*even"):
        function(np.ones(shape), axis)


@pytest.mark.parametrize("function", [swiglu, geglu, reglu])
@pytest.mark.parametrize("axis", [2, -3, 1.5, None])
def test_an_axis_out_of_range_is_refused(function, axis):
    with pytest.raises(ValueError, match="argument `axis`"):
        function(np.ones((2, 4)), axis)


def test_geglu_refuses_what_is_no_boolean():
    with pytest.raises(ValueError, match="argument `approximate`"):
        geglu(np.ones((2, 4)), approximate="tanh")
