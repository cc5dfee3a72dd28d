"""Penalties that empty whole groups of weights: units, channels, inputs.

What lies inside a group is said by `axis`, alike for all of them. None is all
axes but the last. By layer, for two spatial axes where there are any:

    layer             kernel                      outputs      inputs
    Dense             (in, out)                   None         -1
    Conv              (h, w, in, out)             None         [0, 1, 3]
    ConvTranspose     (h, w, out, in)             [0, 1, 3]    None
    DepthwiseConv     (h, w, in, multiplier)      [0, 1]       [0, 1, 3]
    Embedding         (vocabulary, dimension)     None         -1 (a word)
    LSTM, GRU         (in, 4 or 3 * units)        None         -1

None is wrong for a depthwise kernel of multiplier 1, which would be one group.
The outputs of an LSTM's kernel are single gates: a group is one gate of one
unit, and a unit goes only when all four of them do.
"""

from collections.abc import Sequence

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import magnitude
from keras_funcs._core.typing import Tensor
from keras_funcs.regularizers import _base


@component(tune={"factor": Range(1e-6, 1e-3, log=True)})
class GroupLasso(_base.Penalty):
    """Sum of the lengths of groups of weights: drives whole groups to zero.

    For structured sparsity: units that can be cut out, or inputs that can be
    dropped. It shrinks all groups, not only those that go; anneal or refit
    where the values of the others matter.

    Formula:
    ```python
    penalty = factor * sum_g sqrt(|g|) * |w_g|
    ```
    with |g| the number of weights in a group and |w_g| its Euclidean length.

    Args:
        factor: Float >= 0. Strength. Defaults to `0.01`.
        axis: Integer, list of integers, or None. The axes inside a group. None
            is all but the last: what feeds one unit of a `Dense` kernel
            `(in, out)` or one filter `(h, w, in, out)`. For their inputs it is
            `-1` and `[0, 1, 3]`; for the filters of `Conv2DTranspose`, `(h, w,
            out, in)`, `[0, 1, 3]`; for those of a depthwise convolution `(h,
            w, in, multiplier)`, `[0, 1]`, where None makes one group of all;
            for the rows of an `Embedding`, `-1`. Defaults to `None`.
        reduction: `"sum"` over groups, or `"mean"`, so that `factor` does not
            depend on the size of the layer. Defaults to `"sum"`.

    Inputs:
        x: Weights of any rank >= 1; of rank 1, each weight is a group.

    Raises:
        ValueError: for a factor that is negative, and at the first call for an
            axis out of range.

    Example:

    >>> penalty = keras_funcs.regularizers.GroupLasso(factor=1.0)
    >>> value = penalty(np.array([[3.0, 0.0], [4.0, 0.0]]))
    >>> round(float(value) / 2**0.5, 4)
    5.0

    Reference:
        Yuan and Lin (2006), J. R. Stat. Soc. B 68(1); Wen et al. (2016),
        NeurIPS, arXiv:1608.03665
    """

    def __init__(
        self,
        factor: float = 0.01,
        axis: int | Sequence[int] | None = None,
        reduction: str = "sum",
    ) -> None:
        self.factor = checks.number("factor", factor, at_least=0)
        self.axis = _base.check_axis(axis)
        self.reduction = _base.check_reduction(reduction)

    def measure(self, x: Tensor) -> Tensor:
        # sum_g sqrt(|g|) |w_g|
        lengths, size = _base.group_lengths(x, self.axis)
        return size**0.5 * _base.reduced(lengths, self.reduction)


@component(
    tune={
        "factor": Range(1e-6, 1e-3, log=True),
        "l1_ratio": Range(0.05, 0.95),
    }
)
class SparseGroupLasso(_base.Penalty):
    """Group lasso and lasso in one: few groups, and few weights in each.

    Where some inputs or units are to go and those that stay are to be sparse
    as well. For groups alone use `GroupLasso`; for a network that is to be
    small rather than merely sparse, single zeros help nothing.

    Formula:
    ```python
    group = sum_g sqrt(|g|) * |w_g|
    penalty = factor * ((1 - l1_ratio) * group + l1_ratio * sum(abs(w)))
    ```
    with |g| the number of weights in a group and |w_g| its Euclidean length.

    Args:
        factor: Float >= 0. Strength. Defaults to `0.01`.
        l1_ratio: Float in [0, 1]. Share of the lasso: 0 is `GroupLasso`, 1 is
            L1. Defaults to `0.5`.
        axis: Integer, list of integers, or None. The axes inside a group. None
            is all but the last: what feeds one unit of a `Dense` kernel
            `(in, out)` or one filter `(h, w, in, out)`. For their inputs it is
            `-1` and `[0, 1, 3]`; for the filters of `Conv2DTranspose`, `(h, w,
            out, in)`, `[0, 1, 3]`; for those of a depthwise convolution `(h,
            w, in, multiplier)`, `[0, 1]`, where None makes one group of all;
            for the rows of an `Embedding`, `-1`. Defaults to `None`.
        reduction: `"sum"`, or `"mean"` over groups and over weights, so that
            `factor` does not depend on the size of the layer. Defaults to
            `"sum"`.

    Inputs:
        x: Weights of any rank >= 1; of rank 1, each weight is a group.

    Raises:
        ValueError: for a factor or ratio out of range, and at the first call
            for an axis out of range.

    Example:

    >>> penalty = keras_funcs.regularizers.SparseGroupLasso(1.0, l1_ratio=1.0)
    >>> float(penalty(np.array([[3.0, 0.0], [4.0, 0.0]])))
    7.0

    Reference:
        Simon, Friedman, Hastie and Tibshirani (2013), J. Comput. Graph. Stat.
        22(2); Scardapane et al. (2017), Neurocomputing, arXiv:1607.00485
    """

    def __init__(
        self,
        factor: float = 0.01,
        l1_ratio: float = 0.5,
        axis: int | Sequence[int] | None = None,
        reduction: str = "sum",
    ) -> None:
        self.factor = checks.number("factor", factor, at_least=0)
        self.l1_ratio = checks.number(
            "l1_ratio", l1_ratio, at_least=0, at_most=1
        )
        self.axis = _base.check_axis(axis)
        self.reduction = _base.check_reduction(reduction)

    def measure(self, x: Tensor) -> Tensor:
        # (1 - alpha) sum_g sqrt(|g|) |w_g| + alpha |w|_1
        lengths, size = _base.group_lengths(x, self.axis)
        group = size**0.5 * _base.reduced(lengths, self.reduction)
        lasso = _base.reduced(magnitude(x), self.reduction)
        return (1.0 - self.l1_ratio) * group + self.l1_ratio * lasso


@component(tune={"factor": Range(1e-6, 1e-2, log=True)})
class HoyerSquare(_base.Penalty):
    """How evenly weights are spread: large ones stay, small ones go to zero.

    For single zeros without the lasso's shrinking of everything: its value
    does not change with the length of the weights, only with how many of them
    matter, from 1 to all. It says nothing of their size, so combine it with
    weight decay where that is needed, and with a threshold that cuts in the
    end.

    Formula:
    ```python
    penalty = factor * sum(abs(w)) ** 2 / (sum(w**2) + epsilon)
    ```

    Args:
        factor: Float >= 0. Strength. Defaults to `0.01`.
        epsilon: Float > 0. Keeps the gradient finite where all weights are
            zero. Defaults to `1e-12`.

    Inputs:
        x: Weights of any rank.

    Raises:
        ValueError: for a factor that is negative, or an epsilon not > 0.

    Example:

    >>> penalty = keras_funcs.regularizers.HoyerSquare(factor=1.0)
    >>> round(float(penalty(np.array([2.0, 2.0, -2.0, 0.0]))), 4)
    3.0

    Reference:
        Yang, Wen and Li (2020), ICLR, arXiv:1908.09979
    """

    def __init__(self, factor: float = 0.01, epsilon: float = 1e-12) -> None:
        self.factor = checks.number("factor", factor, at_least=0)
        self.epsilon = checks.number("epsilon", epsilon, above=1e-30)

    def measure(self, x: Tensor) -> Tensor:
        # (sum |w|)^2 / sum w^2
        return _hoyer_square(magnitude(x), self.epsilon)


@component(tune={"factor": Range(1e-6, 1e-2, log=True)})
class GroupHoyerSquare(_base.Penalty):
    """How evenly length is spread over groups: some groups stay, some go.

    For structured sparsity without the group lasso's shrinking of what stays:
    the value runs from 1, all weights in one group, to the number of groups,
    and does not change with their common scale. Cut groups below a threshold
    in the end, and train on without the penalty.

    Formula:
    ```python
    penalty = factor * (sum_g |w_g|) ** 2 / (sum_g |w_g| ** 2 + epsilon)
    ```
    with |w_g| the Euclidean length of a group.

    Args:
        factor: Float >= 0. Strength. Defaults to `0.01`.
        axis: Integer, list of integers, or None. The axes inside a group. None
            is all but the last: what feeds one unit of a `Dense` kernel
            `(in, out)` or one filter `(h, w, in, out)`. For their inputs it is
            `-1` and `[0, 1, 3]`; for the filters of `Conv2DTranspose`, `(h, w,
            out, in)`, `[0, 1, 3]`; for those of a depthwise convolution `(h,
            w, in, multiplier)`, `[0, 1]`, where None makes one group of all;
            for the rows of an `Embedding`, `-1`. Defaults to `None`.
        epsilon: Float > 0. Keeps the gradient finite where all weights are
            zero. Defaults to `1e-12`.

    Inputs:
        x: Weights of any rank >= 1; of rank 1, each weight is a group.

    Raises:
        ValueError: for a factor that is negative, an epsilon not > 0, and at
            the first call for an axis out of range.

    Example:

    >>> penalty = keras_funcs.regularizers.GroupHoyerSquare(factor=1.0)
    >>> round(float(penalty(np.array([[3.0, 0.0], [4.0, 5.0]]))), 4)
    2.0

    Reference:
        Yang, Wen and Li (2020), ICLR, arXiv:1908.09979
    """

    def __init__(
        self,
        factor: float = 0.01,
        axis: int | Sequence[int] | None = None,
        epsilon: float = 1e-12,
    ) -> None:
        self.factor = checks.number("factor", factor, at_least=0)
        self.axis = _base.check_axis(axis)
        self.epsilon = checks.number("epsilon", epsilon, above=1e-30)

    def measure(self, x: Tensor) -> Tensor:
        # (sum_g |w_g|)^2 / sum_g |w_g|^2
        lengths, _ = _base.group_lengths(x, self.axis)
        return _hoyer_square(lengths, self.epsilon)


def _hoyer_square(sizes: Tensor, epsilon: float) -> Tensor:
    """How many equal sizes would give this sum and this sum of squares."""
    sums = ops.square(ops.sum(sizes))
    return sums / (ops.sum(ops.square(sizes)) + epsilon)
