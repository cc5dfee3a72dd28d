"""Where the coefficients of adaptive activations live."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import layers
from keras_funcs._core.masking import MaskCarrier


def coefficient(layer, *shape):
    layer.build((None, *shape))
    (variable,) = layer.weights
    return variable


@pytest.mark.parametrize(
    "arguments, shape, wanted",
    [
        ({}, (5,), (5,)),
        ({}, (7, 5), (5,)),
        ({}, (6, 7, 5), (5,)),
        ({}, (None, None, 5), (5,)),
        ({"axis": 1}, (6, 7, 5), (6, 1, 1)),
        ({"axis": 1}, (6, None), (1, 6, 1)),
        ({"axis": 2}, (6, 7, 5), (1, 7, 1)),
        ({"axis": [1, -1]}, (7, 5), (1, 7, 5)),
        ({"axis": [1, 2, 3]}, (6, 7, 5), (6, 7, 5)),
        ({"shared_axes": [1, 2]}, (6, 7, 5), (5,)),
        ({"shared_axes": [2, 3]}, (6, 7, 5), (6, 1, 1)),
        ({"shared_axes": [1]}, (7, 5), (5,)),
        ({"shared_axes": []}, (6, 7, 5), (6, 7, 5)),
        ({"axis": None}, (6, 7, 5), ()),
    ],
)
def test_shape_of_the_coefficient(arguments, shape, wanted):
    variable = coefficient(layers.Swish(**arguments), *shape)
    assert tuple(variable.shape) == wanted
    assert len(wanted) != 2  # Muon would take it for a matrix
    assert variable.name == "act_beta"


@pytest.mark.parametrize(
    "arguments", [{}, {"axis": 1}, {"axis": [1, 3]}, {"shared_axes": [1, 3]}]
)
def test_a_coefficient_acts_where_its_axis_says(arguments):
    layer = layers.Snake(**arguments)
    variable = coefficient(layer, 2, 3, 4)
    values = np.arange(1, 1 + int(np.prod(variable.shape)))
    layer.set_weights([values.reshape(variable.shape) / 4.0])
    x = np.random.default_rng(0).normal(0, 1, (2, 2, 3, 4))
    y = ops.convert_to_numpy(layer(x.astype("float32")))
    own = np.broadcast_to(layer.get_weights()[0], (2, 3, 4))
    for index in np.ndindex(*x.shape):
        a = float(own[index[1:]])
        wanted = x[index] + np.sin(a * x[index]) ** 2 / a
        np.testing.assert_allclose(y[index], wanted, 1e-4, 1e-5)
    kept = set(range(1, 4)) - {1, 3} if "shared_axes" in arguments else None
    assert kept is None or own.reshape(2, 3, 4)[0, :, 0].tolist() == [
        0.25,
        0.5,
        0.75,
    ]


def test_it_shares_as_prelu_does():
    prelu = keras.layers.PReLU(shared_axes=[1, 2])
    prelu.build((None, 6, 7, 5))
    ours = coefficient(layers.Swish(shared_axes=[1, 2]), 6, 7, 5)
    assert int(np.prod(prelu.alpha.shape)) == int(np.prod(ours.shape))


def test_coefficients_stay_float32_under_mixed_precision():
    for dtype in ("mixed_float16", "mixed_bfloat16", "float16"):
        layer = layers.Swish(dtype=dtype)
        y = layer(np.ones((2, 3), "float32"))
        assert keras.backend.standardize_dtype(layer.beta.dtype) == "float32"
        assert keras.backend.standardize_dtype(y.dtype) == layer.compute_dtype
    # float16 alone would lose x**2 beyond 256 in the sine's argument
    layer = layers.Snake(500.0, dtype="mixed_float16")
    y = layer(np.full((1, 1), 200.0, "float32"))
    wanted = 200 + np.sin(1e5) ** 2 / 500
    np.testing.assert_allclose(ops.convert_to_numpy(y), [[wanted]], 1e-3)


@pytest.mark.parametrize("kind", [layers.Swish, layers.Snake])
def test_an_activation_that_was_built_early_is_counted_and_trained(kind):
    activation = layers.build_activation(kind(), 6)
    assert activation.built
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(6, activation=activation)]
    )
    assert model.count_params() == 3 * 6 + 6 + 6
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = activation.get_weights()[0].copy()
    x = np.random.default_rng(0).normal(0, 1, (8, 3)).astype("float32")
    model.fit(x, np.ones((8, 6)), verbose=0)
    assert (activation.get_weights()[0] != before).any()


def test_one_coefficient_needs_no_early_build():
    activation = layers.Snake(axis=None)
    model = keras.Sequential(
        [
            keras.Input((None, None, 2)),
            keras.layers.Conv2D(4, 3, activation=activation),
        ]
    )
    assert model.count_params() == 3 * 3 * 2 * 4 + 4 + 1


def test_build_activation_builds_once():
    layer = layers.build_activation(layers.Swish(), 4)
    beta = layer.beta
    assert layers.build_activation(layer, 4).beta is beta


def test_a_mask_passes():
    x = np.ones((2, 3, 4), "float32")
    x[0, 1] = 0
    masked = keras.layers.Masking()(ops.convert_to_tensor(x))
    y = layers.Swish()(masked)
    carried = ops.convert_to_numpy(MaskCarrier().read(y))
    assert carried.tolist() == [[True, False, True], [True, True, True]]


class Several(layers.AdaptiveActivation):
    def __init__(self, start, **kwargs):
        self.start = start
        super().__init__(**kwargs)

    def build_coefficients(self):
        self.height = self.add_coefficient("height", self.start, positive=True)
        self.knots = self.add_coefficient("knots", 0.5, count=3)

    def activate(self, x):
        y = ops.softplus(self.height) * x
        return y + self.knots[0] - self.knots[2]


@pytest.mark.parametrize("start", [1e-5, 0.3, 1.0, 50.0, 1000.0])
def test_positive_coefficients_start_where_they_should(start):
    for given in (start, keras.initializers.Constant(start)):
        layer = Several(given)
        layer.build((None, 2))
        found = ops.convert_to_numpy(ops.softplus(layer.height.value))
        np.testing.assert_allclose(found, [start] * 2, 1e-5)


def test_an_initializer_of_positive_coefficients_is_raised_from_0():
    layer = Several("zeros", axis=None)
    found = ops.convert_to_numpy(ops.softplus(layer.height.value))
    np.testing.assert_allclose(found, 1e-6, 1e-4)


@pytest.mark.parametrize(
    "arguments, shape, wanted",
    [
        ({}, (7, 5), (3, 1, 5)),
        ({"axis": None}, (7, 5), (3,)),
        ({"axis": 1}, (6, 7, 5), (3, 6, 1, 1)),
        ({"shared_axes": []}, (7, 5), (3, 1, 7, 5)),
    ],
)
def test_several_coefficients_of_a_kind_are_no_matrix(arguments, shape, wanted):
    layer = Several(1.0, **arguments)
    x = np.ones((2, *shape), "float32")
    assert layer(x).shape == x.shape
    assert tuple(layer.knots.shape) == wanted
    assert [w.name for w in layer.weights] == ["act_height", "act_knots"]


def test_a_number_beyond_float32_is_refused():
    with pytest.raises(ValueError, match="float32 can hold"):
        Several(1e300, axis=None)


def test_one_regularizer_and_one_constraint_for_all():
    layer = Several(
        1.0,
        axis=None,
        coefficient_regularizer=keras.regularizers.L2(0.1),
        coefficient_constraint="non_neg",
    )
    assert len(layer.losses) == 2
    assert all(w.constraint is not None for w in layer.weights)
    own = layers.DynamicTanh(
        gamma_initializer=2.0,
        center=False,
        gamma_regularizer=keras.regularizers.L2(1.0),
        coefficient_regularizer=keras.regularizers.L2(1.0),
        coefficient_constraint="non_neg",
        axis=None,
    )
    losses = [float(ops.convert_to_numpy(v)) for v in own.losses]
    assert losses == [0.25, 4.0]


def test_regularizer_and_constraint_reach_the_coefficient():
    layer = layers.Swish(
        -2.0,
        coefficient_regularizer=keras.regularizers.L2(0.5),
        coefficient_constraint="non_neg",
        axis=None,
    )
    penalty = ops.convert_to_numpy(layer.losses[0])
    np.testing.assert_allclose(penalty, 0.5 * 4)
    constrained = layer.beta.constraint(layer.beta.value)
    assert ops.convert_to_numpy(constrained) == 0.0


@pytest.mark.parametrize(
    "arguments",
    [
        {"axis": 0},
        {"axis": []},
        {"axis": "1"},
        {"axis": 1.0},
        {"axis": [1, 0]},
        {"axis": "channel"},
        {"coefficient_regularizer": 1.0},
        {"coefficient_constraint": "none"},
        {"shared_axes": [0]},
        {"shared_axes": [-1]},
        {"shared_axes": ["1"]},
    ],
)
def test_bad_arguments_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        layers.Swish(**arguments)


@pytest.mark.parametrize(
    "arguments, shape, message",
    [
        ({"axis": 3}, (None, 4), "axis 3"),
        ({"axis": -3}, (None, 4), "axis -3"),
        ({"axis": 1}, (None, None, 4), "needs the size"),
        ({"shared_axes": []}, (None, None, 4), "needs the size"),
        ({"shared_axes": [4]}, (None, 3, 4), "axis 4"),
    ],
)
def test_shapes_without_the_axis_are_refused(arguments, shape, message):
    with pytest.raises(ValueError, match=message):
        layers.Swish(**arguments).build(shape)


def test_build_activation_refuses():
    with pytest.raises(ValueError, match="argument `units`"):
        layers.build_activation(layers.Swish(), 0)
    with pytest.raises(ValueError, match="argument `layer`"):
        layers.build_activation(keras.layers.ReLU(), 4)
    for arguments in ({"axis": 1}, {"shared_axes": [1]}):
        with pytest.raises(ValueError, match="argument `layer`"):
            layers.build_activation(layers.Swish(**arguments), 4)


@pytest.mark.parametrize("kind", [layers.Swish, layers.APL, layers.XIELU])
def test_an_activation_that_was_built_early_is_saved_with_its_host(
    kind, tmp_path
):
    early = [layers.build_activation(kind(), 4) for _ in range(3)]
    model = keras.Sequential(
        [
            keras.Input((5, 2)),
            keras.layers.Conv1D(4, 2, activation=early[0]),
            keras.layers.LSTM(4, activation=early[1]),
            keras.layers.Dense(4, activation=early[2]),
        ]
    )
    draw = np.random.default_rng(0)
    model.set_weights(
        [w + draw.normal(size=w.shape) / 9 for w in model.get_weights()]
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.count_params() == model.count_params()
    for found, expected in zip(
        loaded.get_weights(), model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    x = draw.normal(size=(3, 5, 2)).astype("float32")
    expected = ops.convert_to_numpy(model(x))
    np.testing.assert_array_equal(ops.convert_to_numpy(loaded(x)), expected)


def test_channels_first_is_built_early_with_a_full_shape():
    layer = layers.Swish(axis=1)
    layer.build((None, 4, None, None))
    x = np.random.default_rng(0).normal(size=(2, 4, 3, 5)).astype("float32")
    layer.set_weights([np.arange(4.0, dtype="float32").reshape(4, 1, 1)])
    y = ops.convert_to_numpy(keras.layers.Activation(layer)(x))
    np.testing.assert_allclose(y[:, 0], x[:, 0] / 2, 1e-6)


@pytest.mark.parametrize(
    "layer, built, other",
    [
        (layers.Swish(), (2, 8), (2, 1)),
        (layers.Swish(axis=1), (2, 4, 3, 3), (2, 4)),
        (layers.Swish(shared_axes=[1]), (2, 3, 4), (2, 3, 3, 4)),
        (layers.Swish(axis=[1, 2]), (2, 3, 4), (2, 3, 1)),
        (layers.Rational(groups=2), (2, 8), (2, 1)),
        (layers.Rational(groups=2, axis=1), (2, 4, 3), (2, 3, 3)),
    ],
)
def test_what_its_coefficients_do_not_fit_is_refused(layer, built, other):
    layer(np.ones(built, "float32"))
    with pytest.raises(ValueError, match="incompatible with the layer"):
        layer(np.ones(other, "float32"))


def test_coefficients_of_the_last_axis_fit_any_rank(tmp_path):
    layer = layers.build_activation(layers.Swish(), 4)
    model = keras.Sequential([keras.Input((3, 4)), layer])
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras").layers[-1]
    for shape in [(2, 4), (2, 3, 4), (2, 3, 3, 4)]:
        assert tuple(loaded(np.ones(shape, "float32")).shape) == shape
    with pytest.raises(ValueError, match="incompatible with the layer"):
        loaded(np.ones((2, 3, 1), "float32"))
