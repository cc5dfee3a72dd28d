"""A loss for long-tailed data with nothing to tune."""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import labels
from keras_funcs._core.backend import active
from keras_funcs._core.component import component
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.traits import LossTraits
from keras_funcs._core.typing import Counts
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._classes import CategoricalLoss
from keras_funcs.losses._softmax import Softmax
from keras_funcs.losses._softmax import per_class
from keras_funcs.losses.hosted._reduced import ProgressLoss

# Chosen on validation data of two long-tailed sets of digits, for a linear and
# for a cosine head; results are flat around them.
RAMP = 0.3  # the share of a training in which the shift grows from 0 to 1
DEFERRAL = 0.5  # the share without class weights
MARGIN = 4.0  # of the rarest class, in logits


@component()
class AutoBalanced(ProgressLoss):
    """Cross-entropy for long-tailed data, with nothing to tune.

    The first thing to try if classes are unequal and there is no time to
    compare losses. It is `LogitAdjusted` with a shift that grows in the first
    part of the training, with LDAM's larger margins for rarer classes, and, in
    the second half, with the root of class weights, because the shift already
    corrects the frequencies. Its plain argmax aims at balanced error. `y_pred`
    are logits; a cosine head, such as `keras_funcs.layers.CosineDense(C,
    scale=16)`, is better on some data and worse on other.

    `fit` of `keras_funcs.losses.LossModel` hosts it and tells it the progress.
    Otherwise the shift is whole and there are no weights until you call
    `follow`. Every `fit` begins anew: pass `initial_epoch` to continue one.

    Formula:
    ```python
    tau = min(1, progress / 0.3)
    margin_c = 4 * (min(n) / n_c) ** (1 / 4)
    weight_c = 1 if progress < 0.5 else effective_c ** (1 / 2)
    loss = -weight_y * log(softmax(z + tau * log(n / sum(n)) - margin)[y])
    ```
    with the margin taken from the logit of y alone, `effective` the class
    weights of the effective number of samples, and roots divided by their mean.

    Args:
        class_counts: `(C,)` whole numbers, the training samples of each
            class; see `keras_funcs.class_counts`.
        axis: Integer. The class axis of `y_pred`. Defaults to `-1`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        absent: `"error"`, or `"ignore"` to let a class without samples pass
            as one with a single sample. Defaults to `"error"`.
        reduction: `"sum_over_batch_size"`, `"mean"`, `"sum"` or
            `"mean_with_sample_weight"`. Defaults to `"sum_over_batch_size"`.
        **kwargs: `name`, `trainable` and `dtype` of `keras.layers.Layer`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., C)`. An invalid id gives NaN.
        y_pred: `(batch, ..., C)` logits.

    Raises:
        ValueError: If an argument is invalid or shapes do not match.

    Example:

    >>> loss = keras_funcs.losses.AutoBalanced([900, 100])
    >>> value = loss.compute(np.array([1]), np.zeros((1, 2)))
    >>> round(float(value), 4)
    6.1993

    Reference:
        Menon et al. (2021), ICLR, arXiv:2007.07314; Cao et al. (2019),
        NeurIPS, arXiv:1906.07413; Cui et al. (2019), CVPR, arXiv:1901.05555
    """

    traits = LossTraits(targets="classes", scores="logits")
    unplanned = RAMP  # the whole shift, without weights

    def __init__(
        self,
        class_counts: Counts,
        axis: int = -1,
        ignore_class: int | None = None,
        absent: str = "error",
        reduction: str = "sum_over_batch_size",
        **kwargs: Any,
    ) -> None:
        super().__init__(reduction=reduction, **kwargs)
        self.absent = absent
        self.class_counts = checks.class_counts(
            "class_counts", class_counts, absent
        )
        self.inner = _Balanced(
            self.done,
            self.class_counts,
            axis=axis,
            ignore_class=ignore_class,
            reduction=reduction,
            dtype=at_least_float32(self.variable_dtype),
        )
        self.axis = self.inner.axis
        self.ignore_class = self.inner.ignore_class


class _Balanced(CategoricalLoss):
    """The loss of a label, at the layer's progress."""

    def __init__(
        self,
        done: Callable[[], Tensor],
        counts: tuple[int, ...],
        **kwargs: Any,
    ) -> None:
        super().__init__(name="balanced", from_logits=True, **kwargs)
        self._done, self._counts = done, counts
        self._log_prior = labels.log_prior(counts)
        n = np.maximum(np.asarray(counts, float), 1.0)
        # margin_c = 4 (min(n) / n_c)**(1/4)
        self._margin = MARGIN * (n.min() / n) ** 0.25
        # weight_c = effective_c**(1/2)
        roots = np.sqrt(labels.class_weights(counts, "effective"))
        self._excess = roots / roots[roots > 0].mean() - 1.0

    def check_classes(self, num_classes: int) -> None:
        if len(self._counts) != num_classes:
            expected = f"one for each of the {num_classes} classes"
            checks.invalid("class_counts", expected, self._counts)

    def adjust(self, logits: Tensor) -> Tensor:
        # tau = min(1, progress / 0.3)
        tau = ops.clip(self._done() / RAMP, 0.0, 1.0)
        return logits + tau * per_class(self._log_prior, logits, self.axis)

    def _weighs(self) -> Tensor:
        """Whether classes are weighed: 0 or 1."""
        progress = self._done()
        return ops.cast(progress >= DEFERRAL, progress.dtype)

    def sparse(self, ids: Tensor, softmax: Softmax) -> Tensor:
        weighs = self._weighs()
        odds = softmax.log_not_p_of(ids) - softmax.log_p_of(ids)
        margin = active().constant(self._margin, odds)
        excess = active().constant(self._excess, odds)
        # -log(p_y e^-m / (p_y e^-m + 1 - p_y)) = log(1 + e^m (1 - p_y) / p_y)
        loss = ops.softplus(odds + ops.take(margin, ids, axis=0))
        return (1.0 + weighs * ops.take(excess, ids, axis=0)) * loss

    def soft(self, target: Tensor, softmax: Softmax) -> Tensor:
        weighs = self._weighs()
        odds = softmax.log_not_p() - softmax.log_p()
        loss = ops.softplus(odds + per_class(self._margin, odds, self.axis))
        weight = 1.0 + weighs * per_class(self._excess, odds, self.axis)
        return ops.sum(target * weight * loss, axis=self.axis)
