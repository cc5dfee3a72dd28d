"""Losses of bounding boxes, which are right or wrong as a whole.

Squared errors of four corners are not what detection is measured by: the same
error is nothing for a large box and everything for a small one.
"""

from typing import Any
from typing import NamedTuple

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import component
from keras_funcs._core.traits import LossTraits
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._base import LabelLoss


@component()
class GeneralizedIoU(LabelLoss):
    """One minus the overlap of boxes, with a pull where there is none.

    For the regression of boxes. Intersection over union alone has no gradient
    for boxes that do not touch; the generalized form adds how much of the
    smallest box around both is empty. Not for boxes with an angle.

    Formula:
    ```python
    iou = intersection / union
    loss = 1 - iou + (hull - union) / hull  # without it, for mode="iou"
    ```
    with areas, `hull` that of the smallest box around both.

    Args:
        mode: `"giou"` or `"iou"`. Defaults to `"giou"`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: Boxes `(batch, ..., 4)` by two opposite corners, `(y, x, y, x)`
            or `(x, y, x, y)`.
        y_pred: `(batch, ..., 4)`, in the same order. Corners in the wrong
            order are put in the right one, as the paper does.

    Raises:
        ValueError: for another mode, and for shapes that do not fit; they are
            never broadcast.

    Example:

    >>> loss = keras_funcs.losses.GeneralizedIoU()
    >>> y_true = np.array([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 1.0, 1.0]])
    >>> y_pred = np.array([[0.0, 0.0, 2.0, 1.0], [2.0, 0.0, 3.0, 1.0]])
    >>> round(float(loss(y_true, y_pred)), 4)
    0.9167

    Reference:
        Rezatofighi et al. (2019), CVPR, arXiv:1902.09630
    """

    traits = LossTraits(numbers="boxes")

    def __init__(self, mode: str = "giou", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mode = checks.one_of("mode", mode, ("giou", "iou"))

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        _check_shapes(tuple(y_true.shape), tuple(y_pred.shape))
        a, b = _Box.of(y_true), _Box.of(y_pred)
        overlap = _Box(_larger(a.low, b.low), _smaller(a.high, b.high)).area()
        union = a.area() + b.area() - overlap
        # loss = 1 - iou + (hull - union) / hull
        loss = 1.0 - _ratio(overlap, union)
        if self.mode == "iou":
            return loss
        hull = _Box(_smaller(a.low, b.low), _larger(a.high, b.high)).area()
        return loss + _ratio(hull - union, hull)


class _Box(NamedTuple):
    low: Tensor  # (..., 2), the corner with the smaller coordinates
    high: Tensor  # (..., 2)

    @classmethod
    def of(cls, corners: Tensor) -> "_Box":
        one, other = corners[..., :2], corners[..., 2:]
        return cls(_smaller(one, other), _larger(one, other))

    def area(self) -> Tensor:
        """`(...)`; 0 where there is no such box."""
        sides = ops.relu(self.high - self.low)
        return sides[..., 0] * sides[..., 1]


def _check_shapes(values: Any, outputs: Any) -> None:
    if len(outputs) < 2 or outputs[-1] != 4:
        raise ValueError(
            "Invalid shape of `y_pred`. Expected boxes (batch, ..., 4). "
            f"Received: y_pred.shape={outputs}"
        )
    fits = len(values) == len(outputs) and all(
        a is None or b is None or a == b for a, b in zip(values, outputs)
    )
    if not fits:
        raise ValueError(
            f"Invalid shape of `y_true`. Expected the shape of `y_pred`, "
            f"{outputs}. Received: y_true.shape={values}"
        )


def _larger(a: Tensor, b: Tensor) -> Tensor:
    """Not by `ops.maximum`, which turns float64 into float32 on Torch."""
    return ops.where(a > b, a, b)


def _smaller(a: Tensor, b: Tensor) -> Tensor:
    return ops.where(a < b, a, b)


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """`part / whole`; 0 for nothing of nothing, with a finite gradient.

    The gradient squares the area, of which less than this would be nothing.
    """
    some = whole > 1e-18
    quotient = part / ops.where(some, whole, ops.ones_like(whole))
    return ops.where(some, quotient, ops.zeros_like(quotient))
