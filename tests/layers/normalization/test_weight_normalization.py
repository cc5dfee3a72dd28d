"""WeightNormalization: length and direction, and a kernel left alone."""

import keras
import numpy as np
import pytest
import torch
from keras import ops

from keras_funcs import layers
from keras_funcs._core.backend import gradient

LAYERS = {
    "dense": (lambda: keras.layers.Dense(3, "tanh"), (4, 5), (0,)),
    "conv1d": (lambda: keras.layers.Conv1D(3, 2), (2, 6, 4), (0, 1)),
    "conv2d": (
        lambda: keras.layers.Conv2D(3, (2, 3), use_bias=False),
        (2, 5, 6, 4),
        (0, 1, 2),
    ),
    "conv3d": (
        lambda: keras.layers.Conv3D(3, 2),
        (1, 3, 4, 3, 2),
        (0, 1, 2, 3),
    ),
    "depthwise": (
        lambda: keras.layers.DepthwiseConv2D(2, depth_multiplier=2),
        (2, 4, 5, 3),
        (0, 1),
    ),
    "transposed": (
        lambda: keras.layers.Conv2DTranspose(3, 2),
        (2, 4, 5, 2),
        (0, 1, 3),
    ),
}


def values(tensor):
    return ops.convert_to_numpy(tensor)


def inputs(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("kind", list(LAYERS))
def test_outputs_are_those_of_the_normalized_kernel(kind):
    make, shape, axes = LAYERS[kind]
    x, plain = inputs(shape), make()
    layer = layers.WeightNormalization(make())
    layer.build(shape)
    g, v, *bias = layer.get_weights()
    plain.build(shape)
    plain.set_weights([v, *bias])
    # It starts as the layer would without it.
    np.testing.assert_allclose(values(layer(x)), values(plain(x)), 1e-4, 1e-5)
    length = np.sqrt((v.astype("float64") ** 2).sum(axes, keepdims=True))
    np.testing.assert_allclose(g, length.ravel(), 1e-5)
    g = np.linspace(0.5, 2.0, g.size).astype("float32")
    layer.set_weights([g, 3.0 * v, *bias])
    plain.set_weights([v / length * g.reshape(length.shape), *bias])
    np.testing.assert_allclose(values(layer(x)), values(plain(x)), 1e-4, 1e-5)
    assert layer.compute_output_shape(shape) == tuple(plain(x).shape)


@pytest.mark.parametrize("kind", list(LAYERS))
def test_no_call_rewrites_a_weight(kind):
    make, shape, _ = LAYERS[kind]
    symbol = keras.Input(shape[1:])
    layer = layers.WeightNormalization(make())
    model = keras.Model(symbol, layer(symbol))
    model.compile("sgd", "mse", jit_compile=False)
    before = layer.get_weights()
    x = inputs(shape)
    model.predict(x, verbose=0)
    model(x, training=True)
    model.evaluate(x, values(model(x)), verbose=0)
    for found, expected in zip(layer.get_weights(), before):
        np.testing.assert_array_equal(found, expected)


def test_gradients_are_torchs():
    x = inputs((6, 4))
    layer = layers.WeightNormalization(keras.layers.Dense(3))
    layer.build(x.shape)
    g, v = inputs((3,), 1), inputs((4, 3), 2)
    bias = inputs((3,), 3)
    layer.set_weights([g, v, bias])
    order = [w.name for w in layer.trainable_variables]
    assert order == ["g", "kernel", "bias"]

    def total(g, v, bias):
        y, _ = layer.stateless_call([g, v, bias], [], ops.convert_to_tensor(x))
        return ops.sum(ops.square(y))

    found = gradient(total, [g, v, bias])
    theirs = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(4, 3))
    weight = theirs.parametrizations.weight
    with torch.no_grad():
        weight.original0.copy_(torch.tensor(g[:, None]))
        weight.original1.copy_(torch.tensor(v.T))
        theirs.bias.copy_(torch.tensor(bias))
    y = theirs(torch.tensor(x))
    np.testing.assert_allclose(values(layer(x)), y.detach().numpy(), 1e-5, 1e-5)
    (y**2).sum().backward()
    expected = [
        weight.original0.grad[:, 0], weight.original1.grad.T, theirs.bias.grad
    ]  # fmt: skip
    for ours, other in zip(found, expected):
        np.testing.assert_allclose(ours, other.numpy(), 1e-4, 1e-4)


@pytest.mark.parametrize("kind", ["dense", "conv1d", "transposed"])
def test_a_model_trains_and_reloads(kind, tmp_path):
    make, shape, _ = LAYERS[kind]
    symbol = keras.Input(shape[1:])
    layer = layers.WeightNormalization(make())
    model = keras.Model(symbol, layer(symbol))
    model.compile(keras.optimizers.SGD(0.05), "mse")
    x = inputs(shape)
    y = 0.5 * values(model(x)) + 0.1
    before = layer.get_weights()
    history = model.fit(x, y, epochs=4, verbose=0).history["loss"]
    assert history[-1] < history[0]
    for found, old in zip(layer.get_weights(), before):
        assert (found != old).any()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(values(loaded(x)), values(model(x)))


def test_a_frozen_layer_stays():
    x = inputs((4, 5))
    layer = layers.WeightNormalization(keras.layers.Dense(3))
    y = values(layer(x))
    layer.layer.trainable = False
    assert [w.name for w in layer.trainable_variables] == ["g"]
    np.testing.assert_array_equal(values(layer(x)), y)


@pytest.mark.parametrize("kind", ["dense", "conv2d", "depthwise"])
def test_the_start_from_data_centers_and_scales(kind):
    make, shape, _ = LAYERS[kind]
    x = 3.0 * inputs((50, *shape[1:])) + 1.0
    layer = layers.WeightNormalization(make())
    layer.initialize(x)
    layer.layer.activation = None
    y = values(layer(x))
    axes = tuple(range(y.ndim - 1))
    np.testing.assert_allclose(y.std(axes), 1.0, 1e-3)
    if layer.layer.use_bias:
        np.testing.assert_allclose(y.mean(axes), 0.0, atol=1e-3)


def test_a_direction_of_length_0_gives_0():
    layer = layers.WeightNormalization(keras.layers.Dense(2))
    layer.build((None, 3))
    layer.set_weights([np.ones(2), np.zeros((3, 2)), np.zeros(2)])
    np.testing.assert_array_equal(values(layer(np.ones((1, 3)))), 0.0)


def test_a_subclassed_model_builds_it_in_fit():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden = layers.WeightNormalization(keras.layers.Dense(3))

        def call(self, x):
            return self.hidden(x)

    model = Net()
    model.compile(keras.optimizers.SGD(0.0), "mse")
    x = inputs((8, 4))
    model.fit(x, x[:, :3], verbose=0)
    g, v, _ = model.get_weights()
    np.testing.assert_allclose(g, np.linalg.norm(v, axis=0), 1e-5)


@pytest.mark.parametrize(
    "layer", [None, "dense", 3, {"class_name": "NoSuchThing", "config": {}}]
)
def test_what_is_no_layer_is_refused(layer):
    with pytest.raises(ValueError, match="argument `layer`"):
        layers.WeightNormalization(layer)


def test_a_layer_without_activation_and_bias_starts_from_data():
    class Plain(keras.layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], 2), name="kernel")
            self.built = True

        def call(self, x):
            return x @ self.kernel

    layer = layers.WeightNormalization(Plain())
    x = inputs((64, 4))
    layer.initialize(x)
    np.testing.assert_allclose(values(layer(x)).std(0), 1.0, 1e-3)


def test_layers_it_cannot_normalize_are_refused():
    einsum = keras.layers.EinsumDense("abc,cde->abde", (None, 2, 3))
    with pytest.raises(ValueError, match="one axis of outputs"):
        layers.WeightNormalization(einsum).build((2, 4, 5))
    built = keras.layers.Dense(2)
    built.build((None, 3))
    with pytest.raises(ValueError, match="not built"):
        layers.WeightNormalization(built)
    with pytest.raises(ValueError, match="with a kernel"):
        layers.WeightNormalization(keras.layers.Embedding(3, 2)).build((2, 4))
    noisy = keras.layers.Dense(2, activity_regularizer="l2")
    with pytest.raises(ValueError, match="activity_regularizer=None"):
        layers.WeightNormalization(noisy).build((None, 3))
