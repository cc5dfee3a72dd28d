"""Losses that own variables: what they learn, and what they count.

Only variables that the *model* tracks train, and survive a compiled step, on
every backend. A loss with variables is therefore a layer, and a model hosts
it: see `keras_funcs.losses.LossModel`.
"""

from typing import Any

import keras
from keras import ops

from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.traits import LossTraits
from keras_funcs._core.typing import Tensor


class AdaptiveLoss(keras.layers.Layer):
    """Abstract base of losses with variables.

    A leaf creates its variables in the constructor, through `add_state`, and
    returns one number from `compute`. `keras_funcs.losses.LossModel` hosts it;
    it can also stand at the end of a functional model that has the labels as
    an input, `loss([y_true, y_pred])`, and then returns `y_pred`.

    The variables are float32 also under mixed precision, and named with the
    stem `loss_`, so that `exclude_from_weight_decay(var_names=["loss_"])` of
    an optimizer reaches them all.

    Args:
        **kwargs: `name`, `trainable` and `dtype` of `keras.layers.Layer`.
    """

    traits = LossTraits()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.built = True

    def add_state(
        self, name: str, shape: tuple[int, ...], value: Any, trainable: bool
    ) -> keras.Variable:
        """Adds the variable `loss_<name>`, which begins with a number."""
        return self.add_weight(
            shape=shape,
            initializer=keras.initializers.Constant(value),
            dtype=at_least_float32(self.variable_dtype),
            autocast=False,
            trainable=trainable,
            # Replicas count alike; a sum would count every step several times.
            aggregation="mean" if trainable else "only_first_replica",
            name=f"loss_{name}",
        )

    def compute(
        self,
        y_true: Any,
        y_pred: Any,
        sample_weight: Any = None,
        training: bool = False,
    ) -> Tensor:
        """The loss of a batch, one number; counts only where `training`."""
        raise NotImplementedError

    def follow(self, progress: float, step: float) -> None:
        """Told by the host at the begin of each epoch.

        Args:
            progress: Share of the training that is done.
            step: What a step adds to it; 0 where that is not known.
        """

    def call(
        self, inputs: Any, y_pred: Any = None, training: bool = False
    ) -> Tensor:
        listed = isinstance(inputs, (list, tuple)) and len(inputs) in (2, 3)
        if not listed or y_pred is not None:  # by `compile(loss=...)`
            raise ValueError(
                f"`{type(self).__name__}` owns variables, which only a model "
                "can train. Expected `LossModel(model, loss)` in place of "
                "`compile(loss=...)`, or `loss([y_true, y_pred])` at the end "
                f"of a model. Received: {inputs}"
            )
        y_true, y_pred, *weight = inputs
        weights = weight[0] if weight else None
        self.add_loss(self.compute(y_true, y_pred, weights, bool(training)))
        return y_pred

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[1]


class _OnEachReplica(keras.losses.Loss):
    """The mean of numbers that do not depend on the batch."""

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return y_pred


def once(values: Tensor) -> Tensor:
    """The sum of a vector of terms that no sample is part of.

    Where TensorFlow adds up the gradients of replicas, Keras divides every
    mean by their number; such terms need that as well.
    """
    dtype = keras.backend.standardize_dtype(values.dtype)
    mean = _OnEachReplica(name="on_each_replica", dtype=dtype)
    return mean(ops.zeros_like(values), values) * values.shape[0]
