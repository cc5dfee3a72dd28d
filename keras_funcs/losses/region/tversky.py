"""Overlap that tells the two errors apart: a pixel too many, one too few.

With `fn_weight > fp_weight` a lesion that is missed costs more than one that
is seen where there is none: recall is bought with precision.
"""

from typing import Any

from keras_funcs._core import checks
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._region import Sums
from keras_funcs.losses.region._overlap import OverlapLoss
from keras_funcs.losses.region._overlap import steep_power
from keras_funcs.losses.region._overlap import tversky


@component(tune={"fp_weight": Range(0.1, 0.9), "fn_weight": Range(0.1, 0.9)})
class Tversky(OverlapLoss):
    """One minus the Tversky index: Dice with a price for each of two errors.

    For masks where one error is worse than the other, mostly missed pixels of
    small objects. `0.5, 0.5` is Dice with twice the `smooth`, `1, 1` is
    Jaccard. Bounded, with hardly a gradient on confidently wrong pixels.

    `keras.losses.Tversky` takes batch and classes as one region. For one
    channel, it is `Tversky(fp_weight=beta, fn_weight=alpha, per_sample=False,
    smooth=0)` up to Keras 3.15, whose `alpha` weighs false negatives contrary
    to its documentation, and has the two weights exchanged from 3.16 on.

    Formula:
    ```python
    tp = sum(minimum(p, y))  # sum(p * y) for labels of 0 and 1
    errors = fp_weight * (sum(p) - tp) + fn_weight * (sum(y) - tp)
    loss = 1 - (tp + smooth) / (tp + errors + smooth)
    ```
    averaged over the classes.

    Args:
        fp_weight: Float >= 0. Weight of what is predicted but not labelled.
            Defaults to `0.3`.
        fn_weight: Float >= 0. Weight of what is labelled but not predicted.
            Defaults to `0.7`.
        from_logits: Boolean. Whether `y_pred` is logits. Defaults to `False`.
        smooth: Float >= 0. Pixels added to the overlap. Defaults to `1.0`.
        per_sample: Boolean. Whether each sample is a region; otherwise the
            batch is one and the loss a scalar. Defaults to `True`.
        include_background: Boolean. Whether class 0 counts, where there are
            others. Defaults to `True`.
        class_weights: List of C floats >= 0, the classes' shares of the mean,
            or None for equal ones. Defaults to `None`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `multi_label=True` if classes do not exclude each other;
            `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., C)`. For one channel and `multi_label`:
            0, 1 or between, and -1 where unknown. Any other label makes its
            region's loss NaN.
        y_pred: `(batch, ..., C)`; a single channel, C = 1, is a sigmoid's.
        sample_weight: `(batch,)` for samples, `(batch, ...)` for pixels.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.Tversky(smooth=0.0)
    >>> mask, scores = [[1, 1, 0, 0]], [[[0.8], [0.4], [0.4], [0.0]]]
    >>> round(float(loss(np.array(mask), np.array(scores))), 4)
    0.3617

    Reference:
        Salehi, Erdogmus and Gholipour (2017), MLMI, arXiv:1706.05721
    """

    def __init__(
        self,
        fp_weight: float = 0.3,
        fn_weight: float = 0.7,
        from_logits: bool = False,
        smooth: float = 1.0,
        per_sample: bool = True,
        include_background: bool = True,
        class_weights: list[float] | None = None,
        ignore_class: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            from_logits=from_logits,
            smooth=smooth,
            per_sample=per_sample,
            include_background=include_background,
            class_weights=class_weights,
            ignore_class=ignore_class,
            **kwargs,
        )
        self.fp_weight = checks.number("fp_weight", fp_weight, at_least=0)
        self.fn_weight = checks.number("fn_weight", fn_weight, at_least=0)

    def of_classes(self, sums: Sums) -> Tensor:
        # 1 - (TP + s) / (TP + a FP + b FN + s)
        return self.mean(
            tversky(sums, self.fp_weight, self.fn_weight, self.smooth)
        )


@component(tune={"gamma": Range(1.0, 3.0), "fn_weight": Range(0.5, 0.9)})
class FocalTversky(OverlapLoss):
    """Tversky's loss of each class to a power below 1.

    For classes or lesions that Tversky leaves behind: a region that is nearly
    right keeps a stronger pull than in `Tversky`, up to the last pixels.
    Bounded, with hardly a gradient on confidently wrong pixels.

    Formula:
    ```python
    index = (tp + smooth) / (tp + fp_weight * fp + fn_weight * fn + smooth)
    loss = (1 - index) ** (1 / gamma)
    ```
    averaged over the classes, with sums as in `Tversky`. Below 1e-7 the power
    is a straight line: its slope at 0 would be infinite.

    Args:
        gamma: Float > 0. Focusing; 1 is Tversky. Defaults to `4 / 3`.
        fp_weight: Float >= 0. Weight of what is predicted but not labelled.
            Defaults to `0.3`.
        fn_weight: Float >= 0. Weight of what is labelled but not predicted.
            Defaults to `0.7`.
        from_logits: Boolean. Whether `y_pred` is logits. Defaults to `False`.
        smooth: Float >= 0. Pixels added to the overlap. Defaults to `1.0`.
        per_sample: Boolean. Whether each sample is a region; otherwise the
            batch is one and the loss a scalar. Defaults to `True`.
        include_background: Boolean. Whether class 0 counts, where there are
            others. Defaults to `True`.
        class_weights: List of C floats >= 0, the classes' shares of the mean,
            or None for equal ones. Defaults to `None`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `multi_label`, and `name`, `reduction` and `dtype` of
            `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., C)`. For one channel and `multi_label`:
            0, 1 or between, and -1 where unknown. Any other label makes its
            region's loss NaN.
        y_pred: `(batch, ..., C)`; a single channel, C = 1, is a sigmoid's.
        sample_weight: `(batch,)` for samples, `(batch, ...)` for pixels.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.FocalTversky(gamma=2.0, smooth=0.0)
    >>> mask, scores = [[1, 1, 0, 0]], [[[0.8], [0.4], [0.4], [0.0]]]
    >>> round(float(loss(np.array(mask), np.array(scores))), 4)
    0.6014

    Reference:
        Abraham and Khan (2019), ISBI, arXiv:1810.07842
    """

    def __init__(
        self,
        gamma: float = 4 / 3,
        fp_weight: float = 0.3,
        fn_weight: float = 0.7,
        from_logits: bool = False,
        smooth: float = 1.0,
        per_sample: bool = True,
        include_background: bool = True,
        class_weights: list[float] | None = None,
        ignore_class: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            from_logits=from_logits,
            smooth=smooth,
            per_sample=per_sample,
            include_background=include_background,
            class_weights=class_weights,
            ignore_class=ignore_class,
            **kwargs,
        )
        self.gamma = checks.number("gamma", gamma, above=0)
        self.fp_weight = checks.number("fp_weight", fp_weight, at_least=0)
        self.fn_weight = checks.number("fn_weight", fn_weight, at_least=0)

    def of_classes(self, sums: Sums) -> Tensor:
        # (1 - TI_c)**(1 / gamma)
        loss = tversky(sums, self.fp_weight, self.fn_weight, self.smooth)
        return self.mean(steep_power(loss, 1.0 / self.gamma))
