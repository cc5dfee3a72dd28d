"""Metric learning by distances: those of one class closer than others.

The model's output is an embedding, and search or verification by distance its
use. A batch needs several samples of each of several classes. Embeddings of
length 1 (`keras.layers.UnitNormalization`) keep margins comparable.
"""

from dataclasses import replace
from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.labels import is_share
from keras_funcs._core.numerics import log_of_sum
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._pairs import DISTANCES
from keras_funcs.losses._pairs import NEVER
from keras_funcs.losses._pairs import EmbeddingLoss
from keras_funcs.losses._pairs import Pairs
from keras_funcs.losses._pairs import distances
from keras_funcs.losses._pairs import largest_of
from keras_funcs.losses._pairs import log_sum_exp
from keras_funcs.losses._pairs import mean_of
from keras_funcs.losses._pairs import smallest_of
from keras_funcs.losses._values import RegressionLoss


@component(tune={"margin": Range(0.2, 2.0), "distance": Choice(*DISTANCES)})
class TripletSemiHard(EmbeddingLoss):
    """Triplet loss with negatives that are just a little too close.

    The usual triplet loss: for every pair of a class the nearest negative that
    is further away than the positive, or the furthest one where there is none
    such. It starts better than `TripletHard`, which can collapse all
    embeddings to one point. Memory grows with the batch's third power.

    Formula:
    ```python
    n_ap = min(d_an for d_an > d_ap)  # or max(d_an)
    loss_a = mean_p(max(margin + d_ap - n_ap, 0))
    ```
    with `d` the distance, `p` the other samples of the class of `a`, and `n`
    those of other classes. It is 0 for an anchor without either. TensorFlow
    Addons averages over all pairs: weigh every anchor with the number of its
    positives, with `reduction="mean_with_sample_weight"`, for that number.

    Args:
        margin: Float >= 0. Distance that is asked for. Defaults to `1.0`.
        distance: `"euclidean"`, `"squared"` (Euclidean) or `"cosine"`; in
            TensorFlow Addons `"L2"`, `"squared-L2"` and `"angular"`. Defaults
            to `"euclidean"`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch,)` or `(batch, 1)`, any numbers.
        y_pred: Embeddings `(batch, dimension)`.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.TripletSemiHard(margin=1.0)
    >>> x = np.array([[0.0], [0.5], [1.0]])
    >>> round(float(loss(np.array([7, 7, 4]), x)), 4)
    0.5

    Reference:
        Schroff, Kalenichenko and Philbin (2015), CVPR, arXiv:1503.03832
    """

    def __init__(
        self, margin: float = 1.0, distance: str = "euclidean", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.margin = checks.number("margin", margin, at_least=0)
        self.distance = checks.one_of("distance", distance, DISTANCES)

    def of_pairs(self, embeddings: Tensor, pairs: Pairs) -> Tensor:
        d = distances(embeddings, self.distance)
        # n_ap = min(d_an for d_an > d_ap), over (a, p, n)
        outside = ops.logical_and(
            pairs.negative[:, None, :], d[:, None, :] > d[:, :, None]
        )
        nearest = smallest_of(d[:, None, :], outside)
        furthest = largest_of(d, pairs.negative)[:, None]
        n = ops.where(ops.any(outside, axis=-1), nearest, furthest)
        # loss_a = mean_p(max(margin + d_ap - n_ap, 0))
        some = ops.any(pairs.negative, axis=-1, keepdims=True)
        n = ops.where(some, n, -NEVER)
        return mean_of(ops.relu(self.margin + d - n), pairs.positive)


@component(tune={"margin": Range(0.2, 2.0), "distance": Choice(*DISTANCES)})
class TripletHard(EmbeddingLoss):
    """Triplet loss of the furthest positive and the nearest negative.

    The batch-hard triplet loss, for clean labels: a mislabelled sample is the
    hardest of all. Where all embeddings collapse to one point, begin with
    `TripletSemiHard`.

    Formula:
    ```python
    loss_a = max(margin + max_p(d_ap) - min_n(d_an), 0)
    loss_a = log(1 + exp(max_p(d_ap) - min_n(d_an)))  # soft
    ```
    with `d` the distance, `p` the other samples of the class of `a`, and `n`
    those of other classes. It is 0 for an anchor without either.

    Args:
        margin: Float >= 0. Distance that is asked for; without effect where
            `soft`. Defaults to `1.0`.
        soft: Boolean. Whether to keep pulling beyond any margin. Defaults to
            `False`.
        distance: `"euclidean"`, `"squared"` (Euclidean) or `"cosine"`; in
            TensorFlow Addons `"L2"`, `"squared-L2"` and `"angular"`. Defaults
            to `"euclidean"`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch,)` or `(batch, 1)`, any numbers.
        y_pred: Embeddings `(batch, dimension)`.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.TripletHard(margin=1.0)
    >>> x = np.array([[0.0], [0.5], [1.0]])
    >>> round(float(loss(np.array([7, 7, 4]), x)), 4)
    0.5

    Reference:
        Hermans, Beyer and Leibe (2017), arXiv:1703.07737
    """

    def __init__(
        self,
        margin: float = 1.0,
        soft: bool = False,
        distance: str = "euclidean",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.margin = checks.number("margin", margin, at_least=0)
        self.soft = checks.boolean("soft", soft)
        self.distance = checks.one_of("distance", distance, DISTANCES)

    def of_pairs(self, embeddings: Tensor, pairs: Pairs) -> Tensor:
        d = distances(embeddings, self.distance)
        some = ops.logical_and(
            ops.any(pairs.positive, axis=-1), ops.any(pairs.negative, axis=-1)
        )
        # max_p(d_ap) - min_n(d_an)
        gap = largest_of(d, pairs.positive) - smallest_of(d, pairs.negative)
        gap = ops.where(some, gap, NEVER)
        return ops.softplus(gap) if self.soft else ops.relu(self.margin + gap)


@component(tune={"margin": Range(0.1, 2.0)})
class LiftedStructure(EmbeddingLoss):
    """Every positive pair against all negatives of both of its samples.

    Smoother than a triplet loss, which sees one negative at a time, and in
    need of no mining. Made for embeddings that are not divided by their
    length.

    Formula:
    ```python
    negatives = sum_k(exp(margin - d_ak)) + sum_l(exp(margin - d_pl))
    loss_a = mean_p(max(d_ap + log(negatives), 0)**2) / 2
    ```
    with `d` the Euclidean distance, `p` the other samples of the class of `a`,
    and `k` and `l` those of other classes. It is 0 for an anchor without
    either. TensorFlow Addons averages over all pairs: weigh every anchor with
    the number of its positives, with `reduction="mean_with_sample_weight"`,
    for that number.

    Args:
        margin: Float >= 0. Distance that is asked for. Defaults to `1.0`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch,)` or `(batch, 1)`, any numbers.
        y_pred: Embeddings `(batch, dimension)`.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.LiftedStructure(margin=1.0)
    >>> x = np.array([[0.0], [0.5], [1.0]])
    >>> round(float(loss(np.array([7, 7, 4]), x)), 4)
    0.7243

    Reference:
        Song, Xiang, Jegelka and Savarese (2016), CVPR, arXiv:1511.06452
    """

    def __init__(self, margin: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.margin = checks.number("margin", margin, at_least=0)

    def of_pairs(self, embeddings: Tensor, pairs: Pairs) -> Tensor:
        d = distances(embeddings, "euclidean")
        # log(sum_k exp(margin - d_ak) + sum_l exp(margin - d_pl))
        own = log_sum_exp(self.margin - d, pairs.negative)
        both = log_of_sum(own[:, None], own[None])
        # loss_a = mean_p(max(d_ap + log(negatives), 0)**2) / 2
        return 0.5 * mean_of(ops.square(ops.relu(d + both)), pairs.positive)


@component(tune={"margin": Range(0.1, 2.0)})
class Contrastive(RegressionLoss):
    """Squared distance of equal pairs, and missing distance of different ones.

    For a siamese network whose output is the distance between two inputs.
    Among the losses here the only one that takes distances; where the batch
    holds classes, `TripletSemiHard` learns from more pairs.

    Formula:
    ```python
    loss = y * d**2 + (1 - y) * max(margin - d, 0)**2
    ```
    averaged over the last axis.

    Args:
        margin: Float >= 0. Distance that is asked for. Defaults to `1.0`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: 1 for equal, 0 for different, or anything between; `(batch,)`
            or `(batch, ..., D)`. Any other number gives NaN.
        y_pred: Distances, of the same shape. `(batch,)` is as good as
            `(batch, 1)`.

    Raises:
        ValueError: for arguments out of range, and for shapes that do not
            fit; they are never broadcast.

    Example:

    >>> loss = keras_funcs.losses.Contrastive(margin=1.0)
    >>> value = loss(np.array([1, 0]), np.array([0.5, 0.2]))
    >>> round(float(value), 4)
    0.445

    Reference:
        Hadsell, Chopra and LeCun (2006), CVPR
    """

    traits = replace(RegressionLoss.traits, numbers="pairs")

    def __init__(self, margin: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.margin = checks.number("margin", margin, at_least=0)

    def each(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        # y d**2 + (1 - y) max(margin - d, 0)**2
        missing = ops.relu(self.margin - y_pred)
        loss = y_true * ops.square(y_pred)
        loss = loss + (1.0 - y_true) * ops.square(missing)
        return ops.where(is_share(y_true), loss, float("nan"))
