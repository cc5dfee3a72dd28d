"""Losses of functions against covariances and Jacobians by hand."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import layers
from tests.derivatives import gradient


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 1, shape).astype("float32")


def loss_of(layer, x, **mode):
    layer(x, **mode)
    return [float(ops.convert_to_numpy(loss)) for loss in layer.losses]


@pytest.mark.parametrize("shape", [(20, 4), (5, 3, 2, 4)])
def test_decov_is_the_covariance_beside_the_diagonal(shape):
    x = draw(*shape)
    x[..., 1] += x[..., 0]
    c = np.cov(x.reshape(-1, 4).astype("float64"), rowvar=False, bias=True)
    expected = 0.3 * 0.5 * ((c**2).sum() - (np.diag(c) ** 2).sum())
    layer = layers.DeCov(0.3)
    np.testing.assert_allclose(loss_of(layer, x), [expected], 1e-4)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(x)), x)


def test_decov_of_one_sample_and_of_constants_is_0():
    for x in (draw(1, 4), np.ones((5, 4), "float32")):
        assert loss_of(layers.DeCov(1.0), x) == [0.0]


def test_decov_parts_units_in_training():
    keras.utils.set_random_seed(0)
    shares = []
    for factor in (0.0, 10.0):
        inputs = keras.Input((3,))
        h = keras.layers.Dense(6, "tanh", name="h")(inputs)
        model = keras.Model(inputs, keras.layers.Dense(1)(
            layers.DeCov(factor)(h)
        ))  # fmt: skip
        model.compile(keras.optimizers.Adam(0.02), "mse")
        x = draw(64, 3)
        model.fit(x, x[:, :1], epochs=30, batch_size=64, verbose=0)
        code = keras.Model(inputs, model.get_layer("h").output)
        c = np.cov(ops.convert_to_numpy(code(x)), rowvar=False)
        shares.append(np.square(c - np.diag(np.diag(c))).sum())
    assert shares[1] < 0.5 * shares[0]


def tanh_model():
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(5, "tanh"),
            keras.layers.Dense(3),
        ]
    )


def jacobians(model, x):
    """By the chain rule, sample by sample."""
    (w1, b1), (w2, _) = (layer.get_weights() for layer in model.layers)
    hidden = np.tanh(x @ w1 + b1)
    return [(w1 * (1 - h**2)) @ w2 for h in hidden.astype("float64")]


def test_the_mean_over_draws_is_the_frobenius_norm():
    model, x = tanh_model(), draw(6, 4)
    expected = np.mean([0.5 * (j**2).sum() for j in jacobians(model, x)])
    layer = layers.JacobianPenalty(model, 1.0, projections=400, seed=3)
    (found,) = loss_of(layer, x, training=True)
    np.testing.assert_allclose(found, expected, 0.06)
    assert loss_of(layer, x) == []  # none outside training
    y = ops.convert_to_numpy(layer(x, training=True))
    np.testing.assert_allclose(y, ops.convert_to_numpy(model(x)), 1e-6)


def test_a_single_direction_is_that_directions_slope():
    model, x = tanh_model(), draw(6, 4)
    layer = layers.JacobianPenalty(model, 0.7, seed=3)
    (found,) = loss_of(layer, x, training=True)
    seeds = keras.random.SeedGenerator(3)
    u = ops.convert_to_numpy(keras.random.normal(x.shape, seed=seeds))
    slopes = [row @ j for row, j in zip(u, jacobians(model, x))]
    expected = 0.7 * 0.5 * np.mean(np.square(slopes).sum(1))
    np.testing.assert_allclose(found, expected, 1e-4)


def test_the_loss_has_a_gradient_by_inputs():
    # Forward mode inside of reverse mode: against central differences.
    model, x = tanh_model(), draw(2, 4)

    def loss(t):
        layer = layers.JacobianPenalty(model, 1.0, seed=3)
        layer(t, training=True)
        return layer.losses[0]

    slope = gradient(loss, x)
    along = draw(2, 4, seed=1)
    step = 1e-2
    ends = [
        float(ops.convert_to_numpy(loss(ops.convert_to_tensor(x + k * along))))
        for k in (-step, step)
    ]
    expected = (ends[1] - ends[0]) / (2 * step)
    np.testing.assert_allclose((slope * along).sum(), expected, 1e-2, 1e-3)


def test_training_makes_the_function_flatter(tmp_path):
    norms = []
    for factor in (0.0, 1.0):
        inner = tanh_model()
        model = keras.Sequential(
            [keras.Input((4,)), layers.JacobianPenalty(inner, factor, seed=1)]
        )
        model.compile(keras.optimizers.Adam(0.02), "mse")
        x = draw(64, 4)
        model.fit(x, 2 * x[:, :3], epochs=30, batch_size=32, verbose=0)
        norms.append(np.mean([(j**2).sum() for j in jacobians(inner, x)]))
    assert norms[1] < 0.7 * norms[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        ops.convert_to_numpy(loaded(x)), ops.convert_to_numpy(model(x))
    )


def test_averages_and_dropout_inside_are_left_alone():
    keras.utils.set_random_seed(0)
    inner = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(3),
        ]
    )
    model = keras.Sequential(
        [keras.Input((4,)), layers.JacobianPenalty(inner, 1.0, seed=1)]
    )
    model.compile("sgd", "mse")
    x = draw(32, 4) + 5
    model.fit(x, x[:, :3], epochs=1, batch_size=32, verbose=0)
    mean = inner.layers[0].moving_mean
    expected = 0.01 * x.mean(0)  # one update, not two
    np.testing.assert_allclose(ops.convert_to_numpy(mean), expected, 1e-3)


def test_decov_has_a_gradient_by_weights():
    # Of a layer in front of it.
    x, w = draw(10, 4), draw(4, 3)

    def loss(w):
        layer = layers.DeCov(1.0)
        layer(ops.matmul(x, w))
        return layer.losses[0]

    c = np.cov(x @ w, rowvar=False, bias=True)
    beside = c - np.diag(np.diag(c))
    centered = x - x.mean(0)
    expected = 2 * centered.T @ (centered @ w) @ beside / 10
    np.testing.assert_allclose(gradient(loss, w), expected, 1e-3, 1e-4)


@pytest.mark.parametrize(
    "cls, arguments",
    [
        (layers.DeCov, {"factor": -1}),
        (layers.JacobianPenalty, {"factor": -1}),
        (layers.JacobianPenalty, {"layer": "dense"}),
        (layers.JacobianPenalty, {"layer": None}),
        (layers.JacobianPenalty, {"projections": 0}),
        (layers.JacobianPenalty, {"seed": 1.5}),
    ],
)
def test_bad_arguments_are_refused(cls, arguments):
    (name,) = arguments
    given = {}
    if cls is layers.JacobianPenalty:
        given = {"layer": keras.layers.Dense(2)}
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        cls(**{**given, **arguments})


def test_decov_leaves_padding_out():
    x, mask = draw(6, 5, 4), np.arange(5) < np.arange(6)[:, None]
    expected = loss_of(layers.DeCov(1.0), x[mask])
    x[~mask] = np.nan
    found = loss_of(layers.DeCov(1.0), x, mask=ops.convert_to_tensor(mask))
    np.testing.assert_allclose(found, expected, 1e-4)


def test_losses_inside_are_added_once():
    x = draw(6, 4)
    dense = keras.layers.Dense(3, activity_regularizer="l2")
    layer = layers.JacobianPenalty(dense, 0.1, projections=3, seed=1)
    assert len(loss_of(layer, x, training=True)) == 2
    dropout = layers.ConcreteDropout(keras.layers.Dense(3), seed=1)
    layer = layers.JacobianPenalty(dropout, 0.1, projections=3, seed=1)
    assert len(loss_of(layer, x, training=True)) == 3


def test_penalties_inside_train_in_fit():
    dense = keras.layers.Dense(3, activity_regularizer="l2")
    model = keras.Sequential(
        [keras.Input((4,)), layers.JacobianPenalty(dense, seed=1)]
    )
    model.compile("sgd", "mse")
    x = draw(8, 4)
    history = model.fit(x, x[:, :3], epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_the_mask_is_that_of_the_layer_inside():
    mask = np.array([[True, False]])
    for sequences, expected in ((True, mask), (False, None)):
        inner = keras.layers.LSTM(3, return_sequences=sequences)
        layer = layers.JacobianPenalty(inner)
        assert layer.compute_mask(draw(1, 2, 4), mask) is expected


def test_integers_are_refused():
    layer = layers.JacobianPenalty(keras.layers.Embedding(5, 2))
    with pytest.raises(ValueError, match="what follows the Embedding"):
        layer(np.array([[1, 2]]), training=True)
