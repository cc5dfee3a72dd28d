"""UncertaintyWeighted: its value, what it learns, and what it refuses."""

import json

import keras
import numpy as np
import pytest
import torch
from keras import ops

from keras_funcs.losses import AdaptiveRobust
from keras_funcs.losses import CategoricalFocal
from keras_funcs.losses import LogitAdjusted
from keras_funcs.losses import LossModel
from keras_funcs.losses import UncertaintyWeighted
from keras_funcs.losses import WeightedSum
from tests.losses import oracles

RANDOM = np.random.default_rng(0)
Y = RANDOM.normal(size=(6, 1)).astype("float32")
Z = RANDOM.normal(size=(6, 1)).astype("float32")
IDS = RANDOM.integers(0, 3, 6)
LOGITS = RANDOM.normal(size=(6, 3)).astype("float32")
WEIGHTS = RANDOM.uniform(0, 2, 6).astype("float32")


def crossentropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def at(loss, *log_variances):
    """The loss, with what it would have learned."""
    loss.log_variances.assign(np.array(log_variances, "float32"))
    return loss


def number(value):
    return float(ops.convert_to_numpy(value))


def squared(weights=None):
    weights = np.ones(6) if weights is None else weights
    return sum(w * (y - z) ** 2 for w, y, z in zip(weights, Y, Z))[0] / 6


def absolute():
    return sum(abs(y - z) for y, z in zip(Y, Z))[0] / 6


def entropy(weights=None):
    weights = np.ones(6) if weights is None else weights
    total = 0.0
    for weight, logits, label in zip(weights, LOGITS, IDS):
        p, _ = oracles.softmax(logits)
        total += weight * -np.log(p[label])
    return float(total) / 6


def total(terms):
    """From factor, loss and logarithm of the variance of each."""
    return sum(c * np.exp(-s) * value + s / 2 for c, value, s in terms)


def test_several_losses_of_one_output():
    loss = at(UncertaintyWeighted(["mse", keras.losses.Huber(9.0)]), 0.7, -1.2)
    # The residuals are small: Huber is half the square.
    wanted = total([(0.5, squared(), 0.7), (0.5, squared() / 2, -1.2)])
    assert number(loss.compute(Y, Z)) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_several_outputs_by_name_and_by_place(weights):
    wanted = total(
        [(1.0, entropy(weights), -0.4), (0.5, squared(weights), 0.9)]
    )
    loss = at(
        UncertaintyWeighted({"number": "mse", "class": crossentropy()}),
        -0.4,  # in the order of the names
        0.9,
    )
    found = loss.compute(
        {"number": Y, "class": IDS}, {"class": LOGITS, "number": Z}, weights
    )
    assert number(found) == pytest.approx(wanted, rel=1e-5)
    loss = at(UncertaintyWeighted([crossentropy(), "mse"]), -0.4, 0.9)
    for weight in (weights, [weights, weights]):
        found = loss.compute([IDS, Y], [LOGITS, Z], weight)
        assert number(found) == pytest.approx(wanted, rel=1e-5)


def test_several_losses_of_several_outputs():
    loss = at(
        UncertaintyWeighted({"a": ["mse", "mae"], "b": crossentropy()}),
        0.1,
        0.2,
        0.3,
    )
    wanted = total(
        [(0.5, squared(), 0.1), (0.5, absolute(), 0.2), (1.0, entropy(), 0.3)]
    )
    found = loss.compute({"a": Y, "b": IDS}, {"a": Z, "b": LOGITS})
    assert number(found) == pytest.approx(wanted, rel=1e-5)


def test_weights_by_output():
    loss = UncertaintyWeighted({"a": "mse", "b": crossentropy()})
    found = loss.compute(
        {"a": Y, "b": IDS},
        {"a": Z, "b": LOGITS},
        {"a": WEIGHTS, "b": np.ones(6, "float32")},
    )
    wanted = total([(0.5, squared(WEIGHTS), 0.0), (1.0, entropy(), 0.0)])
    assert number(found) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("s", [-3.0, 0.0, 2.5])
def test_one_squared_error_is_the_normal_likelihood(s):
    loss = at(UncertaintyWeighted(["mse"]), s)
    wanted = torch.nn.functional.gaussian_nll_loss(
        torch.tensor(Z), torch.tensor(Y), torch.full((6, 1), np.exp(s))
    )
    assert number(loss.compute(Y, Z)) == pytest.approx(float(wanted), rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "regression"),
    [
        ("mse", True),
        ("mae", True),
        (keras.losses.LogCosh(), True),
        (keras.losses.huber, True),
        (crossentropy(), False),
        ("binary_crossentropy", False),
        ("poisson", False),
        (CategoricalFocal(), False),
        (LogitAdjusted([3, 2, 1]), False),
        (WeightedSum(["mse", "mae"]), True),
        (WeightedSum([LogitAdjusted([3, 2, 1])]), False),
    ],
)
def test_what_is_a_regression(loss, regression):
    found = UncertaintyWeighted([loss])
    told = UncertaintyWeighted([loss], regression=[regression])
    other = UncertaintyWeighted([loss], regression=[not regression])
    y = np.array([[0.0, 1.0, 0.0]], "float32")
    z = np.array([[0.2, 0.5, 0.3]], "float32")
    if "sparse" in getattr(getattr(loss, "fn", None), "__name__", ""):
        y = np.array([1])
    value = number(found.compute(y, z))
    assert value == number(told.compute(y, z))
    factor = 2.0 if regression else 0.5
    assert number(other.compute(y, z)) == pytest.approx(factor * value)


def test_it_learns_the_noise_of_each_task():
    noise = np.array([0.2, 3.0], "float32")
    y = noise * RANDOM.normal(size=(256, 2)).astype("float32")
    inputs = keras.Input((1,))
    heads = [
        keras.layers.Dense(1, kernel_initializer="zeros", trainable=False)(
            inputs
        )
        for _ in noise
    ]
    loss = UncertaintyWeighted(["mse", "mse"])
    model = LossModel(keras.Model(inputs, heads), loss)
    model.compile(keras.optimizers.SGD(0.5, momentum=0.5))
    history = model.fit(
        np.ones((256, 1)),
        [y[:, :1], y[:, 1:]],
        batch_size=256,
        epochs=60,
        verbose=0,
    ).history["loss"]
    spread = np.sqrt(np.mean(y**2, 0))
    np.testing.assert_allclose(loss.uncertainties, spread, 1e-3)
    # Half of log(variance) + 1 for each: log(0.2) is below 0.
    assert history[-1] == pytest.approx(np.log(spread).sum() + 1.0, rel=1e-3)


def test_the_total_may_be_negative():
    loss = at(UncertaintyWeighted(["mse"]), -8.0)
    assert number(loss.compute(Y, Y)) == pytest.approx(-4.0)


@pytest.mark.parametrize("training", [True, False])
def test_extreme_losses_are_finite(training):
    loss = UncertaintyWeighted(["mse", crossentropy()])
    value = loss.compute([1e4 * Y, IDS], [Z, 1e4 * LOGITS], training=training)
    assert np.isfinite(number(value))


@pytest.mark.parametrize(
    "losses",
    [
        ["mse", CategoricalFocal(gamma=0.5)],
        {"a": [LogitAdjusted([3, 2, 1]), "mse"], "b": keras.losses.huber},
        [[WeightedSum(["mse", "mae"], [1.0, 0.5])], "mae"],
    ],
)
def test_config_survives_json(losses):
    first = UncertaintyWeighted(losses)
    config = json.loads(json.dumps(first.get_config(), allow_nan=False))
    second = UncertaintyWeighted.from_config(config)
    assert second.get_config() == first.get_config()
    assert json.dumps(config, sort_keys=True) == json.dumps(
        second.get_config(), sort_keys=True
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"losses": []}, "`losses`. Expected a list or dict"),
        ({"losses": "mse"}, "`losses`. Expected a list or dict"),
        ({"losses": ["nothing"]}, "`losses`. Expected losses: each"),
        ({"losses": [None]}, "`losses`. Expected losses: each"),
        ({"losses": [AdaptiveRobust()]}, "`losses`. Expected losses: each"),
        (
            {"losses": [keras.losses.MeanSquaredError(reduction=None)]},
            "reduced to one number",
        ),
        ({"losses": ["mse"], "regression": [1]}, "`regression`"),
        ({"losses": ["mse"], "regression": [True, False]}, "`regression`"),
        ({"losses": ["mse"], "regression": True}, ""),
    ],
)
def test_bad_arguments(arguments, message):
    if not message:  # one loss, one boolean
        assert UncertaintyWeighted(**arguments).regression is True
        return
    with pytest.raises(ValueError) as error:
        UncertaintyWeighted(**arguments)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("y_true", "y_pred"),
    [
        ({"a": Y}, {"a": Z, "b": LOGITS}),
        ({"a": Y, "b": IDS}, [Z, LOGITS]),
        ({"a": Y, "b": IDS}, {"a": Z, "c": LOGITS}),
        (Y, Z),
        ({"a": Y[:1], "b": IDS}, {"a": Z, "b": LOGITS}),
    ],
)
def test_outputs_that_do_not_fit(y_true, y_pred):
    loss = UncertaintyWeighted({"a": "mse", "b": crossentropy()})
    with pytest.raises(ValueError, match="Invalid (structure|shape) of"):
        loss.compute(y_true, y_pred)
