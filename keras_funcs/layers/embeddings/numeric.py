"""Numbers of a table as several features, which a network learns from better.

A dense layer sees a number as a slope. Periods and pieces let it react to a
range of values, as trees do.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.coefficients import add_float32
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.resolve import activation_function
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor
from keras_funcs.layers.embeddings._columns import ColumnEmbedding

FAR = 3.0  # where the pieces end before `adapt`, in standard deviations


@component(tune={"sigma": Range(0.01, 1.0, log=True)})
class PeriodicEmbedding(ColumnEmbedding):
    """Sines and cosines of each number, mixed by a small dense layer of it.

    For standardized numeric columns in front of a multilayer perceptron. The
    frequencies are trained; `sigma` decides how fine the differences are that
    the network sees at first, and should be tuned.

    Formula:
    ```python
    v = 2 * pi * c * x  # c: `frequencies` numbers for each column
    y = activation(W @ concat(sin(v), cos(v)) + b)  # W, b: of each column
    ```
    with `c` from a normal distribution of standard deviation `sigma`.

    Args:
        dimension: Integer >= 1. Features of each number. Defaults to `24`.
        sigma: Float > 0. Initial size of the frequencies. Defaults to `0.1`.
        frequencies: Integer >= 1, of each column. Defaults to `48`.
        activation: Activation function or its name: `"relu"` is the paper's
            PLR. Defaults to `"linear"`, its PL.
        columns: List of integers, the columns that are embedded, or None for
            all. Defaults to `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        `(batch, ..., columns * dimension + others)`.

    Raises:
        ValueError: If an argument is invalid or the features are unknown.

    Example:

    >>> y = keras_funcs.layers.PeriodicEmbedding(8)(np.ones((2, 3)))
    >>> tuple(y.shape)
    (2, 24)

    Reference:
        Gorishniy, Rubachev and Babenko (2022), NeurIPS, arXiv:2203.05556
    """

    def __init__(
        self,
        dimension: int = 24,
        sigma: float = 0.1,
        frequencies: int = 48,
        activation: Any = "linear",
        columns: Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(columns, **kwargs)
        self.dimension = checks.size("dimension", dimension)
        self.sigma = checks.number("sigma", sigma, above=0)
        self.frequencies = checks.size("frequencies", frequencies)
        self.activation = activation_function("activation", activation)

    @property
    def width(self) -> int:
        return self.dimension

    def build(self, input_shape: Shape) -> None:
        count = len(self.chosen(input_shape)[0])
        limit = 1.0 / math.sqrt(2 * self.frequencies)
        uniform = keras.initializers.RandomUniform(-limit, limit)
        normal = keras.initializers.RandomNormal(stddev=self.sigma)
        sizes = (count, 2 * self.frequencies, self.dimension)
        # Of rank 3: Muon would make a matrix orthogonal.
        self.c = add_float32(
            self, "frequencies", (count, self.frequencies, 1), normal
        )
        self.kernel = add_float32(self, "kernel", sizes, uniform)
        self.bias = add_float32(
            self, "bias", (1, count, self.dimension), uniform
        )
        self.built = True

    def embed(self, x: Tensor) -> Tensor:
        # v = 2 pi c x
        c = ops.convert_to_tensor(self.c)[..., 0]
        v = 2.0 * math.pi * x[..., None] * ops.cast(c, x.dtype)
        waves = ops.concatenate([ops.sin(v), ops.cos(v)], axis=-1)
        # y = activation(W [sin v, cos v] + b)
        kernel = ops.cast(self.kernel, x.dtype)
        y = ops.einsum("...kf,kfd->...kd", waves, kernel)
        return self.activation(y + ops.cast(self.bias[0], x.dtype))


@component()
class PiecewiseLinearEncoding(ColumnEmbedding):
    """How far each number has come through each of its bins.

    For numeric columns in front of a network, linear or deep: each bin between
    two quantiles has a slope of its own. Call `adapt` with the training rows,
    or give the edges; until then the bins are those of a standard normal
    column. Nothing is trained.

    Formula:
    ```python
    y_t = (x - edge[t - 1]) / (edge[t] - edge[t - 1])  # of bin t = 1 ... T
    ```
    cut to at least 0 except in the first bin, and to at most 1 except in the
    last; 0 in a bin that is empty because quantiles are equal.

    Args:
        bins: Integer >= 1, the bins of each column, or a list with the rising
            edges of each column. Defaults to `16`.
        columns: As of `PeriodicEmbedding`. Defaults to `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        `(batch, ..., columns * bins + others)`.

    Raises:
        ValueError: If an argument is invalid or the features are unknown.

    Example:

    >>> encoding = keras_funcs.layers.PiecewiseLinearEncoding([[0.0, 2.0, 4.0]])
    >>> keras.ops.convert_to_numpy(encoding(np.array([[1.0], [3.0]]))).tolist()
    [[0.5, 0.0], [1.0, 0.5]]

    Reference:
        Gorishniy, Rubachev and Babenko (2022), NeurIPS, arXiv:2203.05556
    """

    def __init__(
        self,
        bins: int | Sequence[Sequence[float]] = 16,
        columns: Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(columns, **kwargs)
        self.bins = _check_bins(bins)

    @property
    def width(self) -> int:
        if isinstance(self.bins, int):
            return self.bins
        return max(len(edges) for edges in self.bins) - 1

    def build(self, input_shape: Shape) -> None:
        count = len(self.chosen(input_shape)[0])
        edges = _normal(self.bins, count)
        if len(edges) != count:
            checks.invalid("bins", f"edges of {count} columns", len(edges))
        shape = (count, self.width + 1)
        self.edges = add_float32(self, "edges", shape, 0.0, trainable=False)
        self.edges.assign(_padded(edges, self.width))
        self.built = True

    def adapt(self, data: Any) -> None:
        """Sets the edges to the quantiles of each column.

        Args:
            data: Array `(rows, features)` of the training rows.

        Raises:
            ValueError: If data are empty or not finite, or have another shape.
        """
        data = np.asarray(data, float)
        if data.ndim != 2 or not data.size or not np.isfinite(data).all():
            checks.invalid("data", "finite `(rows, features)`", data.shape)
        if not self.built:
            self.build(data.shape)
        chosen = self.chosen(data.shape)[0]
        edges = quantiles(data[:, chosen], self.width)
        self.edges.assign(_padded(edges, self.width))

    def embed(self, x: Tensor) -> Tensor:
        return _pieces(x, ops.cast(self.edges, x.dtype))


def _pieces(x: Tensor, edges: Tensor) -> Tensor:
    """How far numbers `(..., K)` are through bins of edges `(K, T + 1)`."""
    left, width = edges[:, :-1], edges[:, 1:] - edges[:, :-1]
    is_bin = width > 0
    after = ops.pad(is_bin[:, 1:], ((0, 0), (0, 1)))
    is_last = ops.logical_and(is_bin, ops.logical_not(after))
    is_first = np.arange(edges.shape[-1] - 1) == 0
    # (x - edge[t - 1]) / (edge[t] - edge[t - 1])
    y = (x[..., None] - left) / ops.where(is_bin, width, 1.0)
    # Not by `maximum`, which rounds float64 to float32 on Torch.
    below = ops.logical_and(y < 0.0, ops.logical_not(is_first))
    above = ops.logical_and(y > 1.0, ops.logical_not(is_last))
    y = ops.where(below, 0.0, ops.where(above, 1.0, y))
    return ops.where(is_bin, y, 0.0)


def _normal(bins: int | list[list[float]], count: int) -> list[list[float]]:
    """The edges as given, or those of standard normal columns."""
    if not isinstance(bins, int):
        return bins
    inner = [NormalDist().inv_cdf(t / bins) for t in range(1, bins)]
    return [[-FAR, *inner, FAR]] * count


def _padded(edges: Sequence[Sequence[float]], bins: int) -> np.ndarray:
    """Edges of one length; further bins have no width."""
    return np.array([[*e, *[e[-1]] * (bins + 1 - len(e))] for e in edges])


def quantiles(data: np.ndarray, bins: int) -> list[list[float]]:
    """The edges of bins of each column: quantiles, equal ones once.

    Args:
        data: `(rows, columns)` finite numbers.
        bins: Integer >= 1. At most so many bins of a column.
    """
    levels = np.linspace(0.0, 1.0, bins + 1)
    edges = np.quantile(data, levels, axis=0).astype(np.float32)
    return [np.unique(column).tolist() for column in edges.T]


def _check_bins(bins: Any) -> int | list[list[float]]:
    if not isinstance(bins, (list, tuple)):
        return checks.size("bins", bins)
    found = [checks.numbers("bins", edges) for edges in bins]
    for edges in found:
        if not edges or any(a >= b for a, b in zip(edges, edges[1:])):
            checks.invalid("bins", "edges that rise", edges)
    if max((len(edges) for edges in found), default=0) < 2:
        checks.invalid("bins", "two edges or more of a column", bins)
    return found
