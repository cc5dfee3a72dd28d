"""The base of losses on a yes or no per score: unknown labels, means."""

from keras import ops

from keras_funcs._core.labels import align_binary
from keras_funcs._core.labels import is_share
from keras_funcs._core.numerics import logit
from keras_funcs._core.traits import LossTraits
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._base import ClassificationLoss


class BinaryLoss(ClassificationLoss):
    """Abstract base of binary and multi-label losses.

    A leaf gives the loss of every label in `each`; the base leaves unknown
    labels, -1, out of the mean over the last axis.

    Args:
        **kwargs: `from_logits`, `name`, `reduction`, `dtype`.
    """

    traits = LossTraits(targets="labels", unknown=-1)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        y_true, y_pred = align_binary(y_true, y_pred)
        if len(y_pred.shape) == 1:  # a sample each, not labels of one sample
            y_true, y_pred = y_true[:, None], y_pred[:, None]
        self.check_labels(y_pred.shape[-1])
        known = ops.not_equal(y_true, -1)
        valid = is_share(y_true)
        y = ops.where(valid, y_true, ops.zeros_like(y_true))
        loss = self.each(y, y_pred if self.from_logits else logit(y_pred))
        # What is neither a label nor unknown is NaN on every backend.
        loss = ops.where(valid, loss, float("nan"))
        labels = ops.sum(ops.cast(known, loss.dtype), axis=-1)
        total = ops.sum(ops.where(known, loss, 0.0), axis=-1)
        return self.exclude(total / ops.maximum(labels, 1.0), labels == 0)

    def check_labels(self, num_labels: int) -> None:
        """Raises where the loss is for another number of labels."""

    def each(self, y: Tensor, z: Tensor) -> Tensor:
        """The loss of labels in [0, 1] and logits, of their shape.

        What is unknown is 0 in `y`.
        """
        raise NotImplementedError
