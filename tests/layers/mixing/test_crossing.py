"""PolynomialCrossing and Maxout: products of features, and their largest."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import layers


def values(tensor):
    return ops.convert_to_numpy(tensor)


def inputs(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("rank", [None, 2])
@pytest.mark.parametrize("scale", [0.0, 0.5])
def test_crossing_is_the_formula(rank, scale):
    x0, x = inputs(4, 3), inputs(4, 3, seed=1)
    layer = layers.PolynomialCrossing(rank, scale)
    layer.build([x0.shape, x.shape])
    *kernels, bias = layer.get_weights()
    bias = inputs(3, seed=2)
    layer.set_weights([*kernels, bias])
    w = kernels[0] if rank is None else kernels[0] @ kernels[1]
    wanted = x0 * (x @ w + bias + scale * x) + x
    np.testing.assert_allclose(values(layer([x0, x])), wanted, 1e-4, 1e-5)


def test_a_stack_of_crossings_is_a_polynomial():
    x0 = np.array([[2.0], [3.0]], "float32")
    x = x0
    for _ in range(3):
        layer = layers.PolynomialCrossing(kernel_initializer="ones")
        x = layer([x0, x])
    np.testing.assert_allclose(values(x), x0 * (1 + x0) ** 3, 1e-5)


def test_crossing_without_bias_and_its_mask():
    layer = layers.PolynomialCrossing(use_bias=False)
    x = inputs(2, 4, 3)
    layer([x, x])
    assert len(layer.weights) == 1
    mask = np.ones((2, 4), bool)
    assert layer.compute_mask([x, x], [None, mask]) is mask


@pytest.mark.parametrize("axis", [-1, 1, 2])
def test_maxout_is_the_largest_of_each_group(axis):
    x = inputs(2, 6, 4, 6)
    y = values(layers.Maxout(2, axis=axis)(x))
    parts = np.split(x, 2, axis=axis)
    wanted = np.stack([part.max(axis=axis) for part in parts], axis=axis)
    np.testing.assert_array_equal(y, wanted)


def test_they_train_with_unknown_sizes():
    symbol = keras.Input((None, 4))
    y = layers.PolynomialCrossing()([symbol, symbol])
    y = layers.Maxout(2)(y)
    assert y.shape == (None, None, 2)
    y = keras.layers.GlobalAveragePooling1D()(y)
    model = keras.Model(symbol, keras.layers.Dense(1)(y))
    model.compile("sgd", "mse")
    x = inputs(9, 5, 4)
    history = model.fit(x, x[:, 0, 0], batch_size=4, epochs=3, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (layers.Maxout, {"units": 0}),
        (layers.Maxout, {"units": 2, "axis": 0}),
        (layers.PolynomialCrossing, {"projection_dim": 0}),
        (layers.PolynomialCrossing, {"diag_scale": -1.0}),
        (layers.PolynomialCrossing, {"use_bias": 1}),
    ],
)
def test_bad_arguments_are_refused(kind, arguments):
    name = list(arguments)[-1]
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        kind(**arguments)


def test_bad_inputs_are_refused():
    with pytest.raises(ValueError, match="a multiple of them"):
        layers.Maxout(4)(np.ones((2, 6)))
    with pytest.raises(ValueError, match="a multiple of them"):
        layers.Maxout(4).build((None, None))
    with pytest.raises(ValueError, match="as many in both"):
        layers.PolynomialCrossing().build([(None, 3), (None, 4)])
    with pytest.raises(ValueError, match="Expected 2 inputs"):
        layers.PolynomialCrossing()(np.ones((2, 3)))


def test_reordered_outputs_make_the_maxout_of_addons():
    x, units = inputs(3, 12), 4
    strided = x.reshape(3, -1, units).max(1)  # as Addons groups them
    x = x.reshape(3, -1, units).swapaxes(1, 2).reshape(3, -1)
    found = ops.convert_to_numpy(layers.Maxout(units)(x))
    np.testing.assert_array_equal(found, strided)
