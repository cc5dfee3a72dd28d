"""Cross-entropies that know how many samples each class has.

`WeightedCrossentropy` makes rare classes count more; `LogitAdjusted` makes
them be recognized with a larger margin, which holds up better once a network
fits its training data.
"""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import labels
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import statically_zero
from keras_funcs._core.typing import Counts
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._base import CategoricalLoss
from keras_funcs.losses._base import Softmax
from keras_funcs.losses._base import per_class
from keras_funcs.losses._base import smooth


@component(tune={"tau": Range(0.25, 2.0, log=True)})
class LogitAdjusted(CategoricalLoss):
    """Cross-entropy with logits shifted by the classes' log-frequencies.

    The first choice on long-tailed data: the network learns what is left when
    class frequency is taken out, and its plain argmax then aims at balanced
    error. Do not adjust the logits again at inference. `tau=1` is balanced
    softmax, `tau=0` is cross-entropy.

    Formula:
    ```python
    loss = -log(softmax(z + tau * log(n / sum(n)))[y])
    ```

    Args:
        class_counts: `(C,)` whole numbers, the training samples of each
            class; see `keras_funcs.class_counts`.
        tau: Float >= 0. Strength of the shift. Defaults to `1.0`.
        from_logits: Boolean. Whether `y_pred` are logits. Defaults to
            `False`.
        ignore_class: Integer or None. Labels of this value do not count.
            Defaults to `None`.
        absent: `"error"`, or `"ignore"` to let a class without samples pass
            as one with a single sample. Defaults to `"error"`.
        **kwargs: `axis`, and `name`, `reduction` and `dtype` of
            `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., C)`. An id that is no class gives NaN.
        y_pred: `(batch, ..., C)`.

    Raises:
        ValueError: for counts that are negative, zero, or not C; for shapes
            that do not fit.

    Example:

    >>> loss = keras_funcs.losses.LogitAdjusted([900, 100], from_logits=True)
    >>> value = loss(np.array([1]), np.zeros((1, 2)))
    >>> round(float(value), 4)
    2.3026

    Reference:
        Menon et al. (2021), ICLR, arXiv:2007.07314; Ren et al. (2020),
        NeurIPS, arXiv:2007.10740
    """

    def __init__(
        self,
        class_counts: Counts,
        tau: float = 1.0,
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
        self.tau = checks.number("tau", tau, at_least=0)
        self._log_prior = labels.log_prior(self.class_counts)

    def check_classes(self, num_classes: int) -> None:
        _check_length("class_counts", self.class_counts, num_classes)

    def adjust(self, logits: Tensor) -> Tensor:
        # z + tau log(pi)
        prior = per_class(self._log_prior, logits, self.axis)
        return logits + self.tau * prior

    def sparse(self, ids: Tensor, softmax: Softmax) -> Tensor:
        return -softmax.log_p_of(ids)

    def soft(self, target: Tensor, softmax: Softmax) -> Tensor:
        return -ops.sum(target * softmax.log_p(), axis=self.axis)


@component(
    tune={
        "scheme": Choice(*labels.SCHEMES),
        "label_smoothing": Range(0.0, 0.2),
    }
)
class WeightedCrossentropy(CategoricalLoss):
    """Cross-entropy with a weight for each class.

    What `class_weight` in `fit` does, but for masks, tokens and one-hot labels
    too, and in `evaluate`. Strong weights on rare classes can cost more than
    they bring: try `scheme="sqrt"`, or `LogitAdjusted`.

    Formula:
    ```python
    loss = -sum_c weight_c * y_c * log(p_c)
    ```

    Args:
        class_weights: `(C,)` floats >= 0, or None to take them from
            `class_counts`. With neither, all are 1. Defaults to `None`.
        class_counts: `(C,)` whole numbers, or None; the weights are then
            `keras_funcs.class_weights(class_counts, scheme)`, of mean 1.
            Defaults to `None`.
        scheme: `"balanced"`, `"inverse"`, `"sqrt"` or `"effective"`, for
            weights from `class_counts`. Defaults to `"balanced"`.
        from_logits: Boolean. Whether `y_pred` are logits. Defaults to
            `False`.
        label_smoothing: Float in [0, 1). Share of the label that is spread
            over all classes. Defaults to `0.0`.
        ignore_class: Integer or None. Labels of this value do not count.
            Defaults to `None`.
        absent: `"error"`, or `"ignore"` to give a class of `class_counts`
            without samples weight 0. Defaults to `"error"`.
        **kwargs: `axis`, and `name`, `reduction` and `dtype` of
            `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., C)`. An id that is no class gives NaN.
        y_pred: `(batch, ..., C)`.

    Raises:
        ValueError: for weights or counts that are negative or not C, for both
            at once, and for shapes that do not fit.

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
            checks.invalid(
                "class_weights", "None where `class_counts` is", class_weights
            )
        self.scheme = checks.one_of("scheme", scheme, labels.SCHEMES)
        self.absent = checks.one_of("absent", absent, ("error", "ignore"))
        if class_weights is not None:
            class_weights = checks.numbers(
                "class_weights", class_weights, at_least=0
            )
        if class_counts is not None:
            class_counts = checks.class_counts(
                "class_counts", class_counts, absent
            )
        self.class_weights = class_weights
        self.class_counts = class_counts
        self.label_smoothing = checks.number(
            "label_smoothing", label_smoothing, at_least=0, below=1
        )
        self._weights: Any = class_weights
        if class_counts is not None:
            self._weights = labels.class_weights(class_counts, scheme)
        # While True, all weights are 1: see `callbacks.DeferredReweighting`.
        self.deferred = False

    @property
    def weighs_classes(self) -> bool:
        """Whether there are weights, deferred or not."""
        return self._weights is not None

    def check_classes(self, num_classes: int) -> None:
        _check_length("class_weights", self.class_weights, num_classes)
        _check_length("class_counts", self.class_counts, num_classes)

    def sparse(self, ids: Tensor, softmax: Softmax) -> Tensor:
        if not statically_zero(self.label_smoothing):
            count = softmax.logits.shape[self.axis]
            dtype = softmax.logits.dtype
            target = ops.one_hot(ids, count, axis=self.axis, dtype=dtype)
            return self.soft(target, softmax)
        # loss = -weight_y log(p_y)
        loss = -softmax.log_p_of(ids)
        if self._weights is None or self.deferred:
            return loss
        weights = ops.convert_to_tensor(self._weights, dtype=loss.dtype)
        return ops.take(weights, ids, axis=0) * loss

    def soft(self, target: Tensor, softmax: Softmax) -> Tensor:
        # loss = -sum_c weight_c y_c log(p_c)
        loss = -smooth(target, self.label_smoothing, self.axis)
        loss = loss * softmax.log_p()
        if self._weights is not None and not self.deferred:
            loss = per_class(self._weights, loss, self.axis) * loss
        return ops.sum(loss, axis=self.axis)


def _check_length(name: str, values: Any, num_classes: int) -> None:
    if values is not None and len(values) != num_classes:
        checks.invalid(
            name, f"one for each of the {num_classes} classes", values
        )
