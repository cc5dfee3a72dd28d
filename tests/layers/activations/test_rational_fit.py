"""Fits of rational functions: our tables, the published ones, one's own."""

import keras
import numpy as np
import pytest
from keras import ops

from benchmarks.rational_tables import PUBLISHED
from benchmarks.rational_tables import fitted
from keras_funcs import activations
from keras_funcs import layers
from keras_funcs.layers.activations._rational_fit import CURVES
from keras_funcs.layers.activations._rational_fit import fit
from keras_funcs.layers.activations._rational_tables import TABLES
from tests.layers.oracle import rational
from tests.layers.oracle import values

# Largest distance on [-10, 10], as the docstring states it.
DISTANCES = {
    ("gelu", "A"): 0.0067,
    ("gelu", "B"): 0.0067,
    ("leaky_relu", "A"): 0.036,
    ("leaky_relu", "B"): 0.035,
    ("relu", "A"): 0.0435,
    ("relu", "B"): 0.0435,
    ("sigmoid", "A"): 0.00023,
    ("sigmoid", "B"): 0.00003,
    ("silu", "A"): 0.0018,
    ("silu", "B"): 0.0017,
    ("tanh", "A"): 0.0007,
    ("tanh", "B"): 0.001,
}

# The same of the published tables on [-3, 3] and on [-10, 10].
THEIRS = {
    ("gelu", "A"): (0.0042, 2.4),
    ("gelu", "B"): (0.00096, 16.0),
    ("relu", "A"): (0.0300, 2.6),
    ("relu", "B"): (0.0340, 2.1),
    ("sigmoid", "A"): (0.00002, 0.06),
    ("sigmoid", "B"): (1e-8, 0.002),
    ("silu", "A"): (2e-6, 0.16),
    ("silu", "B"): (2e-6, 0.16),
    ("tanh", "A"): (0.00005, 0.02),
    ("tanh", "B"): (4e-6, 0.07),
}


@pytest.mark.parametrize("name, version", sorted(TABLES))
def test_table_is_near_its_function(name, version):
    layer = layers.Rational(name, version=version)
    x = np.linspace(-10, 10, 20001).astype("float32")
    off = np.abs(values(layer, x) - CURVES[name](x.astype("float64"))).max()
    assert off < DISTANCES[name, version]
    np.testing.assert_allclose(layer.fit_error, off, 2e-2, 1e-6)


@pytest.mark.parametrize("name, version", sorted(TABLES))
def test_table_is_near_its_function_for_ever(name, version):
    layer = layers.Rational(name, version=version)
    x = np.array([-1e30, -1e4, -100, -10.5, 10.5, 100, 1e4, 1e30], "float32")
    true = CURVES[name](x.astype("float64"))
    # And what silu has still to go to its asymptote.
    atol = DISTANCES[name, version] + 5e-4
    np.testing.assert_allclose(values(layer, x), true, 1e-6, atol)


@pytest.mark.parametrize("name, version", sorted(PUBLISHED))
def test_published_table_is_near_on_three_and_not_on_ten(name, version):
    x = np.linspace(-10, 10, 2001)
    a, b = PUBLISHED[name, version]
    off = np.abs(rational(x, a, b, version) - CURVES[name](x))
    near, far = THEIRS[name, version]
    assert off[np.abs(x) <= 3].max() < near
    assert off.max() > far > DISTANCES[name, version]


@pytest.mark.parametrize("name, version", [("relu", "A"), ("tanh", "B")])
def test_table_is_what_the_fit_gives(name, version):
    # The script's, up to what another processor's rounding makes of it.
    written, anew = TABLES[name, version], fitted(name, version)
    assert anew.slopes == written.slopes
    np.testing.assert_allclose(anew.error, written.error, 1e-2)
    x = np.linspace(-10, 10, 501)
    np.testing.assert_allclose(
        rational(x, anew.numerator, anew.denominator, version),
        rational(x, written.numerator, written.denominator, version),
        0,
        0.02 * written.error + 1e-6,
    )


@pytest.mark.parametrize(
    "given, name, error",
    [
        ("mish", "mish", 0.01),
        (keras.activations.softplus, "softplus", 0.01),
        (keras.activations.gelu, "gelu", 0.0068),
        (activations.lisht, "lisht", 0.05),
        ("linear", "linear", 0.0),
    ],
)
def test_functions_with_a_name_keep_it(given, name, error):
    layer = layers.Rational(given)
    assert layer.get_config()["approximate"] == name
    assert layer.fit_error <= error
    x = np.linspace(-10, 10, 101).astype("float32")
    function = getattr(activations, name, None) or getattr(
        keras.activations, name
    )
    true = ops.convert_to_numpy(function(ops.convert_to_tensor(x)))
    np.testing.assert_allclose(values(layer, x), true, 0, error + 1e-5)


def test_a_function_without_a_name_is_saved_as_what_was_fitted(tmp_path):
    layer = layers.Rational(lambda x: np.sin(2 * x), degrees=(7, 6), bound=2.5)
    assert layer.fit_error < 0.02
    x = np.linspace(-2.5, 2.5, 50)
    y = values(layer, x)
    np.testing.assert_allclose(y, np.sin(2 * x), 0, layer.fit_error + 1e-4)
    model = keras.Sequential([keras.Input((3,)), layer])
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras").layers[-1]
    np.testing.assert_array_equal(values(loaded, x), y)
    assert loaded.fit_error == layer.fit_error
    assert loaded.get_config() == layer.get_config()
    far = [-7.0, 7.0]
    np.testing.assert_array_equal(values(loaded, far), values(layer, far))


def test_functions_of_tensors_only_are_fitted():
    # `torch.Tensor.tanh` and the like: an array has no such attribute.
    def curve(x):
        if isinstance(x, np.ndarray):
            raise AttributeError("no array")
        return ops.tanh(x)

    assert layers.Rational(curve).fit_error < 0.01


def test_higher_degrees_are_no_worse():
    errors = [
        layers.Rational("gelu", degrees=degrees).fit_error
        for degrees in ((5, 4), (8, 8))
    ]
    assert errors[1] < 1.3 * errors[0] < 0.01


def test_asymptotes_and_tangents():
    mish = layers.Rational("mish").get_config()
    assert mish["approximate"] == "mish"
    straight = fit(lambda x: np.logaddexp(0, x), 10.0, (5, 4), "A")
    assert straight.slopes == [0.0, 1.0]  # not 4.5e-5, as at -10
    curved = fit(lambda x: x**2, 10.0, (5, 4), "A")
    np.testing.assert_allclose(curved.slopes, [-20.0, 20.0], 1e-3)
    bounded = fit(lambda x: np.exp(-x * x), 3.0, (4, 6), "B")
    assert bounded.slopes == [0.0, 0.0] and bounded.error < 0.01
    # finite on the interval, and not far from it
    root = fit(lambda x: np.sqrt(25.0 - x * x), 4.0, (5, 4), "A")
    np.testing.assert_allclose(root.slopes, [4 / 3, -4 / 3], 1e-2)


@pytest.mark.parametrize(
    "approximate",
    [
        "gelu2",
        3,
        None,
        np.log,
        lambda x: 1 / (x - 10.0),
        lambda x: x.sum(),
        "softmax",
        lambda x: x - x.mean(),
        {"numerator": [1e300] * 6, "denominator": [1.0] * 4},
        {"numerator": [1.0] * 6},
        {"numerator": [1.0] * 5, "denominator": [1.0] * 4},
        {"numerator": [1.0] * 6, "denominator": [float("nan")] * 4},
        {"numerator": [1.0] * 6, "denominator": [1.0] * 4, "else": 1},
    ],
)
def test_bad_functions_are_refused(approximate):
    with pytest.raises(ValueError, match="argument `approximate"):
        layers.Rational(approximate)
