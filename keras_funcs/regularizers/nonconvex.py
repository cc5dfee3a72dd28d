"""Penalties of single weights that spare the large ones.

The lasso shrinks every weight by as much as those that it empties. These begin
as the lasso does, with a slope of `factor`, and flatten.
"""

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import magnitude
from keras_funcs._core.typing import Tensor
from keras_funcs.regularizers import _base


@component(
    tune={
        "factor": Range(1e-6, 1e-2, log=True),
        "threshold": Range(0.01, 1.0, log=True),
    }
)
class SCAD(_base.Penalty):
    """Smoothly clipped absolute deviation: a lasso that lets large weights be.

    For sparse weights whose values matter, as in selecting inputs. Weights up
    to `threshold` are penalised as by L1, those above `a` times it not at
    all. With `threshold` equal to `factor` it is the published penalty, whose
    one parameter is both; the size of a layer's weights is the better measure.

    Formula:
    ```python
    t, m = threshold, minimum(abs(w), a * threshold)
    penalty = factor * sum(m - relu(m - t) ** 2 / (2 * (a - 1) * t))
    ```

    Args:
        factor: Float >= 0. Strength, the slope near zero. Defaults to `0.01`.
        threshold: Float > 0. Up to where it is the lasso. Defaults to `0.1`.
        a: Float > 2. It is constant from `a * threshold` on. Defaults to
            `3.7`.
        reduction: `"sum"` over weights, or `"mean"`, so that `factor` does
            not depend on the size of the layer. Defaults to `"sum"`.

    Inputs:
        x: Weights of any rank.

    Raises:
        ValueError: for a factor that is negative, a threshold not > 0, or `a`
            not > 2.

    Example:

    >>> penalty = keras_funcs.regularizers.SCAD(1.0, threshold=1.0, a=3.0)
    >>> [float(penalty(np.array([w]))) for w in (-0.5, 2.0, 3.0, 9.0)]
    [0.5, 1.75, 2.0, 2.0]

    Reference:
        Fan and Li (2001), J. Am. Stat. Assoc. 96(456)
    """

    def __init__(
        self,
        factor: float = 0.01,
        threshold: float = 0.1,
        a: float = 3.7,
        reduction: str = "sum",
    ) -> None:
        self.factor = checks.number("factor", factor, at_least=0)
        self.threshold = checks.number(
            "threshold", threshold, at_least=1e-30, at_most=1e30
        )
        self.a = checks.number("a", a, above=2, at_most=1e6)
        self.reduction = _base.check_reduction(reduction)

    def measure(self, x: Tensor) -> Tensor:
        # |w| to t, then (2 a t |w| - w^2 - t^2) / (2 (a - 1) t) to a t, then
        # (a + 1) t / 2; all by one line of |w| cut at a t
        m = _at_most(magnitude(x), self.a * self.threshold)
        beyond = ops.square(ops.relu(m - self.threshold))
        flat = beyond / (2.0 * (self.a - 1.0) * self.threshold)
        return _base.reduced(m - flat, self.reduction)


@component(
    tune={
        "factor": Range(1e-6, 1e-2, log=True),
        "threshold": Range(0.01, 1.0, log=True),
    }
)
class MCP(_base.Penalty):
    """Minimax concave penalty: a lasso that lets go of weights from the start.

    For sparse weights whose values matter. Its slope falls in a line from
    `factor` at 0 to 0 at `gamma * threshold`, where that of `SCAD` keeps level
    for a while. With `threshold` equal to `factor` it is the published
    penalty, whose one parameter is both.

    Formula:
    ```python
    m = minimum(abs(w), gamma * threshold)
    penalty = factor * sum(m - m**2 / (2 * gamma * threshold))
    ```

    Args:
        factor: Float >= 0. Strength, the slope at zero. Defaults to `0.01`.
        threshold: Float > 0. The size of weights, in whose multiples `gamma`
            counts. Defaults to `0.1`.
        gamma: Float > 1. It is constant from `gamma * threshold` on. Defaults
            to `3.0`.
        reduction: `"sum"` over weights, or `"mean"`, so that `factor` does
            not depend on the size of the layer. Defaults to `"sum"`.

    Inputs:
        x: Weights of any rank.

    Raises:
        ValueError: for a factor that is negative, a threshold not > 0, or a
            gamma not > 1.

    Example:

    >>> penalty = keras_funcs.regularizers.MCP(1.0, threshold=1.0, gamma=2.0)
    >>> [float(penalty(np.array([w]))) for w in (-1.0, 2.0, 9.0)]
    [0.75, 1.0, 1.0]

    Reference:
        Zhang (2010), Ann. Stat. 38(2), arXiv:1002.4734
    """

    def __init__(
        self,
        factor: float = 0.01,
        threshold: float = 0.1,
        gamma: float = 3.0,
        reduction: str = "sum",
    ) -> None:
        self.factor = checks.number("factor", factor, at_least=0)
        self.threshold = checks.number(
            "threshold", threshold, at_least=1e-30, at_most=1e30
        )
        self.gamma = checks.number("gamma", gamma, above=1, at_most=1e6)
        self.reduction = _base.check_reduction(reduction)

    def measure(self, x: Tensor) -> Tensor:
        # |w| - w^2 / (2 gamma t) to gamma t, then gamma t / 2
        end = self.gamma * self.threshold
        m = _at_most(magnitude(x), end)
        return _base.reduced(m - m * (m / (2.0 * end)), self.reduction)


@component(
    tune={
        "factor": Range(1e-6, 1e-2, log=True),
        "epsilon": Range(1e-2, 1.0, log=True),
    }
)
class LogSum(_base.Penalty):
    """Sum of logarithms: next to counting the weights that are not zero.

    The sparsest of these penalties and the least smooth: its slope is
    `factor / epsilon` at 0 and falls as 1 / |w|, so that small weights are
    pulled hard. Begin with a large `epsilon`. It is what iterated re-weighting
    of the lasso minimises.

    Formula:
    ```python
    penalty = factor * sum(log(1 + abs(w) / epsilon))
    ```

    Args:
        factor: Float >= 0. Strength. Defaults to `0.001`.
        epsilon: Float > 0. The size below which a weight counts as small.
            Defaults to `0.1`.
        reduction: `"sum"` over weights, or `"mean"`, so that `factor` does
            not depend on the size of the layer. Defaults to `"sum"`.

    Inputs:
        x: Weights of any rank.

    Raises:
        ValueError: for a factor that is negative, or an epsilon not > 0.

    Example:

    >>> penalty = keras_funcs.regularizers.LogSum(factor=1.0, epsilon=1.0)
    >>> round(float(penalty(np.array([1.0, -3.0, 0.0]))), 4)
    2.0794

    Reference:
        Candes, Wakin and Boyd (2008), J. Fourier Anal. Appl. 14,
        arXiv:0711.1612
    """

    def __init__(
        self,
        factor: float = 0.001,
        epsilon: float = 0.1,
        reduction: str = "sum",
    ) -> None:
        self.factor = checks.number("factor", factor, at_least=0)
        self.epsilon = checks.number("epsilon", epsilon, at_least=1e-12)
        self.reduction = _base.check_reduction(reduction)

    def measure(self, x: Tensor) -> Tensor:
        # ln(1 + |w| / epsilon)
        logs = ops.log1p(magnitude(x) / self.epsilon)
        return _base.reduced(logs, self.reduction)


def _at_most(x: Tensor, bound: float) -> Tensor:
    """`min(x, bound)`; `ops.minimum` rounds float64 to float32 on Torch."""
    return ops.where(x > bound, bound, x)  # this way round NaN stays
