"""DyT and Derf against their formulas, and models converted to them."""

import functools
import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import layers
from keras_funcs._core.backend import gradient
from tests.derivatives import derivative

X = np.linspace(-4, 4, 17, dtype="float32")
BOTH = [layers.DynamicTanh, layers.DynamicErf]
NORM = keras.layers.LayerNormalization


def oracle(cls, x, alpha, shift, gamma, beta):
    if cls is layers.DynamicTanh:
        e = math.exp(-2 * abs(alpha * x))
        return gamma * math.copysign((1 - e) / (1 + e), alpha * x) + beta
    return gamma * math.erf(alpha * x + shift) + beta


def made(cls, values):
    """The layer on three channels, and the values of its weights."""
    layer = cls()
    layer.build((None, 3))
    alpha, shift, gamma, beta = values
    given = [alpha, gamma, beta]
    if cls is layers.DynamicErf:
        given.insert(1, shift)
    given = [np.asarray(v, "float32") for v in given]
    layer.set_weights(given)
    return layer, given


VALUES = [
    (0.5, 0.0, [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]),
    (1.3, -0.4, [0.5, -2.0, 3.0], [0.1, 0.0, -4.0]),
    (-0.2, 0.9, [1.0, 0.0, 1.0], [0.0, 2.0, 0.0]),
]


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("cls", BOTH)
def test_value_and_every_gradient(cls, values):
    layer, weights = made(cls, values)
    alpha, shift, gamma, beta = values
    x = np.random.default_rng(0).normal(0, 2, (5, 3)).astype("float32")
    up = np.random.default_rng(1).normal(size=(5, 3)).astype("float32")

    def f(i, j, a=0.0, s=0.0, g=0.0, b=0.0, v=0.0):
        parts = (alpha + a, shift + s, gamma[j] + g, beta[j] + b)
        return oracle(cls, float(x[i, j]) + v, *parts)

    def slope(i, j, name, h=1e-5):
        return (f(i, j, **{name: h}) - f(i, j, **{name: -h})) / (2 * h)

    places = list(np.ndindex(5, 3))
    value = np.reshape([f(i, j) for i, j in places], (5, 3))
    found = ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(found, value, 1e-5, 1e-6)

    def by(name):
        each = np.reshape([slope(i, j, name) for i, j in places], (5, 3))
        return up * each

    expected = [by("v"), by("a").sum(), by("g").sum(0), by("b").sum(0)]
    if cls is layers.DynamicErf:
        expected.insert(2, by("s").sum())

    def total(x, *weights):
        y, _ = layer.stateless_call(list(weights), [], x)
        return ops.sum(ops.multiply(y, up))

    for found, right in zip(gradient(total, [x, *weights]), expected):
        np.testing.assert_allclose(found, right, 1e-4, 1e-5)


@pytest.mark.parametrize("cls", BOTH)
def test_second_derivative(cls):
    layer = cls(0.8, axis=None)
    h = 1e-3

    def f(x):
        return oracle(cls, x, 0.8, 0.0, 1.0, 0.0)

    points = np.array([-3.1, -1.0, -0.2, 0.6, 2.3])
    expected = [(f(x + h) - 2 * f(x) + f(x - h)) / h**2 for x in points]
    found = derivative(layer, points, order=2)
    np.testing.assert_allclose(found, expected, 1e-3, 1e-4)


@pytest.mark.parametrize("cls", BOTH)
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_flat_at_the_largest_numbers(cls, dtype):
    end = {"float16": 65504.0, "bfloat16": 3.3e38, "float32": 1e30}[dtype]
    policy = dtype if dtype == "float32" else f"mixed_{dtype}"
    layer = cls(4.0, axis=None, dtype=policy)
    x = np.array([-end, -1e4, 1e4, end], "float32")

    def total(x, *weights):
        y, _ = layer.stateless_call(list(weights), [], ops.cast(x, dtype))
        return ops.sum(ops.cast(y, "float32"))

    found = layer(ops.cast(ops.convert_to_tensor(x), dtype))
    found = ops.convert_to_numpy(ops.cast(found, "float32"))
    assert found.tolist() == [-1, -1, 1, 1]
    weights = [ops.convert_to_numpy(v) for v in layer.trainable_variables]
    for slope in gradient(total, [x, *weights]):
        assert np.isfinite(slope).all()


@pytest.mark.parametrize("cls", BOTH)
def test_one_alpha_and_a_scale_and_offset_per_channel(cls):
    layer = cls()
    layer.build((None, 4, 5))
    shapes = {v.name: tuple(v.shape) for v in layer.weights}
    assert shapes.pop("act_alpha") == ()
    shapes.pop("act_shift", None)
    assert shapes == {"act_gamma": (5,), "act_beta": (5,)}


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("center", [True, False])
def test_scale_and_offset_are_optional_as_in_keras(scale, center):
    layer = layers.DynamicTanh(scale=scale, center=center)
    theirs = NORM(scale=scale, center=center)
    for one in (layer, theirs):
        one.build((None, 3))
    assert len(layer.weights) == 1 + len(theirs.weights)
    x = np.ones((2, 3), "float32")
    found = ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(found, np.tanh(0.5 * x), 1e-6)


@pytest.mark.parametrize("value", [None, float("nan"), "no such thing", True])
def test_initial_values_are_checked(value):
    for cls in BOTH:
        with pytest.raises(ValueError, match="argument `alpha_initializer`"):
            cls(value)
    with pytest.raises(ValueError, match="argument `shift_initializer`"):
        layers.DynamicErf(shift_initializer=value)
    with pytest.raises(ValueError, match="argument `scale`"):
        layers.DynamicTanh(scale="yes")


def block(x, norm=NORM, name="block"):
    """A transformer block with the normalization first."""
    y = norm(name=f"{name}_attention_norm")(x)
    y = keras.layers.MultiHeadAttention(2, 4, name=f"{name}_attention")(y, y)
    x = x + y
    y = norm(name=f"{name}_norm")(x)
    y = keras.layers.Dense(16, activation="gelu", name=f"{name}_in")(y)
    return x + keras.layers.Dense(8, name=f"{name}_out")(y)


def transformer():
    tokens = keras.Input((6,), dtype="int32")
    x = keras.layers.Embedding(11, 8, mask_zero=True)(tokens)
    inner = keras.Input((6, 8))
    inner = keras.Model(inner, block(inner, name="nested"), name="nested")
    x = inner(block(x))
    x = keras.layers.GlobalAveragePooling1D()(x)
    head = [NORM(), keras.layers.Dropout(0.1), keras.layers.Dense(3)]
    x = keras.Sequential([keras.Input((8,)), *head], name="head")(x)
    return keras.Model(tokens, x)


def data():
    draw = np.random.default_rng(0)
    x = draw.integers(1, 11, (48, 6))
    return x, (x[:, 0] % 3).astype("int32")


def flat(model):
    found = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += flat(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            found.append(layer)
    return found


@pytest.mark.parametrize("cls", BOTH)
def test_a_transformer_is_converted_trained_and_saved(cls, tmp_path):
    keras.utils.set_random_seed(0)
    model = transformer()
    x, y = data()
    before = [ops.convert_to_numpy(v) for v in model.weights]
    copy = layers.replace_normalization(model, cls)

    kinds = [type(layer) for layer in flat(copy)]
    assert NORM not in kinds and kinds.count(cls) == 5
    assert [item.name for item in flat(copy)] == [
        item.name for item in flat(model)
    ]
    for old, new in zip(flat(model), flat(copy)):
        if not isinstance(old, NORM):
            for a, b in zip(old.get_weights(), new.get_weights()):
                np.testing.assert_array_equal(a, b)

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    copy.compile(keras.optimizers.Adam(0.02), loss)
    history = copy.fit(x, y, epochs=12, batch_size=16, verbose=0).history
    assert history["loss"][-1] < 0.9 * history["loss"][0]
    for value, kept in zip(model.weights, before):
        np.testing.assert_array_equal(ops.convert_to_numpy(value), kept)

    copy.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    found = ops.convert_to_numpy(loaded(x))
    expected = ops.convert_to_numpy(copy(x))
    np.testing.assert_allclose(found, expected, 1e-5, 1e-6)


def test_what_a_normalization_has_goes_along():
    model = keras.Sequential(
        [
            keras.Input((4, 3)),
            NORM(
                axis=1,
                center=False,
                gamma_initializer="zeros",
                gamma_regularizer=keras.regularizers.L2(0.25),
                gamma_constraint="non_neg",
                dtype="mixed_float16",
                name="norm",
            ),
            NORM(axis=[1, 2], trainable=False),
        ]
    )
    gamma = np.array([2, 3, 4, 5], "float32")
    table = np.arange(12, dtype="float32").reshape(4, 3)
    model.layers[0].set_weights([gamma])
    model.layers[1].set_weights([table, -table])
    first, second = layers.replace_normalization(model).layers
    assert first.name == "norm" and first.compute_dtype == "float16"
    assert first.beta is None and not second.trainable
    assert first.gamma_regularizer.l2 == 0.25
    assert isinstance(first.gamma_constraint, keras.constraints.NonNeg)
    np.testing.assert_array_equal(
        np.ravel(ops.convert_to_numpy(first.gamma)), gamma
    )
    np.testing.assert_array_equal(
        np.squeeze(ops.convert_to_numpy(second.gamma)), table
    )
    np.testing.assert_array_equal(
        np.squeeze(ops.convert_to_numpy(second.beta)), -table
    )
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float16")
    found = ops.convert_to_numpy(first(x)).astype("float32")
    right = gamma[:, None] * np.tanh(0.5 * x.astype("float32"))
    np.testing.assert_allclose(found, right, 2e-3, 2e-3)


def test_root_mean_squares_on_request_and_another_alpha():
    rms = keras.layers.RMSNormalization
    model = keras.Sequential([keras.Input((3,)), NORM(), rms()])
    model.layers[1].set_weights([np.array([1, 2, 3], "float32")])
    copy = layers.replace_normalization(model)
    assert isinstance(copy.layers[1], rms)
    make = functools.partial(layers.DynamicTanh, alpha_initializer=0.2)
    copy = layers.replace_normalization(model, make, [NORM, rms])
    for layer in copy.layers:
        assert abs(float(ops.convert_to_numpy(layer.alpha)) - 0.2) < 1e-7
    assert copy.layers[0].beta is not None and copy.layers[1].beta is None
    np.testing.assert_array_equal(
        ops.convert_to_numpy(copy.layers[1].gamma), [1, 2, 3]
    )


def test_a_shared_layer_stays_shared():
    x, norm = keras.Input((3,)), NORM()
    model = keras.Model(x, norm(keras.layers.Dense(3)(norm(x))))
    copy = layers.replace_normalization(model)
    assert len(copy.weights) == len(model.weights) + 1
    assert sum(isinstance(v, layers.DynamicTanh) for v in copy.layers) == 1


@keras.saving.register_keras_serializable("tests")
class Encoder(keras.layers.Layer):
    """A layer whose normalization is its own affair."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.parts = [keras.layers.Dense(3), NORM(name="hidden_norm")]

    def call(self, x):
        return self.parts[1](self.parts[0](x))


@pytest.mark.parametrize(
    "layer, name",
    [
        (lambda: Encoder(name="encoder"), "encoder.*hidden_norm"),
        (lambda: keras.layers.TimeDistributed(NORM(name="it")), "holds.*it"),
    ],
)
def test_what_cannot_be_reached_is_named(layer, name):
    model = keras.Sequential([keras.Input((2, 3)), NORM(), layer()])
    with pytest.raises(ValueError, match=name):
        layers.replace_normalization(model)


def test_models_that_cannot_be_converted():
    class Written(keras.Model):
        def __init__(self):
            super().__init__()
            self.norm = NORM()

        def call(self, x):
            return self.norm(x)

    with pytest.raises(ValueError, match="functional or sequential"):
        layers.replace_normalization(Written())
    with pytest.raises(ValueError, match="functional or sequential"):
        layers.replace_normalization(NORM())
    plain = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="nothing to replace.*Dense"):
        layers.replace_normalization(plain)
    for wrong in ((), NORM, [keras.layers.BatchNormalization], [None], "all"):
        with pytest.raises(ValueError, match="argument `normalizations`"):
            layers.replace_normalization(plain, normalizations=wrong)
    with pytest.raises(ValueError, match="argument `make`"):
        layers.replace_normalization(plain, make="tanh")


def test_a_compiled_model_stays_compiled():
    model = keras.Sequential([keras.Input((3,)), NORM()])
    model.compile(keras.optimizers.SGD(0.125), "mse")
    copy = layers.replace_normalization(model)
    x = np.ones((4, 3), "float32")
    copy.fit(x, 0 * x, verbose=0)
    assert float(ops.convert_to_numpy(copy.optimizer.learning_rate)) == 0.125
