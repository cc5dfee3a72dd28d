"""GradientReversal: forward nothing, backward the other sign."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import layers
from tests.derivatives import gradient

X = np.array([[0.0, -1.5, 3e38, 1e-30]], "float32")


@pytest.mark.parametrize("factor", [0.0, 1.0, 0.3, 7.0])
def test_forward_is_exact_and_backward_reversed(factor):
    layer = layers.GradientReversal(factor)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(X)), X)
    weights = np.array([1.0, 2.0, -3.0, 0.5], "float32")
    slope = gradient(
        lambda x: ops.sum(layer(x) * ops.convert_to_tensor(weights)), X
    )
    np.testing.assert_allclose(slope, -factor * weights[None], 1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_largest_half_precision_number_passes(dtype):
    x = ops.cast(np.array([60000.0, -60000.0]), dtype)
    y = layers.GradientReversal(2.0, dtype=dtype)(x)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(ops.cast(y, "float32")),
        ops.convert_to_numpy(ops.cast(x, "float32")),
    )


def test_infinities_pass():
    x = np.array([np.inf, -np.inf, 1.0], "float32")
    layer = layers.GradientReversal(2.0)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(x)), x)
    slope = gradient(lambda x: ops.sum(layer(x)[2:]), x)
    np.testing.assert_array_equal(slope, [0.0, 0.0, -2.0])


def test_the_largest_factor_is_a_float16():
    y = layers.GradientReversal(1e4, dtype="mixed_float16")(np.ones(3))
    np.testing.assert_array_equal(ops.convert_to_numpy(y), 1.0)


def test_a_callback_moves_the_factor_inside_fit():
    inputs = keras.Input((3,))
    layer = layers.GradientReversal(0.0)
    dense = keras.layers.Dense(2, use_bias=False)
    y = keras.layers.Dense(1)(layer(dense(inputs)))
    model = keras.Model(inputs, y)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    kernels = []

    def begin(epoch, logs=None):
        layer.factor.assign(float(epoch))

    def end(epoch, logs=None):
        kernels.append(ops.convert_to_numpy(dense.kernel))

    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    start = dense.get_weights()[0]
    follow = keras.callbacks.LambdaCallback(
        on_epoch_begin=begin, on_epoch_end=end
    )
    model.fit(x, x[:, :1], epochs=2, callbacks=[follow], verbose=0)
    np.testing.assert_array_equal(kernels[0], start)  # factor 0
    assert (dense.get_weights()[0] != start).any()
    assert layer.get_config()["factor"] == 1.0


def test_it_climbs_what_the_head_descends():
    dense = keras.layers.Dense(1, use_bias=False)
    inputs = keras.Input((2,))
    reversed_ = layers.GradientReversal(1.0)(dense(inputs))
    model = keras.Model(inputs, reversed_)
    model.compile(keras.optimizers.SGD(0.01), "mse")
    x = np.random.default_rng(0).normal(size=(16, 2)).astype("float32")
    before = model.evaluate(x, x[:, :1], verbose=0)
    model.fit(x, x[:, :1], epochs=2, verbose=0)
    assert model.evaluate(x, x[:, :1], verbose=0) > before


def test_the_factor_is_saved_and_not_trained():
    layer = layers.GradientReversal(0.5)
    assert layer.trainable_weights == []
    layer.factor.assign(0.25)
    config = layer.get_config()
    assert config["factor"] == 0.25
    revived = layers.GradientReversal.from_config(config)
    assert float(ops.convert_to_numpy(revived.factor)) == 0.25


@pytest.mark.parametrize("factor", [-0.1, 1e5, "1", float("nan"), True])
def test_bad_factors_are_refused(factor):
    with pytest.raises(ValueError, match="argument `factor`"):
        layers.GradientReversal(factor)
