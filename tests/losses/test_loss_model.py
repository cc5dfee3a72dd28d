"""LossModel: it trains as `compile` does, and the loss's variables with it."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs._core.backend import active
from keras_funcs.callbacks import DeferredReweighting
from keras_funcs.callbacks import LossSchedule
from keras_funcs.losses import AdaptiveRobust
from keras_funcs.losses import AutoBalanced
from keras_funcs.losses import LogitAdjusted
from keras_funcs.losses import LossModel
from keras_funcs.losses import UncertaintyWeighted
from keras_funcs.losses import WeightedCrossentropy

RANDOM = np.random.default_rng(0)
COUNTS = [24, 6, 2]
IDS = np.repeat([0, 1, 2], COUNTS)[RANDOM.permutation(32)]
X = RANDOM.normal(0, 1, (32, 4)).astype("float32")
X[:, 0] += IDS
Y = (X @ RANDOM.normal(size=(4, 3)) + 0.1).astype("float32")
WEIGHTS = RANDOM.uniform(0.5, 2, 32).astype("float32")

LEARN = {
    "uncertainty": (lambda: UncertaintyWeighted(["mse", "mae"]), Y),
    "robust": (lambda: AdaptiveRobust(units=3), Y),
    "balanced": (lambda: AutoBalanced(COUNTS), IDS),
}


def net(seed=0):
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(5, "tanh"), layers.Dense(3)]
    )


def adam():
    return keras.optimizers.Adam(0.05)


def fit(model, y, epochs=2, **arguments):
    """Batches in order, so that two runs are one."""
    return model.fit(
        X,
        y,
        epochs=epochs,
        batch_size=8,
        shuffle=False,
        verbose=0,
        **arguments,
    ).history


def values(variables):
    return [ops.convert_to_numpy(variable) for variable in variables]


def assert_same(left, right):
    assert len(left) == len(right)
    for here, there in zip(left, right):
        np.testing.assert_array_equal(here, there)


@pytest.fixture(params=LEARN)
def learning(request):
    """A compiled model with a loss that learns, and its labels."""
    make, y = LEARN[request.param]
    model = LossModel(net(), make())
    model.compile(adam(), metrics=["mae"] if y is Y else ["accuracy"])
    return model, y


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


def test_files_keep_everything(learning, tmp_path):
    model, y = learning
    fit(model, y)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert type(loaded.loss) is type(model.loss)
    assert loaded.loss.get_config() == model.loss.get_config()
    assert loaded.metrics_names == model.metrics_names
    assert_same(values(model.variables), values(loaded.variables))
    assert_same(
        values(model.optimizer.variables), values(loaded.optimizer.variables)
    )
    assert model.evaluate(X, y, verbose=0) == loaded.evaluate(X, y, verbose=0)
    assert fit(model, y) == fit(loaded, y)
    assert_same(values(model.variables), values(loaded.variables))


def test_weights_load_into_a_new_model(learning, tmp_path):
    model, y = learning
    fit(model, y)
    model.save_weights(tmp_path / "m.weights.h5")
    other = LossModel.from_config(model.get_config())
    other.load_weights(tmp_path / "m.weights.h5")
    assert_same(values(model.variables), values(other.variables))


SCRIPT = """
import sys
import keras
import numpy as np
import keras_funcs
found = []
for path in sys.argv[1:]:
    model = keras.saving.load_model(path)
    arrays = np.load(path + ".npz")
    loss = model.evaluate(arrays["x"], arrays["y"], verbose=0)
    assert np.allclose(loss, arrays["loss"], 1e-5), (path, loss)
    model.fit(arrays["x"], arrays["y"], verbose=0)
print("LOADED", len(sys.argv) - 1)
"""


def test_files_load_in_a_fresh_process(tmp_path):
    paths = []
    for name, (make, y) in LEARN.items():
        model = LossModel(net(), make())
        model.compile(adam())
        fit(model, y, epochs=1)
        path = str(tmp_path / f"{name}.keras")
        model.save(path)
        loss = model.evaluate(X, y, verbose=0)
        np.savez(f"{path}.npz", x=X, y=y, loss=loss)
        paths.append(path)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *paths],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert f"LOADED {len(LEARN)}" in done.stdout, done.stderr[-2000:]


def test_the_inner_model_is_a_plain_one(learning, tmp_path):
    model, y = learning
    fit(model, y, epochs=1)
    wanted = model.predict(X, verbose=0)
    np.testing.assert_array_equal(model.inner.predict(X, verbose=0), wanted)
    model.inner.save(tmp_path / "inner.keras")
    loaded = keras.saving.load_model(tmp_path / "inner.keras")
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), wanted)
    assert type(loaded) is keras.Sequential


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


@pytest.mark.parametrize("name", LEARN)
def test_mixed_precision(name, tmp_path):
    make, y = LEARN[name]
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = LossModel(net(), make())
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.dtype_policy.name == "mixed_float16"
    model.compile(adam())
    assert type(model.optimizer).__name__ == "LossScaleOptimizer"
    assert all(variable.dtype == "float32" for variable in model.loss.variables)
    assert np.isfinite(fit(model, y, epochs=1)["loss"]).all()
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.dtype_policy.name == "mixed_float16"
    np.testing.assert_allclose(
        fit(model, y, 1)["loss"], fit(loaded, y, 1)["loss"], 1e-6
    )


def test_a_model_without_an_input_shape_is_built_by_the_first_batch(tmp_path):
    model = LossModel(
        keras.Sequential([keras.layers.Dense(3)]), AdaptiveRobust()
    )
    assert not model.built
    model.compile(adam())
    fit(model, Y, epochs=1)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert_same(values(model.variables), values(loaded.variables))
    assert fit(model, Y) == fit(loaded, Y)


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


@pytest.mark.parametrize("name", LEARN)
def test_a_loss_may_stand_at_the_end_of_a_model(name, tmp_path):
    make, y = LEARN[name]
    inner = net()
    dtype = "float32" if y is Y else "int32"
    labels = keras.Input(y.shape[1:], name="labels", dtype=dtype)
    features = keras.Input((4,), name="features")
    outputs = make()([labels, inner(features)])
    model = keras.Model({"features": features, "labels": labels}, outputs)
    model.compile(adam())
    data = {"features": X, "labels": y}
    before = values(model.trainable_variables)

    def train(model):
        return model.fit(
            data, epochs=2, batch_size=8, shuffle=False, verbose=0
        ).history["loss"]

    found = train(model)
    moved = zip(before, values(model.trainable_variables))
    assert not any(np.array_equal(here, there) for here, there in moved)
    hosted = LossModel(net(), make())
    hosted.compile(adam())
    if name != "balanced":  # which is told of its progress there
        np.testing.assert_allclose(found, fit(hosted, y)["loss"], 1e-5)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert train(loaded) == train(model)


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
