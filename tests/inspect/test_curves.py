import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs.inspect import activation_curves
from keras_funcs.inspect import curves
from keras_funcs.layers import PolyNorm
from keras_funcs.layers import Snake
from keras_funcs.layers import Swish
from keras_funcs.layers import build_activation


def snake(x, a):
    return x + np.sin(a * x) ** 2 / a


def test_curve_is_the_mean_over_channels():
    layer = Snake(name="wave")
    model = keras.Sequential([keras.Input((4, 2)), layer], name="net")
    layer.frequency.assign([1.0, 3.0])
    [(path, curve)] = activation_curves(model, -2.0, 2.0, 401).items()
    assert path == "wave"
    np.testing.assert_array_equal(curve.x, np.linspace(-2, 2, 401))
    both = np.stack([snake(curve.x, 1.0), snake(curve.x, 3.0)])
    np.testing.assert_allclose(curve.y, both.mean(0), atol=1e-5)
    slope = 1 + (np.sin(2 * curve.x) + np.sin(6 * curve.x)) / 2
    np.testing.assert_allclose(curve.slope, slope, atol=5e-3)
    assert np.all(curve.low <= curve.y + 1e-6)
    assert np.all(curve.high >= curve.y - 1e-6)
    assert np.max(curve.high - curve.low) > 0.1


def test_one_coefficient_has_no_spread():
    model = keras.Sequential([keras.Input((5,)), Swish(axis=None)])
    [curve] = activation_curves(model).values()
    np.testing.assert_array_equal(curve.low, curve.high)
    expected = curve.x / (1 + np.exp(-curve.x))
    np.testing.assert_allclose(curve.y, expected, atol=1e-5)


def test_found_wherever_they_sit():
    inner = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(5, activation=Swish(axis=None)),
            Snake(),
        ],
        name="inner",
    )
    shared = Swish()
    x = inputs = keras.Input((8, 8, 3))
    x = Snake(axis=[1, 2, 3])(keras.layers.Conv2D(4, 3)(x))
    x = shared(shared(keras.layers.GlobalAveragePooling2D()(x)))
    x = keras.layers.Dense(6, activation=build_activation(Swish(), 6))(x)
    model = keras.Model(inputs, inner(x))
    found = activation_curves(model)
    assert len(found) == 5
    sizes = {np.size(value) for value in curves.coefficients(model).values()}
    assert sizes == {6 * 6 * 4, 4, 6, 1, 5}


def test_equal_paths_are_told_apart():
    layers = [Swish(axis=None, name="act") for _ in range(2)]
    model = keras.Sequential(
        [keras.Input((2,))]
        + [keras.layers.Dense(2, activation=layer) for layer in layers]
    )
    assert set(activation_curves(model)) == {"act", "act_2"}


def test_wide_layers_are_evaluated_in_parts(monkeypatch):
    model = keras.Sequential([keras.Input((7,)), Snake()])
    [whole] = activation_curves(model).values()
    monkeypatch.setattr(curves, "CHUNK", 700)
    [parts] = activation_curves(model).values()
    for one, other in zip(whole, parts):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_nothing_to_see():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, "relu")])
    assert activation_curves(model) == {}


@pytest.mark.parametrize("axis", [None, -1])
def test_what_mixes_channels_has_coefficients_but_no_curve(axis):
    mixing = PolyNorm(axis=axis, name="mixing")
    model = keras.Sequential([keras.Input((3,)), mixing, Snake(name="wave")])
    assert set(activation_curves(model)) == {"wave"}
    assert {name.split("/")[0] for name in curves.coefficients(model)} == {
        "mixing",
        "wave",
    }


def test_half_precision_models_are_evaluated_in_float32():
    model = keras.Sequential([keras.Input((3,)), Snake(dtype="mixed_bfloat16")])
    [curve] = activation_curves(model).values()
    np.testing.assert_allclose(curve.y, snake(curve.x, 1.0), atol=1e-5)


def test_the_model_is_not_changed():
    model = keras.Sequential([keras.Input((3,)), Snake()])
    before = ops.convert_to_numpy(model.layers[0].frequency.value).copy()
    activation_curves(model)
    after = ops.convert_to_numpy(model.layers[0].frequency.value)
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(
    "arguments", [(1.0, 1.0), (float("nan"), 1.0), (0.0, 1.0, 2)]
)
def test_grids_that_are_none(arguments):
    model = keras.Sequential([keras.Input((3,)), Snake()])
    with pytest.raises(ValueError, match="Invalid value for argument"):
        activation_curves(model, *arguments)
