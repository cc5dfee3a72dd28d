"""GatedDense against loops, the gated functions and layers of Keras."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import activations
from keras_funcs import layers
from keras_funcs._core.backend import gradient

ACTIVATIONS = {
    "silu": lambda g: g / (1 + math.exp(-g)),
    "gelu": lambda g: g * math.erfc(-g / math.sqrt(2)) / 2,
    "relu": lambda g: max(g, 0.0),
    "linear": lambda g: g,
    "squared_relu": lambda g: max(g, 0.0) ** 2,
}


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_it_is_the_definition(name):
    layer = layers.GatedDense(3, name, hidden=4)
    layer.build((None, 2))
    weights = [draw(*w.shape, seed=i) for i, w in enumerate(layer.weights)]
    layer.set_weights(weights)
    named = {w.name: v.astype(float) for w, v in zip(layer.weights, weights)}
    x = draw(5, 2, seed=9)
    y = ops.convert_to_numpy(layer(x))
    for row, found in zip(x, y):
        middle = []
        for h in range(4):
            sums = [
                sum(row[i] * named[f"{part}_kernel"][i, h] for i in range(2))
                + named[f"{part}_bias"][h]
                for part in ("gate", "value")
            ]
            middle.append(ACTIVATIONS[name](sums[0]) * sums[1])
        expected = [
            sum(middle[h] * named["output_kernel"][h, u] for h in range(4))
            + named["output_bias"][u]
            for u in range(3)
        ]
        np.testing.assert_allclose(found, expected, 1e-4, 1e-5)


@pytest.mark.parametrize(
    "name, function", [("silu", "swiglu"), ("gelu", "geglu"), ("relu", "reglu")]
)
def test_dense_gated_by_the_function_and_dense_is_the_same(name, function):
    layer = layers.GatedDense(3, name)
    x = draw(4, 5, 7)
    y = ops.convert_to_numpy(layer(x))
    wide = keras.layers.Dense(16)
    narrow = keras.layers.Dense(3)
    wide.build((None, 7))
    narrow.build((None, 8))
    g, gb, v, vb, o, ob = layer.get_weights()
    wide.set_weights([np.concatenate([g, v], 1), np.concatenate([gb, vb])])
    narrow.set_weights([o, ob])
    theirs = narrow(getattr(activations, function)(wide(x)))
    np.testing.assert_allclose(y, ops.convert_to_numpy(theirs), 1e-4, 1e-5)


@pytest.mark.parametrize(
    "units, hidden", [(1, 8), (3, 8), (4, 16), (96, 256), (768, 2048)]
)
def test_hidden_is_two_thirds_of_four_times_rounded_up_to_eights(units, hidden):
    layer = layers.GatedDense(units, use_bias=False)
    layer.build((None, 1))
    assert layer.gate_kernel.shape[-1] == hidden
    assert 0 <= hidden - units * 8 / 3 < 8
    assert layer.get_config()["hidden"] is None


def test_every_gradient():
    layer = layers.GatedDense(2, hidden=3)
    x = draw(4, 3)
    layer.build(x.shape)
    weights = [draw(*w.shape, seed=i) for i, w in enumerate(layer.weights)]

    def exact(x, g, gb, v, vb, o, ob):
        gate = x @ g + gb
        gate = gate / (1 + np.exp(-gate))
        return np.sum((gate * (x @ v + vb)) @ o + ob)

    def total(x, *weights):
        y, _ = layer.stateless_call(list(weights), [], x)
        return ops.sum(y)

    given = [x, *weights]
    found = gradient(total, given)
    double = [a.astype("float64") for a in given]
    for index, slope in enumerate(found):
        expected = np.zeros(slope.shape)
        for place in np.ndindex(slope.shape):
            around = []
            for h in (1e-5, -1e-5):
                moved = [a.copy() for a in double]
                moved[index][place] += h
                around.append(exact(*moved))
            expected[place] = (around[0] - around[1]) / 2e-5
        np.testing.assert_allclose(slope, expected, 1e-3, 1e-4)


def test_any_rank_and_unknown_sizes():
    layer = layers.GatedDense(3)
    x = keras.Input((None, None, 5))
    model = keras.Model(x, layer(x))
    assert model.output.shape == (None, None, None, 3)
    image = draw(2, 4, 6, 5)
    y = ops.convert_to_numpy(model(image))
    rows = ops.convert_to_numpy(layer(image.reshape(-1, 5)))
    np.testing.assert_allclose(y.reshape(-1, 3), rows, 1e-4, 1e-5)


def test_without_biases_and_with_penalties():
    layer = layers.GatedDense(
        3,
        use_bias=False,
        kernel_regularizer=keras.regularizers.L1(0.5),
        kernel_initializer="ones",
        kernel_constraint="non_neg",
    )
    layer(draw(2, 4))
    assert [w.name for w in layer.weights] == [
        "gate_kernel", "value_kernel", "output_kernel",
    ]  # fmt: skip
    assert all(w.constraint is not None for w in layer.weights)
    total = sum(float(ops.convert_to_numpy(v)) for v in layer.losses)
    assert total == 0.5 * (2 * 4 * 8 + 8 * 3)


@pytest.mark.parametrize("early", [True, False])
def test_a_trainable_activation_in_the_gate(early, tmp_path):
    swish = layers.Swish(2.0)
    if early:
        swish = layers.build_activation(swish, 8)
    x = keras.Input((4,))
    model = keras.Model(x, layers.GatedDense(2, swish)(x))
    assert model.count_params() == 2 * (4 * 8 + 8) + 8 * 2 + 2 + 8
    model.compile("adam", "mse")
    model.fit(draw(8, 4), draw(8, 2), verbose=0)
    slopes = ops.convert_to_numpy(swish.beta)
    assert np.all(slopes != 2.0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    rows = draw(3, 4, seed=5)
    np.testing.assert_allclose(
        ops.convert_to_numpy(loaded(rows)),
        ops.convert_to_numpy(model(rows)),
        1e-5,
        1e-6,
    )


@pytest.mark.parametrize(
    "activation",
    ["silu", "Snake", None, keras.activations.tanh, activations.telu],
)
def test_activations_survive_the_config(activation):
    if activation == "Snake":
        activation = layers.Snake(axis=None)
    layer = layers.GatedDense(2, activation)
    copy = layers.GatedDense.from_config(layer.get_config())
    x = draw(3, 4)
    layer(x), copy(x)
    copy.set_weights(layer.get_weights())
    same = ops.convert_to_numpy(copy(x)) == ops.convert_to_numpy(layer(x))
    assert same.all()


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"units": 0}, "units"),
        ({"units": 2.5}, "units"),
        ({"units": 10**12}, "units"),
        ({"hidden": 0}, "hidden"),
        ({"hidden": True}, "hidden"),
        ({"activation": "no such"}, "activation"),
        ({"activation": 3}, "activation"),
        ({"use_bias": 1}, "use_bias"),
        ({"kernel_initializer": "no such"}, "kernel_initializer"),
    ],
)
def test_nonsense_is_refused(arguments, name):
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        layers.GatedDense(**{"units": 3, **arguments})


@pytest.mark.parametrize("shape", [(None,), (2, None)])
def test_features_must_be_known(shape):
    with pytest.raises(ValueError, match="number of features"):
        layers.GatedDense(3).build(shape)
