"""CosineDense: only the angle counts."""

import math

import keras
import numpy as np
import pytest
import sklearn.metrics.pairwise
from keras import ops

from keras_funcs import layers
from tests.derivatives import gradient
from tests.derivatives import weight_gradient


def built(kernel, **arguments):
    layer = layers.CosineDense(np.shape(kernel)[1], **arguments)
    layer.build((None, np.shape(kernel)[0]))
    layer.set_weights([np.asarray(kernel, "float32")])
    return layer


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 2, shape).astype("float32")


def test_it_is_the_definition():
    x, kernel = draw(5, 4), draw(4, 3, seed=1)
    expected = np.empty((5, 3))
    for i, c in np.ndindex(5, 3):
        w = kernel[:, c].astype(float)
        row = x[i].astype(float)
        product = sum(a * b for a, b in zip(row, w))
        length = math.sqrt(sum(a * a for a in row))
        expected[i, c] = 7 * product / length
        expected[i, c] /= math.sqrt(sum(a * a for a in w))
    y = ops.convert_to_numpy(built(kernel, scale=7.0)(x))
    np.testing.assert_allclose(y, expected, 1e-5, 1e-5)
    theirs = sklearn.metrics.pairwise.cosine_similarity(x, kernel.T)
    np.testing.assert_allclose(y, 7 * theirs, 1e-4, 1e-5)
    assert abs(y).max() <= 7 + 1e-5


@pytest.mark.parametrize("factor", [1e-6, 0.1, 1e3, 1e9])
def test_lengths_of_inputs_and_of_columns_do_not_count(factor):
    x, kernel = draw(5, 4), draw(4, 3, seed=1)
    expected = ops.convert_to_numpy(built(kernel)(x))
    scaled = ops.convert_to_numpy(built(kernel)(x * np.float32(factor)))
    np.testing.assert_allclose(scaled, expected, 1e-4, 1e-6)
    columns = kernel * np.float32([1, factor, 5])
    scaled = ops.convert_to_numpy(built(columns)(x))
    np.testing.assert_allclose(scaled, expected, 1e-4, 1e-6)
    flipped = built(kernel * np.float32([1, -1, 1]))(x)
    flipped = ops.convert_to_numpy(flipped)
    np.testing.assert_allclose(flipped, expected * [1, -1, 1], 1e-4, 1e-6)


def test_zero_vectors_give_0_with_finite_gradients():
    kernel = draw(4, 3)
    kernel[:, 1] = 0
    x = draw(2, 4)
    x[0] = 0
    layer = built(kernel)
    y = ops.convert_to_numpy(layer(x))
    assert not y[0].any() and not y[:, 1].any()
    assert y[1, [0, 2]].all()
    by_x = gradient(lambda t: ops.sum(layer(t)), x)
    assert np.isfinite(by_x).all() and not by_x[0].any()
    by_w = weight_gradient(layer, x, np.ones((2, 3), "float32"))
    assert np.isfinite(by_w).all() and not by_w[:, 1].any()


def test_gradients_stand_at_right_angles_to_the_vectors():
    # A function of the direction alone does not change along the vector.
    x, kernel = draw(5, 4), draw(4, 3, seed=1)
    layer = built(kernel)
    by_x = gradient(lambda t: ops.sum(layer(t)), x)
    np.testing.assert_allclose((by_x * x).sum(-1), 0, atol=1e-5)
    by_w = weight_gradient(layer, x, np.ones((5, 3), "float32"))
    np.testing.assert_allclose((by_w * kernel).sum(0), 0, atol=1e-5)
    assert abs(by_x).max() > 0.01 and abs(by_w).max() > 0.01


def test_any_rank_and_unknown_sizes():
    layer = built(draw(4, 3))
    x = draw(2, 5, 6, 4)
    y = ops.convert_to_numpy(layer(x))
    flat = ops.convert_to_numpy(layer(x.reshape(-1, 4)))
    np.testing.assert_allclose(y.reshape(-1, 3), flat, 1e-5, 1e-6)
    symbolic = layers.CosineDense(3)(keras.Input((None, 4)))
    assert symbolic.shape == (None, None, 3)


def test_half_precision_does_not_overflow_in_the_length():
    layer = layers.CosineDense(2, dtype="mixed_float16")
    layer.build((None, 3))
    layer.set_weights([np.array([[300.0, 1], [0, 1], [0, 1]])])
    y = layer(np.array([[300.0, 300.0, 300.0]]))
    wanted = [[3**-0.5, 1.0]]
    np.testing.assert_allclose(ops.convert_to_numpy(y), wanted, 1e-3)


def test_regularizer_and_constraint_reach_the_kernel():
    layer = layers.CosineDense(
        2,
        kernel_initializer="ones",
        kernel_regularizer=keras.regularizers.L2(0.5),
        kernel_constraint="unit_norm",
    )
    layer.build((None, 4))
    penalty = ops.convert_to_numpy(layer.losses[0])
    np.testing.assert_allclose(penalty, 0.5 * 8)
    unit = ops.convert_to_numpy(layer.kernel.constraint(layer.kernel.value))
    np.testing.assert_allclose(unit, 0.5, 1e-5)


@pytest.mark.parametrize(
    "arguments",
    [
        {"units": 0},
        {"units": 2.5},
        {"units": 10**9},
        {"scale": 0.0},
        {"scale": float("inf")},
    ],
)
def test_bad_arguments_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        layers.CosineDense(**{"units": 2, **arguments})


def test_unknown_features_are_refused():
    with pytest.raises(ValueError, match="number of channels"):
        layers.CosineDense(3).build((None, None))
