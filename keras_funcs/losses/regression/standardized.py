"""A regression loss in standard deviations of the target."""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import component
from keras_funcs._core.traits import shared_traits
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._base import MaskedLoss
from keras_funcs.losses._base import Prepared
from keras_funcs.losses._base import weight_for
from keras_funcs.losses._compose import as_loss
from keras_funcs.losses._compose import check_batch
from keras_funcs.losses._compose import reduced_by
from keras_funcs.losses._compose import revive


@component()
class Standardized(MaskedLoss):
    """Takes mean and scale of the target out before another loss compares.

    For a regression whose model predicts in the target's own units, as one
    that ends with `keras.layers.Rescaling(scale, mean)`: gradients, the
    factors of regularizers and arguments such as `Robust`'s `scale` are then
    those of a target with mean 0 and standard deviation 1.

    Formula:
    ```python
    loss = inner((y_true - mean) / scale, (y_pred - mean) / scale)
    ```

    Args:
        loss: The inner loss: a `Loss`, a function, or a name as `"mae"`.
        mean: Float. Of the target. Defaults to `0.0`.
        scale: Float > 0. Its standard deviation. Defaults to `1.0`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: Numbers, of the shape that the inner loss takes.
        y_pred: Likewise.

    Raises:
        ValueError: If an argument is invalid, or the inner loss has another
            `reduction` than its default and this one's.

    Example:

    >>> loss = keras_funcs.losses.Standardized("mse", mean=100.0, scale=10.0)
    >>> value = loss(np.array([[100.0], [120.0]]), np.array([[110.0], [120.0]]))
    >>> round(float(value), 4)
    0.5

    Reference:
        LeCun, Bottou, Orr and Mueller (1998), Efficient BackProp,
        doi:10.1007/3-540-49430-8_2
    """

    def __init__(
        self, loss: Any, mean: float = 0.0, scale: float = 1.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.loss = revive("loss", loss)
        self.inner = as_loss("loss", self.loss)
        if self.inner.reduction not in ("sum_over_batch_size", self.reduction):
            checks.invalid(
                "loss",
                f"a loss with `reduction={self.reduction!r}`",
                f"reduction={self.inner.reduction!r}",
            )
        self.traits = shared_traits([self.inner])
        self.mean = checks.number("mean", mean)
        self.scale = checks.number("scale", scale, above=0)

    def prepare(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        sample_weight: Tensor | None,
        mask: Tensor | None,
    ) -> Prepared:
        check_batch(y_true, y_pred)
        weight = weight_for(self.inner, sample_weight, y_pred)
        # (y - mean) / scale
        y_true, scores = (
            (ops.cast(y, self.result_dtype) - self.mean) / self.scale
            for y in (y_true, y_pred)
        )
        if mask is not None:
            scores = self._masks.attach(scores, mask)
        value = reduced_by(self.reduction, self.inner)(y_true, scores, weight)
        # It has been reduced; the list hides the mask from another time.
        return ops.cast(value, self.result_dtype), [y_pred], None

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return y_true
