"""The stable forms, where the plain ones fail."""

import math

import keras
import numpy as np
import pytest
import scipy.special
from keras import ops

from keras_funcs._core import numerics
from keras_funcs._core.backend import active
from tests.derivatives import derivative
from tests.derivatives import gradient


def array(x):
    return ops.convert_to_numpy(x)


def tensor(x, dtype="float32"):
    return ops.convert_to_tensor(x, dtype)


def test_log_probability_and_logit():
    p = np.array([1e-37, 1e-10, 0.2, 0.5, 1 - 1e-3], "float32")
    found = array(numerics.log_probability(tensor(p)))
    np.testing.assert_allclose(found, [math.log(float(q)) for q in p], 1e-6)
    found = array(numerics.logit(tensor(p[2:])))
    np.testing.assert_allclose(found, scipy.special.logit(p[2:]), 1e-4, 1e-6)
    ends = array(numerics.logit(tensor([0.0, 1.0])))
    np.testing.assert_allclose(ends, [-87.3365, 87.3365], 1e-4)
    slope = derivative(numerics.log_probability, [1e-30, 0.5])
    np.testing.assert_allclose(slope, [1e30, 2], 1e-5)
    assert np.isfinite(derivative(numerics.log_probability, [0.0])).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_floor_is_normal_in_every_dtype(dtype):
    floor = numerics.smallest_normal(tensor([1.0], dtype))
    assert 0 < floor < 1e-4
    kept = array(ops.cast(tensor([floor], dtype), "float32"))
    assert kept[0] > 0
    log = numerics.log_probability(tensor([0.0], dtype))
    assert np.isfinite(array(ops.cast(log, "float32"))).all()


def test_sine_squared_over_and_its_derivatives():
    def wanted(v):
        if abs(v) < 1e-2:
            return v - v**3 / 3, 1 - v**2, -2 * v
        s, c = math.sin(v), math.cos(2 * v)
        slope = math.sin(2 * v) / v - s**2 / v**2
        return s**2 / v, slope, 2 * c / v - 2 * slope / v

    x = [-3.0, -6e-3, -1e-3, -1e-5, 0.0, 1e-8, 1e-5, 4.9e-3, 0.5, 3.0]
    x = np.array(x, "float32")
    value, slope, bend = np.transpose([wanted(float(v)) for v in x])
    function = numerics.sine_squared_over
    np.testing.assert_allclose(array(function(tensor(x))), value, 1e-6)
    np.testing.assert_allclose(derivative(function, x), slope, 1e-5)
    twice = derivative(function, x, order=2)
    np.testing.assert_allclose(twice, bend, 1e-4, 1e-3)


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.999, 0.999999])
def test_one_minus_power(beta):
    steps = np.array([1.0, 2.0, 100.0, 1e6], "float32")
    exact = [
        float(1 - np.longdouble(beta) ** np.longdouble(float(t))) for t in steps
    ]
    found = array(numerics.one_minus_power(beta, tensor(steps)))
    np.testing.assert_allclose(found, exact, 1e-6)
    if beta:
        traced = numerics.one_minus_power(tensor(beta), tensor(steps))
        # A float32 beta is another beta; close is all that it can be.
        tolerance = 1e-3 if beta < 0.9999 else 0.1
        np.testing.assert_allclose(array(traced), exact, tolerance)


def test_norm_and_its_gradient_at_0():
    x = np.array([[3.0, 4.0], [0.0, 0.0], [1e-10, 0.0]], "float32")
    found = array(numerics.norm(tensor(x), axis=-1))
    np.testing.assert_allclose(found, [5, 0, 1e-10], 1e-5)
    slope = gradient(lambda t: ops.sum(numerics.norm(t, axis=-1)), x)
    np.testing.assert_allclose(slope, [[0.6, 0.8], [0, 0], [1, 0]], 1e-5)
    kept = numerics.norm(tensor(x), axis=0, keepdims=True)
    assert tuple(kept.shape) == (1, 2)


def test_only_a_python_zero_is_known_to_be_zero():
    assert numerics.statically_zero(0) and numerics.statically_zero(0.0)
    assert not numerics.statically_zero(1e-30)
    assert not numerics.statically_zero(tensor(0.0))
    assert not numerics.statically_zero(None)


def test_half_precision_is_raised():
    dtypes = ("float16", "bfloat16", "float32", "float64")
    found = [numerics.at_least_float32(dtype) for dtype in dtypes]
    assert found == ["float32", "float32", "float32", "float64"]


@pytest.mark.parametrize("value", [1e-300, 1e-8, 0.3, 1.0, 40.0, 1e300])
def test_inverse_softplus(value):
    raw = numerics.inverse_softplus(value)
    # log(1 + exp(raw)), in the form that has no overflow
    found = max(raw, 0.0) + math.log1p(math.exp(-abs(raw)))
    np.testing.assert_allclose(found, value, 1e-12)


def test_mean_of_several_axes():
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    for axis in (0, -1, [1, 2], (0, 2)):
        wanted = x.mean(axis=tuple(axis) if not isinstance(axis, int) else axis)
        found = array(numerics.mean(tensor(x), axis))
        np.testing.assert_allclose(found, wanted, 1e-5, 1e-6)
    kept = numerics.mean(tensor(x), [0, 2], keepdims=True)
    assert tuple(kept.shape) == (1, 4, 1)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_floats_stay_and_are_widened(dtype):
    with active().float64():
        x = numerics.as_float(ops.ones(3, dtype=dtype))
        wide = numerics.widened(x)
        assert keras.backend.standardize_dtype(x.dtype) == dtype
        expected = "float64" if dtype == "float64" else "float32"
        assert keras.backend.standardize_dtype(wide.dtype) == expected


@pytest.mark.parametrize("values", [[1, 2], np.array([1, 2]), [True, False]])
def test_other_numbers_become_floats(values):
    x = numerics.as_float(values)
    assert keras.backend.standardize_dtype(x.dtype) == "float32"
