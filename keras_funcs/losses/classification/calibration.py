"""Losses for probabilities that are as sure as they should be.

A network that fits its training data is overconfident. These hold confidence
back: on easy samples, beyond a margin, or more for frequent classes.
"""

from typing import Any

import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import mean
from keras_funcs._core.typing import Counts
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._classes import CategoricalLoss
from keras_funcs.losses._classes import OfClass
from keras_funcs.losses._classes import check_length
from keras_funcs.losses._softmax import Probability
from keras_funcs.losses._softmax import Softmax


@component(tune={"gamma_wrong": Range(3.0, 7.0), "gamma": Range(1.0, 4.0)})
class FocalCalibration(OfClass, CategoricalLoss):
    """Focal loss with a stronger focus while a label is improbable (FLSD-53).

    For a classifier whose confidence is to be trusted without rescaling it
    afterwards. Costs little accuracy; with temperature scaling on held-out
    data the gain is smaller. The value jumps where `p[y]` crosses
    `threshold`; the gradient is that of either side.

    Formula:
    ```python
    g = gamma_wrong if p[y] < threshold else gamma
    loss = -(1 - p[y])**g * log(p[y])
    ```

    Args:
        gamma: Float >= 0. Focusing of samples that are right, more or less.
            Defaults to `3.0`.
        gamma_wrong: Float >= 0. Focusing of the others. Defaults to `5.0`.
        threshold: Float in (0, 1). The probability that divides them.
            Defaults to `0.2`.
        from_logits: Boolean. Whether `y_pred` is logits. Defaults to `False`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `axis`, and `name`, `reduction` and `dtype` of
            `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., C)`, whose loss is the mean over their
            classes. An invalid id gives NaN.
        y_pred: `(batch, ..., C)`.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.FocalCalibration()
    >>> value = loss(np.array([0, 1]), np.array([[0.5, 0.5], [0.9, 0.1]]))
    >>> round(float(value), 4)
    0.7231

    Reference:
        Mukhoti et al. (2020), NeurIPS, arXiv:2002.09437
    """

    def __init__(
        self,
        gamma: float = 3.0,
        gamma_wrong: float = 5.0,
        threshold: float = 0.2,
        from_logits: bool = False,
        ignore_class: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            from_logits=from_logits, ignore_class=ignore_class, **kwargs
        )
        self.gamma = checks.number("gamma", gamma, at_least=0)
        self.gamma_wrong = checks.number("gamma_wrong", gamma_wrong, at_least=0)
        self.threshold = checks.number("threshold", threshold, above=0, below=1)

    def of_class(self, p: Probability) -> Tensor:
        # -(1 - p)**gamma(p) log(p), with gamma(p) a constant
        log_p = p.log()
        wrong = ops.exp(log_p) < self.threshold
        like = ops.ones_like(log_p)
        gamma = ops.where(wrong, self.gamma_wrong * like, self.gamma * like)
        return p.focus(-log_p, gamma)


@component(
    tune={
        "margin": Range(1.0, 20.0, log=True),
        "alpha": Range(0.01, 1.0, log=True),
    }
)
class MarginLabelSmoothing(CategoricalLoss):
    """Cross-entropy that lets logits differ by a margin and no more (MbLS).

    Label smoothing pulls all logits together, this one only those further than
    `margin` below the largest: confidence is bounded, but not discouraged.
    `margin=0` acts like label smoothing.

    Formula:
    ```python
    penalty = mean_k maximum(max(z) - z[k] - margin, 0)
    loss = -log(p[y]) + alpha * penalty
    ```

    Args:
        margin: Float >= 0. Distance of logits that costs nothing. Defaults to
            `10.0`.
        alpha: Float >= 0. Weight of the penalty. Defaults to `0.1`.
        from_logits: Boolean. Whether `y_pred` are logits; of probabilities it
            is the logarithms that count. Defaults to `False`.
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

    >>> loss = keras_funcs.losses.MarginLabelSmoothing(from_logits=True)
    >>> value = loss(np.array([0]), np.array([[30.0, 0.0]]))
    >>> round(float(value), 4)
    1.0

    Reference:
        Liu, Ben Ayed, Galdran and Dolz (2022), CVPR, arXiv:2111.15430
    """

    def __init__(
        self,
        margin: float = 10.0,
        alpha: float = 0.1,
        from_logits: bool = False,
        ignore_class: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            from_logits=from_logits, ignore_class=ignore_class, **kwargs
        )
        self.margin = checks.number("margin", margin, at_least=0)
        self.alpha = checks.number("alpha", alpha, at_least=0)

    def sparse(self, ids: Tensor, softmax: Softmax) -> Tensor:
        return self._penalize(-softmax.log_p_of(ids), softmax)

    def soft(self, target: Tensor, softmax: Softmax) -> Tensor:
        entropy = -ops.sum(target * softmax.log_p(), axis=self.axis)
        return self._penalize(entropy, softmax)

    def _penalize(self, entropy: Tensor, softmax: Softmax) -> Tensor:
        # alpha mean_k max(0, max_j z_j - z_k - m); the largest has a gradient
        z = softmax.logits
        largest = ops.amax(z, axis=self.axis, keepdims=True)
        penalty = mean(ops.relu(largest - z - self.margin), self.axis)
        return entropy + self.alpha * penalty


@component(
    tune={
        "head": Range(0.1, 0.5),
        "shape": Choice("concave", "linear", "convex"),
    }
)
class LabelAwareSmoothing(OfClass, CategoricalLoss):
    """Label smoothing, more of it the more samples a class has.

    On long-tailed data, frequent classes are overconfident. Made for a second
    stage of training that fits only the classifier; alone it is weak against
    imbalance. Classes of equal size are smoothed by `head`. A label is spread
    over the other classes, as in the paper; the published code includes it.

    Formula:
    ```python
    r = (n - min(n)) / (max(n) - min(n))  # n: the class counts
    s = r  # "linear", or "concave": sin(pi/2 * r), "convex": 1 - cos(pi/2 * r)
    e = tail + (head - tail) * s
    loss = -(1 - e[y]) * log(p[y]) - e[y] / (C - 1) * sum_{k != y} log(p[k])
    ```

    Args:
        class_counts: `(C,)` whole numbers, the training samples of each
            class; see `keras_funcs.class_counts`.
        head: Float in [0, 1). Smoothing of the most frequent class. Defaults
            to `0.4`.
        tail: Float in [0, 1). Smoothing of the rarest class. Defaults to
            `0.1`.
        shape: `"concave"`, `"linear"` or `"convex"`. How smoothing grows with
            the counts. Defaults to `"concave"`.
        from_logits: Boolean. Whether `y_pred` is logits. Defaults to `False`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        absent: `"error"`, or `"ignore"` to let a class without samples pass
            as the rarest. Defaults to `"error"`.
        **kwargs: `axis`, and `name`, `reduction` and `dtype` of
            `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., C)`. An invalid id gives NaN.
        y_pred: `(batch, ..., C)`.

    Raises:
        ValueError: If counts are negative, zero or not C, another argument is
            invalid, or shapes do not match.

    Example:

    >>> loss = keras_funcs.losses.LabelAwareSmoothing([900, 100], tail=0.0)
    >>> value = loss(np.array([0, 1]), np.array([[0.8, 0.2], [0.2, 0.8]]))
    >>> round(float(value), 4)
    0.5004

    Reference:
        Zhong, Cui, Liu and Jia (2021), CVPR, arXiv:2104.00466
    """

    def __init__(
        self,
        class_counts: Counts,
        head: float = 0.4,
        tail: float = 0.1,
        shape: str = "concave",
        from_logits: bool = False,
        ignore_class: int | None = None,
        absent: str = "error",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            from_logits=from_logits, ignore_class=ignore_class, **kwargs
        )
        self.absent = absent
        self.class_counts = checks.class_counts(
            "class_counts", class_counts, absent
        )
        self.head = checks.number("head", head, at_least=0, below=1)
        self.tail = checks.number("tail", tail, at_least=0, below=1)
        self.shape = checks.one_of("shape", shape, tuple(_SHAPES))
        self._growth = _SHAPES[shape](_rank(self.class_counts))

    def check_classes(self, num_classes: int) -> None:
        check_length("class_counts", self.class_counts, num_classes)

    def of_class(self, p: Probability) -> Tensor:
        # -(1 - e) log(p_y) - e / (C - 1) (sum_k log(p_k) - log(p_y))
        share = self.tail + (self.head - self.tail) * p.own(self._growth)
        log_p = p.log()
        others = (p.sum_log() - log_p) / (len(self.class_counts) - 1)
        return -(1.0 - share) * log_p - share * others


_SHAPES = {
    "concave": lambda rank: np.sin(0.5 * np.pi * rank),
    "linear": lambda rank: rank,
    "convex": lambda rank: 1.0 - np.cos(0.5 * np.pi * rank),
}


def _rank(counts: Counts) -> np.ndarray:
    """0 for the rarest class that has samples, 1 for the most frequent."""
    array = np.asarray(counts, float)
    rarest = array[array > 0].min()
    span = array.max() - rarest
    if not span:
        return np.ones_like(array)
    return (np.maximum(array, rarest) - rarest) / span
