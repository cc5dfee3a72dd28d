"""Losses for classes with an order: grades, stages, ages.

Two classes off is worse than one. `RankedProbability` reads a softmax over K
classes, `CORAL` and `CORN` one logit for each of the K - 1 thresholds between
them.
"""

from dataclasses import replace
from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import labels
from keras_funcs._core.component import component
from keras_funcs._core.traits import LossTraits
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._base import LabelLoss
from keras_funcs.losses._classes import CategoricalLoss
from keras_funcs.losses._softmax import Softmax


@component()
class RankedProbability(CategoricalLoss):
    """Squared distance of cumulative probabilities, for ordered classes.

    The ranked probability score, which is the squared earth mover's distance
    divided by `K - 1`. Proper: the true probabilities are the best ones. Asks
    nothing of the model. Bounded by 1, and a softmax that is confidently wrong
    gives it hardly a gradient: add cross-entropy by
    `keras_funcs.losses.WeightedSum` where training does not start.

    Formula:
    ```python
    loss = sum_k (cumsum(p)[k] - cumsum(y)[k])**2 / (K - 1)
    ```

    Args:
        from_logits: Boolean. Whether `y_pred` is logits. Defaults to `False`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `axis`, and `name`, `reduction` and `dtype` of
            `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., K)`. An invalid id gives NaN.
        y_pred: `(batch, ..., K)`, in the order of the classes.

    Raises:
        ValueError: for shapes that do not fit.

    Example:

    >>> loss = keras_funcs.losses.RankedProbability(reduction=None)
    >>> p = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    >>> [round(float(item), 4) for item in loss(np.array([0, 0]), p)]
    [1.0, 0.5]

    Reference:
        Epstein (1969), Journal of Applied Meteorology 8; Hou, Yu and Samaras
        (2016), arXiv:1611.05916
    """

    traits = replace(CategoricalLoss.traits, keeps_gradient=False, ordered=True)

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            from_logits=from_logits, ignore_class=ignore_class, **kwargs
        )

    def sparse(self, ids: Tensor, softmax: Softmax) -> Tensor:
        return self._distance(softmax.is_from(ids), softmax)

    def soft(self, target: Tensor, softmax: Softmax) -> Tensor:
        return self._distance(ops.cumsum(target, axis=self.axis), softmax)

    def _distance(self, cumulative: Tensor, softmax: Softmax) -> Tensor:
        # sum_k (P_k - Y_k)**2 / (K - 1); the last term is 0
        p = ops.cumsum(ops.exp(softmax.log_p()), axis=self.axis)
        distance = ops.square(p - ops.cast(cumulative, p.dtype))
        thresholds = p.shape[self.axis] - 1
        return ops.sum(distance, axis=self.axis) / thresholds


class ThresholdLoss(LabelLoss):
    """Abstract base of losses on the thresholds between ordered classes.

    A leaf gives the loss of every threshold in `each`.

    Args:
        ignore_class: Integer or None. Labels of this value do not count.
        **kwargs: `name`, `reduction`, `dtype`.
    """

    traits = LossTraits(
        targets="ids", scores="logits", ranks=True, ordered=True
    )

    def __init__(self, ignore_class: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_class = checks.integer(
            "ignore_class", ignore_class, optional=True
        )

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        outputs = tuple(y_pred.shape)
        given = tuple(y_true.shape)
        if len(outputs) < 2 or not outputs[-1]:
            raise ValueError(
                "Invalid shape of `y_pred`. Expected (batch, ..., K - 1), one "
                "logit for each threshold between K classes. "
                f"Received: y_pred.shape={outputs}"
            )
        if len(given) == len(outputs) and given[-1] == 1:
            y_true, given = ops.squeeze(y_true, -1), given[:-1]
        if not labels.fit(given, outputs[:-1]):
            raise ValueError(
                "Invalid shape of `y_true`. Expected class ids of shape "
                f"{outputs[:-1]}. Received: y_true.shape={given}"
            )
        y = ops.expand_dims(ops.cast(y_true, y_pred.dtype), -1)
        thresholds = ops.arange(outputs[-1], dtype=y_pred.dtype)
        loss = ops.sum(self.each(y, y_pred, thresholds), axis=-1)
        # K classes, 0 to K - 1
        valid = ops.logical_and(y_true >= 0, y_true <= outputs[-1])
        whole = ops.equal(y, ops.floor(y))[..., 0]
        valid = ops.logical_and(valid, whole)
        loss = ops.where(valid, loss, float("nan"))
        if self.ignore_class is None:
            return loss
        return self.exclude(loss, ops.equal(y_true, self.ignore_class))

    def each(self, y: Tensor, z: Tensor, thresholds: Tensor) -> Tensor:
        """The loss of ids `(..., 1)` at each of `0, ..., K - 2`."""
        raise NotImplementedError


@component()
class CORAL(ThresholdLoss):
    """Asks of each threshold whether the class is above it.

    For ordered classes with a head of one shared weight vector and `K - 1`
    biases, such as `Dense(1)` and an own bias for each threshold: then no
    probability rises from one threshold to the next. With `Dense(K - 1)` it is
    a cross-entropy of each threshold; for such a head `CORN` is the better
    choice. The predicted class is the number of logits above 0.

    Formula:
    ```python
    loss = sum_k crossentropy(y > k, sigmoid(z[k]))  # k = 0, ..., K - 2
    ```

    Args:
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, from 0 to
            `K - 1`. An invalid id gives NaN.
        y_pred: `(batch, ..., K - 1)`, logits.

    Raises:
        ValueError: for shapes that do not fit.

    Example:

    >>> loss = keras_funcs.losses.CORAL()
    >>> value = loss(np.array([2]), np.array([[3.0, 1.0, -1.0]]))
    >>> round(float(value), 4)
    0.6751

    Reference:
        Cao, Mirjalili and Raschka (2020), Pattern Recognition Letters 140,
        arXiv:1901.07884
    """

    def __init__(self, ignore_class: int | None = None, **kwargs: Any) -> None:
        super().__init__(ignore_class=ignore_class, **kwargs)

    def each(self, y: Tensor, z: Tensor, thresholds: Tensor) -> Tensor:
        # -log(sigmoid(z)) where y > k, -log(1 - sigmoid(z)) elsewhere
        return ops.softplus(ops.where(y > thresholds, -z, z))


@component()
class CORN(ThresholdLoss):
    """Asks of each threshold if it is passed, given that the last one was.

    For ordered classes with a head `Dense(K - 1)`: each logit is learned from
    the samples that reach its threshold, and the product of the probabilities
    cannot rise. The predicted class is the number of such products above 1/2.
    A sample's loss is a sum, so that weights and masks mean what they say; the
    authors divide the sum over a batch by the number of its terms instead of
    by that of its samples.

    Formula:
    ```python
    loss = sum_k crossentropy(y > k, sigmoid(z[k]))  # all k <= min(y, K - 2)
    ```

    Args:
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, from 0 to
            `K - 1`. An invalid id gives NaN.
        y_pred: `(batch, ..., K - 1)`, logits.

    Raises:
        ValueError: for shapes that do not fit.

    Example:

    >>> loss = keras_funcs.losses.CORN()
    >>> value = loss(np.array([0]), np.array([[-1.0, 7.0, 7.0]]))
    >>> round(float(value), 4)
    0.3133

    Reference:
        Shi, Cao and Raschka (2023), Pattern Analysis and Applications 26,
        arXiv:2111.08851
    """

    def __init__(self, ignore_class: int | None = None, **kwargs: Any) -> None:
        super().__init__(ignore_class=ignore_class, **kwargs)

    def each(self, y: Tensor, z: Tensor, thresholds: Tensor) -> Tensor:
        # The same where y > k - 1, nothing elsewhere
        loss = ops.softplus(ops.where(y > thresholds, -z, z))
        return ops.where(y >= thresholds, loss, ops.zeros_like(loss))
