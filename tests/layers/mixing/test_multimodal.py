"""GatedMultimodalUnit: gates by all sources, and sources that are missing."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import layers


def values(tensor):
    return ops.convert_to_numpy(tensor)


def inputs(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_two_sources_share_one_gate():
    a, b = inputs(5, 3), inputs(5, 4, seed=1)
    layer = layers.GatedMultimodalUnit(2)
    y = values(layer([a, b]))
    wa, wb, wz = [w.astype("float64") for w in layer.get_weights()]
    assert wz.shape == (7, 2)
    z = sigmoid(np.concatenate([a, b], -1) @ wz)
    wanted = z * np.tanh(a @ wa) + (1 - z) * np.tanh(b @ wb)
    np.testing.assert_allclose(y, wanted, 1e-4, 1e-5)


def test_three_sources_have_gates_of_their_own():
    sources = [inputs(5, n, seed=n) for n in (3, 4, 2)]
    layer = layers.GatedMultimodalUnit(2)
    y = values(layer(sources))
    weights = layer.get_weights()
    joined = np.concatenate(sources, -1)
    wanted = sum(
        sigmoid(joined @ gate) * np.tanh(x @ kernel)
        for x, kernel, gate in zip(sources, weights[:3], weights[3:])
    )
    np.testing.assert_allclose(y, wanted, 1e-4, 1e-5)


def test_a_missing_source_is_not_read_and_the_other_counts_in_full():
    a, b = inputs(4, 3), inputs(4, 2, seed=1)
    there = np.array([[1, 1], [1, 0], [0, 1], [0, 0]], "float32")
    a[there[:, 0] == 0] = np.nan
    b[there[:, 1] == 0] = np.inf
    layer = layers.GatedMultimodalUnit(2, presence=True)
    y = values(layer([a, b, there]))
    wa, wb, wz = layer.get_weights()
    z = sigmoid(np.concatenate([a, b], -1)[0] @ wz)
    first = z * np.tanh(a[0] @ wa) + (1 - z) * np.tanh(b[0] @ wb)
    wanted = [first, np.tanh(a[1] @ wa), np.tanh(b[2] @ wb), [0.0, 0.0]]
    np.testing.assert_allclose(y, wanted, 1e-4, 1e-5)


def test_a_missing_one_of_three_adds_nothing():
    sources = [inputs(2, 3, seed=n) for n in range(3)]
    layer = layers.GatedMultimodalUnit(2, presence=True)
    there = np.array([[1, 1, 0], [1, 1, 1]], "float32")
    y = values(layer([*sources, there]))
    weights = layer.get_weights()
    known = [x * there[:, i : i + 1] for i, x in enumerate(sources)]
    joined = np.concatenate(known, -1)
    wanted = sum(
        sigmoid(joined @ gate) * np.tanh(x @ kernel)
        for x, kernel, gate in zip(known, weights[:3], weights[3:])
    )
    np.testing.assert_allclose(y, wanted, 1e-4, 1e-5)


def test_it_trains_inside_fit():
    first, second = keras.Input((3,)), keras.Input((4,))
    there = keras.Input((2,))
    layer = layers.GatedMultimodalUnit(5, presence=True)
    y = layer([first, second, there])
    assert y.shape == (None, 5)
    model = keras.Model([first, second, there], keras.layers.Dense(1)(y))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    a, b = inputs(9, 3), inputs(9, 4, seed=1)
    b[::3] = np.nan
    known = np.ones((9, 2), "float32")
    known[::3, 1] = 0.0
    history = model.fit([a, b, known], a[:, :1], epochs=5, verbose=0)
    losses = history.history["loss"]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    "arguments", [{"units": 0}, {"units": 2.5}, {"presence": 1}]
)
def test_bad_arguments_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        layers.GatedMultimodalUnit(**{"units": 3, **arguments})


def test_bad_inputs_are_refused():
    unit = layers.GatedMultimodalUnit
    with pytest.raises(ValueError, match="called on a list"):
        unit(2)(np.ones((2, 3)))
    with pytest.raises(ValueError, match="two sources or more"):
        unit(2).build([(None, 3)])
    with pytest.raises(ValueError, match="two sources or more"):
        unit(2, presence=True).build([(None, 3), (None, 4), (None, 3)])
    with pytest.raises(ValueError, match="number of channels"):
        unit(2).build([(None, 3), (None, None)])
