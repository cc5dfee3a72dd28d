"""Layers, activations and regularizers broken on purpose: what says so."""

import keras
from keras import ops

from keras_funcs import LayerTraits
from keras_funcs.layers import AdaptiveActivation
from tests.testing.broken import Configured
from tests.testing.broken import caught
from tests.testing.broken import outcome
from tests.testing.broken import register


@register
class NaNAtZero(keras.layers.Layer):
    def call(self, inputs):
        return ops.sin(inputs) / inputs


def test_layer_that_is_nan_at_zero():
    assert caught(NaNAtZero, "extreme_inputs_are_finite", "not finite")


@register
class WrongGradient(keras.layers.Layer):
    def call(self, inputs):
        return inputs * ops.stop_gradient(ops.sigmoid(inputs))


def test_wrong_gradient():
    assert caught(WrongGradient, "gradient_is_the_slope", "slope")


class Bent(AdaptiveActivation):
    def build_coefficients(self):
        self.bend = self.add_coefficient("bend", 1.0)


@register
class FlatGradient(Bent):
    """The right slope, as a constant: what a hand-written gradient gives."""

    def activate(self, x):
        fixed = ops.stop_gradient(x)
        return self.bend * (fixed**3 + 3.0 * fixed**2 * (x - fixed))


@register
class EarlyInfinity(Bent):
    def activate(self, x):
        return self.bend * ops.sqrt(ops.square(x) + 1.0)


@register
class FalsePromises(Bent):
    traits = LayerTraits(properties=("odd", "bounded", "lipschitz", "monotone"))

    def activate(self, x):
        return self.bend * ops.square(x)


def test_broken_activations():
    curvature = "second_derivatives_are_right"
    assert caught(FlatGradient, curvature, "curvature by")
    half = "half_precision_ends_with_its_numbers"
    assert caught(EarlyInfinity, half, "bfloat16")
    promises = "declared_properties_hold"
    assert caught(FalsePromises, promises, "declared odd")
    for word in ("bounded", "lipschitz", "monotone"):
        FalsePromises.traits = LayerTraits(properties=(word,))
        assert caught(FalsePromises, promises, f"declared {word}")


@register
class HalfGradient(keras.layers.Layer):
    """Gates its first input; the second, the gate, learns nothing."""

    traits = LayerTraits(example_shape=[(3, 4), (4,), "ids"])

    def call(self, inputs):
        x, gate, ids = inputs
        gate = ops.stop_gradient(ops.sigmoid(gate))
        return x * gate[:, None] + ops.cast(ids[:, None, None], x.dtype)


@register
class WrongShape(keras.layers.Layer):
    """Announces what goes in, not what comes out."""

    traits = LayerTraits(example_shape=(4, 3, 2))

    def call(self, inputs):
        return ops.mean(inputs, axis=(1, 2))

    def compute_output_shape(self, input_shape):
        return input_shape


def test_layers_of_several_inputs_and_of_maps():
    assert caught(HalfGradient, "gradient_is_the_slope", "slope")
    assert outcome(HalfGradient, "extreme_inputs_are_finite").passed
    assert outcome(HalfGradient, "policies_are_kept").passed
    assert outcome(HalfGradient, "resumed_training_is_the_same").passed
    assert caught(WrongShape, "unknown_maps_are_taken", "gave (None, 4, 3, 2)")


@register
class RootOfZero(Configured, keras.regularizers.Regularizer):
    saved = ("factor",)

    def __init__(self, factor=0.1):
        self.factor = factor

    def get_config(self):
        return {"factor": self.factor}

    def __call__(self, x):
        return self.factor * ops.sqrt(ops.sum(ops.square(x)))


def test_regularizer_without_a_gradient_at_zero():
    assert caught(RootOfZero, "extreme_weights_are_finite", "gradient at")


@register
class AlwaysNoisy(keras.layers.Layer):
    def call(self, inputs, training=False):
        return inputs + keras.random.normal(inputs.shape)


def test_layer_with_noise_at_inference():
    assert caught(AlwaysNoisy, "inference_is_deterministic", "second call")


@register
class NoEffect(Configured, keras.layers.Layer):
    saved = ("slope",)

    def __init__(self, slope=1.0, **kwargs):
        super().__init__(**kwargs)
        self.slope = slope

    def call(self, inputs):
        return ops.tanh(inputs)


def test_argument_without_effect():
    assert caught(NoEffect, "every_argument_has_an_effect", "slope")


def test_constructor_that_takes_nan():
    assert caught(NoEffect, "nonsense_is_refused", "slope=")


@register
class DropsMask(keras.layers.Layer):
    def call(self, inputs):
        return inputs


def test_layer_that_drops_the_mask():
    assert caught(DropsMask, "masks_pass", "supports_masking")


class Unregistered(keras.layers.Layer):
    def call(self, inputs):
        return inputs


def test_unregistered_class():
    assert caught(Unregistered, "is_registered", "not registered")
