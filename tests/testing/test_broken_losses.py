"""Losses, metrics and optimizers broken on purpose: what says so.

Each defect is one that real packages have shipped.
"""

import keras
from keras import ops

from keras_funcs import LossTraits
from keras_funcs import MetricTraits
from tests.testing.broken import Configured
from tests.testing.broken import caught
from tests.testing.broken import outcome
from tests.testing.broken import register

BACKEND = keras.config.backend()


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
    traits = LossTraits(targets="labels")
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
    traits = MetricTraits(targets="classes")

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
    traits = MetricTraits(targets="classes")

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
class BatchSum(keras.losses.Loss):
    def call(self, y_true, y_pred):
        error = ops.square(y_true - y_pred)
        return ops.mean(error, axis=-1) / ops.sum(error)


def test_loss_that_mixes_samples():
    assert caught(BatchSum, "samples_are_independent", "its own")
    assert caught(BatchSum, "weight_is_repetition", "weights")


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
    traits = LossTraits(targets="classes", unit="sample")

    def call(self, y_true, y_pred):
        y_true = ops.one_hot(ops.cast(y_true, "int32"), 4, dtype=y_pred.dtype)
        share = ops.mean(y_true * y_pred, axis=0)  # over samples, not pixels
        return ops.mean(share + ops.zeros_like(y_pred), axis=(1, 2))


@register
class NoPairs(keras.losses.Loss):
    traits = LossTraits(targets="ids", independent=False)

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
