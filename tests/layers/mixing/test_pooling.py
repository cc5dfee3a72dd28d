"""GeM pooling: the generalized mean, its limits and its exponent."""

import keras
import numpy as np
import pytest
import torch
from keras import ops

from keras_funcs import layers
from keras_funcs._core.backend import gradient

KINDS = {
    1: layers.GeMPooling1D,
    2: layers.GeMPooling2D,
    3: layers.GeMPooling3D,
}
SHAPES = {1: (2, 7, 3), 2: (2, 4, 5, 3), 3: (2, 3, 4, 2, 3)}


def positive(shape, seed=0):
    draw = np.random.default_rng(seed).gamma(2.0, 1.0, shape)
    return draw.astype("float32")


def values(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("p", [0.5, 1.0, 3.0, 20.0])
def test_it_is_the_generalized_mean(dimensions, p):
    x = positive(SHAPES[dimensions])
    axes = tuple(range(1, dimensions + 1))
    wanted = (x.astype("float64") ** p).mean(axes) ** (1 / p)
    np.testing.assert_allclose(values(KINDS[dimensions](p)(x)), wanted, 1e-5)


def test_as_in_torch():
    x = positive((3, 2, 5, 7))
    power = torch.nn.functional.lp_pool2d(torch.tensor(x), 3.0, (5, 7))
    wanted = power[..., 0, 0].numpy() / 35 ** (1 / 3)
    found = layers.GeMPooling2D(data_format="channels_first")(x)
    np.testing.assert_allclose(values(found), wanted, 1e-5)


def test_1_is_the_mean_and_large_is_the_maximum():
    x = positive((4, 6, 5, 2))
    mean = values(keras.layers.GlobalAveragePooling2D()(x))
    np.testing.assert_allclose(values(layers.GeMPooling2D(1.0)(x)), mean, 1e-5)
    large = values(layers.GeMPooling2D(1000.0)(x))
    np.testing.assert_allclose(large, x.max((1, 2)), 5e-3)


def test_what_is_no_number_stays_none():
    x = np.array([[[np.nan], [1.0]]], "float32")
    found = ops.convert_to_numpy(layers.GeMPooling1D()(x))
    assert np.isnan(found).all()


def test_negative_inputs_count_as_epsilon():
    x = np.array([[[-3.0], [2.0]], [[-1.0], [-2.0]]], "float32")
    y = values(layers.GeMPooling1D(1.0, epsilon=0.5)(x))
    np.testing.assert_allclose(y, [[1.25], [0.5]], 1e-5)


@pytest.mark.parametrize("largest", [1e-20, 1e4, 1e38])
def test_powers_neither_overflow_nor_vanish(largest):
    x = np.array([[[1.0], [0.5], [0.25]]], "float32") * largest
    layer = layers.GeMPooling1D(8.0, epsilon=1e-30)
    wanted = largest * np.mean(np.array([1, 0.5, 0.25]) ** 8) ** (1 / 8)
    np.testing.assert_allclose(values(layer(x))[0, 0], wanted, 1e-4)


def test_gradients_of_inputs_and_exponent():
    x = positive((2, 6, 3)).astype("float64")
    raw = np.log(np.expm1(3.0))
    layer = layers.GeMPooling1D()
    layer.build(x.shape)

    def total(x, raw):
        y, _ = layer.stateless_call([raw], [], x)
        return ops.sum(y)

    slopes = gradient(total, [x.astype("float32"), np.float32(raw)])
    y = (x**3).mean(1, keepdims=True) ** (1 / 3)
    np.testing.assert_allclose(slopes[0], (x / y) ** 2 / 6, 1e-4)

    def oracle(raw):
        p = np.log1p(np.exp(raw))
        return ((x**p).mean(1) ** (1 / p)).sum()

    wanted = (oracle(raw + 1e-5) - oracle(raw - 1e-5)) / 2e-5
    np.testing.assert_allclose(slopes[1], wanted, 1e-3)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_exponents_are_where_they_belong(per_channel, data_format):
    first = data_format == "channels_first"
    x = positive((2, 3, 4, 5) if first else (2, 4, 5, 3))
    layer = layers.GeMPooling2D(
        axis=(1 if first else -1) if per_channel else None,
        data_format=data_format,
    )
    assert layer.built != per_channel
    if per_channel:
        layer.build(x.shape)
    count = 3 if per_channel else 1
    assert layer.count_params() == count
    assert len(layer.act_p.shape) in (0, 1, 3)
    p = np.array([1.0, 2.0, 4.0][:count])
    layer.act_p.assign(np.reshape(np.log(np.expm1(p)), layer.act_p.shape))
    map_last = np.moveaxis(x, 1, -1) if first else x
    wanted = (map_last.astype("float64") ** p).mean((1, 2)) ** (1 / p)
    np.testing.assert_allclose(values(layer(x)), wanted, 1e-5)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_axes_may_be_kept(data_format):
    x = positive((2, 3, 4, 5))
    flat = layers.GeMPooling2D(data_format=data_format)
    kept = layers.GeMPooling2D(data_format=data_format, keepdims=True)
    found = values(kept(x))
    shape = (2, 3, 1, 1) if data_format == "channels_first" else (2, 1, 1, 5)
    assert found.shape == shape
    assert kept.compute_output_shape(x.shape) == shape
    np.testing.assert_array_equal(found.reshape(2, -1), values(flat(x)))


def test_it_trains_with_unknown_sizes():
    inputs = keras.Input((None, None, 2))
    layer = layers.GeMPooling2D()
    model = keras.Model(inputs, keras.layers.Dense(1)(layer(inputs)))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    x = positive((8, 5, 6, 2))
    start = values(layer.act_p)
    model.fit(x, x.max((1, 2, 3)), epochs=3, verbose=0)
    assert values(layer.act_p) != start


@pytest.mark.parametrize(
    "arguments",
    [
        {"p_initializer": 0.0},
        {"p_initializer": -1.0},
        {"epsilon": 0.0},
        {"axis": 2},
        {"keepdims": 1},
        {"data_format": "last"},
    ],
)
def test_bad_arguments_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        layers.GeMPooling2D(**arguments)


def test_other_ranks_and_unknown_channels_are_refused():
    with pytest.raises(ValueError, match="expected ndim=3"):
        layers.GeMPooling1D()(np.ones((2, 3)))
    with pytest.raises(ValueError, match="rank 3"):
        layers.GeMPooling1D(axis=-1)(np.ones((2, 3)))
    with pytest.raises(ValueError, match="number of channels"):
        layers.GeMPooling1D(axis=-1).build((2, 3, None))
