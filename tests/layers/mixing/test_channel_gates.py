"""Squeeze-excite, response normalization, layer scale and FiLM."""

import keras
import monai.networks.blocks
import numpy as np
import pytest
import torch
from keras import ops

from keras_funcs import layers


def values(tensor):
    return ops.convert_to_numpy(tensor)


def inputs(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def randomized(layer, shape, seed=5):
    """The layer with weights that are not those it starts with."""
    layer.build(shape)
    draw = np.random.default_rng(seed)
    layer.set_weights([draw.normal(size=w.shape) for w in layer.get_weights()])
    return layer


@pytest.mark.parametrize("shape", [(2, 7, 6), (2, 4, 5, 6), (2, 3, 4, 2, 6)])
def test_squeeze_excite_is_two_dense_layers_on_the_mean(shape):
    layer = randomized(layers.SqueezeExcite(0.5), shape)
    x = inputs(*shape)
    w1, b1, w2, b2 = [w.astype("float64") for w in layer.get_weights()]
    assert w1.shape == (6, 3)
    mean = x.astype("float64").reshape(2, -1, 6).mean(1)
    gate = 1 / (1 + np.exp(-(np.maximum(mean @ w1 + b1, 0) @ w2 + b2)))
    wanted = x * gate.reshape((2,) + (1,) * (len(shape) - 2) + (6,))
    np.testing.assert_allclose(values(layer(x)), wanted, 1e-4, 1e-5)


def test_squeeze_excite_as_in_monai():
    x = inputs(2, 8, 5, 4)
    layer = layers.SqueezeExcite(0.5, data_format="channels_first")
    w1, b1, w2, b2 = randomized(layer, x.shape).get_weights()
    theirs = monai.networks.blocks.ChannelSELayer(2, 8, r=2)
    with torch.no_grad():
        for ours, weight in zip((w1.T, b1, w2.T, b2), theirs.parameters()):
            weight.copy_(torch.tensor(np.array(ours)))
        wanted = theirs(torch.tensor(x)).numpy()
    np.testing.assert_allclose(values(layer(x)), wanted, 1e-4, 1e-5)


def test_squeeze_excite_has_one_hidden_unit_at_least():
    layer = layers.SqueezeExcite()
    layer.build((None, 4, 4, 3))
    assert layer.squeeze.units == 1
    layer = layers.SqueezeExcite(0.25, gate="hard_sigmoid", activation="gelu")
    assert layer(inputs(1, 2, 2, 8)).shape == (1, 2, 2, 8)


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e15])
def test_response_normalization_is_the_formula(scale):
    shape = (2, 4, 5, 6)
    layer = randomized(layers.GlobalResponseNormalization(), shape)
    x = scale * inputs(*shape)
    gamma, beta = layer.get_weights()
    wide = x.astype("float64")
    size = np.sqrt((wide**2).sum((1, 2), keepdims=True))
    n = size / (size.mean(-1, keepdims=True) + 1e-6)
    wanted = gamma * wide * n + beta + wide
    np.testing.assert_allclose(values(layer(x)), wanted, 1e-4, 1e-5)


def test_response_normalization_starts_as_the_identity():
    x = inputs(2, 5, 4, 3)
    layer = layers.GlobalResponseNormalization()
    np.testing.assert_array_equal(values(layer(x)), x)
    layer.set_weights([np.ones(3), np.arange(3.0)])
    zeros = values(layer(np.zeros_like(x)))
    np.testing.assert_allclose(zeros, np.zeros_like(x) + np.arange(3))


@pytest.mark.parametrize(
    "make",
    [
        lambda f: layers.SqueezeExcite(0.5, data_format=f),
        lambda f: layers.GlobalResponseNormalization(data_format=f),
    ],
)
def test_channels_may_come_first(make):
    x = inputs(2, 4, 5, 6)
    last = randomized(make("channels_last"), x.shape)
    first = make("channels_first")
    turned = np.moveaxis(x, -1, 1)
    first.build(turned.shape)
    first.set_weights(last.get_weights())
    found = np.moveaxis(values(first(turned)), 1, -1)
    np.testing.assert_allclose(found, values(last(x)), 1e-5, 1e-6)


@pytest.mark.parametrize("axis", [-1, 1, 2])
def test_layer_scale_scales_channels(axis):
    x = inputs(2, 3, 4, 5)
    layer = layers.LayerScale(1e-5, axis=axis)
    np.testing.assert_allclose(values(layer(x)), 1e-5 * x, 1e-5)
    gamma = np.arange(x.shape[axis], dtype="float32")
    layer.set_weights([gamma])
    shape = [1, 1, 1, 1]
    shape[axis] = -1
    np.testing.assert_allclose(values(layer(x)), x * gamma.reshape(shape))


def test_small_scales_survive_half_precision():
    layer = layers.LayerScale(1e-6, dtype="mixed_float16")
    y = layer(np.full((1, 4), 1000.0, "float16"))
    np.testing.assert_allclose(values(y), 1e-3, 1e-3)
    assert layer.gamma.dtype == "float32"


def test_film_scales_and_shifts_by_the_condition():
    x, condition = inputs(2, 4, 5, 6), inputs(2, 3, seed=1)
    layer = layers.FiLM()
    np.testing.assert_array_equal(values(layer([x, condition])), x)
    w, b = inputs(3, 12, seed=2), inputs(12, seed=3)
    layer.dense.set_weights([w, b])
    both = condition @ w + b
    gamma, beta = both[:, None, None, :6], both[:, None, None, 6:]
    wanted = (1 + gamma) * x + beta
    found = values(layer([x, condition]))
    np.testing.assert_allclose(found, wanted, 1e-4, 1e-5)
    first = layers.FiLM(data_format="channels_first")
    turned = np.moveaxis(x, -1, 1)
    first.build([turned.shape, condition.shape])
    first.dense.set_weights([w, b])
    found = np.moveaxis(values(first([turned, condition])), 1, -1)
    np.testing.assert_allclose(found, wanted, 1e-4, 1e-5)


def test_film_on_plain_vectors_and_its_mask():
    x, condition = inputs(2, 6), inputs(2, 3)
    assert layers.FiLM()([x, condition]).shape == (2, 6)
    mask = np.array([[True, False]] * 2)
    layer = layers.FiLM()
    assert layer.compute_mask([x, condition], [mask, None]) is mask
    assert layer.compute_mask([x, condition], None) is None


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: layers.SqueezeExcite(), (None, None, 3)),
        (lambda: layers.GlobalResponseNormalization(), (None, None, 3)),
        (lambda: layers.LayerScale(), (None, None, 3)),
    ],
)
def test_they_train_with_unknown_sizes(make, shape):
    symbol = keras.Input(shape)
    layer = make()
    y = keras.layers.GlobalAveragePooling2D()(layer(symbol))
    model = keras.Model(symbol, keras.layers.Dense(1)(y))
    model.compile("sgd", "mse")
    x = inputs(8, 5, 6, 3)
    before = layer.get_weights()
    model.fit(x, x[:, 0, 0, 0], verbose=0)
    changed = [
        (new != old).any() for new, old in zip(layer.get_weights(), before)
    ]
    assert any(changed)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (layers.SqueezeExcite, {"ratio": 0.0}),
        (layers.SqueezeExcite, {"ratio": 1.5}),
        (layers.SqueezeExcite, {"activation": "nothing"}),
        (layers.SqueezeExcite, {"gate": 3}),
        (layers.SqueezeExcite, {"data_format": "last"}),
        (layers.GlobalResponseNormalization, {"epsilon": 0.0}),
        (layers.LayerScale, {"axis": 0}),
        (layers.LayerScale, {"gamma_initializer": None}),
        (layers.FiLM, {"kernel_initializer": "nothing"}),
    ],
)
def test_bad_arguments_are_refused(kind, arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        kind(**arguments)


def test_bad_inputs_are_refused():
    for kind in (layers.SqueezeExcite, layers.GlobalResponseNormalization):
        with pytest.raises(ValueError, match="rank 3 or more"):
            kind().build((None, 4))
        with pytest.raises(ValueError, match="number of channels"):
            kind().build((None, 4, None))
    with pytest.raises(ValueError, match="argument `axis`"):
        layers.LayerScale(axis=3).build((None, 4))
    with pytest.raises(ValueError, match="number of channels"):
        layers.LayerScale().build((None, None))
    with pytest.raises(ValueError, match="Expected 2 inputs"):
        layers.FiLM()(np.ones((2, 3)))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    "kind", [layers.SqueezeExcite, layers.GlobalResponseNormalization]
)
def test_padding_has_no_part_in_what_channels_weigh(kind, data_format):
    layer = kind(data_format=data_format)
    turn = (0, 1, 2) if data_format == "channels_last" else (0, 2, 1)
    x = inputs(2, 5, 3)
    short = x[:, :2].transpose(turn)
    layer.build(short.shape)
    layer.set_weights([inputs(*w.shape) for w in layer.weights])
    mask = ops.convert_to_tensor(np.array([[True, True] + 3 * [False]] * 2))
    x[:, 2:] = 9.0
    found = values(layer(x.transpose(turn), mask=mask)).transpose(turn)
    wanted = values(layer(short)).transpose(turn)
    np.testing.assert_allclose(found[:, :2], wanted, 1e-4, 1e-5)
    none = layer(x.transpose(turn), mask=ops.zeros_like(mask))
    assert np.isfinite(values(none)).all()
