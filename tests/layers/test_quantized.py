"""Layers that hold or read a kernel, after Keras has replaced it."""

import warnings

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import layers
from keras_funcs import regularizers
from keras_funcs import testing
from keras_funcs._core import wrapped
from keras_funcs.testing.bench import inputs

WRAPPERS = {
    "weight_normalization": layers.WeightNormalization,
    "concrete_dropout": lambda layer: layers.ConcreteDropout(
        layer, weight_factor=0.1
    ),
    "jacobian": layers.JacobianPenalty,
}
MODES = ("int8", "int4", "float8")
X = np.random.default_rng(0).normal(size=(32, 8)).astype("float32")


def values(tensor):
    return np.array(ops.convert_to_numpy(tensor))


def model_of(layer):
    return keras.Sequential([keras.Input((8,)), layer])


def distance(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


def quantize(model, mode="int8"):
    with warnings.catch_warnings():
        # Of every layer that has nothing to quantize, such as an InputLayer.
        warnings.simplefilter("ignore", UserWarning)
        model.quantize(mode)


def reloaded(model, folder):
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras")


def with_lengths(layer):
    """The layer, with lengths that are not those of the kernel."""
    if hasattr(layer, "g"):
        layer.g.assign(values(layer.g.value) * np.linspace(-2.0, 3.0, 16))
    return layer


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", WRAPPERS)
def test_a_wrapped_dense_is_quantized_as_a_plain_one(name, mode, tmp_path):
    model = model_of(WRAPPERS[name](keras.layers.Dense(16, "tanh")))
    plain = model_of(keras.layers.Dense(16, "tanh"))
    layer = with_lengths(model.layers[0])
    kernel, bias = values(layer.layer.kernel), values(layer.layer.bias)
    if name == "weight_normalization":
        kernel *= values(layer.g.value) / np.linalg.norm(kernel, axis=0)
    plain.set_weights([kernel, bias])
    np.testing.assert_allclose(values(model(X)), values(plain(X)), 1e-4, 1e-5)
    losses = [float(values(loss)) for loss in layer.losses]
    quantize(model, mode)
    quantize(plain, mode)
    assert layer.layer.quantization_mode == mode
    found = values(model(X))
    np.testing.assert_allclose(found, values(plain(X)), 1e-4, 1e-5)
    after = [float(values(loss)) for loss in layer.losses]
    np.testing.assert_allclose(after, losses, rtol=0.05, atol=1e-6)
    np.testing.assert_allclose(
        values(reloaded(model, tmp_path)(X)), found, 1e-5, 1e-6
    )


@pytest.mark.parametrize("name", WRAPPERS)
@pytest.mark.parametrize(
    "make", [lambda: keras.layers.Dense(16), lambda: keras.layers.Conv1D(16, 2)]
)
def test_lora_starts_where_the_layer_was_and_reloads(name, make, tmp_path):
    x = X.reshape(16, 4, 4)
    model = keras.Sequential([keras.Input((4, 4)), WRAPPERS[name](make())])
    layer = with_lengths(model.layers[0])
    expected = values(model(x))
    layer.layer.enable_lora(2)
    np.testing.assert_allclose(values(model(x)), expected, 1e-5, 1e-6)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = [values(weight) for weight in layer.trainable_weights]
    model.fit(x, expected + 1.0, verbose=0)
    moved = [
        (values(weight) != old).any()
        for weight, old in zip(layer.trainable_weights, before)
    ]
    # The gradient of a factor is 0 while the other one is.
    names = [weight.name for weight in layer.trainable_weights]
    assert all(m or n == "lora_kernel_a" for m, n in zip(moved, names))
    if name == "weight_normalization":
        assert "g" in names
        w = values(layer.computed_kernel())
        axes = tuple(range(w.ndim - 1))
        np.testing.assert_allclose(
            np.sqrt((w**2).sum(axes)), np.abs(values(layer.g)), 1e-5
        )
    np.testing.assert_allclose(
        values(reloaded(model, tmp_path)(x)), values(model(x)), 1e-4, 1e-5
    )


@pytest.mark.parametrize("block_size", [-1, 4])
@pytest.mark.parametrize("lora", [False, True])
def test_the_float_kernel_is_the_one_of_the_outputs(block_size, lora):
    dense = keras.layers.Dense(5, use_bias=False)
    dense.build((None, 8))
    made = getattr(keras.quantizers, "Int4QuantizationConfig", None)
    if made is None:  # Keras 3.12, which rounds the inputs as well
        dense.quantize("int4")
    else:
        dense.quantize(
            config=made(block_size=block_size, activation_quantizer=None)
        )
    if lora:
        dense.enable_lora(2)
        dense.lora_kernel_b.assign(np.ones((2, 5)))
    np.testing.assert_allclose(
        values(wrapped.float_kernel(dense)),
        values(dense(np.eye(8))),
        1e-5,
        1e-6,
    )


def test_a_layer_that_keras_does_not_quantize_keeps_its_weights():
    layer = layers.WeightNormalization(keras.layers.Conv1D(3, 2))
    layer.build((None, 8, 1))
    before = layer.get_weights()
    with pytest.raises(NotImplementedError, match="`quantize`"):
        layer.layer.quantize("int8")
    for found, expected in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_kernel_that_the_penalty_cannot_read_stays_float():
    einsum = keras.layers.EinsumDense("ab,bc->ac", 3)
    model = model_of(layers.ConcreteDropout(einsum, name="drop"))
    expected = values(model(X))
    with pytest.raises(NotImplementedError, match="'drop'.*int8, int4 or"):
        einsum.quantize("int8")
    quantize(model)
    assert einsum.quantization_mode is None
    np.testing.assert_array_equal(values(model(X)), expected)


def test_a_quantized_layer_has_no_forward_mode():
    layer = layers.JacobianPenalty(keras.layers.Dense(3), name="flat")
    model = model_of(layer)
    quantize(model)
    with pytest.raises(
        ValueError, match="'flat'.*Expected a layer that is not"
    ):
        model(X, training=True)


def test_what_is_quantized_is_neither_wrapped_nor_started_from_data():
    quantized = keras.layers.Dense(3, dtype="int8_from_float32")
    for wrapper in (layers.WeightNormalization, layers.ConcreteDropout):
        with pytest.raises(ValueError, match="after training"):
            wrapper(quantized)
    layer = layers.WeightNormalization(keras.layers.Dense(3))
    layer.build((None, 8))
    layer.layer.quantize("int8")
    with pytest.raises(ValueError, match="cannot start from data"):
        layer.initialize(X)


def test_lora_is_refused_where_a_starting_point_has_another_shape():
    dense = keras.layers.Dense(
        4, kernel_regularizer=regularizers.L2SP(0.1, (8, 4))
    )
    model = model_of(dense)
    dense.enable_lora(2)
    with pytest.raises(ValueError, match="argument `shape`.*LoRA"):
        _ = model.losses


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name)
        for case in testing.cases()
        if case.kind == "layers" and case.is_default
    ],
)
def test_quantize_leaves_the_predictions_of_every_layer(case):
    symbols = inputs.symbols(case)
    layer = case.make()
    model = keras.Model(symbols, layer(symbols))
    x = inputs.features(case)
    expected = [values(y) for y in keras.tree.flatten(model(x))]
    quantize(model)
    found = [values(y) for y in keras.tree.flatten(model(x))]
    parts = model._flatten_layers()
    changed = any(item.quantization_mode for item in parts)
    for one, other in zip(found, expected, strict=True):
        if changed:
            assert distance(one, other) < 0.1
        else:
            np.testing.assert_array_equal(one, other)
