"""Overlap of masks: Dice, Jaccard, and Dice over classes of unequal size.

Cross-entropy counts every pixel alike, and a small object is nearly nothing
to it. An overlap is a ratio of sums over the whole region, in which the
pixels that are neither predicted nor labelled do not appear.
"""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._region import Sums
from keras_funcs.losses.region._overlap import OverlapLoss
from keras_funcs.losses.region._overlap import tversky


@component(tune={"smooth": Range(0.01, 10.0, log=True)})
class Dice(OverlapLoss):
    """One minus the Dice coefficient of each sample and class.

    For masks of small objects, where cross-entropy is content with background
    only. Bounded: a wholly wrong mask pulls no harder than a half wrong one
    and confidently wrong pixels hardly at all, so that it is best added to a
    cross-entropy. With `smooth > 0` a mask that is empty and predicted empty
    costs 0 and one that is predicted full has a gradient.

    `keras.losses.Dice` takes batch and classes as one region: its number is
    that of `GeneralizedDice(weight="uniform", per_sample=False, smooth=0)`
    and, for one channel, of `Dice(per_sample=False, smooth=0)`; with Keras's
    `axis` over the pixels, its mean is that of `Dice(smooth=0)`.

    Formula:
    ```python
    tp = sum(minimum(p, y))  # sum(p * y) for labels of 0 and 1
    loss = 1 - (2 * tp + smooth) / (sum(p) + sum(y) + smooth)
    ```
    averaged over the classes.

    Args:
        from_logits: Boolean. Whether `y_pred` is logits. Defaults to `False`.
        smooth: Float >= 0. Pixels added to the overlap. Defaults to `1.0`.
        per_sample: Boolean. Whether each sample is a region; otherwise the
            batch is one and the loss a scalar. Defaults to `True`.
        include_background: Boolean. Whether class 0 counts, where there are
            others. Defaults to `True`.
        class_weights: List of C floats >= 0, the classes' shares of the mean,
            or None for equal ones. Defaults to `None`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `multi_label=True` where each of several classes is a yes or
            no of its own; `name`, `reduction` and `dtype` of
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

    >>> loss = keras_funcs.losses.Dice(smooth=0.0)
    >>> mask, scores = [[1, 1, 0, 0]], [[[0.8], [0.4], [0.4], [0.0]]]
    >>> round(float(loss(np.array(mask), np.array(scores))), 4)
    0.3333

    Reference:
        Milletari, Navab and Ahmadi (2016), 3DV, arXiv:1606.04797; soft
        labels: Wang et al. (2023), NeurIPS, arXiv:2303.16296
    """

    def __init__(
        self,
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

    def of_classes(self, sums: Sums) -> Tensor:
        # 1 - (2 TP + s) / (2 TP + FP + FN + s): half of everything
        return self.mean(tversky(sums, 0.5, 0.5, 0.5 * self.smooth))


@component(tune={"smooth": Range(0.01, 10.0, log=True)})
class Jaccard(OverlapLoss):
    """One minus intersection over union of each sample and class.

    The score that segmentation is judged by. It ranks masks as Dice does but
    forgives bad ones less; `LovaszSoftmax` follows it at hard decisions.
    Bounded, with hardly a gradient on confidently wrong pixels.

    Formula:
    ```python
    tp = sum(minimum(p, y))  # sum(p * y) for labels of 0 and 1
    loss = 1 - (tp + smooth) / (sum(p) + sum(y) - tp + smooth)
    ```
    averaged over the classes.

    Args:
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

    >>> loss = keras_funcs.losses.Jaccard(smooth=0.0)
    >>> mask, scores = [[1, 1, 0, 0]], [[[0.8], [0.4], [0.4], [0.0]]]
    >>> round(float(loss(np.array(mask), np.array(scores))), 4)
    0.5

    Reference:
        Rahman and Wang (2016), ISVC; soft labels: Wang, Ning and Blaschko
        (2023), NeurIPS, arXiv:2302.05666
    """

    def __init__(
        self,
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

    def of_classes(self, sums: Sums) -> Tensor:
        # 1 - (TP + s) / (TP + FP + FN + s)
        return self.mean(tversky(sums, 1.0, 1.0, self.smooth))


@component(tune={"weight": Choice("square", "simple", "uniform")})
class GeneralizedDice(OverlapLoss):
    """Dice over all classes at once, each weighed against its size.

    For several classes of very unequal area: one ratio, in which the errors of
    a class count by a power of its inverse labelled area. A class that a
    region lacks weighs as much as its rarest one. Bounded, with hardly a
    gradient on confidently wrong pixels.

    Formula:
    ```python
    w = class_weights / sum(y)**2  # "simple": / sum(y); "uniform": / 1
    w = w / sum(w)
    loss = 1 - (2 * w @ tp + smooth) / (w @ (sum(p) + sum(y)) + smooth)
    ```

    Args:
        weight: `"square"`, `"simple"` or `"uniform"`. Defaults to `"square"`.
        from_logits: Boolean. Whether `y_pred` is logits. Defaults to `False`.
        smooth: Float >= 0. Pixels added to the overlap. Defaults to `1.0`.
        per_sample: Boolean. Whether each sample is a region; otherwise the
            batch is one and the loss a scalar. Defaults to `True`.
        include_background: Boolean. Whether class 0 counts, where there are
            others. Defaults to `True`.
        class_weights: List of C floats >= 0, factors of the classes' weights,
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

    >>> loss = keras_funcs.losses.GeneralizedDice("simple", smooth=0.0)
    >>> ids = np.array([[0, 0, 0, 1]])
    >>> p = np.array([[[1.0, 0.0], [1.0, 0.0], [0.4, 0.6], [0.4, 0.6]]])
    >>> round(float(loss(ids, p)), 4)
    0.3226

    Reference:
        Sudre et al. (2017), DLMIA, arXiv:1707.03237
    """

    def __init__(
        self,
        weight: str = "square",
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
        self.weight = checks.one_of("weight", weight, tuple(_POWERS))

    def of_classes(self, sums: Sums) -> Tensor:
        # w_c = 1 / G_c**power, with G_c = sum(y) = TP + FN, over that of the
        # rarest class: the areas of large images squared underflow in a sum
        # with `smooth`, and a class that is absent would have weight infinity.
        area = ops.stop_gradient(sums.tp + sums.fn)
        share = self.shares(area)
        present = ops.logical_and(area > 1e-12, share > 0)
        area = ops.where(present, area, ops.full_like(area, 1e30))
        rarest = ops.amin(area, axis=-1, keepdims=True)
        weight = ops.where(present, rarest / area, ops.ones_like(area))
        weight = share * weight ** _POWERS[self.weight]
        weight = weight / ops.sum(weight, axis=-1, keepdims=True)
        pooled = Sums(*(ops.sum(weight * part, axis=-1) for part in sums))
        # 1 - (2 w.TP + s) / (w.(2 TP + FP + FN) + s): half of everything
        return tversky(pooled, 0.5, 0.5, 0.5 * self.smooth)


@component(tune={"smooth": Range(0.01, 10.0, log=True)})
class LogCoshDice(OverlapLoss):
    """Logarithm of the hyperbolic cosine of the Dice loss.

    Dice with a gradient that fades as a sample's mask gets right, so that bad
    ones lead. Where good masks should get better still, take `Dice`. Bounded,
    with hardly a gradient on confidently wrong pixels.

    Formula:
    ```python
    loss = log(cosh(dice))
    ```
    with the loss of `Dice`, averaged over the classes before.

    Args:
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

    >>> loss = keras_funcs.losses.LogCoshDice(smooth=0.0)
    >>> mask, scores = [[1, 1, 0, 0]], [[[0.8], [0.4], [0.4], [0.0]]]
    >>> round(float(loss(np.array(mask), np.array(scores))), 4)
    0.0546

    Reference:
        Jadon (2020), CIBCB, arXiv:2006.14822
    """

    def __init__(
        self,
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

    def of_classes(self, sums: Sums) -> Tensor:
        dice = self.mean(tversky(sums, 0.5, 0.5, 0.5 * self.smooth))
        # log(cosh(x)) = log(1 + 2 sinh(x / 2)**2), which keeps the digits of
        # a small x; not by `ops.sinh`, which is of float32 on JAX.
        twice = ops.expm1(0.5 * dice) - ops.expm1(-0.5 * dice)
        return ops.log1p(0.5 * ops.square(twice))


_POWERS = {"square": 2, "simple": 1, "uniform": 0}
