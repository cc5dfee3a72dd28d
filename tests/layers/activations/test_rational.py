"""Rational activations: formula, ends, groups, memory.

The layer is compared with rational functions in their published form, whose
coefficients are those of the powers of x.
"""

import keras
import numpy as np
import pytest

from benchmarks.rational_tables import PUBLISHED
from keras_funcs import layers
from keras_funcs._core.backend import active
from tests.derivatives import BACKEND
from tests.derivatives import derivative
from tests.layers.oracle import agree
from tests.layers.oracle import coefficient_gradients
from tests.layers.oracle import rational
from tests.layers.oracle import values

UNIT = 3.0  # 0.3 * bound
X = np.linspace(-4.07, 4.11, 23, dtype="float32")


def raw(layer):
    """The coefficients of the powers of x."""
    a, b = (np.asarray(w, "float64") for w in layer.get_weights())
    shape = (-1,) + (1,) * (a.ndim - 1)
    unit = 0.3 * layer.bound
    powers = np.arange(1, len(b) + 1).reshape(shape)
    return a / unit ** np.arange(len(a)).reshape(shape), b / unit**powers


@pytest.mark.parametrize("version", ["A", "B"])
@pytest.mark.parametrize("outside", ["linear", "free"])
@pytest.mark.parametrize("degrees", [(5, 4), (2, 3), (1, 1)])
def test_value_and_derivatives(version, outside, degrees):
    m, n = degrees
    table = {
        "numerator": np.linspace(-0.5, 0.7, m + 1).tolist(),
        "denominator": np.linspace(0.4, -0.3, n).tolist(),
    }
    layer = layers.Rational(table, degrees, version, outside=outside)
    a, b = layer.get_weights()
    assert a.shape == (m + 1,) and b.shape == (n,)
    np.testing.assert_allclose(raw(layer)[0], table["numerator"], 1e-6)
    np.testing.assert_allclose(raw(layer)[1], table["denominator"], 1e-6)

    def formula(x, a, b):
        return rational(x / UNIT, a, b, version)

    # Version B has a kink wherever the sum of powers is 0.
    powers = X[:, None] ** np.arange(1, n + 1)
    apart = np.abs(powers @ table["denominator"]) > 0.02
    agree(layer, formula, X[apart], 2e-5, 2e-5)


def test_gradient_of_each_coefficient():
    # d f / d a_i = x^i / Q; d f / d b_j = -P / Q^2 sign(b_j) |x|^j
    layer = layers.Rational("gelu")
    a, b = (np.asarray(w, "float64") for w in layer.get_weights())
    x = X.astype("float64") / UNIT
    q = 1 + sum(abs(b[j] * x ** (j + 1)) for j in range(4))
    p = sum(a[i] * x**i for i in range(6))
    by_a, by_b = coefficient_gradients(layer, X)
    wanted = [(x**i / q).sum() for i in range(6)]
    np.testing.assert_allclose(by_a, wanted, 1e-4, 1e-4)
    wanted = [-(p / q**2 * np.abs(x) ** (j + 1)).sum() for j in range(4)]
    np.testing.assert_allclose(by_b, wanted, 1e-4, 1e-4)


@pytest.mark.parametrize("name, version", sorted(PUBLISHED))
def test_a_published_table_can_be_had(name, version):
    a, b = PUBLISHED[name, version]
    table = {"numerator": a, "denominator": b}
    layer = layers.Rational(table, version=version, outside="free")
    assert layer.fit_error is None
    x = np.linspace(-3, 3, 61)
    wanted = rational(x, a, b, version)
    np.testing.assert_allclose(values(layer, x), wanted, 1e-5, 1e-5)
    far = np.array([-1000.0, -50.0, 50.0, 1000.0])
    wanted = rational(far, a, b, version)
    np.testing.assert_allclose(values(layer, far), wanted, 1e-3)


@pytest.mark.parametrize("degrees", [(5, 4), (3, 3), (8, 1), (1, 8), (8, 8)])
@pytest.mark.parametrize("version", ["A", "B"])
@pytest.mark.parametrize("outside", ["linear", "free"])
def test_finite_for_all_that_float32_takes(degrees, version, outside):
    m, n = degrees
    table = {
        "numerator": [0.5**i for i in range(m + 1)],
        "denominator": [0.5**j for j in range(1, n + 1)],
    }
    layer = layers.Rational(table, degrees, version, outside=outside)
    x = np.array([-1e4, -300, -1, -1e-30, 0, 1e-30, 1, 300, 1e4], "float32")
    for found in (values(layer, x), derivative(layer, x)):
        assert np.isfinite(found).all()
    x = np.array([-3e38, 3e38], "float32")
    assert not np.isnan(values(layer, x)).any()
    assert not np.isnan(derivative(layer, x)).any()
    if m - n <= 1 or outside == "linear":  # a sum of infinities else
        for found in coefficient_gradients(layer, x):
            assert not np.isnan(found).any()


@pytest.mark.parametrize("version", ["A", "B"])
@pytest.mark.parametrize("outside", ["linear", "free"])
def test_identity_is_exact_and_can_learn(version, outside):
    layer = layers.Rational("identity", version=version, outside=outside)
    x = np.array([-3e38, -1e4, -2.5, 0.0, 3.0, 9.0, 1e4, 3e38], "float32")
    np.testing.assert_allclose(values(layer, x), x, 1e-6)
    # |b| has no slope at 0 to leave it by, unless it is given one.
    _, by_b = coefficient_gradients(layer, np.array([1.0, 2.0]))
    assert (by_b != 0).all()


def test_odd_where_its_function_is():
    layer = layers.Rational("tanh", version="B")
    x = np.linspace(0, 12, 200)
    there, back = values(layer, x), values(layer, -x)
    np.testing.assert_allclose(there, -back, 0, 1e-5)
    assert np.abs(values(layer, [-1e30, 1e30])).max() < 1.01


@pytest.mark.parametrize("name", ["relu", "gelu", "tanh"])
def test_the_ends_join_and_train(name):
    layer = layers.Rational(name)
    layer.set_weights([w * 1.1 for w in layer.get_weights()])
    near = values(layer, [-10.0001, -9.9999, 9.9999, 10.0001])
    np.testing.assert_allclose(near[::2], near[1::2], 0, 2e-3)
    left, right = {"relu": (0, 1), "gelu": (0, 1), "tanh": (0, 0)}[name]
    slopes = derivative(layer, [-50.0, 50.0])
    np.testing.assert_allclose(slopes, [left, right], 0, 1e-6)
    for found in coefficient_gradients(layer, np.array([-40.0, 50.0, 60.0])):
        assert np.isfinite(found).all() and np.abs(found).max() > 0


def test_the_slope_at_the_end_is_that_from_within():
    x = np.array([-10.0, -9.999, 9.999, 10.0], "float32")
    found = derivative(layers.Rational("tanh", outside="free"), x)
    ends = derivative(layers.Rational("tanh"), x)
    np.testing.assert_allclose(found, ends, 1e-5, 1e-7)
    np.testing.assert_allclose(ends[[0, 3]], ends[[1, 2]], 1e-2, 1e-6)


@pytest.mark.parametrize(
    "arguments, shape, wanted",
    [
        ({}, (4, 6), ()),
        ({"axis": -1}, (4, 6), (1, 6)),
        ({"groups": 3}, (4, 6), (1, 3)),
        ({"groups": 2, "axis": 1}, (4, 6), (1, 2, 1)),
        ({"groups": 2, "axis": 1}, (4, 5, 6), (2, 1, 1)),
        ({"groups": 6}, (None, None, 6), (1, 6)),
    ],
)
def test_shapes_of_coefficients(arguments, shape, wanted):
    layer = layers.Rational(**arguments)
    assert layer.built == (not arguments)
    layer.build((None, *shape))
    a, b = layer.weights
    assert tuple(a.shape) == (6, *wanted) and tuple(b.shape) == (4, *wanted)
    assert len(a.shape) != 2  # Muon would take it for a matrix
    assert [w.name for w in (a, b)] == ["act_numerator", "act_denominator"]


@pytest.mark.parametrize("axis", [-1, 1])
def test_each_group_has_its_own_rational(axis):
    layer = layers.Rational("silu", groups=2, axis=axis)
    x = np.random.default_rng(0).normal(0, 4, (2, 6, 5, 6)).astype("float32")
    x = x.clip(-9.9, 9.9)
    layer.build(x.shape)
    draw = np.random.default_rng(1)
    moved = [w * draw.uniform(0.8, 1.2, w.shape) for w in layer.get_weights()]
    layer.set_weights(moved)
    a, b = (w.reshape(len(w), 2) for w in raw(layer))
    y, x = values(layer, x), x.astype("float64")
    for channel in range(6):
        group = channel // 3
        given = np.take(x, channel, axis)
        wanted = rational(given, a[:, group], b[:, group], "A")
        found = np.take(y, channel, axis)
        np.testing.assert_allclose(found, wanted, 1e-4, 1e-4)
    by_a, _ = coefficient_gradients(layer, x)
    q = x / rational(x, [0, 1], b.reshape(4, 2)[:, 0], "A")  # of group 0
    part = np.take(1 / q, range(3), axis).sum()
    np.testing.assert_allclose(by_a.reshape(6, 2)[0, 0], part, 1e-4)


def test_groups_may_share_their_numerator():
    x = np.linspace(-9, 9, 24).reshape(4, 6).astype("float32")
    for arguments in ({"groups": 2}, {"axis": -1}):
        layer = layers.Rational(shared_numerator=True, **arguments)
        layer.build(x.shape)
        a, b = layer.get_weights()
        own = layers.Rational(**arguments)
        own.build(x.shape)
        assert a.shape == (6,) and b.shape == own.get_weights()[1].shape
        b = b * np.random.default_rng(1).uniform(0.8, 1.2, b.shape)
        layer.set_weights([a, b])
        every = np.broadcast_to(a[:, None, None], own.get_weights()[0].shape)
        own.set_weights([every, b])
        np.testing.assert_allclose(values(layer, x), values(own, x), 1e-6)


def test_groups_saved_and_loaded(tmp_path):
    layer = layers.Rational("relu", groups=2)
    model = keras.Sequential([keras.Input((4,)), layer])
    layer.set_weights([w * 1.1 for w in layer.get_weights()])
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    x = np.linspace(-12, 12, 8).reshape(2, 4)
    np.testing.assert_array_equal(values(loaded, x), values(model, x))


def test_memory_efficient_has_the_same_second_derivative():
    x = np.linspace(-6, 6, 12)
    plain, lean = (
        derivative(layers.Rational("tanh", memory_efficient=choice), x, 2)
        for choice in (False, True)
    )
    np.testing.assert_allclose(lean, plain, 1e-5, 1e-6)


def test_memory_efficient_keeps_the_input_alone():
    def kept(**arguments):
        layer = layers.Rational(**arguments)

        def total(x, *weights):
            return layer.stateless_call(list(weights), [], x)[0]

        x = np.ones((64, 64), "float32")
        return active().kept(total, [x, *layer.get_weights()]) / x.nbytes

    if BACKEND == "tensorflow":  # whose tape does not tell what it keeps
        with pytest.raises(NotImplementedError):
            kept()
        return
    assert kept(memory_efficient=True) < 1.05 < 5 < kept()


@pytest.mark.parametrize("host", ["dense", "conv", "lstm"])
def test_built_at_once_for_use_as_an_activation(host):
    layer = layers.Rational("tanh")
    made, shape = {
        "dense": (keras.layers.Dense(4, activation=layer), (3,)),
        "conv": (keras.layers.Conv1D(4, 2, activation=layer), (6, 3)),
        "lstm": (keras.layers.LSTM(4, activation=layer), (6, 3)),
    }[host]
    model = keras.Sequential([keras.Input(shape), made])
    assert {"act_numerator", "act_denominator"} <= {
        v.name for v in model.trainable_variables
    }


@pytest.mark.parametrize(
    "degrees", [(0, 4), (5, 0), (9, 4), (5, 9), (5,), 5, (5, 4, 3), (5.0, 4)]
)
def test_bad_degrees_are_refused(degrees):
    with pytest.raises(ValueError, match="argument `degrees`"):
        layers.Rational(degrees=degrees)


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"version": "C"}, "version"),
        ({"groups": 0}, "groups"),
        ({"bound": 0.0}, "bound"),
        ({"bound": 1e-7}, "bound"),
        ({"bound": float("inf")}, "bound"),
        ({"outside": "clip"}, "outside"),
        ({"shared_numerator": 1}, "shared_numerator"),
        ({"memory_efficient": 1}, "memory_efficient"),
    ],
)
def test_bad_arguments_are_refused(arguments, name):
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        layers.Rational(**arguments)


@pytest.mark.parametrize(
    "groups, axis, shape",
    [(4, -1, (None, 6)), (2, [1, 2], (None, 4, 4))],
)
def test_groups_that_do_not_divide_are_refused(groups, axis, shape):
    layer = layers.Rational(groups=groups, axis=axis)
    with pytest.raises(ValueError, match=f"`groups={groups}` divides"):
        layer.build(shape)


def test_groups_of_unknown_size_are_refused():
    with pytest.raises(ValueError, match="needs the size"):
        layers.Rational(groups=2).build((None, None))
