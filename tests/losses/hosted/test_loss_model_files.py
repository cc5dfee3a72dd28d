"""LossModel in files, other processes and dtypes, and in other models."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_funcs.losses import AdaptiveRobust
from keras_funcs.losses import LossModel
from tests.losses.hosted.training import LEARN
from tests.losses.hosted.training import X
from tests.losses.hosted.training import Y
from tests.losses.hosted.training import adam
from tests.losses.hosted.training import assert_same
from tests.losses.hosted.training import fit
from tests.losses.hosted.training import net
from tests.losses.hosted.training import values


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
