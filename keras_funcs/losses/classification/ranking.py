"""Area under the ROC curve, to train by: positives above negatives.

The area is the share of pairs, one positive and one negative, that are in
order. It is none of a sample: each loss here is one number for the batch,
whatever the reduction, and a batch needs both kinds of most labels.
"""

from dataclasses import replace
from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._region import Region
from keras_funcs.losses.region._overlap import ScoreLoss
from keras_funcs.losses.region._overlap import mean_of
from keras_funcs.losses.region._overlap import ratio

SURROGATES = {"logistic": 0.0, "squared_hinge": 1.0}  # and their margins


@component(tune={"margin": Range(0.0, 2.0)})
class PairwiseAUC(ScoreLoss):
    """Mean loss over all pairs of a positive and a negative of the batch.

    For rare positives where only their rank matters: pairs have no class
    balance. It knows no threshold, so that the scores are no probabilities
    afterwards. Time and memory grow with the square of the batch: not for
    pixels. On scores of any size, best logits. A pair in the wrong order has
    its full gradient, a batch without pairs has none and a loss of 0.

    Formula:
    ```python
    u = z[i] - z[j]  # i positive, j negative
    loss = mean(log(1 + exp(margin - u)))  # "logistic"
    loss = mean(maximum(margin - u, 0) ** 2)  # "squared_hinge"
    ```
    averaged over the labels of which the batch has both kinds.

    Args:
        surrogate: `"logistic"` or `"squared_hinge"`. Defaults to
            `"logistic"`.
        margin: Float >= 0, by which a positive should lead, or None for 0
            with `"logistic"` and 1 with `"squared_hinge"`. Defaults to
            `None`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: `(batch, ..., L)` of 0, 1, or anything between; -1 is unknown
            and does not count, and any other number gives NaN.
        y_pred: Scores `(batch, ..., L)`.
        sample_weight: `(batch,)` or `(batch, ...)`: repetitions.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.PairwiseAUC("squared_hinge")
    >>> y, z = np.array([1, 1, 0]), np.array([[2.0], [0.5], [0.0]])
    >>> round(float(loss(y, z)), 4)
    0.125

    Reference:
        Yan, Dodier, Mozer and Wolniewicz (2003), ICML; Gao, Jin, Zhu and Zhou
        (2013), ICML, arXiv:1305.1363
    """

    traits = replace(ScoreLoss.traits, targets="labels", scores="logits")
    from_logits = True
    multi_label = True

    def __init__(
        self,
        surrogate: str = "logistic",
        margin: float | None = None,
        ignore_class: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(ignore_class=ignore_class, **kwargs)
        self.surrogate = checks.one_of("surrogate", surrogate, SURROGATES)
        self.margin = checks.number("margin", margin, at_least=0, optional=True)

    def of_region(self, region: Region) -> Tensor:
        margin = self.margin
        if margin is None:
            margin = SURROGATES[self.surrogate]
        z = region.scores
        short = margin - (z[:, :, :, None] - z[:, :, None, :])
        if self.surrogate == "logistic":
            loss = ops.softplus(short)
        else:
            loss = ops.square(ops.relu(short))
        # sum_ij w_i y_i w_j (1 - y_j) loss_ij over the weights of all pairs
        positive, negative = _kinds(region)
        loss = ops.sum(loss * negative[:, :, None, :], axis=-1)
        pairs = ops.sum(positive, axis=-1) * ops.sum(negative, axis=-1)
        loss = ratio(ops.sum(loss * positive, axis=-1), pairs)
        return mean_of(loss, pairs > 0)


@component(tune={"margin": Range(0.5, 1.0)})
class AUCMargin(ScoreLoss):
    """AUC margin loss, with its inner maximum and minimum in closed form.

    For rare positives where rank matters, on large batches: unlike
    `PairwiseAUC` it costs no more than a mean, and easy pairs, once apart by
    the margin, pull no further. On a batch it is a plug-in for what Yuan et
    al. solve with variables of their own, and biased where a batch has few
    positives. Bounded, with hardly a gradient on confidently wrong samples.

    Formula:
    ```python
    s, n = p[y == 1], p[y == 0]
    loss = var(s) + var(n) + maximum(margin - mean(s) + mean(n), 0) ** 2
    ```
    the value of
    `min_ab max_alpha mean((s - a)**2) + mean((n - b)**2) + 2 * alpha *
    (margin - mean(s) + mean(n)) - alpha**2` for `alpha >= 0`, averaged over
    the labels of which the batch has both kinds.

    Args:
        margin: Float >= 0, by which positives should lead. Defaults to `1.0`.
        from_logits: Boolean. Whether `y_pred` is logits. Defaults to `False`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: `(batch, ..., L)` of 0, 1, or anything between; -1 is unknown
            and does not count, and any other number gives NaN.
        y_pred: `(batch, ..., L)`.
        sample_weight: `(batch,)` or `(batch, ...)`: repetitions.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.AUCMargin()
    >>> y, p = np.array([1, 1, 0]), np.array([[0.9], [0.5], [0.1]])
    >>> round(float(loss(y, p)), 4)
    0.2

    Reference:
        Yuan, Yan, Sonka and Yang (2021), ICCV, arXiv:2012.03173, without the
        weights by the share of positives
    """

    traits = replace(ScoreLoss.traits, targets="labels")
    multi_label = True

    def __init__(
        self,
        margin: float = 1.0,
        from_logits: bool = False,
        ignore_class: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(ignore_class=ignore_class, **kwargs)
        self.margin = checks.number("margin", margin, at_least=0)
        self.from_logits = checks.boolean("from_logits", from_logits)

    def of_region(self, region: Region) -> Tensor:
        p = region.probabilities()
        means, spread, there = [], 0.0, True
        for weight in _kinds(region):
            total = ops.sum(weight, axis=-1, keepdims=True)
            mean = ratio(ops.sum(weight * p, axis=-1, keepdims=True), total)
            square = weight * ops.square(p - mean)
            square = ratio(ops.sum(square, axis=-1, keepdims=True), total)
            spread = spread + square
            there = ops.logical_and(there, total > 0)
            means.append(mean)
        lead = means[0] - means[1]
        loss = spread + ops.square(ops.relu(self.margin - lead))
        return mean_of(ops.squeeze(loss, -1), ops.squeeze(there, -1))


def _kinds(region: Region) -> tuple[Tensor, Tensor]:
    """The weights of positives and of negatives."""
    positive = region.weigh(region.target)
    return positive, region.weigh(1.0 - region.target)
