"""The base of losses on numbers: shapes, and the mean over the last axis."""

from keras_funcs._core.labels import align_binary
from keras_funcs._core.numerics import mean
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._base import LabelLoss


class RegressionLoss(LabelLoss):
    """Abstract base of losses that compare a number with a number.

    A leaf gives the loss of every number in `each`.

    Args:
        **kwargs: `name`, `reduction`, `dtype`.
    """

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        y_true = self.spread(y_true, y_pred)
        y_true, y_pred = align_binary(y_true, y_pred)
        loss = self.each(y_true, y_pred)
        # Of rank 1, each number is a sample.
        return mean(loss) if len(loss.shape) > 1 else loss

    def spread(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Gives the labels the shape of the predictions, if they lack one."""
        return y_true

    def each(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of numbers, of their shape."""
        raise NotImplementedError
