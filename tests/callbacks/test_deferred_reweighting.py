"""DeferredReweighting: the weights come at the right epoch, and only then."""

import keras
import numpy as np
import pytest

from keras_funcs.callbacks import DeferredReweighting
from keras_funcs.losses import LogitAdjusted
from keras_funcs.losses import WeightedCrossentropy

COUNTS = [24, 6, 2]
Y = np.repeat([0, 1, 2], COUNTS)
X = np.random.default_rng(0).normal(0, 1, (32, 4)).astype("float32")
X[:, 0] += Y


def weighted():
    return WeightedCrossentropy(class_counts=COUNTS, from_logits=True)


def plain():
    return WeightedCrossentropy(from_logits=True)


def fit(model, epochs, **arguments):
    """Batches in order, so that two runs are one."""
    return model.fit(
        X,
        Y,
        epochs=epochs,
        batch_size=16,
        shuffle=False,
        verbose=0,
        **arguments,
    ).history


@pytest.fixture
def start():
    keras.utils.set_random_seed(0)
    return single()


def single():
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(5, activation="tanh"),
            keras.layers.Dense(3),
        ]
    )


def copy_of(model, loss):
    copy = single()
    copy.set_weights(model.get_weights())
    copy.compile(keras.optimizers.SGD(0.5, momentum=0.9), loss)
    return copy


def by_hand(model, epochs, switch):
    """Losses with a run that is compiled anew for its second part."""
    model = copy_of(model, plain())
    found = {"loss": [], "val_loss": []}
    for part, loss in ((switch, None), (epochs - switch, weighted())):
        if loss is not None:
            model.compile(model.optimizer, loss)
        if part:
            history = fit(model, part, validation_data=(X, Y))
            for key in found:
                found[key] += history[key]
    return found, model.get_weights()


@pytest.mark.parametrize(
    "start_at, epochs, switch",
    [(0.6, 4, 2), (0.0, 2, 0), (1.0, 2, 2)],
)
def test_the_switch_is_where_two_runs_by_hand_have_it(
    start, start_at, epochs, switch
):
    wanted, weights = by_hand(start, epochs, switch)
    model = copy_of(start, weighted())
    callback = DeferredReweighting(start_at)
    history = fit(model, epochs, validation_data=(X, Y), callbacks=[callback])
    assert history["loss"] == wanted["loss"]
    assert history["val_loss"] == wanted["val_loss"]
    for here, there in zip(model.get_weights(), weights):
        np.testing.assert_array_equal(here, there)


def test_weights_change_the_loss_and_hold_after_training(start):
    model = copy_of(start, weighted())
    deferred = fit(model, 1, callbacks=[DeferredReweighting(1.0)])["loss"]
    reference = copy_of(start, weighted())
    reference.set_weights(model.get_weights())
    found = model.evaluate(X, Y, verbose=0)
    assert found == reference.evaluate(X, Y, verbose=0)
    assert fit(copy_of(start, weighted()), 1)["loss"] != deferred
    assert fit(copy_of(start, plain()), 1)["loss"] == deferred


def test_resumed_training_counts_epochs_from_the_beginning(start):
    whole = copy_of(start, weighted())
    wanted = fit(whole, 5, callbacks=[DeferredReweighting(0.6)])
    parts = copy_of(start, weighted())
    found = []
    for first, last in ((0, 2), (2, 4), (4, 5)):
        # The share is of all epochs; a stop in between changes nothing.
        stop = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs, end=last: setattr(
                parts, "stop_training", epoch + 1 >= end
            )
        )
        history = fit(
            parts,
            5,
            initial_epoch=first,
            callbacks=[DeferredReweighting(0.6), stop],
        )
        found += history["loss"]
    assert found == wanted["loss"]


def test_checkpoints_of_both_parts_load(start, tmp_path):
    model = copy_of(start, weighted())
    save = keras.callbacks.ModelCheckpoint(str(tmp_path / "{epoch}.keras"))
    fit(model, 4, callbacks=[DeferredReweighting(0.5), save])
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        f"{epoch}.keras" for epoch in range(1, 5)
    ]
    for path in tmp_path.iterdir():
        loaded = keras.saving.load_model(path)
        # A loaded loss weighs: what was deferred is the run's, not its own.
        reference = copy_of(start, weighted())
        reference.set_weights(loaded.get_weights())
        np.testing.assert_allclose(
            loaded.evaluate(X, Y, verbose=0),
            reference.evaluate(X, Y, verbose=0),
            1e-6,
        )
    for here, there in zip(
        keras.saving.load_model(tmp_path / "4.keras").get_weights(),
        model.get_weights(),
    ):
        np.testing.assert_array_equal(here, there)


def two_heads(start, losses):
    inputs = keras.Input((4,))
    body = keras.layers.Dense(5, activation="tanh")(inputs)
    model = keras.Model(
        inputs,
        {
            "first": keras.layers.Dense(3, name="first")(body),
            "second": keras.layers.Dense(3, name="second")(body),
        },
    )
    if start is not None:
        model.set_weights(start)
    model.compile(keras.optimizers.SGD(0.5), losses)
    return model


def test_every_loss_of_several_outputs_is_switched():
    labels = {"first": Y, "second": (Y + 1) % 3}

    def run(model, epochs, callbacks=()):
        return model.fit(
            X,
            labels,
            epochs=epochs,
            batch_size=16,
            shuffle=False,
            verbose=0,
            callbacks=list(callbacks),
        ).history

    model = two_heads(None, {"first": weighted(), "second": weighted()})
    begin = model.get_weights()
    found = run(model, 4, [DeferredReweighting(0.5)])["loss"]
    hand = two_heads(begin, {"first": plain(), "second": plain()})
    wanted = run(hand, 2)["loss"]
    hand.compile(hand.optimizer, {"first": weighted(), "second": weighted()})
    wanted += run(hand, 2)["loss"]
    np.testing.assert_allclose(found, wanted, 1e-6)


def test_a_list_of_losses_may_hold_others_too():
    inputs = keras.Input((4,))
    heads = [keras.layers.Dense(3)(inputs) for _ in range(2)]
    model = keras.Model(inputs, heads)
    other = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", [weighted(), other])
    history = model.fit(
        X, [Y, Y], epochs=2, verbose=0, callbacks=[DeferredReweighting(0.5)]
    ).history
    assert np.isfinite(history["loss"]).all()
    assert model.loss[0].deferred is False


@pytest.mark.parametrize(
    "loss",
    [
        "sparse_categorical_crossentropy",
        LogitAdjusted(COUNTS, from_logits=True),
        None,
    ],
)
def test_a_model_without_such_a_loss_is_refused(start, loss):
    start.compile("sgd", loss)
    before = start.get_weights()
    with pytest.raises(ValueError, match="DeferredReweighting needs a loss"):
        fit(start, 2, callbacks=[DeferredReweighting()])
    for here, there in zip(before, start.get_weights()):
        np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize("value", [-0.1, 1.1, "0.8", None, float("nan")])
def test_a_share_out_of_range_is_refused(value):
    with pytest.raises(ValueError, match="argument `start`"):
        DeferredReweighting(value)
