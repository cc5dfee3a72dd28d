"""Activations of whole maps against loops over channels and pixels."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import layers
from tests.layers.oracle import values

X = np.random.default_rng(0).normal(size=(3, 4, 5, 6)).astype("float32")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def randomize(layer, scale=1.0):
    """Weights that no initializer gives; variances stay positive."""
    draw = np.random.default_rng(7)
    drawn = []
    for variable in layer.weights:
        weight = draw.normal(size=tuple(variable.shape)) * scale
        positive = "variance" in variable.name
        drawn.append(np.abs(weight) + 0.1 if positive else weight)
    layer.set_weights(drawn)


@pytest.mark.parametrize("normalize", [True, False])
def test_meta_acon(normalize):
    layer = layers.MetaAcon(reduction=2, normalize=normalize)
    layer.build(X.shape)
    randomize(layer)
    steps = [step.get_weights() for step in layer.steps]
    p1, p2 = (ops.convert_to_numpy(p) for p in (layer.p1, layer.p2))
    y = values(layer, X)
    for sample, x in zip(y, X.astype("float64")):
        v = x.mean((0, 1))
        for weights in steps:
            if len(weights) == 4:
                gamma, beta, mean, variance = weights
                v = gamma * (v - mean) / np.sqrt(variance + 1e-3) + beta
            else:
                v = v @ weights[0] + (0 if normalize else weights[1])
        assert len(v) == 6
        for c in range(6):
            u = (p1[c] - p2[c]) * x[..., c]
            wanted = u * sigmoid(sigmoid(v[c]) * u) + p2[c] * x[..., c]
            np.testing.assert_allclose(sample[..., c], wanted, 1e-4, 1e-5)


@pytest.mark.parametrize("channels, units", [(6, 16), (64, 16), (512, 32)])
def test_the_network_of_meta_acon_has_the_published_width(channels, units):
    layer = layers.MetaAcon()
    layer.build((None, None, None, channels))
    assert layer.steps[0].units == units
    assert layer.steps[2].units == channels
    assert {"act_p1", "act_p2"} <= {w.name for w in layer.weights}


def test_meta_acon_normalizes_by_the_batch_in_training():
    layer = layers.MetaAcon(reduction=2)
    before = values(layer, X)
    ops.convert_to_numpy(layer(X, training=True))
    assert np.abs(values(layer, X) - before).max() > 1e-5
    plain = layers.MetaAcon(normalize=False)
    first = values(plain, X)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(plain(X, training=True)), first
    )


@pytest.mark.parametrize("shared", [False, True])
def test_dynamic_relu(shared):
    layer = layers.DynamicReLU(reduction=2, shared=shared)
    layer.build(X.shape)
    randomize(layer)
    k1, c1 = layer.fc1.get_weights()
    k2, c2 = layer.fc2.get_weights()
    assert k1.shape == (6, 3) and k2.shape == (3, 4 if shared else 24)
    y = values(layer, X)
    for sample, x in zip(y, X.astype("float64")):
        hidden = np.maximum(x.mean((0, 1)) @ k1 + c1, 0)
        t = 2 * sigmoid(hidden @ k2 + c2) - 1
        t = t.reshape(4, -1) * np.ones((4, 6))
        for h, w, c in np.ndindex(*x.shape):
            v = x[h, w, c]
            first = (1 + t[0, c]) * v + 0.5 * t[2, c]
            second = t[1, c] * v + 0.5 * t[3, c]
            wanted = max(first, second)
            np.testing.assert_allclose(sample[h, w, c], wanted, 1e-4, 1e-5)


def test_dynamic_relu_starts_as_relu_and_learns():
    layer = layers.DynamicReLU()
    np.testing.assert_allclose(values(layer, X), np.maximum(X, 0), atol=1e-7)
    model = keras.Sequential([keras.Input((4, 5, 6)), layer])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = layer.fc2.get_weights()[0].copy()
    model.train_on_batch(X, np.abs(X))
    assert (layer.fc2.get_weights()[0] != before).any()


@pytest.mark.parametrize("size", [1, 3, 4])
def test_frelu(size):
    layer = layers.FReLU(size)
    layer.build(X.shape)
    randomize(layer)
    kernel = layer.convolution.get_weights()[0][..., 0]
    gamma, beta, mean, variance = layer.norm.get_weights()
    before = (size - 1) // 2
    rest = size - 1 - before
    padded = np.pad(X, [(0, 0), (before, rest), (before, rest), (0, 0)])
    y = values(layer, X)
    for n, h, w, c in np.ndindex(*X.shape):
        window = padded[n, h : h + size, w : w + size, c]
        v = (window * kernel[..., c]).sum()
        v = gamma[c] * (v - mean[c]) / np.sqrt(variance[c] + 1e-3) + beta[c]
        wanted = max(X[n, h, w, c], v)
        np.testing.assert_allclose(y[n, h, w, c], wanted, 1e-3, 1e-4)


def test_frelu_starts_near_relu():
    y = values(layers.FReLU(), X)
    np.testing.assert_allclose(y, np.maximum(X, 0), atol=0.15)


@pytest.mark.parametrize("kind", [layers.MetaAcon, layers.DynamicReLU])
def test_channels_may_come_first_and_maps_may_be_sequences(kind):
    last = kind()
    last.build(X.shape)
    randomize(last, 0.5)
    first = kind(axis=1)
    moved = np.moveaxis(X, -1, 1)
    first.build(moved.shape)
    first.set_weights(last.get_weights())
    found = np.moveaxis(values(first, moved), 1, -1)
    np.testing.assert_allclose(found, values(last, X), 1e-5, 1e-6)
    rows = X.reshape(3, 20, 6)
    flat = values(last, rows).reshape(X.shape)
    np.testing.assert_allclose(flat, values(last, X), 1e-5, 1e-6)


@pytest.mark.parametrize(
    "kind, arguments",
    [
        (layers.MetaAcon, {"reduction": 0}),
        (layers.MetaAcon, {"axis": 0}),
        (layers.MetaAcon, {"normalize": 1}),
        (layers.MetaAcon, {"p1_initializer": None}),
        (layers.DynamicReLU, {"reduction": 0}),
        (layers.DynamicReLU, {"shared": "yes"}),
        (layers.DynamicReLU, {"axis": 1.0}),
        (layers.FReLU, {"kernel_size": 0}),
        (layers.FReLU, {"data_format": "first"}),
    ],
)
def test_bad_arguments_are_refused(kind, arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        kind(**arguments)


@pytest.mark.parametrize("kind", [layers.MetaAcon, layers.DynamicReLU])
@pytest.mark.parametrize("shape", [(None, 4, None), (None,)])
def test_unknown_channels_are_refused(kind, shape):
    with pytest.raises(ValueError, match="channels of known size"):
        kind().build(shape)


@pytest.mark.parametrize("kind", [layers.MetaAcon, layers.DynamicReLU])
@pytest.mark.parametrize("rank", [3, 4])
def test_what_is_masked_does_not_count(kind, rank):
    x = X[:, 0] if rank == 3 else X
    layer = kind(reduction=2)
    layer.build(x.shape)
    randomize(layer)
    kept = x.shape[1] - 2
    mask = np.arange(x.shape[1])[None] < np.full((3, 1), kept)
    found = ops.convert_to_numpy(layer(x, mask=ops.convert_to_tensor(mask)))
    wanted = values(layer, x[:, :kept])
    np.testing.assert_allclose(found[:, :kept], wanted, 1e-5, 1e-6)


def test_frelu_is_saved_with_the_data_format_that_it_had():
    config = layers.FReLU().get_config()
    assert config["data_format"] == keras.config.image_data_format()
