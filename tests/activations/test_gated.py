import math

import jax
import numpy as np
import pytest
import torch.nn.functional
from keras import ops

from keras_funcs.activations import swiglu
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


@pytest.mark.parametrize("shape, axis", [((2, 5), -1), ((3, 4), 0)])
def test_swiglu_refuses_an_odd_size(shape, axis):
    with pytest.raises(ValueError, match="shape of `x`.*even"):
        swiglu(np.ones(shape), axis)
