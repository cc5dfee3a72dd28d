"""LossModel: it trains as `compile` does, and the loss's variables with it."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs._core.backend import active
from keras_funcs.callbacks import DeferredReweighting
from keras_funcs.callbacks import LossSchedule
from keras_funcs.losses import AutoBalanced
from keras_funcs.losses import LogitAdjusted
from keras_funcs.losses import LossModel
from keras_funcs.losses import UncertaintyWeighted
from keras_funcs.losses import WeightedCrossentropy
from tests.losses.hosted.training import COUNTS
from tests.losses.hosted.training import IDS
from tests.losses.hosted.training import LEARN
from tests.losses.hosted.training import RANDOM
from tests.losses.hosted.training import WEIGHTS
from tests.losses.hosted.training import X
from tests.losses.hosted.training import Y
from tests.losses.hosted.training import adam
from tests.losses.hosted.training import assert_same
from tests.losses.hosted.training import fit
from tests.losses.hosted.training import net
from tests.losses.hosted.training import values


@pytest.mark.parametrize(
    ("loss", "y", "weights"),
    [
        ("mse", Y, WEIGHTS),
        (LogitAdjusted(COUNTS, from_logits=True), IDS, None),
    ],
)
def test_an_ordinary_loss_trains_as_without_it(loss, y, weights):
    found = []
    for hosted in (True, False):
        inner = net()
        model = LossModel(inner, loss) if hosted else inner
        arguments = {} if hosted else {"loss": loss}
        metric = "mae" if y is Y else "accuracy"
        model.compile(adam(), metrics=[metric], **arguments)
        history = fit(model, y, sample_weight=weights, validation_data=(X, y))
        found.append((history, inner.get_weights(), model.predict(X[:3])))
    assert found[0][0] == found[1][0]
    assert_same(found[0][1], found[1][1])
    np.testing.assert_array_equal(found[0][2], found[1][2])


def two_heads(seed=0):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((4,))
    body = keras.layers.Dense(5, "tanh", kernel_regularizer="l2")(inputs)
    heads = {
        "number": keras.layers.Dense(3, name="number")(body),
        "class": keras.layers.Dense(3, name="class")(body),
    }
    return keras.Model(inputs, heads)


TWO = {"number": Y, "class": IDS}


def test_losses_and_metrics_by_output():
    losses = {
        "number": "mse",
        "class": LogitAdjusted(COUNTS, from_logits=True),
    }
    arguments = {
        "loss_weights": {"number": 0.5, "class": 2.0},
        "metrics": {"number": ["mae"], "class": ["accuracy"]},
    }
    hosted = LossModel(two_heads(), losses)
    hosted.compile(adam(), **arguments)
    plain = two_heads()
    plain.compile(adam(), loss=losses, **arguments)
    found, wanted = fit(hosted, TWO), fit(plain, TWO)
    assert set(found) == set(wanted)
    for key, history in wanted.items():
        np.testing.assert_allclose(found[key], history, 1e-6, err_msg=key)


def test_regularizers_count_beside_a_loss_that_learns():
    model = LossModel(
        two_heads(),
        UncertaintyWeighted({"number": "mse", "class": crossentropy()}),
    )
    model.compile(adam(), metrics={"class": ["accuracy"]})
    kernel = ops.convert_to_numpy(model.inner.layers[1].kernel)
    penalty = 0.01 * np.sum(kernel**2)
    outputs = model.predict(X, verbose=0)
    task = model.loss.compute(TWO, outputs)
    total = model.evaluate(X, TWO, verbose=0, return_dict=True)
    wanted = ops.convert_to_numpy(task) + penalty
    np.testing.assert_allclose(total["loss"], wanted, 1e-5)
    assert any("accuracy" in key for key in total)


def crossentropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def test_the_variables_of_the_loss_train(learning):
    model, y = learning
    before = values(model.loss.variables)
    history = fit(model, y, epochs=3)
    after = values(model.loss.variables)
    assert not any(
        np.array_equal(here, there) for here, there in zip(before, after)
    )
    assert history["loss"][-1] < history["loss"][0] or y is IDS
    owned = {id(variable) for variable in model.variables}
    assert all(id(variable) in owned for variable in model.loss.variables)


def test_validation_changes_nothing(learning):
    model, y = learning
    fit(model, y, epochs=1)
    before = values(model.variables)
    model.evaluate(X, y, verbose=0)
    model.test_on_batch(X, y)
    model.predict(X, verbose=0)
    assert_same(before, values(model.variables))
    other, _ = learning
    states = []
    for data in (None, (X, y)):
        other = LossModel(
            net(), type(model.loss).from_config(model.loss.get_config())
        )
        other.compile(adam())
        fit(other, y, validation_data=data)
        states.append(values(other.variables))
    assert_same(*states)


def test_metrics_see_the_inner_outputs(learning):
    model, y = learning
    fit(model, y, epochs=1)
    found = model.evaluate(X, y, verbose=0)[1]
    outputs = model.inner.predict(X, verbose=0)
    if y is Y:
        wanted = np.abs(outputs - y).mean()
    else:
        wanted = (outputs.argmax(-1) == y).mean()
    np.testing.assert_allclose(found, wanted, 1e-5)


@pytest.mark.parametrize("name", LEARN)
def test_a_weight_is_repetition(name):
    make, y = LEARN[name]
    loss, outputs = make(), net()(X)
    repeat = RANDOM.integers(1, 4, len(X))
    weighted = loss.compute(y, outputs, repeat.astype("float32"))
    rows = np.repeat(np.arange(len(X)), repeat)
    repeated = loss.compute(y[rows], ops.convert_to_numpy(outputs)[rows])
    # Keras divides by the samples, not by their weights.
    factor = repeat.sum() / len(X)
    weighted, repeated = values([weighted, repeated])
    if name == "uncertainty":  # its own terms are 0 at the start
        assert not values(loss.variables)[0].any()
    np.testing.assert_allclose(weighted, factor * repeated, 1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: AutoBalanced(COUNTS),
        lambda: UncertaintyWeighted([crossentropy(), crossentropy()]),
    ],
)
def test_masked_steps_do_not_count(make):
    keras.utils.set_random_seed(0)
    tokens = RANDOM.integers(1, 6, (4, 3))
    tokens[:, 1:] = 0
    labels = RANDOM.integers(0, 3, (4, 3))
    inner = keras.Sequential(
        [
            keras.Input((3,), dtype="int32"),
            keras.layers.Embedding(6, 3, mask_zero=True),
        ]
    )
    model = LossModel(inner, make())
    model.compile("sgd")
    found = model.evaluate(tokens, labels, verbose=0)
    other = labels.copy()
    other[:, 1:] = 2 - other[:, 1:]
    assert model.evaluate(tokens, other, verbose=0) == found
    short = model.loss.compute(labels[:, :1], inner(tokens[:, :1]))
    np.testing.assert_allclose(found, values([short])[0], 1e-5)


def test_callbacks_reach_the_hosted_loss(tmp_path):
    def adjusted(tau):
        return LogitAdjusted(COUNTS, tau=tau, from_logits=True)

    hosted = LossModel(net(), adjusted(1.0))
    hosted.compile(adam())
    save = keras.callbacks.ModelCheckpoint(str(tmp_path / "m.keras"))
    schedule = LossSchedule("tau", {0: 0.3})
    history = fit(hosted, IDS, callbacks=[schedule, save])
    plain = net()
    plain.compile(adam(), adjusted(0.3))
    assert history == fit(plain, IDS)
    assert keras.saving.load_model(tmp_path / "m.keras").loss.tau == 0.3

    weighted = WeightedCrossentropy(class_counts=COUNTS, from_logits=True)
    hosted = LossModel(net(), weighted)
    hosted.compile(adam())
    history = fit(hosted, IDS, callbacks=[DeferredReweighting(1.0)])
    plain = net()
    plain.compile(adam(), WeightedCrossentropy(from_logits=True))
    assert history == fit(plain, IDS)


def test_a_callback_list_is_added_to():
    model = LossModel(net(), AutoBalanced(COUNTS))
    model.compile(adam())
    seen = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None)
    callbacks = keras.callbacks.CallbackList([seen], model=model)
    history = fit(model, IDS, epochs=2, callbacks=callbacks)
    assert len(history["loss"]) == 2 and seen.params["epochs"] == 2
    assert abs(model.loss.progress - 1.0) < 1e-6
    assert callbacks.callbacks == [seen]


@pytest.mark.backends("tensorflow", "jax")
def test_two_replicas_equal_one():
    if len(active().devices()) < 2:  # Torch trains on one
        with pytest.raises(ValueError, match="one device"):
            active().plan("data_parallel")
        return
    for make, y in LEARN.values():
        found = []
        for scope in (None, active().plan("data_parallel").scope):
            if scope is None:
                found.append(states_after_training(make, y))
                continue
            with scope:
                found.append(states_after_training(make, y))
        for here, there in zip(*found):
            np.testing.assert_allclose(there, here, 1e-4, 1e-5)


def states_after_training(make, y):
    model = LossModel(net(), make())
    model.compile(keras.optimizers.SGD(0.05))
    history = fit(model, y)
    return [*values(model.variables), np.array(history["loss"])]


def test_an_ordinary_model_does_not_take_it(learning):
    model, y = learning
    plain = net()
    plain.compile(
        adam(), loss=type(model.loss).from_config(model.loss.get_config())
    )
    with pytest.raises(ValueError, match=r"Expected `LossModel\(model, loss"):
        fit(plain, y)


def test_compile_takes_no_second_loss(learning):
    model, _ = learning
    with pytest.raises(ValueError, match="argument `loss`"):
        model.compile(adam(), loss="mse")
    with pytest.raises(ValueError, match="argument `loss_weights`"):
        model.compile(adam(), loss_weights=[1.0])


@pytest.mark.parametrize(
    ("model", "loss", "name"),
    [
        (None, "mse", "model"),
        (keras.layers.Dense(3), "mse", "model"),
        (net(), None, "loss"),
        (net(), "no_such_loss", "loss"),
        (net(), {}, "loss"),
        (net(), 3, "loss"),
        (net(), keras.layers.Dense(3), "loss"),
    ],
)
def test_bad_arguments(model, loss, name):
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        LossModel(model, loss)
