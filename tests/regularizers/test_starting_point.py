"""L2SP: where fine-tuning began is known, through files and processes."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs.regularizers import L2SP
from keras_funcs.regularizers import Scaled
from keras_funcs.regularizers import Sum
from keras_funcs.regularizers import anchor
from tests.regularizers.training import total


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 1, shape).astype("float32")


def trained():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 2))
    x = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    x = keras.layers.DepthwiseConv2D(3, depthwise_regularizer="l2")(x)
    x = keras.layers.SeparableConv2D(4, 2)(x)
    x = keras.layers.BatchNormalization()(x)
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5)])
    x = inner(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, keras.layers.Dense(3)(x))


def kernels(model):
    return [
        weight
        for weight in model.trainable_weights
        if isinstance(weight.regularizer, L2SP)
    ]


def distance(model, start, factor):
    """The closed form, from kept copies."""
    gaps = zip(kernels(model), start, strict=True)
    return sum(
        0.5 * factor * np.square(ops.convert_to_numpy(now) - before).sum()
        for now, before in gaps
    )


def test_the_formula():
    w, start = draw(6, 4), draw(6, 4, seed=1)
    penalty = L2SP(0.3, (6, 4))
    np.testing.assert_allclose(
        total([penalty(w)]), 0.15 * (w**2).sum(), 1e-6
    )  # from 0, before there is another point
    penalty.start_from(start)
    expected = 0.15 * ((w - start) ** 2).sum()
    np.testing.assert_allclose(total([penalty(w)]), expected, 1e-6)
    l2 = keras.regularizers.L2(0.15)
    np.testing.assert_allclose(total([L2SP(0.3)(w)]), total([l2(w)]), 1e-6)
    with pytest.raises(ValueError, match="argument `shape`"):
        penalty(draw(4, 6))
    with pytest.raises(ValueError, match="argument `shape`"):
        L2SP(0.3).start_from(start)


def test_anchoring_copies_and_changes_no_prediction():
    model = trained()
    tuned = anchor(model, 0.1)
    x = draw(5, 8, 8, 2)
    np.testing.assert_allclose(
        ops.convert_to_numpy(tuned(x)), ops.convert_to_numpy(model(x)), 1e-5
    )
    assert total(tuned.losses) == 0
    shapes = sorted(tuple(weight.shape) for weight in kernels(tuned))
    assert shapes == sorted(
        [(3, 3, 2, 4), (3, 3, 4, 1), (2, 2, 4, 1), (1, 1, 4, 4), (4, 5), (5, 3)]
    )
    assert len(model.losses) == 1  # its own L2, as before
    assert len(tuned.trainable_weights) == len(model.trainable_weights)
    references = len(tuned.weights) - len(model.weights)
    assert references == len(shapes)


@keras.saving.register_keras_serializable("keras_funcs_tests")
class Compared(keras.layers.Dense):
    """Has a weight whose name is that of a starting point."""

    def build(self, input_shape):
        super().build(input_shape)
        self.reference = self.add_weight(shape=(3,), name="reference")


def test_a_weight_of_the_same_name_is_copied():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, Compared(3)(inputs))
    model.layers[1].reference.assign([1.0, 2.0, 3.0])
    for tuned in (anchor(model), anchor(anchor(model))):
        found = ops.convert_to_numpy(tuned.layers[1].reference)
        np.testing.assert_array_equal(found, [1.0, 2.0, 3.0])


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_training_saving_and_loading_keep_the_start(policy, tmp_path):
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        tuned = anchor(trained(), 0.1)
    finally:
        keras.config.set_dtype_policy(usual)
    start = [ops.convert_to_numpy(weight) for weight in kernels(tuned)]
    cross = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    tuned.compile(keras.optimizers.Adam(0.01), cross)
    x, y = draw(24, 8, 8, 2), np.arange(24) % 3
    tuned.fit(x, y, epochs=3, batch_size=8, verbose=0)
    expected = distance(tuned, start, 0.1)
    assert expected > 1e-3
    np.testing.assert_allclose(total(tuned.losses), expected, 1e-5)
    tuned.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert total(loaded.losses) == total(tuned.losses)
    for model in (tuned, loaded):
        model.fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0)
    expected = distance(loaded, start, 0.1)
    np.testing.assert_allclose(total(loaded.losses), expected, 1e-5)
    np.testing.assert_allclose(total(tuned.losses), expected, 1e-4)
    # Weights alone go into a model that is built alike.
    tuned.save_weights(tmp_path / "model.weights.h5")
    fresh = anchor(trained(), 0.1)
    fresh.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_allclose(total(fresh.losses), total(tuned.losses), 1e-6)
    clone = keras.models.clone_model(tuned)
    clone.set_weights(tuned.get_weights())
    np.testing.assert_allclose(total(clone.losses), total(tuned.losses), 1e-6)


def test_another_process_knows_the_start(tmp_path):
    tuned = anchor(trained(), 0.1)
    for weight in kernels(tuned):
        weight.assign(ops.convert_to_numpy(weight) + 0.25)
    count = sum(int(np.prod(weight.shape)) for weight in kernels(tuned))
    tuned.save(tmp_path / "model.keras")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "model.keras")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
    )
    assert done.stdout.split()[-1:], done.stderr[-2000:]
    found = float(done.stdout.split()[-1])
    np.testing.assert_allclose(found, 0.05 * count * 0.25**2, 1e-4)


SCRIPT = """
import sys, keras, keras_funcs
model = keras.saving.load_model(sys.argv[1])
print(sum(float(keras.ops.convert_to_numpy(x)) for x in model.losses))
"""


def test_it_pulls_back():
    # Without any gradient of the loss, each step halves what is left.
    inputs = keras.Input((3,))
    tuned = anchor(
        keras.Model(inputs, keras.layers.Dense(2, use_bias=False)(inputs)), 5.0
    )
    (kernel,) = kernels(tuned)
    start = ops.convert_to_numpy(kernel)
    kernel.assign(start + 1.0)
    tuned.compile(keras.optimizers.SGD(0.1), "mse")
    nothing = np.zeros((4, 3), "float32"), np.zeros((4, 2), "float32")
    tuned.fit(*nothing, epochs=3, batch_size=4, verbose=0)
    gap = ops.convert_to_numpy(kernel) - start
    np.testing.assert_allclose(gap, 0.125, 1e-4)


def test_recurrent_and_embedded_kernels_have_one_each():
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(10, 4)(inputs)
    tuned = anchor(keras.Model(inputs, keras.layers.LSTM(3)(x)))
    shapes = sorted(tuple(weight.shape) for weight in kernels(tuned))
    assert shapes == [(3, 12), (4, 12), (10, 4)]


@pytest.mark.parametrize(
    "arguments",
    [
        {"factor": -1},
        {"shape": []},
        {"shape": [0]},
        {"shape": [2.5]},
        {"shape": 3},
        {"shape": [2**40]},
        {"shape": [2**15, 2**15]},
        {"shape": [1] * 9},
    ],
)
def test_bad_arguments_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        L2SP(**arguments)


def test_models_that_cannot_be_anchored_are_refused():
    with pytest.raises(ValueError, match="argument `model`"):
        anchor(keras.Sequential([keras.layers.Dense(2)]))
    inputs = keras.Input((3,))
    flat = keras.Model(inputs, keras.layers.Activation("relu")(inputs))
    with pytest.raises(ValueError, match="argument `model`"):
        anchor(flat)
    with pytest.raises(ValueError, match="argument `factor`"):
        anchor(trained(), -1.0)


@pytest.mark.parametrize("outer", [Scaled, lambda inner: Sum([inner])])
def test_it_does_not_hide_in_others(outer):
    with pytest.raises(ValueError, match="without weights"):
        outer(L2SP())
