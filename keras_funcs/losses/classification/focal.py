"""Focal losses: less weight for samples that the model already has right.

`-log(p_t)` is multiplied by `(1 - p_t)**gamma`. Both factors are computed from
logits: through clipped probabilities the gradient vanishes on just the
confidently wrong samples that the loss was made for.
"""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import floored
from keras_funcs._core.numerics import statically_zero
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._classes import CategoricalLoss
from keras_funcs.losses._classes import OfClass
from keras_funcs.losses._softmax import Probability
from keras_funcs.losses.classification._binary import BinaryLoss


@component(tune={"gamma": Range(0.0, 5.0), "label_smoothing": Range(0.0, 0.2)})
class CategoricalFocal(OfClass, CategoricalLoss):
    """Focal loss for one label out of several classes.

    For many easy samples and few hard ones. Against classes of unequal size
    alone, `LogitAdjusted` is the stronger choice; a scalar `alpha` is only a
    factor of the learning rate, a list weighs classes. Equal to
    `keras.losses.CategoricalFocalCrossentropy` where that one does not clip,
    and takes sparse labels as well.

    Formula:
    ```python
    loss = -sum_c alpha_c * y_c * (1 - p_c)**gamma * log(p_c)
    ```

    Args:
        alpha: Float >= 0, or a list of one for each class, or None for 1.
            Defaults to `0.25`.
        gamma: Float >= 0. Focusing; 0 is cross-entropy. Defaults to `2.0`.
        from_logits: Boolean. Whether `y_pred` are logits. Defaults to
            `False`: probabilities, which are divided by their sum.
        label_smoothing: Float in [0, 1). Share of the label that is spread
            over all classes. Defaults to `0.0`.
        axis: Integer. The axis of the classes in `y_pred`. Defaults to `-1`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., C)`. An invalid id gives NaN.
        y_pred: `(batch, ..., C)`.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.CategoricalFocal(from_logits=True)
    >>> value = loss(np.array([0, 2]), np.zeros((2, 3)))
    >>> round(float(value), 4)
    0.1221

    Reference:
        Lin, Goyal, Girshick, He and Dollar (2017), ICCV, arXiv:1708.02002
    """

    def __init__(
        self,
        alpha: float | list[float] | None = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        ignore_class: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            axis=axis,
            from_logits=from_logits,
            ignore_class=ignore_class,
            **kwargs,
        )
        self.alpha = _alpha(alpha, at_most=float("inf"))
        self.gamma = checks.number("gamma", gamma, at_least=0)
        self.label_smoothing = checks.number(
            "label_smoothing", label_smoothing, at_least=0, below=1
        )

    def check_classes(self, num_classes: int) -> None:
        _check_alpha(self.alpha, num_classes)

    def of_class(self, p: Probability) -> Tensor:
        # loss_c = -alpha_c (1 - p_c)**gamma log(p_c)
        loss = p.focus(-p.log(), self.gamma)
        if isinstance(self.alpha, list):
            return p.own(self.alpha) * loss
        return loss if self.alpha is None else self.alpha * loss


@component(tune={"gamma": Range(0.0, 5.0), "label_smoothing": Range(0.0, 0.2)})
class BinaryFocal(BinaryLoss):
    """Focal loss for binary and multi-label classification.

    For detection-like data with few positives among many easy negatives.
    Equal to `keras.losses.BinaryFocalCrossentropy` where that one does not
    clip; its gradient stays 1 on a confidently wrong label.

    Formula:
    ```python
    p_t = y * p + (1 - y) * (1 - p)
    alpha_t = y * alpha + (1 - y) * (1 - alpha)
    loss = alpha_t * (1 - p_t)**gamma * crossentropy(y, p)
    ```
    averaged over the last axis.

    Args:
        alpha: Float in [0, 1], or a list of one for each label: the weight of
            positives against negatives. None weighs both with 1. Defaults to
            `None`.
        gamma: Float >= 0. Focusing; 0 is cross-entropy. Defaults to `2.0`.
        from_logits: Boolean. Whether `y_pred` is logits. Defaults to `False`.
        label_smoothing: Float in [0, 1). Moves labels towards 1/2. Defaults
            to `0.0`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: `(batch, ..., L)` of 0, 1, or anything between; -1 is unknown
            and does not count, and any other number gives NaN.
        y_pred: `(batch, ..., L)`. `(batch,)` is `(batch, 1)` in both.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.BinaryFocal(from_logits=True)
    >>> value = loss(np.array([[1.0, 0.0]]), np.array([[-40.0, -40.0]]))
    >>> round(float(value), 4)
    20.0

    Reference:
        Lin, Goyal, Girshick, He and Dollar (2017), ICCV, arXiv:1708.02002
    """

    def __init__(
        self,
        alpha: float | list[float] | None = None,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(from_logits=from_logits, **kwargs)
        self.alpha = _alpha(alpha, at_most=1.0)
        self.gamma = checks.number("gamma", gamma, at_least=0)
        self.label_smoothing = checks.number(
            "label_smoothing", label_smoothing, at_least=0, below=1
        )

    def check_labels(self, num_labels: int) -> None:
        _check_alpha(self.alpha, num_labels)

    def each(self, y: Tensor, z: Tensor) -> Tensor:
        y = (1.0 - self.label_smoothing) * y + 0.5 * self.label_smoothing
        # -log(p) = softplus(-z) and -log(1 - p) = softplus(z)
        loss = y * ops.softplus(-z) + (1.0 - y) * ops.softplus(z)
        if not statically_zero(self.gamma):
            # 1 - p_t = y (1 - p) + (1 - y) p, raised through its logarithm: a
            # power below 1 has no gradient at 0.
            missing = y * ops.sigmoid(-z) + (1.0 - y) * ops.sigmoid(z)
            loss = ops.exp(self.gamma * ops.log(floored(missing))) * loss
        if self.alpha is not None:
            alpha = ops.convert_to_tensor(self.alpha, dtype=loss.dtype)
            loss = (y * alpha + (1.0 - y) * (1.0 - alpha)) * loss
        return loss


@component(tune={"epsilon": Range(-1.0, 5.0)})
class Poly1(OfClass, CategoricalLoss):
    """Cross-entropy or focal loss with another slope at its best end.

    Adds `epsilon` to the first coefficient of the loss as a series in
    `1 - p`. Above 0, samples that are nearly right keep pulling; below 0, they
    pull less. For a loss that works already and may gain by a small step; not
    a remedy for classes of unequal size.

    Formula:
    ```python
    loss = -(1 - p[y])**gamma * log(p[y]) + epsilon * (1 - p[y])**(gamma + 1)
    ```

    Args:
        epsilon: Float >= -1. Change of the first coefficient; 0 is
            cross-entropy or focal loss. Defaults to `1.0`.
        gamma: Float >= 0. Focusing; 0 is Poly-1 cross-entropy. Defaults to
            `0.0`.
        from_logits: Boolean. Whether `y_pred` is logits. Defaults to `False`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `axis`, and `name`, `reduction` and `dtype` of
            `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., C)`. An invalid id gives NaN.
        y_pred: `(batch, ..., C)`.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.Poly1(epsilon=2.0)
    >>> value = loss(np.array([0]), np.array([[0.5, 0.5]]))
    >>> round(float(value), 4)
    1.6931

    Reference:
        Leng et al. (2022), ICLR, arXiv:2204.12511
    """

    def __init__(
        self,
        epsilon: float = 1.0,
        gamma: float = 0.0,
        from_logits: bool = False,
        ignore_class: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            from_logits=from_logits, ignore_class=ignore_class, **kwargs
        )
        # Below -1 the loss would fall where p falls.
        self.epsilon = checks.number("epsilon", epsilon, at_least=-1)
        self.gamma = checks.number("gamma", gamma, at_least=0)

    def of_class(self, p: Probability) -> Tensor:
        # loss = (1 - p)**gamma (-log(p) + epsilon (1 - p))
        return p.focus(
            self.epsilon * ops.exp(p.log_not()) - p.log(), self.gamma
        )


def _alpha(alpha: Any, at_most: float) -> float | list[float] | None:
    if alpha is None:
        return None
    if isinstance(alpha, (list, tuple)) or getattr(alpha, "ndim", 0) == 1:
        return checks.numbers("alpha", alpha, at_least=0, at_most=at_most)
    return checks.number("alpha", alpha, at_least=0, at_most=at_most)


def _check_alpha(alpha: Any, size: int) -> None:
    if isinstance(alpha, list) and len(alpha) != size:
        checks.invalid("alpha", f"a list of {size} numbers", alpha)
