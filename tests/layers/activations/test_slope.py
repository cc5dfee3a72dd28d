"""Adaptive slopes: derivatives, identities, and the slope recovery term."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import activations
from keras_funcs import layers
from keras_funcs._core.backend import active
from tests.derivatives import derivative
from tests.derivatives import gradient
from tests.derivatives import weight_gradient

X = np.linspace(-4, 4, 33, dtype="float32")


def with_slope(slope, n=10.0, activation="tanh", **arguments):
    """A layer whose `n * a` is the slope."""
    layer = layers.AdaptiveSlope(activation, n, **arguments)
    layer.set_weights([np.float32(slope / n)])
    return layer


def values(layer, x=X):
    return ops.convert_to_numpy(layer(x))


def number(tensor):
    return float(ops.convert_to_numpy(tensor))


def tanh_slopes(x):
    t = np.tanh(np.asarray(x, "float64"))
    first = 1 - t**2
    return t, first, -2 * t * first, first * (6 * t**2 - 2)


@pytest.mark.parametrize("slope", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("n", [1.0, 10.0])
def test_value_and_three_derivatives(slope, n):
    layer = with_slope(slope, n)
    for order, wanted in enumerate(tanh_slopes(slope * X.astype("float64"))):
        found = derivative(layer, X, order) if order else values(layer)
        wanted = slope**order * wanted
        np.testing.assert_allclose(found, wanted, 1e-4, 3e-5 * slope**order)


@pytest.mark.parametrize("n", [0.5, 1.0, 10.0])
def test_gradient_of_the_slope_carries_n(n):
    # d/da g(n a x) = n x g'(n a x)
    layer = with_slope(0.7, n)
    x = X.astype("float64")
    wanted = np.sum(n * x * (1 - np.tanh(0.7 * x) ** 2) * np.sin(x))
    found = weight_gradient(layer, X, np.sin(X))
    np.testing.assert_allclose(found, wanted, 1e-4)


@pytest.mark.parametrize(
    "name, wanted",
    [
        ("tanh", np.tanh),
        ("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
        ("relu", lambda x: np.maximum(x, 0)),
        ("squared_relu", lambda x: np.maximum(x, 0) ** 2),
        (keras.activations.swish, lambda x: x / (1 + np.exp(-x))),
        (activations.squared_relu, lambda x: np.maximum(x, 0) ** 2),
    ],
)
@pytest.mark.parametrize("axis", [None, -1])
def test_it_starts_as_the_plain_activation(name, wanted, axis):
    layer = layers.AdaptiveSlope(name, axis=axis)
    found = values(layer, X[:, None])[:, 0]
    np.testing.assert_allclose(found, wanted(X.astype("float64")), 1e-4, 1e-6)
    again = layers.AdaptiveSlope.from_config(layer.get_config())
    np.testing.assert_array_equal(values(again, X[:, None])[:, 0], found)


def test_neurons_have_their_own_slopes():
    layer = layers.AdaptiveSlope(n=5.0, axis=-1)
    layer.build((None, 3))
    layer.set_weights([np.float32([0.0, 0.2, 0.6])])
    y = values(layer, np.stack([X] * 3, -1))
    np.testing.assert_allclose(y, np.tanh(np.outer(X, [0, 1, 3])), 1e-4, 1e-6)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_forward_mode_gives_the_same_derivatives(order):
    def forward(function, x, times):
        if not times:
            return function(x)
        inner = lambda t: forward(function, t, times - 1)  # noqa: E731
        return ops.jvp(inner, (x,), (ops.ones_like(x),))[1]

    layer = with_slope(1.5)
    found = forward(layer, ops.convert_to_tensor(X), order)
    wanted = 1.5**order * tanh_slopes(1.5 * X)[order]
    np.testing.assert_allclose(ops.convert_to_numpy(found), wanted, 1e-3, 1e-4)


@pytest.mark.parametrize("largest", [1e4, 65504.0, 3.3e38])
def test_extremes_are_finite(largest):
    x = np.float32([-largest, 0.0, largest])
    for layer in (with_slope(1.0), with_slope(1.0, 20.0)):
        np.testing.assert_array_equal(values(layer, x), [-1, 0, 1])
        assert np.isfinite(derivative(layer, x)).all()
        assert np.isfinite(weight_gradient(layer, x))


def test_float64_keeps_its_digits():
    with active().float64():
        x = X.astype("float64")
        layer = layers.AdaptiveSlope(n=1.0, dtype="float64")
        y = ops.convert_to_numpy(layer(ops.convert_to_tensor(x)))
        assert y.dtype == np.float64
        np.testing.assert_allclose(y, np.tanh(x), 1e-14, 1e-15)


def network(means, axis=None, **arguments):
    model = keras.Sequential([keras.Input((2,))])
    for mean in means:
        slope = layers.AdaptiveSlope(axis=axis, **arguments)
        model.add(keras.layers.Dense(3))
        model.add(slope)
        shape = tuple(slope.slope.shape)
        off = np.linspace(-0.2, 0.2, 3) if shape else 0.0
        slope.set_weights([np.broadcast_to(mean + off, shape)])
    return model


@pytest.mark.parametrize("axis", [None, -1])
def test_slope_recovery_is_the_papers(axis):
    means = [0.1, -0.5, 1.3]
    model = network(means, axis)
    mean = sum(math.exp(a) for a in means) / 3
    found = number(layers.slope_recovery(model))
    np.testing.assert_allclose(found, 1 / mean, 1e-5)


def test_slope_recovery_of_large_slopes_has_a_gradient():
    # exp(100) has left float32; exp(-100) has not.
    layer = layers.AdaptiveSlope(n=0.01, slope_recovery=1e30)

    def term(slope):
        with keras.StatelessScope(state_mapping=[(layer.slope, slope)]):
            return layer.slope.regularizer(layer.slope)

    wanted = -1e30 * math.exp(-80.0)
    np.testing.assert_allclose(gradient(term, 80.0), [wanted], 1e-3)
    assert np.isfinite(gradient(term, 100.0)).all()


@pytest.mark.backends("tensorflow", "jax")
def test_slope_recovery_counts_once_for_all_replicas():
    model = layers.SlopeRecovery(network([0.1, 0.1]), factor=0.5)
    model(np.zeros((2, 2), "float32"))
    # What is among the losses of a model, Keras divides by the replicas.
    (term,) = model.losses
    np.testing.assert_allclose(number(term), 0.5 * math.exp(-0.1), 1e-5)


def test_slope_recovery_of_one_layer_is_its_own_term():
    model = network([0.4], slope_recovery=0.25)
    wanted = 0.25 * math.exp(-0.4)
    (own,) = model.losses
    np.testing.assert_allclose(number(own), wanted, 1e-5)
    found = 0.25 * number(layers.slope_recovery(model))
    np.testing.assert_allclose(found, wanted, 1e-5)
    assert network([0.4]).losses == []


def test_terms_of_layers_are_at_least_the_networks():
    # 1/exp is convex: the mean of the terms is above the term of the mean.
    means = [0.1, -0.5, 1.3]
    model = network(means, slope_recovery=1.0)
    terms = [number(loss) for loss in model.losses]
    np.testing.assert_allclose(terms, np.exp(-np.array(means)), 1e-5)
    assert sum(terms) / 3 > number(layers.slope_recovery(model))


def test_a_regularizer_adds_to_slope_recovery():
    layer = layers.AdaptiveSlope(
        n=2.0,
        slope_recovery=0.5,
        coefficient_regularizer=keras.regularizers.L2(0.1),
    )
    wanted = 0.5 * math.exp(-0.5) + 0.1 * 0.25
    np.testing.assert_allclose(number(layer.losses[0]), wanted, 1e-5)


def test_slopes_inside_of_other_layers_are_found():
    slope = layers.AdaptiveSlope(n=2.0)
    inner = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2, activation=slope)]
    )
    model = keras.Sequential([keras.Input((3,)), inner])
    found = number(layers.slope_recovery(model))
    np.testing.assert_allclose(found, math.exp(-0.5), 1e-5)


def test_its_gradient_pays_for_steepness():
    # dS/da of two layers: -exp(a_k) / (exp(a_1) + exp(a_2))**2 * 2
    model = network([0.2, 0.9])
    slopes = [layer for layer in model.layers if hasattr(layer, "slope")]

    def term(*weights):
        pairs = zip([layer.slope for layer in slopes], weights)
        with keras.StatelessScope(state_mapping=pairs):
            return layers.slope_recovery(model)

    found = gradient(term, 0.2, 0.9)
    total = math.exp(0.2) + math.exp(0.9)
    wanted = [-2 * math.exp(a) / total**2 for a in (0.2, 0.9)]
    np.testing.assert_allclose(found, wanted, 1e-4)


def test_slope_recovery_without_slopes_is_refused():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="argument `model`"):
        layers.slope_recovery(model)


def test_slope_recovery_trains_and_survives_saving(tmp_path):
    x = np.zeros((8, 2), "float32")
    y = np.zeros((8, 3), "float32")  # what the network gives: no other gradient
    inner = network([0.1, 0.1])
    model = layers.SlopeRecovery(inner, factor=0.5)
    model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    wanted = 0.5 * number(layers.slope_recovery(inner))
    history = model.fit(x, y, batch_size=8, verbose=0).history
    np.testing.assert_allclose(history["loss"], [wanted], 1e-5)
    after = number(layers.slope_recovery(inner))
    assert 0.5 * after < wanted
    scores = model.evaluate(x, y, verbose=0, return_dict=True)
    np.testing.assert_allclose(scores["loss"], 0.5 * after, 1e-5)
    model.save(tmp_path / "a.keras")
    loaded = keras.saving.load_model(tmp_path / "a.keras")
    assert isinstance(loaded, layers.SlopeRecovery) and loaded.factor == 0.5
    again = loaded.evaluate(x, y, verbose=0, return_dict=True)
    np.testing.assert_allclose(again["loss"], scores["loss"], 1e-6)
    loaded.fit(x, y, batch_size=8, verbose=0)
    assert number(layers.slope_recovery(loaded)) < after
    np.testing.assert_array_equal(
        model.predict(x, verbose=0), inner.predict(x, verbose=0)
    )


def test_slope_recovery_inside_of_an_lstm():
    slope = layers.AdaptiveSlope(slope_recovery=0.1)
    model = keras.Sequential(
        [keras.Input((4, 2)), keras.layers.LSTM(3, activation=slope)]
    )
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
    before = number(slope.slope)
    model.fit(np.ones((4, 4, 2)), np.zeros((4, 3)), verbose=0)
    assert number(slope.slope) != before


@pytest.mark.parametrize(
    "arguments",
    [
        {"activation": "tahn"},
        {"activation": "swiglu"},
        {"activation": None},
        {"activation": 3.0},
        {"activation": keras.layers.ReLU()},
        {"activation": keras.layers.ReLU},
        {"n": 0.0},
        {"n": -1.0},
        {"n": float("inf")},
        {"axis": "neuron"},
        {"slope_recovery": -0.1},
    ],
)
def test_bad_arguments_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        layers.AdaptiveSlope(**arguments)


def test_bad_arguments_of_the_model_are_refused():
    with pytest.raises(ValueError, match="argument `model`"):
        layers.SlopeRecovery(layers.AdaptiveSlope())
    with pytest.raises(ValueError, match="argument `factor`"):
        layers.SlopeRecovery(network([0.1]), factor=-1.0)
