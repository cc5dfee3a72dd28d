"""Cross-entropies in which rare classes count more.

What a class counts is its weight, a constant; `margin.py` has the losses that
make rare classes be recognized with a larger margin instead, which holds up
better once a network fits its training data.
"""

from typing import Any

from keras_funcs._core import checks
from keras_funcs._core import labels
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.typing import Counts
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._classes import CategoricalLoss
from keras_funcs.losses._classes import OfClass
from keras_funcs.losses._classes import check_length
from keras_funcs.losses._softmax import Probability
from keras_funcs.losses.classification._weights import ClassWeighting


@component(
    tune={"scheme": Choice(*labels.SCHEMES), "label_smoothing": Range(0.0, 0.2)}
)
class WeightedCrossentropy(ClassWeighting, OfClass, CategoricalLoss):
    """Cross-entropy with a weight for each class.

    As `class_weight` of `fit`, but also for masks, tokens and one-hot labels,
    and in `evaluate`. Strong weights on rare classes can cost more than they
    bring: try `scheme="sqrt"`, or `LogitAdjusted`.

    Formula:
    ```python
    loss = -sum_c weight_c * y_c * log(p_c)
    ```

    Args:
        class_weights: `(C,)` floats >= 0, or None to take them from
            `class_counts`. With neither, all are 1. Defaults to `None`.
        class_counts: `(C,)` whole numbers, to take `keras_funcs.class_weights`
            of, or None. Defaults to `None`.
        scheme: `"balanced"`, `"inverse"`, `"sqrt"` or `"effective"`, for
            weights from `class_counts`. Defaults to `"balanced"`.
        from_logits: Boolean. Whether `y_pred` is logits. Defaults to `False`.
        label_smoothing: Float in [0, 1). Share of the label for all classes.
            Defaults to `0.0`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        absent: `"error"`, or `"ignore"` to give a class of `class_counts`
            without samples weight 0. Defaults to `"error"`.
        **kwargs: `axis`, and `name`, `reduction` and `dtype` of
            `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., C)`. An invalid id gives NaN.
        y_pred: `(batch, ..., C)`.

    Raises:
        ValueError: If weights and counts are both given, or on bad shapes.

    Example:

    >>> loss = keras_funcs.losses.WeightedCrossentropy([1.0, 3.0])
    >>> value = loss(np.array([1]), np.array([[0.5, 0.5]]))
    >>> round(float(value), 4)
    2.0794

    Reference:
        King and Zeng (2001), Political Analysis 9(2); `"effective"`: Cui et
        al. (2019), CVPR, arXiv:1901.05555
    """

    def __init__(
        self,
        class_weights: list[float] | None = None,
        class_counts: Counts | None = None,
        scheme: str = "balanced",
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        ignore_class: int | None = None,
        absent: str = "error",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            from_logits=from_logits, ignore_class=ignore_class, **kwargs
        )
        if class_weights is not None and class_counts is not None:
            expected = "None, since `class_counts` is given"
            checks.invalid("class_weights", expected, class_weights)
        self.scheme = checks.one_of("scheme", scheme, labels.SCHEMES)
        self.absent = checks.one_of("absent", absent, ("error", "ignore"))
        self._weights: Any = checks.numbers(
            "class_weights", class_weights, at_least=0, optional=True
        )
        self.class_weights = self._weights
        self.class_counts = checks.class_counts(
            "class_counts", class_counts, absent, optional=True
        )
        self.label_smoothing = checks.number(
            "label_smoothing", label_smoothing, at_least=0, below=1
        )
        if self.class_counts is not None:
            self._weights = labels.class_weights(self.class_counts, scheme)

    def check_classes(self, num_classes: int) -> None:
        check_length("class_weights", self.class_weights, num_classes)
        check_length("class_counts", self.class_counts, num_classes)

    def of_class(self, p: Probability) -> Tensor:
        # loss_c = -weight_c log(p_c)
        return self.weigh(p, -p.log())


@component(
    tune={
        "beta": Choice(0.9, 0.99, 0.999, 0.9999),
        "gamma": Range(0.0, 2.0),
    }
)
class ClassBalanced(ClassWeighting, OfClass, CategoricalLoss):
    """Cross-entropy or focal loss, weighted by the effective number of samples.

    For classes of unequal size whose samples resemble each other: the n-th
    sample of a class adds `beta**n` of a first one. The weights lie between
    none (`beta=0`) and the inverse counts (`beta` towards 1). On long-tailed
    data `LogitAdjusted` and `LDAM` are the stronger choice; the weights from a
    late epoch on, by `keras_funcs.callbacks.DeferredReweighting`, are often
    better than all along.

    Formula:
    ```python
    weight = (1 - beta) / (1 - beta**n)  # n: the class counts
    weight = weight / mean(weight)
    loss = -weight[y] * (1 - p[y])**gamma * log(p[y])
    ```

    Args:
        class_counts: `(C,)` whole numbers, the training samples of each
            class; see `keras_funcs.class_counts`.
        beta: Float in [0, 1), or `"auto"` for `(N - 1) / N` with `N` samples
            in all. Defaults to `"auto"`.
        gamma: Float >= 0. Focusing; 0 is cross-entropy. Defaults to `0.0`.
        from_logits: Boolean. Whether `y_pred` is logits. Defaults to `False`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        absent: `"error"`, or `"ignore"` to give a class without samples
            weight 0. Defaults to `"error"`.
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

    >>> loss = keras_funcs.losses.ClassBalanced([900, 100], beta=0.99)
    >>> value = loss(np.array([1]), np.array([[0.5, 0.5]]))
    >>> round(float(value), 4)
    0.8484

    Reference:
        Cui, Jia, Lin, Song and Belongie (2019), CVPR, arXiv:1901.05555
    """

    def __init__(
        self,
        class_counts: Counts,
        beta: float | str = "auto",
        gamma: float = 0.0,
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
        self.beta: float | str = "auto"
        given = None
        if not isinstance(beta, str) or beta != "auto":
            self.beta = given = _beta(beta)
        self.gamma = checks.number("gamma", gamma, at_least=0)
        self._weights = labels.class_weights(
            self.class_counts, "effective", given
        )

    def check_classes(self, num_classes: int) -> None:
        check_length("class_counts", self.class_counts, num_classes)

    def of_class(self, p: Probability) -> Tensor:
        # loss_c = -weight_c (1 - p_c)**gamma log(p_c)
        return self.weigh(p, p.focus(-p.log(), self.gamma))


def _beta(beta: Any) -> float:
    if isinstance(beta, str):
        checks.invalid("beta", '"auto" or a number >= 0 and < 1', beta)
    return checks.number("beta", beta, at_least=0, below=1)
