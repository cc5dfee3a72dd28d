"""ConcreteDropout: the relaxed draw, the terms in the loss, the rate."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import layers
from keras_funcs._core.backend import gradient
from keras_funcs.layers.regularization.concrete_dropout import _data_format


def values(tensor):
    return ops.convert_to_numpy(tensor)


def identity(rate=0.1, shape=(None, 4), **arguments):
    """A wrapped layer that shows what dropout has left."""
    dense = keras.layers.Dense(
        shape[-1], use_bias=False, kernel_initializer="identity"
    )
    layer = layers.ConcreteDropout(dense, rate, **arguments)
    layer.build(shape)
    return layer


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.8])
@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_the_draw_has_the_relaxed_distribution(rate, temperature):
    layer = identity(rate, temperature=temperature, seed=1)
    keep = values(layer(np.ones((20_000, 4)), training=True)) * (1 - rate)
    assert keep.min() >= 0.0 and keep.max() <= 1.0 + 1e-6
    # keep < c exactly where logit(u) > -temperature * logit(c) - logit(rate)
    for c in (0.1, 0.5, 0.9):
        logit = np.log(c / (1 - c))
        z = -temperature * logit - np.log(rate / (1 - rate))
        expected = 1.0 / (1.0 + np.exp(z))
        error = 4 * (expected * (1 - expected) / keep.size) ** 0.5
        assert abs((keep < c).mean() - expected) < error


@pytest.mark.parametrize("shape", [(None, 5), (None, 7, 5)])
def test_the_losses_are_the_papers(shape):
    dense = keras.layers.Dense(3, kernel_regularizer="l2")
    layer = layers.ConcreteDropout(
        dense, 0.2, weight_factor=0.03, dropout_factor=0.7
    )
    x = np.ones([2 if n is None else n for n in shape], "float32")
    layer(x)
    kernel = values(dense.kernel).astype("float64")
    entropy = 0.2 * np.log(0.2) + 0.8 * np.log(0.8)
    expected = [
        0.03 * (kernel**2).sum() / 0.8,
        0.7 * 5 * entropy,
        0.01 * (kernel**2).sum(),
    ]
    np.testing.assert_allclose(
        sorted(float(values(v)) for v in layer.losses), sorted(expected), 1e-4
    )


def test_features_of_a_map_are_its_channels():
    for data_format, shape in (
        ("channels_last", (None, 6, 7, 4)),
        ("channels_first", (None, 4, 6, 7)),
    ):
        conv = keras.layers.Conv2D(2, 3, data_format=data_format)
        layer = layers.ConcreteDropout(
            conv, 0.5, weight_factor=0.0, dropout_factor=1.0
        )
        layer.build(shape)
        assert layer._features == 4


def test_the_gradient_of_the_losses_by_the_rate():
    layer = identity(0.2, weight_factor=0.3, dropout_factor=0.05)
    kernel = layer.layer.get_weights()[0]

    def total(logit):
        _, _, losses = layer.stateless_call(
            [logit, kernel],
            [values(v) for v in layer.non_trainable_variables],
            ops.ones((2, 4)),
            return_losses=True,
        )
        return sum(losses)

    names = [v.name for v in layer.trainable_variables]
    assert names == ["act_rate_logit", "kernel"]

    def oracle(z):
        p = 1 / (1 + np.exp(-z))
        entropy = p * np.log(p) + (1 - p) * np.log(1 - p)
        return 0.3 * 4 / (1 - p) + 0.05 * 4 * entropy

    for z in (-3.0, -1.386, 0.5, 2.0):
        (slope,) = gradient(total, [np.float32(z)])
        wanted = (oracle(z + 1e-5) - oracle(z - 1e-5)) / 2e-5
        np.testing.assert_allclose(slope, wanted, 1e-3, 1e-5)


def test_inference_is_the_layer_itself_unless_asked():
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    np.testing.assert_allclose(values(identity(0.5)(x)), x, 1e-6)
    drawing = identity(0.5, at_inference=True, seed=2)
    first, second = (values(drawing(x, training=False)) for _ in range(2))
    assert (first != second).any() and (first != x).any()


@pytest.mark.parametrize("training", [False, True])
def test_outputs_have_the_dtype_of_the_wrapper(training):
    dense = keras.layers.Dense(2, dtype="float32")
    layer = layers.ConcreteDropout(dense, dtype="mixed_bfloat16")
    y = layer(np.ones((2, 3), "float32"), training=training)
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"


def test_places_of_a_map_share_the_draw():
    x = np.ones((5, 6, 4), "float32")
    layer = identity(0.4, (None, 6, 4), spatial=True, seed=0)
    y = values(layer(x, training=True))
    np.testing.assert_array_equal(y, np.repeat(y[:, :1], 6, axis=1))
    free = identity(0.4, (None, 6, 4), seed=0)
    assert (values(free(x, training=True)).std(axis=1) > 0).all()
    first = keras.layers.Conv2D(4, 1, data_format="channels_first")
    layer = layers.ConcreteDropout(first, spatial=True)
    layer.build((None, 3, 5, 5))
    assert _data_format(layer.layer) == "channels_first"


def test_the_rate_learns_in_fit_with_unknown_sizes():
    inputs = keras.Input((None, 3))
    layer = layers.ConcreteDropout(
        keras.layers.Conv1D(4, 2), dropout_factor=1.0, spatial=True, seed=1
    )
    y = keras.layers.GlobalAveragePooling1D()(layer(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(y))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    x = np.random.default_rng(0).normal(size=(21, 6, 3)).astype("float32")
    before = float(values(layer.rate_logit))
    state = values(layer.seed_generator.state)
    model.fit(x, x[:, 0, 0], batch_size=8, epochs=3, verbose=0)
    # The reward of entropy outweighs all else: the rate goes up to 1/2.
    assert float(values(layer.rate_logit)) > before + 0.1
    assert (values(layer.seed_generator.state) != state).any()


def test_draws_repeat_with_the_seed():
    x = np.ones((5, 4), "float32")
    first, second = (
        values(identity(0.5, seed=3)(x, training=True)) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    "arguments",
    [
        {"rate_initializer": 0.0},
        {"rate_initializer": 1.0},
        {"weight_factor": -1.0},
        {"dropout_factor": -1.0},
        {"temperature": 0.0},
        {"spatial": 1},
        {"at_inference": "yes"},
        {"seed": -1},
        {"layer": None},
    ],
)
def test_bad_arguments_are_refused(arguments):
    (name,) = arguments
    given = {"layer": keras.layers.Dense(2), **arguments}
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        layers.ConcreteDropout(**given)


def test_layers_without_a_kernel_are_refused():
    layer = layers.ConcreteDropout(keras.layers.Flatten())
    with pytest.raises(ValueError, match="with a kernel"):
        layer.build((2, 3, 4))
