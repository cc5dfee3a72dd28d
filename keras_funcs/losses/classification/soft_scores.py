"""Scores of a whole batch, F-beta and Matthews correlation, to train by.

Counts become sums of probabilities. Such a score is none of a sample: each
loss here is one number for the batch, whatever the reduction; weights and
masks act inside of the sums, and a batch should be large enough to hold some
positives of most labels.
"""

from dataclasses import replace
from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._region import Region
from keras_funcs.losses._region import Sums
from keras_funcs.losses.region._overlap import ScoreLoss
from keras_funcs.losses.region._overlap import mean_of
from keras_funcs.losses.region._overlap import ratio
from keras_funcs.losses.region._overlap import tversky


@component(tune={"beta": Range(0.5, 2.0, log=True)})
class SoftFBeta(ScoreLoss):
    """One minus the macro F-beta score of the batch.

    Where the score that counts is F1 or F-beta over rare labels, after or
    together with a cross-entropy. Classes without a label in the batch are
    left out: their score could only be 0. Bounded, with hardly a gradient on
    confidently wrong samples.

    Formula:
    ```python
    tp = sum(minimum(p, y))  # sum(p * y) for labels of 0 and 1
    fp, fn = sum(p) - tp, sum(y) - tp
    score = (1 + beta**2) * tp / ((1 + beta**2) * tp + beta**2 * fn + fp)
    loss = 1 - score
    ```
    with sums over the batch, averaged over the classes that it has.

    Args:
        beta: Float >= 0. How many times more recall counts than precision.
            Defaults to `1.0`.
        from_logits: Boolean. Whether `y_pred` is logits. Defaults to `False`.
        multi_label: Boolean. Whether each of several classes is a yes or no
            of its own, a sigmoid's; otherwise a softmax's. Defaults to
            `False`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., C)`. For one channel and `multi_label`:
            0, 1 or between, and -1 where unknown. Any other label gives NaN.
        y_pred: `(batch, ..., C)`; a single channel, C = 1, is a sigmoid's.
        sample_weight: `(batch,)` or `(batch, ...)`: repetitions.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.SoftFBeta(multi_label=True)
    >>> y, p = [[1, 0], [0, 0], [1, 0]], [[0.8, 0.1], [0.4, 0], [0.4, 0]]
    >>> round(float(loss(np.array(y), np.array(p))), 4)
    0.3333

    Reference:
        Benedict, Koops, Odijk and de Rijke (2022), TMLR, arXiv:2108.10566,
        where it is the baseline "macro soft F1"
    """

    def __init__(
        self,
        beta: float = 1.0,
        from_logits: bool = False,
        multi_label: bool = False,
        ignore_class: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(ignore_class=ignore_class, **kwargs)
        self.beta = checks.number("beta", beta, at_least=0)
        self.from_logits = checks.boolean("from_logits", from_logits)
        self.multi_label = checks.boolean("multi_label", multi_label)
        self.declare()

    def of_region(self, region: Region) -> Tensor:
        return _f_beta(region.sums(), self.beta)


def _f_beta(sums: Sums, beta: Any) -> Tensor:
    # (b FN + FP) / ((1 + b) TP + b FN + FP) with b = beta**2: a Tversky index
    missed = beta * beta / (1.0 + beta * beta)
    loss = tversky(sums, 1.0 - missed, missed, 0.0)
    return mean_of(loss, sums.tp + sums.fn > 0)


@component(
    tune={"slope": Range(0.5, 10.0, log=True), "offset": Range(-2.0, 2.0)}
)
class SigmoidF1(ScoreLoss):
    """One minus the macro F1 score, with a sigmoid of its own as the step.

    For multi-label classification by F1. A steep sigmoid comes close to the
    decision at a threshold, but its gradient reaches only labels near to it.
    On logits only: applied to probabilities, a sigmoid never leaves the
    middle. With `slope=1, offset=0` it is
    `SoftFBeta(from_logits=True, multi_label=True)`.

    Formula:
    ```python
    s = sigmoid(slope * (z + offset))
    tp, fp, fn = sum(s * y), sum(s * (1 - y)), sum((1 - s) * y)
    loss = 1 - 2 * tp / (2 * tp + fn + fp)
    ```
    with sums over the batch, averaged over the labels that it has.

    Args:
        slope: Float > 0. Steepness of the sigmoid. Defaults to `1.0`.
        offset: Float. Moves the threshold to the logit `-offset`. Defaults to
            `0.0`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: `(batch, ..., L)` of 0, 1, or anything between; -1 is unknown
            and does not count, and any other number gives NaN.
        y_pred: Logits `(batch, ..., L)`.
        sample_weight: `(batch,)` or `(batch, ...)`: repetitions.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.SigmoidF1(slope=10.0)
    >>> y, z = [[1, 0], [0, 0], [1, 0]], [[2, -1], [3, -1], [-2, -1]]
    >>> round(float(loss(np.array(y), np.array(z))), 4)
    0.5

    Reference:
        Benedict, Koops, Odijk and de Rijke (2022), TMLR, arXiv:2108.10566
    """

    traits = replace(ScoreLoss.traits, targets="labels", scores="logits")
    from_logits = True
    multi_label = True

    def __init__(
        self,
        slope: float = 1.0,
        offset: float = 0.0,
        ignore_class: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(ignore_class=ignore_class, **kwargs)
        self.slope = checks.number("slope", slope, above=0)
        self.offset = checks.number("offset", offset)

    def of_region(self, region: Region) -> Tensor:
        step = ops.sigmoid(self.slope * (region.scores + self.offset))
        return _f_beta(region.sums_of(step), 1.0)


@component()
class SoftMCC(ScoreLoss):
    """One minus the Matthews correlation coefficient of the batch.

    If the score that counts is MCC: unlike F1 it rewards true negatives, so
    that no class is bought with another. From 0 to 2; 1 is guessing. Several
    classes share the coefficient of their confusion matrix; `multi_label`
    averages that of each label with both values in the batch. Bounded, with
    hardly a gradient on confidently wrong samples.

    Formula:
    ```python
    t, q, tp = mean(y), mean(p), mean(minimum(p, y))  # of each class
    covariance = sum(tp - t * q)
    loss = 1 - covariance / sqrt(sum(t * (1 - t)) * sum(q * (1 - q)))
    ```
    for one yes or no that is
    `(tp * tn - fp * fn) / sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))`.

    Args:
        from_logits: Boolean. Whether `y_pred` are logits. Defaults to
            `False`: probabilities, which are divided by their sum.
        multi_label: Boolean. Whether each of several classes is a yes or no
            of its own (sigmoid, not softmax). Defaults to `False`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., C)`. For one channel and `multi_label`:
            0, 1 or between, and -1 where unknown. Any other label gives NaN.
        y_pred: `(batch, ..., C)`; a single channel, C = 1, is a sigmoid's.
        sample_weight: `(batch,)` or `(batch, ...)`: repetitions.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.SoftMCC()
    >>> y, p = [1, 1, 0, 0], [[1.0], [0.0], [0.0], [0.0]]
    >>> round(float(loss(np.array(y), np.array(p))), 4)
    0.4226

    Reference:
        Abhishek and Hamarneh (2021), ISBI, arXiv:2010.13454; several classes:
        Gorodkin (2004), Computational Biology and Chemistry 28
    """

    def __init__(
        self,
        from_logits: bool = False,
        multi_label: bool = False,
        ignore_class: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(ignore_class=ignore_class, **kwargs)
        self.from_logits = checks.boolean("from_logits", from_logits)
        self.multi_label = checks.boolean("multi_label", multi_label)
        self.declare()

    def of_region(self, region: Region) -> Tensor:
        if not self.multi_label:
            region = region.as_classes()
        total = region.total()
        # Rates: the product of four counts overflows in float32.
        p = region.normalized()
        tp, fp, fn = (ratio(part, total) for part in region.sums_of(p))
        t, q = tp + fn, tp + fp
        not_t, not_q = (
            _others(x) if region.exclusive else ops.relu(1.0 - x)
            for x in (t, q)
        )
        # TP - t q = TP TN - FP FN, which keeps the digits of rare classes
        covariance = tp * ops.relu(not_t - fp) - fp * fn
        spread_t, spread_q = t * not_t, q * not_q
        if region.exclusive:
            covariance, spread_t, spread_q = (
                ops.sum(x, axis=-1, keepdims=True)
                for x in (covariance, spread_t, spread_q)
            )
        spread_t = ops.stop_gradient(spread_t)
        there = spread_t > 0
        spread_t = ops.where(there, spread_t, ops.ones_like(spread_t))
        # A constant prediction has neither covariance nor spread: the root
        # keeps a finite slope there by a floor, small beside the labels'.
        floor = 1e-6 * spread_t
        spread_q = ops.where(spread_q < floor, floor, spread_q)
        loss = 1.0 - covariance / ops.sqrt(spread_t * spread_q)
        return mean_of(loss, there)


def _others(shares: Tensor) -> Tensor:
    """`1 - x` of classes that sum to 1.

    Only of the largest does it lose digits, and that one is a sum of others.
    """
    largest = ops.one_hot(ops.argmax(shares, axis=-1), shares.shape[-1])
    first = ops.cast(largest, "bool")
    others = ops.where(first, ops.zeros_like(shares), shares)
    others = ops.sum(others, axis=-1, keepdims=True)
    return ops.where(first, others, ops.relu(1.0 - shares))
