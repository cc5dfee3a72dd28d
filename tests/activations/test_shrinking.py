"""Shrinkage against its definition, PyTorch and Keras."""

import keras
import numpy as np
import pytest
import torch
from keras import ops

from keras_funcs import activations
from tests.activations.oracles import LARGEST
from tests.activations.oracles import at_the_end_of
from tests.derivatives import derivative

X = np.array([-9, -1.6, -0.5, -0.3, 0.0, 0.2, 0.5, 0.7, 2.0, 2.1], "float32")


def hard(x, lower, upper):
    return x if x < lower or x > upper else 0.0


def soft(x, lower, upper):
    if x < lower:
        return x - lower
    return x - upper if x > upper else 0.0


@pytest.mark.parametrize("lower, upper", [(-0.5, 0.5), (-1.0, 2.0), (0.3, 0.3)])
@pytest.mark.parametrize("name, oracle", [("hard", hard), ("soft", soft)])
def test_two_sided(name, oracle, lower, upper):
    function = getattr(activations, f"{name}shrink")
    found = ops.convert_to_numpy(function(X, lower, upper))
    expected = [oracle(float(v), lower, upper) for v in X]
    np.testing.assert_allclose(found, expected, 1e-6)


@pytest.mark.parametrize("name", ["hard", "soft"])
@pytest.mark.parametrize("threshold", [0.5, 1.7])
def test_equal_thresholds_are_the_functions_of_keras_and_torch(name, threshold):
    ours = getattr(activations, f"{name}shrink")(X, -threshold, threshold)
    ours = ops.convert_to_numpy(ours)
    theirs = getattr(keras.activations, f"{name}_shrink")(X, threshold)
    np.testing.assert_allclose(ours, ops.convert_to_numpy(theirs), 1e-6)
    theirs = getattr(torch.nn.functional, f"{name}shrink")
    theirs = theirs(torch.tensor(X), threshold).numpy()
    np.testing.assert_allclose(ours, theirs, 1e-6)


@pytest.mark.parametrize("name", ["hardshrink", "softshrink"])
def test_slopes_are_0_or_1(name):
    x = np.array([-9.0, -1.1, -0.9, 0.0, 1.9, 2.1, 50.0])
    function = getattr(activations, name)
    found = derivative(lambda t: function(t, -1.0, 2.0), x)
    assert found.tolist() == [1, 1, 0, 0, 0, 1, 1]


@pytest.mark.parametrize("name", ["hardshrink", "softshrink"])
@pytest.mark.parametrize("dtype", LARGEST)
def test_ends_of_every_dtype(name, dtype):
    x, y, slope = at_the_end_of(dtype, getattr(activations, name))
    np.testing.assert_allclose(y, x, 6e-3)
    assert slope.tolist() == [1, 1, 1, 0, 1, 1, 1]


def test_softshrink_never_falls_nor_stretches():
    x = np.linspace(-4, 4, 1001).astype("float32")
    steps = np.diff(ops.convert_to_numpy(activations.softshrink(x, -1.0, 0.3)))
    assert np.all((steps >= 0) & (steps <= np.diff(x) + 1e-6))


@pytest.mark.parametrize("name", ["hardshrink", "softshrink"])
def test_nan_stays(name):
    y = getattr(activations, name)(np.array([np.nan, 1.0]))
    assert np.isnan(ops.convert_to_numpy(y)).tolist() == [True, False]


@pytest.mark.parametrize("name", ["hardshrink", "softshrink"])
def test_crossed_thresholds_are_refused(name):
    with pytest.raises(ValueError, match="argument `upper`.*>= 1"):
        getattr(activations, name)(X, lower=1.0, upper=0.5)
    with pytest.raises(ValueError, match="argument `lower`"):
        getattr(activations, name)(X, lower=float("-inf"))


def test_beside_those_of_keras():
    """Alike names, of which each keeps its own meaning in a saved model."""
    for name in ("hardshrink", "softshrink"):
        ours = getattr(activations, name)
        held = keras.activations.serialize(ours)
        assert keras.activations.deserialize(held) is ours
        with pytest.raises(ValueError):
            keras.activations.get(name)
    built_in = keras.activations.hard_shrink
    assert keras.activations.get("hard_shrink") is built_in
