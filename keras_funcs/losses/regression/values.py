"""Losses on numbers: outliers, quantiles, and values that are rare.

`Robust` says with one number how much an outlier counts; `Pinball` estimates
how far the values spread; `BalancedMSE` is for values that are rare.
"""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.labels import align_binary
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._pairs import ComparingLoss
from keras_funcs.losses._pairs import log_sum_exp
from keras_funcs.losses._robust import rho
from keras_funcs.losses._values import RegressionLoss


@component(
    tune={"alpha": Range(-2.0, 2.0), "scale": Range(0.1, 10.0, log=True)},
)
class Robust(RegressionLoss):
    """Barron's general loss, from squared error to one that ignores outliers.

    For regression with outliers: near 0 all shapes are half the squared error
    of `residual / scale`, and `alpha` says how slowly they grow further out.
    From `alpha = 1` on down the pull of an outlier grows no more; below it
    fades, so that a model that starts far off may stay there.

    Formula:
    ```python
    b = abs(alpha - 2)
    x = (y_pred - y_true) / scale
    loss = b / alpha * ((x**2 / b + 1) ** (alpha / 2) - 1)
    ```
    with its limits `x**2 / 2` at `alpha=2` (squared error) and
    `log(x**2 / 2 + 1)` at `alpha=0` (Cauchy); `alpha=1` is Charbonnier's
    (pseudo-Huber), `alpha=-2` Geman-McClure's, and towards -infinity it is
    Welsch's, `1 - exp(-x**2 / 2)`, which `alpha=-1e6` gives up to rounding.
    Averaged over the last axis.

    Args:
        alpha: Float in [-1e9, 100]. The shape. Defaults to `1.0`.
        scale: Float > 0. The residual from which on one counts as large.
            Defaults to `1.0`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: Numbers `(batch, ..., D)`.
        y_pred: `(batch, ..., D)`. `(batch,)` is `(batch, 1)` in both.

    Raises:
        ValueError: for arguments out of range, and for shapes that do not
            fit; they are never broadcast.

    Example:

    >>> loss = keras_funcs.losses.Robust(alpha=0.0, scale=0.5)
    >>> value = loss(np.array([[1.0], [2.0]]), np.array([[1.5], [9.0]]))
    >>> round(float(value), 4)
    2.5003

    Reference:
        Barron (2019), CVPR, arXiv:1701.03077
    """

    def __init__(
        self, alpha: float = 1.0, scale: float = 1.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.alpha = checks.number("alpha", alpha, at_least=-1e9, at_most=100)
        self.scale = checks.number("scale", scale, above=0)

    def each(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return rho(y_pred - y_true, self.alpha, self.scale)


@component(tune={"quantiles": Range(0.1, 0.9)})
class Pinball(RegressionLoss):
    """Quantile regression: the loss whose best constant is a quantile.

    For prediction intervals and for costs that differ between too much and
    too little. Several quantiles are several outputs of the model; nothing
    here keeps them from crossing. One of 0.5 is half the absolute error.

    Formula:
    ```python
    error = y_true - y_pred
    loss = max(quantile * error, (quantile - 1) * error)
    ```
    averaged over the last axis: over the numbers, or over the quantiles.

    Args:
        quantiles: Float in (0, 1), or a list of them. Defaults to `0.5`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: Numbers. For one quantile `(batch, ..., D)`; for a list of Q
            `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: For one quantile the shape of `y_true`, with `(batch,)` as
            good as `(batch, 1)`; for a list `(batch, ..., Q)`.

    Raises:
        ValueError: for arguments out of range, and for shapes that do not
            fit; they are never broadcast.

    Example:

    >>> loss = keras_funcs.losses.Pinball(quantiles=[0.1, 0.9])
    >>> value = loss(np.array([3.0]), np.array([[1.0, 4.0]]))
    >>> round(float(value), 4)
    0.15

    Reference:
        Koenker and Bassett (1978), Econometrica 46(1)
    """

    def __init__(
        self, quantiles: float | list[float] = 0.5, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.quantiles = _quantiles(quantiles)

    def spread(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        if isinstance(self.quantiles, list):
            y_true = _repeat(y_true, y_pred, len(self.quantiles))
        return y_true

    def each(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        quantiles = ops.convert_to_tensor(self.quantiles, dtype=y_pred.dtype)
        error = y_true - y_pred
        # max(q e, (q - 1) e)
        above = quantiles * error
        return ops.where(error > 0, above, above - error)


@component(tune={"sigma": Range(0.1, 3.0, log=True)})
class BalancedMSE(ComparingLoss):
    """Squared error for values of which some are rare in training.

    For imbalanced regression that is tested on all values alike: batch-based
    Monte-Carlo, a softmax that finds each prediction's own label among those
    of the batch, by which common labels lose their advantage. Plain squared
    error grows, as it should. It needs batches that are a sample of the
    labels: alone in a batch, or among equal labels, nothing is learned.
    Against the same with fewer surprises, see
    `keras_funcs.label_density_weights`.

    Formula:
    ```python
    z_ij = -sum((y_pred_i - y_true_j) ** 2) / (2 * sigma**2)
    loss_i = -2 * sigma**2 * log_softmax(z_i:)[i]
    ```
    over the labels `j` of the batch; masked samples are not among them.

    Args:
        sigma: Float > 0, in units of the labels: how far off predictions are
            expected to be. Learned by the authors, from 1 for standardized
            labels; here it stays. Defaults to `1.0`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: Numbers `(batch, D)`, of which a row is one label.
        y_pred: `(batch, D)`. `(batch,)` is as good as `(batch, 1)`.

    Raises:
        ValueError: for a `sigma` out of range, and for shapes that do not
            fit; they are never broadcast.

    Example:

    >>> loss = keras_funcs.losses.BalancedMSE(sigma=1.0)
    >>> value = loss(np.array([0.0, 2.0]), np.array([0.0, 1.0]))
    >>> round(float(value), 4)
    0.8201

    Reference:
        Ren, Zhang, Yu and Liu (2022), CVPR, arXiv:2203.16427
    """

    def __init__(self, sigma: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sigma = checks.number("sigma", sigma, above=0)

    def read(self, y_true: Tensor, y_pred: Tensor) -> dict[str, Tensor]:
        values, scores = align_binary(y_true, y_pred)
        if len(scores.shape) > 2:
            raise ValueError(
                "Invalid shape of `y_pred`. Expected (batch, dimension). "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        return {"values": values if len(values.shape) == 2 else values[:, None]}

    def of_batch(
        self, labels: dict[str, Tensor], y_pred: Tensor, counts: Tensor
    ) -> Tensor:
        y = labels["values"]
        y = ops.where(counts[:, None], y, ops.zeros_like(y))
        own, other = y[:, None], y[None]
        # (p_i - y_i)**2 - (p_i - y_j)**2, without the large squares
        gain = (other - own) * (2.0 * y_pred[:, None] - own - other)
        gain = ops.sum(gain, axis=-1)
        # -log_softmax(z_i:)[i] = log(sum_j exp(z_ij - z_ii))
        width = 2.0 * ops.square(
            ops.convert_to_tensor(self.sigma, dtype=gain.dtype)
        )
        return width * log_sum_exp(gain / width, counts[None])


def _quantiles(values: Any) -> float | list[float]:
    if isinstance(values, (list, tuple)) or getattr(values, "ndim", 0) == 1:
        if not len(values):
            checks.invalid("quantiles", "a number or several", values)
        return [
            checks.number("quantiles", value, above=0, below=1)
            for value in values
        ]
    return checks.number("quantiles", values, above=0, below=1)


def _repeat(y_true: Tensor, y_pred: Tensor, count: int) -> Tensor:
    """One number `(..., 1)` or `(...)` for every quantile `(..., count)`."""
    outputs, values = tuple(y_pred.shape), tuple(y_true.shape)
    if not outputs or outputs[-1] != count:
        raise ValueError(
            "Invalid shape of `y_pred`. Expected one number for each of "
            f"{count} quantiles on the last axis. "
            f"Received: y_pred.shape={outputs}"
        )
    if len(values) == len(outputs) - 1:
        y_true = ops.expand_dims(y_true, -1)
    elif len(values) != len(outputs) or values[-1] != 1:
        raise ValueError(
            "Invalid shape of `y_true`. Expected one number for all "
            f"quantiles, {outputs[:-1]} or {(*outputs[:-1], 1)}. "
            f"Received: y_true.shape={values}"
        )
    return ops.repeat(y_true, count, axis=-1)
