"""Exports that fail, or compute something else, and what says so."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import LayerTraits
from keras_funcs import layers
from keras_funcs import losses
from keras_funcs.testing.bench import exports
from tests.testing.broken import caught
from tests.testing.broken import outcome
from tests.testing.broken import register

# A format of every backend, with its check.
FORMAT, CHECK = {
    "jax": ("tf_saved_model", "saved_model_runs_the_same"),
    "tensorflow": ("tf_saved_model", "saved_model_runs_the_same"),
    "torch": ("onnx", "onnx_runs_the_same"),
}[keras.config.backend()]


@register
class OfTheExample(keras.layers.Layer):
    """Another number in each trace."""

    def call(self, inputs):
        self.traced = getattr(self, "traced", 0) + 1
        return inputs * self.traced


def test_a_layer_that_exports_another_number():
    assert caught(OfTheExample, CHECK, FORMAT)


@register
class Tanh(keras.layers.Layer):
    def call(self, inputs):
        return ops.tanh(inputs)


@register
class Declared(Tanh):
    traits = LayerTraits(unexported=(FORMAT,))


@pytest.fixture
def runtime_that_refuses(monkeypatch):
    def refuse(path, feed):
        raise NotImplementedError("no such operation")

    chosen = dataclasses.replace(exports.FORMATS[FORMAT], run=refuse)
    monkeypatch.setitem(exports.FORMATS, FORMAT, chosen)


@pytest.mark.usefixtures("runtime_that_refuses")
def test_a_layer_that_does_not_run():
    assert caught(Tanh, CHECK, "no such operation")
    assert outcome(Declared, CHECK).passed


def test_what_is_declared_is_expected_strictly():
    assert outcome(Tanh, CHECK).passed
    assert caught(Declared, CHECK, "drop it from `traits.unexported`")


def test_formats_are_known():
    with pytest.raises(ValueError, match="argument `unexported`"):
        LayerTraits(unexported=("pickle",))


def test_a_missing_runtime_is_named(monkeypatch):
    chosen = exports.FORMATS[FORMAT]
    monkeypatch.setitem(
        chosen.packages, keras.config.backend(), ("no_such_package",)
    )
    assert "no_such_package" in outcome(Tanh, CHECK).message


HOSTS = {
    "loss_model": lambda net: losses.LossModel(
        net, losses.AutoBalanced([6, 5, 5])
    ),
    "slope_recovery": layers.SlopeRecovery,
}


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize("kind", HOSTS)
def test_models_that_hold_a_model_export_it(kind, loaded, tmp_path):
    x = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
    net = keras.Sequential(
        [keras.Input((4,)), layers.AdaptiveSlope(), keras.layers.Dense(3)]
    )
    model = HOSTS[kind](net)
    loss = None if kind == "loss_model" else "sparse_categorical_crossentropy"
    model.compile("sgd", loss, jit_compile=False)
    model.fit(x, np.arange(16) % 3, verbose=0)
    if loaded:
        model.save(tmp_path / "model.keras")
        model = keras.saving.load_model(tmp_path / "model.keras")
    expected = model.predict(x, verbose=0)
    name = model.inner.inputs[0].name
    (found,) = exports.exported(model, FORMAT, tmp_path, {name: x})
    np.testing.assert_allclose(found, expected, 1e-4, 1e-5)
