"""Components that are broken on purpose, and the checks that say so.

Each defect is one that real packages have shipped.
"""

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import testing
from keras_funcs.layers import AdaptiveActivation
from keras_funcs.testing.cases import cases_of
from keras_funcs.testing.runner import run

BACKEND = keras.config.backend()
register = keras.saving.register_keras_serializable("broken")


def outcome(target, name, **inputs):
    """The result of the check of that name."""
    (default, *_) = cases_of(target, **inputs)
    chosen = [c for c in testing.checks(default.kind) if c.name == name]
    assert len(chosen) == 1, f"no check `{name}` for {default.kind}"
    assert chosen[0].catches
    (result,) = run(default, chosen)
    assert result.check == name
    return result


def caught(target, name, words, **inputs):
    result = outcome(target, name, **inputs)
    assert not result.passed
    assert words in result.message
    return True


class Configured:
    """Saves what `saved` names, and takes it back."""

    saved = ()

    def get_config(self):
        own = {name: getattr(self, name) for name in self.saved}
        return {**super().get_config(), **own}


@register
class LostArgument(keras.losses.Loss):
    def __init__(self, delta=1.0, **kwargs):
        super().__init__(**kwargs)
        self.delta = delta

    def call(self, y_true, y_pred):
        return ops.mean(self.delta * ops.square(y_true - y_pred), axis=-1)


def test_lost_argument():
    assert caught(LostArgument, "config_holds_every_argument", "delta")
    assert caught(LostArgument, "changed_arguments_survive", "delta")


@register
class SilentBroadcast(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred), axis=-1)


def test_silent_broadcast():
    assert caught(SilentBroadcast, "wrong_shapes_raise", "gave a number")


@register
class ClippedFocal(Configured, keras.losses.Loss):
    targets = "labels"
    saved = ("gamma", "from_logits")

    def __init__(self, gamma=2.0, from_logits=False, **kwargs):
        super().__init__(**kwargs)
        self.gamma, self.from_logits = gamma, from_logits

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, y_pred.dtype)
        p = ops.sigmoid(y_pred) if self.from_logits else y_pred
        p = ops.clip(p, 1e-7, 1 - 1e-7)
        p_t = y_true * p + (1 - y_true) * (1 - p)
        return ops.mean((1 - p_t) ** self.gamma * -ops.log(p_t), axis=-1)


def test_clipped_focal():
    name = "wrong_predictions_have_a_gradient"
    assert caught(ClippedFocal, name, "does not raise the score")
    assert caught(
        ClippedFocal,
        "perfect_predictions_are_finite_in_every_dtype",
        "is not finite",
    )


@register
class PythonState(keras.metrics.Metric):
    targets = "classes"

    def __init__(self, name="python_state", **kwargs):
        super().__init__(name=name, **kwargs)
        self.right, self.all = 0.0, 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        right = ops.equal(ops.argmax(y_pred, -1), y_true)
        self.right += float(ops.sum(ops.cast(right, "float32")))
        self.all += len(y_true)

    def result(self):
        return ops.convert_to_tensor(self.right / max(self.all, 1.0))


def test_python_state():
    assert caught(PythonState, "state_is_in_variables", "two replicas")
    assert caught(PythonState, "reset_forgets_all", "after a reset")


@register
class FloatCounter(keras.metrics.Metric):
    targets = "classes"

    def __init__(self, name="float_counter", **kwargs):
        super().__init__(name=name, **kwargs)
        self.right = self.add_weight(initializer="zeros", name="right")
        self.all = self.add_weight(initializer="zeros", name="all")

    def update_state(self, y_true, y_pred, sample_weight=None):
        right = ops.equal(ops.argmax(y_pred, -1), ops.cast(y_true, "int32"))
        right = ops.cast(right, "float32")
        weight = ops.ones_like(right)
        if sample_weight is not None:
            weight = ops.cast(sample_weight, "float32")
        self.right.assign(self.right + ops.sum(weight * right))
        self.all.assign(self.all + ops.sum(weight))

    def result(self):
        return self.right / ops.maximum(self.all, 1.0)


def test_float_counter():
    name = "counts_go_on_past_2_to_the_24"
    assert caught(FloatCounter, name, "200 samples after 2**24")


@register
class LazySlot(keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.1, name="lazy_slot", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.slots = [
            self.add_variable_from_reference(v, name="slot") for v in variables
        ]
        for slot, variable in zip(self.slots, variables):
            slot.assign(ops.copy(variable))

    def update_step(self, gradient, variable, learning_rate):
        slot = self.slots[self._get_variable_index(variable)]
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(slot, rate * ops.cast(gradient, variable.dtype))
        self.assign(variable, slot)


def test_slot_made_from_weights_in_a_lazy_build():
    result = outcome(LazySlot, "a_rate_of_zero_changes_nothing")
    # Only TensorFlow builds within a graph, where the weights are not there.
    assert result.passed == (BACKEND != "tensorflow")
    if BACKEND == "tensorflow":
        assert "learning rate 0" in result.message


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
    properties = frozenset({"odd", "bounded", "lipschitz", "monotone"})

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
        FalsePromises.properties = frozenset({word})
        assert caught(FalsePromises, promises, f"declared {word}")
    FalsePromises.properties = frozenset({"nice"})
    assert caught(FalsePromises, promises, "none of")


@register
class HalfGradient(keras.layers.Layer):
    """Gates its first input; the second, the gate, learns nothing."""

    example_shape = [(3, 4), (4,), "ids"]

    def call(self, inputs):
        x, gate, ids = inputs
        gate = ops.stop_gradient(ops.sigmoid(gate))
        return x * gate[:, None] + ops.cast(ids[:, None, None], x.dtype)


@register
class WrongShape(keras.layers.Layer):
    """Announces what goes in, not what comes out."""

    example_shape = (4, 3, 2)

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


@register
class BatchSum(keras.losses.Loss):
    def call(self, y_true, y_pred):
        error = ops.square(y_true - y_pred)
        return ops.mean(error, axis=-1) / ops.sum(error)


def test_loss_that_mixes_samples():
    assert caught(BatchSum, "samples_are_independent", "its own")
    assert caught(BatchSum, "weight_is_repetition", "weights")


class Unregistered(keras.layers.Layer):
    def call(self, inputs):
        return inputs


def test_unregistered_class():
    assert caught(Unregistered, "is_registered", "not registered")


@register
class WrongWay(keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.1, name="wrong_way", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)

    def update_step(self, gradient, variable, learning_rate):
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign_add(variable, rate * ops.cast(gradient, variable.dtype))


def test_optimizer_that_climbs():
    assert caught(WrongWay, "a_quadratic_is_minimized", "still")


@register
class GrowingState(keras.metrics.Metric):
    """Has one variable more in each epoch, and so another step."""

    def __init__(self, name="growing_state", **kwargs):
        super().__init__(name=name, **kwargs)
        self.totals = [self.add_weight(initializer="zeros", name="total")]

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.totals[0].assign(self.totals[0] + 1.0)

    def result(self):
        return self.totals[0] + 0.0

    def reset_state(self):
        super().reset_state()
        more = self.add_weight(initializer="zeros", name="total")
        self.totals.append(more)


@register
class LeakingRegion(keras.losses.Loss):
    targets, unit = "classes", "sample"

    def call(self, y_true, y_pred):
        y_true = ops.one_hot(ops.cast(y_true, "int32"), 4, dtype=y_pred.dtype)
        share = ops.mean(y_true * y_pred, axis=0)  # over samples, not pixels
        return ops.mean(share + ops.zeros_like(y_pred), axis=(1, 2))


@register
class NoPairs(keras.losses.Loss):
    targets, independent = "ids", False

    def call(self, y_true, y_pred):
        same = ops.equal(y_true[:, None], y_true[None])
        apart = ops.cast(ops.logical_not(same), y_pred.dtype)
        distance = ops.abs(y_pred[:, None] - y_pred[None])
        between = apart * ops.mean(distance, axis=-1)
        return ops.sum(between, axis=-1) / ops.sum(apart, axis=-1)


def test_losses_of_regions_and_pairs():
    assert caught(LeakingRegion, "more_axes_are_one_region", "one region")
    assert caught(NoPairs, "any_batch_has_a_loss", "one class only")


if BACKEND == "jax":  # state is an argument of the step here alone

    def test_step_that_is_traced_again():
        assert caught(GrowingState, "steps_are_traced_once", "traces")


@register
class Fine(Configured, keras.layers.Layer):
    """As a user would write it."""

    saved = ("slope",)

    def __init__(self, slope=0.5, **kwargs):
        super().__init__(**kwargs)
        is_number = isinstance(slope, (int, float, np.number))
        if isinstance(slope, bool) or not is_number or not 0 < slope < 1e6:
            raise ValueError(f"Invalid `slope`. Received: slope={slope!r}")
        self.slope = float(slope)
        self.supports_masking = True

    def call(self, inputs):
        return self.slope * inputs

    def compute_output_shape(self, input_shape):
        return input_shape


@pytest.mark.parametrize("given", [Fine, Fine(slope=0.25)])
def test_users_layer_passes_everything_here(given):
    results = testing.check_component(given)
    assert len(results) > 15
    failed = [r for r in results if not r.passed]
    # The class is local to this test: no other process can import it.
    assert not failed, failed


def test_check_component_raises_nothing():
    results = testing.check_component(NaNAtZero)
    assert any(not result.passed for result in results)
    assert all(result.message for result in results if not result.passed)


def test_required_arguments_are_asked_for():
    class Needs(keras.layers.Layer):
        def __init__(self, something, **kwargs):
            super().__init__(**kwargs)

    with pytest.raises(ValueError, match="something=..."):
        testing.check_component(Needs)
