"""Filter response normalization against its formula and its partner."""

import keras
import numpy as np
import pytest
import torch
from keras import ops

from keras_funcs import layers
from keras_funcs._core.backend import gradient
from tests.layers.oracle import values

X = np.random.default_rng(0).normal(1.0, 3.0, (3, 4, 5, 6)).astype("float32")


def made(**arguments):
    layer = layers.FilterResponseNormalization(**arguments)
    layer.build(X.shape)
    gamma = np.linspace(-1, 2, 6).astype("float32")
    beta = np.linspace(0.5, -0.5, 6).astype("float32")
    layer.set_weights([gamma, beta, *layer.get_weights()[2:]])
    return layer, gamma, beta


@pytest.mark.parametrize("epsilon", [1e-6, 0.5])
@pytest.mark.parametrize("learned", [False, True])
def test_value(epsilon, learned):
    layer, gamma, beta = made(epsilon=epsilon, learned_epsilon=learned)
    extra = 1e-4 if learned else 0.0
    if learned:  # its sign does not count
        layer.extra.assign(-1e-4)
    y = values(layer, X)
    for n in range(3):
        for c in range(6):
            x = X[n, :, :, c].astype("float64")
            root = np.sqrt((x**2).mean() + epsilon + extra)
            wanted = gamma[c] * x / root + beta[c]
            np.testing.assert_allclose(y[n, :, :, c], wanted, 1e-5, 1e-5)


def test_gradient():
    layer, gamma, beta = made()
    upstream = np.random.default_rng(1).normal(size=X.shape).astype("float32")

    def total(x):
        return ops.sum(layer(x) * ops.convert_to_tensor(upstream))

    (found,) = gradient(total, [X])
    x = torch.tensor(X, dtype=torch.float64, requires_grad=True)
    root = torch.rsqrt((x**2).mean((1, 2), keepdim=True) + 1e-6)
    y = x * root * torch.tensor(gamma) + torch.tensor(beta)
    (y * torch.tensor(upstream)).sum().backward()
    np.testing.assert_allclose(found, x.grad.numpy(), 1e-4, 1e-5)


def test_samples_do_not_depend_on_each_other():
    layer, _, _ = made()
    alone = [values(layer, X[n : n + 1])[0] for n in range(3)]
    np.testing.assert_allclose(values(layer, X), alone, 1e-6, 1e-6)
    training = ops.convert_to_numpy(layer(X))
    np.testing.assert_array_equal(training, values(layer, X))


def test_channels_may_come_first_and_maps_may_be_sequences():
    last, _, _ = made()
    first = layers.FilterResponseNormalization(axis=1)
    moved = np.moveaxis(X, -1, 1)
    first.build(moved.shape)
    first.set_weights(last.get_weights())
    found = np.moveaxis(values(first, moved), 1, -1)
    np.testing.assert_allclose(found, values(last, X), 1e-5, 1e-6)
    flat = values(last, X.reshape(3, 20, 6)).reshape(X.shape)
    np.testing.assert_allclose(flat, values(last, X), 1e-5, 1e-6)


def test_it_trains_with_its_activation():
    model = keras.Sequential(
        [
            keras.Input((None, None, 2)),
            keras.layers.Conv2D(4, 3),
            layers.FilterResponseNormalization(learned_epsilon=True),
            layers.TLU(),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.SGD(0.05), "mse")
    x = np.random.default_rng(0).normal(size=(16, 6, 6, 2)).astype("float32")
    y = x.mean((1, 2))[:, :1]
    losses = model.fit(x, y, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_half_precision_keeps_its_squares():
    layer = layers.FilterResponseNormalization(dtype="mixed_float16")
    y = values(layer, np.full((1, 4, 4, 2), 6e4))
    np.testing.assert_allclose(y.astype("float32"), 1.0, 1e-3)


@pytest.mark.parametrize(
    "arguments",
    [
        {"axis": 0},
        {"axis": [1, 2]},
        {"epsilon": 0.0},
        {"epsilon": -1e-6},
        {"learned_epsilon": 1},
        {"beta_initializer": None},
        {"gamma_regularizer": 0.1},
    ],
)
def test_bad_arguments_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        layers.FilterResponseNormalization(**arguments)


@pytest.mark.parametrize("shape", [(None, 6), (None, 4, None)])
def test_shapes_that_it_cannot_normalize_are_refused(shape):
    with pytest.raises(ValueError, match="takes maps|of known size"):
        layers.FilterResponseNormalization().build(shape)


def test_what_is_masked_does_not_count():
    rows = X[:, 0] * np.array([[[1.0], [2.0], [3.0], [0.0], [0.0]]])
    rows = rows.astype("float32")
    model = keras.Sequential([keras.Input((5, 6)), keras.layers.Masking()])
    model.add(layers.FilterResponseNormalization())
    found, wanted = values(model, rows), values(model, rows[:, :3])
    np.testing.assert_allclose(found[:, :3], wanted, 1e-5, 1e-6)
