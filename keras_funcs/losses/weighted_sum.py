"""A loss that is the sum of others, such as Dice + cross-entropy."""

from collections.abc import Sequence
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
class WeightedSum(MaskedLoss):
    """Adds losses of one output, each with a weight.

    Such as cross-entropy for its gradient and an overlap loss for the score.
    `UncertaintyWeighted` learns the weights;
    `keras_funcs.callbacks.LossSchedule("weights", ...)` moves them.

    Each part is reduced before the results are added, so that losses per pixel
    and per image fit together. `reduction=None` adds values of one shape.

    Formula:
    ```python
    loss = sum_k weights[k] * reduce(losses[k](y_true, y_pred))
    ```

    Args:
        losses: List of at least one loss: `Loss` objects, functions, or names.
        weights: List of floats >= 0, one for each loss, or None for 1 each.
            May be assigned between epochs. Defaults to `None`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: As every one of the losses takes it.
        y_pred: Likewise. A weight `(batch,)` counts for all labels of a sample.

    Raises:
        ValueError: If an argument is invalid, a loss has another `reduction`
            than the sum, or unreduced values differ in shape.

    Example:

    >>> loss = keras_funcs.losses.WeightedSum(["mse", "mae"], [1.0, 0.5])
    >>> value = loss(np.array([[1.0], [2.0]]), np.array([[3.0], [2.0]]))
    >>> round(float(value), 4)
    2.5

    Reference:
        Taghanaki et al. (2019), Comput. Med. Imaging Graph., arXiv:1805.02798
    """

    def __init__(
        self,
        losses: Sequence[Any],
        weights: Sequence[float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(losses, (list, tuple)) or not losses:
            checks.invalid("losses", "a list of at least one loss", losses)
        self.losses = [revive("losses", item) for item in losses]
        self.parts = [as_loss("losses", item) for item in self.losses]
        self.traits = shared_traits(self.parts)
        _check_reductions(self.parts, self.reduction)
        self.weights = weights

    @property
    def weights(self) -> list[Any] | None:
        """The weights, read at each call."""
        return self._weights

    @weights.setter
    def weights(self, weights: Sequence[float] | None) -> None:
        count = len(self.parts)
        self._weights = checks.numbers(
            "weights", weights, length=count, at_least=0, optional=True
        )

    def prepare(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        sample_weight: Tensor | None,
        mask: Tensor | None,
    ) -> Prepared:
        check_batch(y_true, y_pred)
        weights = self.weights or [1.0] * len(self.parts)
        values = []
        for weight, part in zip(weights, self.parts):
            part = reduced_by(self.reduction, part)
            own = weight_for(part, sample_weight, y_pred)
            value = part(y_true, y_pred, own)
            # sum_k weights[k] * reduce(losses[k](y_true, y_pred))
            values.append(weight * ops.cast(value, self.result_dtype))
        _check_shapes(values, self.reduction)
        # Each part has been reduced; the list hides the mask from another.
        return sum(values[1:], values[0]), [y_pred], None

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return y_true


def _check_reductions(parts: list[Any], reduction: str | None) -> None:
    for part in parts:
        if part.reduction not in ("sum_over_batch_size", reduction):
            checks.invalid(
                "losses",
                f"losses with `reduction={reduction!r}`, which the sum gives "
                "to all its parts",
                f"{part.name} with reduction={part.reduction!r}",
            )


def _check_shapes(values: list[Tensor], reduction: str | None) -> None:
    shapes = [tuple(value.shape) for value in values]
    if len(set(shapes)) > 1:
        raise ValueError(
            "Invalid value for argument `reduction`. Expected a reduction to "
            "one number for losses whose values have several shapes. "
            f"Received: reduction={reduction!r}, shapes={shapes}"
        )
