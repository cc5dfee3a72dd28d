"""Entmax against its definition, its limits and its authors' package."""

import math

import entmax
import keras
import numpy as np
import pytest
import torch
from keras import ops

from keras_funcs import activations
from keras_funcs import layers
from keras_funcs._core.backend import active
from keras_funcs._core.backend import gradient

ALPHAS = (1.1, 1.35, 1.5, 1.8, 1.97)
UP = np.random.default_rng(5).normal(size=(6, 5)).astype("float32")


def draw(*shape, scale=2.0, seed=0):
    draws = np.random.default_rng(seed).normal(0, scale, shape)
    return draws.astype("float32")


def oracle(scores, alpha):
    """By halving the interval of tau 200 times, in double precision."""
    z = [(alpha - 1) * float(s) for s in scores]
    low, high = max(z) - 1, max(z)
    for _ in range(200):
        tau = (low + high) / 2
        p = [max(v - tau, 0.0) ** (1 / (alpha - 1)) for v in z]
        low, high = (tau, high) if sum(p) >= 1 else (low, tau)
    return p


def trained(alpha):
    """What the layer trains, for an alpha."""
    share = (alpha - 1.05) / 0.95
    return math.log(share / (1 - share))


@pytest.mark.parametrize("alpha", ALPHAS)
def test_value(alpha):
    x = draw(8, 5)
    expected = [oracle(row, alpha) for row in x]
    found = ops.convert_to_numpy(layers.Entmax(alpha)(x))
    np.testing.assert_allclose(found, expected, 1e-4, 1e-6)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_slopes_of_scores_and_of_alpha(alpha):
    x, up = draw(6, 5), UP.astype("float64")
    layer = layers.Entmax(alpha)

    def total(x, a):
        y, _ = layer.stateless_call([a], [], x)
        return ops.sum(ops.multiply(y, UP))

    by_x, by_a = gradient(total, [x, layer.get_weights()[0]])
    h, expected = 1e-5, np.zeros(x.shape)
    for i, j in np.ndindex(x.shape):
        around = []
        for step in (h, -h):
            row = x[i].astype("float64")
            row[j] += step
            around.append(np.dot(up[i], oracle(row, alpha)))
        expected[i, j] = (around[0] - around[1]) / (2 * h)
    np.testing.assert_allclose(by_x, expected, 2e-3, 2e-4)
    a = trained(alpha)
    around = []
    for step in (h, -h):
        moved = 1.05 + 0.95 / (1 + math.exp(-(a + step)))
        rows = [np.dot(u, oracle(row, moved)) for u, row in zip(up, x)]
        around.append(sum(rows))
    expected = (around[0] - around[1]) / (2 * h)
    np.testing.assert_allclose(by_a, expected, 2e-3, 2e-4)


def test_second_derivative_of_scores_and_of_alpha():
    x, direction = np.array([0.3, -0.4, 1.1, -5.0]), [0.5, 1.0, -0.7, 0.2]
    a, along = trained(1.4), 0.6

    def exact(t):
        alpha = 1.05 + 0.95 / (1 + math.exp(-(a + along * t)))
        return oracle(x + t * np.array(direction), alpha)[0]

    h = 1e-3
    expected = (exact(h) - 2 * exact(0.0) + exact(-h)) / h**2
    with active().float64():
        line = np.array(direction)

        def slope(t):
            def value(t):
                point = ops.add(ops.multiply(t, line), x)
                weight = ops.add(ops.multiply(t, along), a)
                y, _ = exactly.stateless_call([weight], [], point[None])
                return y[0, 0]

            one = ops.ones_like(t)
            return ops.jvp(value, (t,), (one,))[1]

        exactly = layers.Entmax(1.4, dtype="float64")
        (found,) = gradient(slope, [np.zeros(())])
    np.testing.assert_allclose(found, expected, 1e-3)


@pytest.mark.parametrize("axis", [-1, 1, 2])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_its_authors_package_gives_the_same(alpha, axis):
    x = draw(3, 4, 6)
    found = ops.convert_to_numpy(layers.Entmax(alpha, axis)(x))
    theirs = entmax.entmax_bisect(torch.tensor(x), alpha=alpha, dim=axis)
    np.testing.assert_allclose(found, theirs.numpy(), 1e-3, 1e-5)


@pytest.mark.parametrize("size", [1, 2, 50, 2000])
def test_it_starts_as_entmax15(size):
    x = draw(3, size)
    found = ops.convert_to_numpy(layers.Entmax()(x))
    theirs = ops.convert_to_numpy(activations.entmax15(x))
    np.testing.assert_allclose(found, theirs, 1e-3, 2e-6)
    np.testing.assert_allclose(found.sum(-1), 1, 1e-5)


def test_between_softmax_and_sparsemax():
    x = draw(5, 7, scale=1.0)
    sparse = ops.convert_to_numpy(layers.Entmax(1.99999)(x))
    # Not Keras's sparsemax, whose rows need not sum to 1 (3.15).
    theirs = entmax.sparsemax(torch.tensor(x), dim=-1).numpy()
    np.testing.assert_allclose(sparse, theirs, atol=1e-4)
    dense = ops.convert_to_numpy(layers.Entmax(1.0501)(x))
    theirs = ops.convert_to_numpy(keras.activations.softmax(x))
    np.testing.assert_allclose(dense, theirs, atol=0.04)
    zeros = [
        int(np.sum(ops.convert_to_numpy(layers.Entmax(alpha)(2 * x)) == 0))
        for alpha in ALPHAS
    ]
    assert zeros == sorted(zeros) and zeros[0] < zeros[-1]


@pytest.mark.parametrize(
    "policy", ["float32", "mixed_float16", "mixed_bfloat16"]
)
@pytest.mark.parametrize("masked", [-1e9, -np.inf])
def test_masked_scores_have_no_part_in_values_nor_gradients(policy, masked):
    x = np.array([[0.0, masked, 0.5, masked], [masked] * 3 + [2.0]], "float32")
    layer = layers.Entmax(1.3, dtype=policy)

    def total(x, a):
        y, _ = layer.stateless_call([a], [], ops.cast(x, layer.compute_dtype))
        up = np.arange(8, dtype="float32").reshape(2, 4)
        return ops.sum(ops.multiply(ops.cast(y, "float32"), up))

    given = ops.cast(ops.convert_to_tensor(x), layer.compute_dtype)
    y = ops.convert_to_numpy(ops.cast(layer(given), "float32"))
    alone = oracle([0.0, 0.5], 1.3)
    np.testing.assert_allclose(y[0, [0, 2]], alone, 1e-2)
    assert y[0, [1, 3]].tolist() == [0, 0] and y[1].tolist() == [0, 0, 0, 1]
    for slope in gradient(total, [x, layer.get_weights()[0]]):
        assert np.isfinite(slope).all() and slope.any()


@pytest.mark.parametrize("value", [0.0, -1e4, 1e30])
@pytest.mark.parametrize("alpha", [1.06, 1.5, 1.95])
def test_equal_scores_share_evenly(alpha, value):
    layer = layers.Entmax(alpha)
    x = np.full((2, 40), value, "float32")
    found = ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(found, np.full((2, 40), 1 / 40), 1e-4)

    def total(x, a):
        y, _ = layer.stateless_call([a], [], x)
        return ops.sum(ops.square(y))

    for slope in gradient(total, [x, layer.get_weights()[0]]):
        np.testing.assert_allclose(slope, 0, atol=1e-4)


def test_alpha_learns():
    keras.utils.set_random_seed(0)
    layer = layers.Entmax(1.2)
    model = keras.Sequential([keras.Input((6,)), layer])
    x = draw(64, 6)
    y = np.array([oracle(row, 1.8) for row in x], "float32")
    model.compile(keras.optimizers.Adam(0.1), "mse")
    model.fit(x, y, epochs=60, batch_size=64, verbose=0)
    a = float(ops.convert_to_numpy(layer.coefficient))
    assert abs(1.05 + 0.95 / (1 + math.exp(-a)) - 1.8) < 0.05


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"alpha_initializer": 1.0}, "alpha_initializer"),
        ({"alpha_initializer": 1.05}, "alpha_initializer"),
        ({"alpha_initializer": 2.0}, "alpha_initializer"),
        ({"alpha_initializer": "sparse"}, "alpha_initializer"),
        ({"axis": 1.5}, "axis"),
        ({"axis": None}, "axis"),
    ],
)
def test_nonsense_is_refused(arguments, name):
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        layers.Entmax(**arguments)


def test_an_axis_out_of_range_is_refused():
    with pytest.raises(ValueError, match="argument `axis`.*rank 2"):
        layers.Entmax(axis=2)(np.ones((2, 3)))
