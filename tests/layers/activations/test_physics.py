"""Stan, Rowdy and the sine of SIREN: values, slopes, limits."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import initializers
from keras_funcs import layers
from keras_funcs._core.backend import gradient
from tests.derivatives import derivative
from tests.derivatives import weight_gradient

X = np.linspace(-4, 4, 33, dtype="float32")
X64 = X.astype("float64")


def values(layer, x=X):
    return ops.convert_to_numpy(layer(x))


def tanh_slopes(x):
    t = np.tanh(x)
    first = 1 - t**2
    return t, first, -2 * t * first, first * (6 * t**2 - 2)


def weight_gradients(layer, x=X):
    """Gradients of `sum(layer(x))` for all weights."""
    arrays = [np.asarray(w, "float32") for w in layer.get_weights()]

    def total(*weights):
        y, _ = layer.stateless_call(list(weights), [], ops.convert_to_tensor(x))
        return ops.sum(y)

    return gradient(total, arrays)


@pytest.mark.parametrize("beta", [-0.5, 0.0, 1.0, 2.0])
def test_stan_and_three_derivatives(beta):
    layer = layers.Stan(beta, axis=None)
    slopes = tanh_slopes(X64)
    for order in range(4):
        # Leibniz: (t (1 + beta x))^(k) = t^(k) (1 + beta x) + k beta t^(k-1)
        wanted = slopes[order] * (1 + beta * X64)
        if order:
            wanted = wanted + order * beta * slopes[order - 1]
        found = derivative(layer, X, order) if order else values(layer)
        np.testing.assert_allclose(found, wanted, 1e-4, 5e-5)
    wanted = np.sum(X64 * slopes[0])
    np.testing.assert_allclose(weight_gradient(layer, X), wanted, 1e-5)


def test_sine_hides_no_nan():
    x = np.array([[np.nan, np.inf]], "float32")
    np.testing.assert_array_equal(values(layers.Sine(), x), [[np.nan, 0.0]])


def test_stan_with_beta_0_is_tanh():
    layer = layers.Stan(0.0)
    found = values(layer, X[:, None])[:, 0]
    np.testing.assert_allclose(found, np.tanh(X64), 1e-5, 1e-7)


def test_stan_far_out_is_a_line():
    x = np.float32([-1e4, -100.0, 100.0, 1e4])
    wanted = np.sign(x) * (1 + 2.0 * x.astype("float64"))
    found = values(layers.Stan(2.0, axis=None), x)
    np.testing.assert_allclose(found, wanted, 1e-6)


@pytest.mark.parametrize("frequency", [0.5, 5.0, 30.0])
def test_sine_and_three_derivatives(frequency):
    layer = layers.Sine(frequency)
    # The phase is rounded to float32, by at most 1e-7 of itself.
    atol = 2e-6 + 4 * frequency * 1.2e-7
    for order in range(4):
        wanted = np.sin(frequency * X64 + order * np.pi / 2)
        wanted = frequency**order * wanted
        found = derivative(layer, X, order) if order else values(layer)
        np.testing.assert_allclose(found, wanted, 0, atol * frequency**order)


@pytest.mark.parametrize("trains", [False, True])
def test_the_sines_frequency_trains_where_asked(trains):
    layer = layers.Sine(2.0, trainable_frequency=trains)
    assert len(layer.weights) == 1
    assert len(layer.trainable_weights) == trains
    layer.trainable = False
    layer.trainable = True  # as when a model is frozen for a while
    assert len(layer.trainable_weights) == trains
    if trains:
        wanted = np.sum(X64 * np.cos(2 * X64) * np.sin(X64))
        found = weight_gradient(layer, X, np.sin(X))
        np.testing.assert_allclose(found, wanted, 1e-4)
    one = keras.layers.Dense(1, kernel_initializer="ones")
    model = keras.Sequential([keras.Input((1,)), one, layer])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    model.fit(X[:, None], np.sin(2.2 * X)[:, None], verbose=0)
    assert (float(layer.get_weights()[0]) != 2.0) == trains


def test_a_fixed_frequency_loads_into_a_trained_one(tmp_path):
    models = [
        keras.Sequential(
            [keras.Input((2,)), keras.layers.Dense(3, activation=layer)]
        )
        for layer in (layers.Sine(7.0), layers.Sine(trainable_frequency=True))
    ]
    models[0].save_weights(tmp_path / "a.weights.h5")
    models[1].load_weights(tmp_path / "a.weights.h5")
    x = np.random.default_rng(0).normal(size=(4, 2)).astype("float32")
    np.testing.assert_array_equal(values(models[1], x), values(models[0], x))


@pytest.mark.parametrize("depth", [2, 6])
def test_a_siren_keeps_its_distribution_at_any_depth(depth):
    # Inputs of variance v make normal phases of variance 6/n * n/3 * v = 2v,
    # whose sines have the variance (1 - exp(-4v)) / 2: from 1/2 to 0.3984.
    x = np.random.default_rng(0).uniform(-1, 1, (2000, 2)).astype("float32")
    y = x
    for index in range(depth):
        dense = keras.layers.Dense(
            256,
            activation=layers.Sine(),
            kernel_initializer=initializers.SirenUniform(first=index == 0),
        )
        y = dense(y)
    y = ops.convert_to_numpy(y)
    assert abs(y.mean()) < 0.05
    variance = 0.5
    for _ in range(depth - 1):
        variance = (1 - np.exp(-4 * variance)) / 2
    assert abs(y.var() - variance) < 0.03


def rowdy(seed=0, n=2.0, terms=3):
    layer = layers.Rowdy("tanh", n, terms)
    rng = np.random.default_rng(seed)
    weights = [rng.normal(0.4, 0.2, w.shape) for w in layer.weights]
    layer.set_weights(weights)
    return layer, *[w.astype("float32").astype(float) for w in weights]


def test_rowdy_and_three_derivatives():
    layer, a, b, w = rowdy()
    n = 2.0
    for order in range(4):
        wanted = (n * a) ** order * tanh_slopes(n * a * X64)[order]
        for k in (1, 2, 3):
            phase = k * n * w[k - 1]
            turned = np.sin(phase * X64 + order * np.pi / 2)
            wanted = wanted + n * b[k - 1] * phase**order * turned
        found = derivative(layer, X, order) if order else values(layer)
        atol = 1e-5 * (3 * n) ** order
        np.testing.assert_allclose(found, wanted, 1e-4, atol)


def test_rowdy_gradients_of_all_coefficients():
    layer, a, b, w = rowdy()
    n, x = 2.0, X64[12:]  # not symmetric: sums over all of X are 0
    by_a, by_b, by_w = weight_gradients(layer, X[12:])
    wanted = np.sum(n * x * (1 - np.tanh(n * a * x) ** 2))
    np.testing.assert_allclose(by_a, wanted, 1e-4)
    for k in (1, 2, 3):
        phase = k * n * w[k - 1] * x
        wanted = np.sum(n * np.sin(phase))
        np.testing.assert_allclose(by_b[k - 1], wanted, 1e-3, 1e-4)
        slope = n * b[k - 1] * np.cos(phase) * k * n * x
        np.testing.assert_allclose(by_w[k - 1], slope.sum(), 1e-3, 1e-3)


def test_rowdy_starts_as_the_plain_activation_and_can_leave_it():
    layer = layers.Rowdy("sigmoid", terms=4)
    wanted = 1 / (1 + np.exp(-X64))
    np.testing.assert_allclose(values(layer), wanted, 1e-5)
    _, by_b, by_w = weight_gradients(layer, np.float32([0.3, 1.0]))
    assert np.all(np.abs(by_b) > 0.1) and not by_w.any()


def test_rowdy_with_channels():
    layer = layers.Rowdy(terms=2, axis=-1)
    layer.build((None, 3))
    shapes = [tuple(w.shape) for w in layer.weights]
    assert shapes == [(3,), (2, 1, 3), (2, 1, 3)]
    layer.set_weights(
        [np.ones(3), np.array([[[0, 1, 0]], [[0, 0, 1]]]), np.ones((2, 1, 3))]
    )
    y = values(layer, np.stack([X] * 3, -1))
    for channel, added in enumerate([0 * X64, np.sin(X64), np.sin(2 * X64)]):
        wanted = np.tanh(X64) + added
        np.testing.assert_allclose(y[:, channel], wanted, 1e-4, 1e-5)


LARGEST = [
    ("float32", 1e4),
    ("float32", 3.3e38),
    ("bfloat16", 3.3e38),
    ("float16", 65504.0),
]


@pytest.mark.parametrize(
    "layer",
    [
        lambda **k: layers.Stan(axis=None, **k),
        lambda **k: layers.Sine(trainable_frequency=True, **k),
        lambda **k: rowdy_in(**k),
    ],
)
@pytest.mark.parametrize("dtype, largest", LARGEST)
def test_extremes_are_no_nan(layer, dtype, largest):
    made = layer(dtype="float32" if dtype == "float32" else f"mixed_{dtype}")
    x = ops.cast(np.float32([-largest, 0.0, largest]), dtype)
    found = ops.convert_to_numpy(ops.cast(made(x), "float32"))
    assert not np.isnan(found).any()
    slopes = derivative(
        lambda t: ops.cast(made(ops.cast(t, dtype)), "float32"),
        ops.convert_to_numpy(ops.cast(x, "float32")),
    )
    assert not np.isnan(slopes).any()
    for slope in weight_gradients(
        made, ops.convert_to_numpy(ops.cast(x, "float32"))
    ):
        assert not np.isnan(slope).any()


def rowdy_in(**arguments):
    layer = layers.Rowdy(terms=2, **arguments)
    layer.set_weights([np.ones(()), np.ones(2), np.ones(2)])
    return layer


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("layer", [layers.Stan, layers.Sine, layers.Rowdy])
def test_forward_mode_gives_the_same_derivatives(layer, order):
    def forward(function, x, times):
        if not times:
            return function(x)
        inner = lambda t: forward(function, t, times - 1)  # noqa: E731
        return ops.jvp(inner, (x,), (ops.ones_like(x),))[1]

    made = layer(axis=None)
    found = forward(made, ops.convert_to_tensor(X), order)
    wanted = derivative(made, X, order)
    atol = 1e-5 * max(1.0, np.abs(wanted).max())
    np.testing.assert_allclose(ops.convert_to_numpy(found), wanted, 1e-3, atol)


@pytest.mark.parametrize(
    "layer, arguments",
    [
        (layers.Stan, {"beta_initializer": float("nan")}),
        (layers.Sine, {"frequency": 0.0}),
        (layers.Sine, {"frequency": -30.0}),
        (layers.Sine, {"frequency": 1e7}),
        (layers.Sine, {"trainable_frequency": 1}),
        (layers.Sine, {"axis": "channel"}),
        (layers.Rowdy, {"terms": 0}),
        (layers.Rowdy, {"terms": 101}),
        (layers.Rowdy, {"n": 0.0}),
        (layers.Rowdy, {"activation": "nothing"}),
        (layers.Rowdy, {"activation": "swiglu"}),
    ],
)
def test_bad_arguments_are_refused(layer, arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        layer(**arguments)
