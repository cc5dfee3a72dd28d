"""The base of all losses: from a call's arguments to Keras's reduction."""

from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import inputs
from keras_funcs._core.component import Configurable
from keras_funcs._core.masking import MaskCarrier
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.traits import LossTraits
from keras_funcs._core.traits import traits_of
from keras_funcs._core.typing import Config
from keras_funcs._core.typing import Tensor

# What Keras's reduction takes: labels, predictions and weights.
Prepared = tuple[Any, Any, Tensor | None]


class MaskedLoss(Configurable, keras.losses.Loss):
    """Abstract base of all losses: inputs, precision, masks and config.

    A family's base says in `prepare` what masks and weights mean to it; a leaf
    computes its values from labels and predictions in `call`. The reduction is
    Keras's.

    Labels, predictions and weights may be tensors, variables, arrays or lists.
    The loss of a batch without samples is 0, with a gradient of 0.

    A loss of half precision computes in float32 and rounds its result:
    bfloat16 cannot tell class 257 from 256, and the probability 1 - 1e-7 from
    a certainty.

    Args:
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Raises:
        ValueError: If an argument is out of its range; by a call, if shapes do
            not match (labels are never broadcast), if a tensor is ragged, or
            if `class_weight` of `fit` meets labels for which Keras weights
            the wrong classes.
    """

    traits = LossTraits()

    def __init__(self, **kwargs: Any) -> None:
        dtype = keras.dtype_policies.get(
            kwargs.pop("dtype", None) or keras.config.floatx()
        ).compute_dtype
        super().__init__(dtype=at_least_float32(dtype), **kwargs)
        self.result_dtype = dtype
        self._masks = MaskCarrier(dtype=self.dtype)

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> Tensor:
        y_true = inputs.dense("y_true", y_true)
        y_pred = inputs.dense("y_pred", y_pred)
        if inputs.is_empty(y_pred):
            return self._of_nothing(y_pred)
        if sample_weight is not None:
            sample_weight = inputs.dense("sample_weight", sample_weight)
        inputs.check_class_weight(self, y_true, y_pred, sample_weight)
        mask = self._masks.read(y_pred)
        prepared = self.prepare(y_true, y_pred, sample_weight, mask)
        loss = self.finish(super().__call__(*prepared))
        return ops.cast(loss, self.result_dtype)

    def prepare(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        sample_weight: Tensor | None,
        mask: Tensor | None,
    ) -> Prepared:
        """Returns the arguments of `call`, and the weights of its values."""
        raise NotImplementedError

    def finish(self, loss: Tensor) -> Tensor:
        """Changes the reduced loss."""
        return loss

    def get_config(self) -> Config:
        # Keras leaves the dtype out, and a float64 loss comes back as float32.
        return {**super().get_config(), "dtype": self.result_dtype}

    def exclude(self, loss: Tensor, ignored: Tensor) -> Tensor:
        """Zeroes ignored labels and leaves them out of every mean."""
        loss = ops.where(ignored, ops.zeros_like(loss), loss)
        return self._masks.attach(loss, ops.logical_not(ignored))

    def _of_nothing(self, y_pred: Tensor) -> Tensor:
        # Torch has no largest of nothing, and Keras's mean is empty.
        nothing = ops.cast(y_pred, self.result_dtype)
        if self.reduction in (None, "none"):
            return ops.reshape(nothing, (-1,))
        return 0.0 * ops.sum(nothing)


class LabelLoss(MaskedLoss):
    """Abstract base of losses with a value for each label.

    Args:
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.
    """

    def prepare(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        sample_weight: Tensor | None,
        mask: Tensor | None,
    ) -> Prepared:
        if mask is not None:
            # Padding may be labelled with anything; it must not become NaN,
            # which no weight of 0 removes.
            mask = ops.cast(mask, "bool")
            while len(mask.shape) < len(y_true.shape):
                mask = ops.expand_dims(mask, -1)
            y_true = ops.where(mask, y_true, ops.zeros_like(y_true))
        return y_true, y_pred, weight_for(self, sample_weight, y_pred)


class ClassificationLoss(LabelLoss):
    """Abstract base of losses on class labels.

    Args:
        from_logits: Boolean. Whether `y_pred` are logits, not probabilities.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.
    """

    traits = LossTraits(targets="classes")

    def __init__(self, from_logits: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.from_logits = checks.boolean("from_logits", from_logits)


def weight_for(
    loss: keras.losses.Loss, sample_weight: Tensor | None, y_pred: Tensor
) -> Tensor | None:
    """Weights in the form that a loss needs, and of its own.

    Keras aligns weights and values from the right: weights `(B,)` against the
    values `(B, H, W)` of pixels would be broadcast along W. They are written
    out, since a mean divides by the sum of what it is given. And on Torch,
    Keras multiplies a mask into the very weights that it is given, which
    whoever reads them next would find changed.
    """
    if sample_weight is None:
        return None
    given, rank = tuple(sample_weight.shape), len(y_pred.shape)
    of_samples = given and all(size == 1 for size in given[1:])
    traits = traits_of(loss, LossTraits) or LossTraits()
    if traits.unit != "label" or not of_samples or rank < 3:
        return ops.copy(sample_weight)
    axis = getattr(loss, "axis", -1)
    shape = list(ops.shape(y_pred))
    del shape[axis if isinstance(axis, int) else -1]
    sample_weight = ops.reshape(sample_weight, (-1, *[1] * (rank - 2)))
    return ops.copy(ops.broadcast_to(sample_weight, shape))
