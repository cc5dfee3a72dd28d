"""Exports that fail, or compute something else, and what says so."""

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
class Unexportable(keras.layers.Layer):
    def call(self, inputs):
        if len(inputs.shape) and not isinstance(inputs, keras.KerasTensor):
            self.calls = getattr(self, "calls", 0) + 1
            if self.calls > 1:
                raise NotImplementedError("no such operation")
        return ops.tanh(inputs)


def test_a_layer_that_does_not_export():
    assert caught(Unexportable, CHECK, "no such operation")


@register
class Declared(Unexportable):
    traits = LayerTraits(unexported=(FORMAT,))


@register
class DeclaredInVain(keras.layers.Layer):
    traits = LayerTraits(unexported=(FORMAT,))

    def call(self, inputs):
        return ops.tanh(inputs)


def test_what_is_declared_is_expected_strictly():
    assert outcome(Declared, CHECK).passed
    assert caught(DeclaredInVain, CHECK, "drop it from `traits.unexported`")


def test_formats_are_known():
    with pytest.raises(ValueError, match="argument `unexported`"):
        LayerTraits(unexported=("pickle",))


def test_a_missing_runtime_is_named(monkeypatch):
    chosen = exports.FORMATS[FORMAT]
    monkeypatch.setitem(
        chosen.packages, keras.config.backend(), ("no_such_package",)
    )
    assert "no_such_package" in outcome(DeclaredInVain, CHECK).message


def host(kind, net):
    if kind == "loss_model":
        return losses.LossModel(net, losses.AutoBalanced([6, 5, 5]))
    return layers.SlopeRecovery(net)


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("kind", ["loss_model", "slope_recovery"])
def test_models_that_hold_a_model_export_it(kind, built, loaded, tmp_path):
    x = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
    start = [keras.Input((4,))] if built else []
    net = keras.Sequential(
        [*start, layers.AdaptiveSlope(), keras.layers.Dense(3)]
    )
    model = host(kind, net)
    loss = None if kind == "loss_model" else "sparse_categorical_crossentropy"
    model.compile("sgd", loss, jit_compile=False)
    model.fit(x, np.arange(16) % 3, verbose=0)
    if loaded:
        model.save(tmp_path / "model.keras")
        model = keras.saving.load_model(tmp_path / "model.keras")
    name = model.inner.inputs[0].name
    (found,) = exports.exported(model, FORMAT, tmp_path, {name: x})
    np.testing.assert_allclose(found, model.predict(x, verbose=0), 1e-4, 1e-5)
