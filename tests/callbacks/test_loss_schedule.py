"""LossSchedule: the value of each epoch is the one that trains."""

import json

import keras
import numpy as np
import pytest

from keras_funcs.callbacks import DeferredReweighting
from keras_funcs.callbacks import LossSchedule
from keras_funcs.losses import CategoricalFocal
from keras_funcs.losses import LogitAdjusted
from keras_funcs.losses import WeightedCrossentropy
from keras_funcs.losses import WeightedSum

COUNTS = [24, 6, 2]
Y = np.repeat([0, 1, 2], COUNTS)
X = np.random.default_rng(0).normal(0, 1, (32, 4)).astype("float32")
X[:, 0] += Y


@keras.saving.register_keras_serializable("tests")
def rising(epoch):
    return 0.5 * epoch


def single(loss, seed=0):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile(keras.optimizers.SGD(0.5, momentum=0.9), loss)
    return model


def fit(model, epochs, *callbacks, **arguments):
    """Batches in order, so that two runs are one."""
    history = model.fit(
        X,
        Y,
        epochs=epochs,
        batch_size=16,
        shuffle=False,
        verbose=0,
        validation_data=(X, Y),
        callbacks=list(callbacks),
        **arguments,
    ).history
    return history["loss"] + history["val_loss"]


def by_hand(make, values):
    """A run that is compiled anew, with a new loss, for every epoch."""
    model = single(make(values[0]))
    train, test = [], []
    for value in values:
        model.compile(model.optimizer, make(value))
        one = fit(model, 1)
        train, test = train + one[:1], test + one[1:]
    return train + test


def adjusted(tau=1.0):
    return LogitAdjusted(COUNTS, tau=tau, from_logits=True)


def mixed(weights=None):
    return WeightedSum([adjusted(), "sparse_categorical_crossentropy"], weights)


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (rising, [0.0, 0.5, 1.0]),
        ([0.3, 2.0], [0.3, 2.0, 2.0]),
        ({1: 0.25}, [1.0, 0.25, 0.25]),
        ({"0": 0.5, "2": 1.5}, [0.5, 0.5, 1.5]),
        (
            keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.1, 0.7]),
            [0.1, 0.1, 0.7],
        ),
    ],
)
def test_epochs_train_with_their_values(schedule, values):
    values = [float(np.float32(item)) for item in values]
    wanted = by_hand(adjusted, values)
    model = single(adjusted())
    found = fit(model, 3, LossSchedule("tau", schedule))
    np.testing.assert_allclose(found, wanted, 1e-6)
    assert model.loss.tau == pytest.approx(values[-1])


def test_a_keras_loss_takes_the_value():
    def focal(gamma):
        return keras.losses.CategoricalFocalCrossentropy(
            gamma=gamma, from_logits=True
        )

    labels = np.eye(3, dtype="float32")[Y]
    wanted, values = [], [2.0, 0.0]
    hand = single(focal(2.0))
    for gamma in values:
        hand.compile(hand.optimizer, focal(gamma))
        wanted += hand.fit(
            X, labels, batch_size=16, shuffle=False, verbose=0
        ).history["loss"]
    model = single(focal(2.0))
    found = model.fit(
        X,
        labels,
        batch_size=16,
        shuffle=False,
        verbose=0,
        epochs=2,
        callbacks=[LossSchedule("gamma", values)],
    ).history["loss"]
    np.testing.assert_allclose(found, wanted, 1e-6)


def test_weights_of_a_sum():
    values = [[1.0, 0.0], [0.5, 2.0], [0.5, 2.0]]
    model = single(mixed())
    found = fit(model, 3, LossSchedule("weights", values))
    np.testing.assert_allclose(found, by_hand(mixed, values), 1e-6)
    assert model.loss.weights == [0.5, 2.0]


@pytest.mark.parametrize("name", ["tau", "parts.0.tau"])
def test_an_argument_of_a_part(name):
    def whole(tau):
        return WeightedSum([adjusted(tau), CategoricalFocal(from_logits=True)])

    values = [0.0, 1.5]
    found = fit(single(whole(1.0)), 2, LossSchedule(name, values))
    np.testing.assert_allclose(found, by_hand(whole, values), 1e-6)


def test_what_is_derived_from_an_argument_follows():
    def weighted(scheme):
        return WeightedCrossentropy(
            class_counts=COUNTS, scheme=scheme, from_logits=True
        )

    values = ["balanced", "sqrt"]
    found = fit(
        single(weighted("effective")), 2, LossSchedule("scheme", values)
    )
    np.testing.assert_allclose(found, by_hand(weighted, values), 1e-6)


def test_works_beside_deferred_weights():
    def weighted(smoothing):
        return WeightedCrossentropy(
            class_counts=None if smoothing == 0.3 else COUNTS,
            from_logits=True,
            label_smoothing=smoothing,
        )

    values = [0.3, 0.1]
    model = single(WeightedCrossentropy(class_counts=COUNTS, from_logits=True))
    found = fit(
        model,
        2,
        DeferredReweighting(0.5),
        LossSchedule("label_smoothing", values),
    )
    np.testing.assert_allclose(found, by_hand(weighted, values), 1e-6)


def two_heads(losses):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    heads = {
        name: keras.layers.Dense(3, name=name)(inputs)
        for name in ("first", "second")
    }
    model = keras.Model(inputs, heads)
    model.compile(keras.optimizers.SGD(0.5), losses)
    return model


@pytest.mark.parametrize(
    ("name", "taus"),
    [
        ("tau", (0.5, 0.5)),
        ("first.tau", (0.5, 1.0)),
        ("second.tau", (1.0, 0.5)),
    ],
)
def test_losses_of_several_outputs(name, taus):
    def losses(first, second):
        return {"first": adjusted(first), "second": adjusted(second)}

    def run(model, *callbacks):
        return model.fit(
            X,
            {"first": Y, "second": Y},
            batch_size=16,
            shuffle=False,
            verbose=0,
            callbacks=list(callbacks),
        ).history["loss"]

    model = two_heads(losses(1.0, 1.0))
    found = run(model, LossSchedule(name, [0.5]))
    np.testing.assert_allclose(found, run(two_heads(losses(*taus))), 1e-6)


def test_only_a_change_costs_a_trace():
    model = single(adjusted())
    traces = []
    original = model.make_train_function

    def counted(force=False):
        traces.append(force)
        return original(force)

    model.make_train_function = counted
    fit(model, 6, LossSchedule("tau", {1: 0.5, 4: 0.25}))
    assert traces.count(True) == 2


def test_a_resumed_training_continues_the_schedule():
    whole = fit(single(adjusted()), 3, LossSchedule("tau", rising))[:3]
    model = single(adjusted())
    parts = fit(model, 1, LossSchedule("tau", rising))[:1]
    parts += fit(model, 3, LossSchedule("tau", rising), initial_epoch=1)[:2]
    np.testing.assert_allclose(parts, whole, 1e-6)


def test_checkpoints_load(tmp_path):
    model = single(adjusted())
    save = keras.callbacks.ModelCheckpoint(str(tmp_path / "{epoch}.keras"))
    fit(model, 2, LossSchedule("tau", [0.5, 0.75]), save)
    for epoch, tau in ((1, 0.5), (2, 0.75)):
        loaded = keras.saving.load_model(tmp_path / f"{epoch}.keras")
        assert loaded.loss.tau == tau


@pytest.mark.parametrize(
    "schedule", [rising, [0.5, 1.0], {0: 0.5, 3: 1.0}, [[1.0, 2.0], None]]
)
def test_config_survives_json(schedule):
    first = LossSchedule("tau", schedule)
    config = json.loads(json.dumps(first.get_config()))
    second = LossSchedule.from_config(config)
    assert second.schedule == first.schedule
    assert second.name == "tau"


@pytest.mark.parametrize("name", ["beta", "parts.0.beta", "first.tau", "name2"])
def test_an_unknown_argument_is_refused(name):
    with pytest.raises(ValueError, match=r"'LogitAdjusted': \[.*'tau'"):
        fit(single(adjusted()), 1, LossSchedule(name, [1.0]))


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", None])
def test_a_loss_without_arguments_is_refused(loss):
    with pytest.raises(ValueError, match="LossSchedule needs a loss"):
        fit(single(loss), 1, LossSchedule("tau", [1.0]))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("tau", -1.0, "argument `tau`"),
        ("tau", "much", "argument `tau`"),
        ("tau", float("nan"), "argument `tau`"),
    ],
)
def test_what_the_constructor_refuses_is_refused(name, value, message):
    model = single(adjusted())
    with pytest.raises(ValueError, match=message):
        fit(model, 1, LossSchedule(name, lambda epoch: value))
    assert model.loss.tau == 1.0


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="argument `weights`"):
        fit(single(mixed()), 1, LossSchedule("weights", [[1.0]]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", [1.0]), "`name`"),
        ((3, [1.0]), "`name`"),
        (("a..b", [1.0]), "`name`"),
        (("_weights", [1.0]), "`name`"),
        (("__class__.tau", [1.0]), "`name`"),
        (("tau", []), "`schedule`"),
        (("tau", {}), "`schedule`"),
        (("tau", 1.0), "`schedule`"),
        (("tau", "linear"), "`schedule`"),
        (("tau", {-1: 1.0}), "`schedule`"),
        (("tau", {0.5: 1.0}), "`schedule`"),
        (("tau", {"class_name": "NoSuchThing", "config": {}}), "`schedule`"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        LossSchedule(*arguments)
