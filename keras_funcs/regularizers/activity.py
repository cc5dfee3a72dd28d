"""Penalties on what layers give out: `activity_regularizer=`.

Keras divides the result of an activity regularizer by the batch size, so that
a sum over samples becomes their mean.
"""

import math

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import log_of
from keras_funcs._core.numerics import log_probability
from keras_funcs._core.numerics import mean
from keras_funcs._core.traits import RegularizerTraits
from keras_funcs._core.typing import Tensor
from keras_funcs.regularizers import _base


@component(tune={"factor": Range(1e-3, 1.0, log=True)})
class ConfidencePenalty(_base.Penalty):
    """Rewards uncertain predictions: the negative entropy of probabilities.

    For classifiers that are sure of everything, errors included: like label
    smoothing, but it leaves the order of the wrong classes to the network. As
    the `activity_regularizer` of the last layer, with `from_logits=True` where
    that has no softmax. The penalty is negative: it is lowest where all
    classes are equally likely.

    Formula:
    ```python
    penalty = factor * sum(p * log(p))  # over classes, then over samples
    ```

    Args:
        factor: Float >= 0. Strength. Defaults to `0.1`.
        from_logits: Boolean. Whether the layer gives logits. Defaults to
            `False`.
        axis: Integer. The classes. Defaults to `-1`.
        reduction: `"sum"` over the positions of a sample, such as its pixels,
            or their `"mean"`. Defaults to `"sum"`.

    Inputs:
        x: Outputs of a layer, `(batch, ..., classes)`: probabilities, or
            logits. Called by itself, the result is the sum over the batch.

    Raises:
        ValueError: for a factor that is negative, and at the first call for an
            axis out of range.

    Example:

    >>> penalty = keras_funcs.regularizers.ConfidencePenalty(factor=1.0)
    >>> round(float(penalty(np.array([[0.5, 0.5]]))), 4)
    -0.6931

    Reference:
        Pereyra, Tucker, Chorowski, Kaiser and Hinton (2017),
        arXiv:1701.06548
    """

    traits = RegularizerTraits(of="outputs")

    def __init__(
        self,
        factor: float = 0.1,
        from_logits: bool = False,
        axis: int = -1,
        reduction: str = "sum",
    ) -> None:
        self.factor = checks.number("factor", factor, at_least=0)
        self.from_logits = checks.boolean("from_logits", from_logits)
        self.axis = checks.integer("axis", axis)
        self.reduction = _base.check_reduction(reduction)

    def measure(self, x: Tensor) -> Tensor:
        axis = checks.axis_of("axis", self.axis, len(x.shape))
        if self.from_logits:
            p, log_p = ops.softmax(x, axis), ops.log_softmax(x, axis)
        else:
            p, log_p = x, log_probability(x)
        # -H(p) = sum_c p_c log p_c
        total = ops.sum(p * log_p)
        if self.reduction == "sum":
            return total
        sizes = ops.shape(x)[1:]
        positions = math.prod(
            ops.cast(size, x.dtype)
            for place, size in enumerate(sizes, 1)
            if place != axis
        )
        return total / positions


@component(
    tune={
        "factor": Range(1e-3, 10.0, log=True),
        "rho": Range(0.01, 0.2, log=True),
    }
)
class KLSparsity(_base.Penalty):
    """Units that are active for few samples: each at `rho` on average.

    For sparse autoencoders and features that are to be told apart; as the
    `activity_regularizer` of a layer of outputs in (0, 1), such as
    sigmoids. It looks at the mean over the batch, so batches should have some
    hundred samples. For ReLU units use an L1 penalty in its place.

    Formula:
    ```python
    mean = epsilon + (1 - 2 * epsilon) * mean_of_samples(x)
    kl = rho * log(rho / mean) + (1 - rho) * log((1 - rho) / (1 - mean))
    penalty = factor * sum(kl) * batch_size  # which Keras divides by
    ```

    Args:
        factor: Float >= 0. Strength. Defaults to `0.1`.
        rho: Float in (0, 1). The wanted mean activity. Defaults to `0.05`.
        axis: Integer. The units; the mean is over all other axes. Defaults to
            `-1`.
        reduction: `"sum"` over units, or `"mean"`, so that `factor` does not
            depend on the size of the layer. Defaults to `"sum"`.
        epsilon: Float in (0, 0.5). Keeps the gradient of units that are
            always 0 or always 1 finite, and unlike a clip keeps it from
            being 0. Defaults to `1e-6`.

    Inputs:
        x: Outputs of a layer, `(batch, ..., units)`, in [0, 1]. Called by
            itself, the result is the batch size times the penalty.

    Raises:
        ValueError: for a factor that is negative, a rho or epsilon out of
            range, and at the first call for an axis out of range.

    Example:

    >>> penalty = keras_funcs.regularizers.KLSparsity(factor=1.0, rho=0.5)
    >>> dense = keras.layers.Dense(
    ...     3, "sigmoid", kernel_initializer="zeros",
    ...     activity_regularizer=penalty,
    ... )
    >>> outputs = dense(np.ones((8, 4)))
    >>> round(abs(float(keras.ops.convert_to_numpy(dense.losses[0]))), 4)
    0.0

    Reference:
        Lee, Ekanadham and Ng (2007), NeurIPS; Ng (2011), CS294A Lecture
        Notes: Sparse Autoencoder
    """

    traits = RegularizerTraits(of="outputs")

    def __init__(
        self,
        factor: float = 0.1,
        rho: float = 0.05,
        axis: int = -1,
        reduction: str = "sum",
        epsilon: float = 1e-6,
    ) -> None:
        self.factor = checks.number("factor", factor, at_least=0)
        self.rho = checks.number("rho", rho, above=0, below=1)
        self.axis = checks.integer("axis", axis)
        self.reduction = _base.check_reduction(reduction)
        self.epsilon = checks.number("epsilon", epsilon, above=0, below=0.5)

    def measure(self, x: Tensor) -> Tensor:
        axis = checks.axis_of("axis", self.axis, len(x.shape))
        others = [i for i in range(len(x.shape)) if i != axis]
        active = mean(x, others) if others else x
        active = self.epsilon + (1.0 - 2.0 * self.epsilon) * active
        # KL(rho | mean), of two Bernoulli variables
        rho = self.rho
        on = rho * (log_of(rho) - log_probability(active))
        off = log_of(1.0 - rho) - log_probability(1.0 - active)
        kl = ops.sum(on + (1.0 - rho) * off)
        if self.reduction == "mean":
            kl = kl / x.shape[axis]
        # Keras divides by the size of the batch, whose mean this is already.
        return kl * ops.cast(ops.shape(x)[0], x.dtype)
