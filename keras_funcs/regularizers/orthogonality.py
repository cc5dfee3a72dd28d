"""Penalties on the singular values of weights: all near 1, or none large.

Weights of any rank are read as a matrix with a group of weights in every
column; what lies inside a group is said by `axis`, as in `GroupLasso`.
"""

import math
from collections.abc import Sequence

import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import norm
from keras_funcs._core.traits import RegularizerTraits
from keras_funcs._core.typing import Tensor
from keras_funcs.regularizers import _base

MAX_ITERATIONS = 100  # each is a part of the compiled program


@component(tune={"factor": Range(1e-6, 1e-2, log=True)})
class SoftOrthogonality(_base.Penalty):
    """Filters of length 1 at right angles, as far as there is room for them.

    Keeps signals and gradients at their size through many layers, and filters
    from doing the same work twice. Keras's `OrthogonalRegularizer` is for
    matrices only, leaves lengths free and takes absolute values. Turn weight
    decay off where this is on, and let the factor fall late in training.

    Formula:
    ```python
    penalty = factor * sum((W.T @ W - I) ** 2)  # W: (inside, outside)
    ```
    and with `W @ W.T` where that is the smaller matrix, which differs by a
    constant only.

    Args:
        factor: Float >= 0. Strength. Defaults to `0.01`.
        axis: Integer, list of integers, or None. The axes inside a column of
            W. None is all but the last: a column feeds one unit or filter. For
            an embedding `(vocabulary, dimension)` it is `-1`; for a depthwise
            convolution `(h, w, in, multiplier)`, `[0, 1]`. Defaults to `None`.

    Inputs:
        x: Weights of any rank >= 1; those of rank 1 are one row.

    Raises:
        ValueError: for a factor that is negative, and at the first call for an
            axis out of range.

    Example:

    >>> penalty = keras_funcs.regularizers.SoftOrthogonality(factor=1.0)
    >>> float(penalty(np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]])))
    9.0

    Reference:
        Bansal, Chen and Wang (2018), NeurIPS, arXiv:1810.09102; Brock et al.
        (2017), ICLR, arXiv:1609.07093
    """

    def __init__(
        self,
        factor: float = 0.01,
        axis: int | Sequence[int] | None = None,
    ) -> None:
        self.factor = checks.number("factor", factor, at_least=0)
        self.axis = _base.check_axis(axis)

    def measure(self, x: Tensor) -> Tensor:
        # |W^T W - I|_F^2
        defect = _base.gram_defect(_base.as_matrix(x, self.axis))
        return ops.sum(ops.square(defect))


@component(tune={"factor": Range(1e-6, 1e-2, log=True)})
class DoubleSoftOrthogonality(_base.Penalty):
    """Rows and columns of length 1 at right angles, as published.

    For results that are to be compared with the paper's. Its two terms differ
    by a constant, whatever the weights: training with it is training with
    `SoftOrthogonality` at twice the factor, which is what to use otherwise.

    Formula:
    ```python
    penalty = factor * (sum((W.T @ W - I) ** 2) + sum((W @ W.T - I) ** 2))
    ```

    Args:
        factor: Float >= 0. Strength. Defaults to `0.01`.
        axis: Integer, list of integers, or None. The axes inside a column of
            W. None is all but the last: a column feeds one unit or filter. For
            an embedding `(vocabulary, dimension)` it is `-1`; for a depthwise
            convolution `(h, w, in, multiplier)`, `[0, 1]`. Defaults to `None`.

    Inputs:
        x: Weights of any rank >= 1; those of rank 1 are one row.

    Raises:
        ValueError: for a factor that is negative, and at the first call for an
            axis out of range.

    Example:

    >>> penalty = keras_funcs.regularizers.DoubleSoftOrthogonality(factor=1.0)
    >>> float(penalty(np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]])))
    19.0

    Reference:
        Bansal, Chen and Wang (2018), NeurIPS, arXiv:1810.09102
    """

    def __init__(
        self,
        factor: float = 0.01,
        axis: int | Sequence[int] | None = None,
    ) -> None:
        self.factor = checks.number("factor", factor, at_least=0)
        self.axis = _base.check_axis(axis)

    def measure(self, x: Tensor) -> Tensor:
        matrix = _base.as_matrix(x, self.axis)
        rows, columns = matrix.shape
        # |W^T W|_F and the trace are the same for W^T: the larger Gram matrix
        # of the two adds 1 for every row or column more than the smaller one.
        smaller = ops.sum(ops.square(_base.gram_defect(matrix)))
        return 2.0 * smaller + abs(rows - columns)


@component(tune={"factor": Range(1e-4, 1.0, log=True)})
class SRIP(_base.Penalty):
    """Moves the one singular value whose square is farthest from 1.

    Spectral restricted isometry: the mildest of the orthogonality penalties,
    as it moves one direction at a time, and the best in its authors'
    comparison. The value comes from a power iteration of a fixed start, so it
    is a lower bound: on random kernels of 64 x 32 at least 0.84 of the value
    at 8 steps, 0.95 to 0.99 as a rule. More `iterations` for more digits.

    Formula:
    ```python
    penalty = factor * norm2(W.T @ W - I)  # largest absolute eigenvalue
    ```
    and with `W @ W.T` where that is the smaller matrix.

    Args:
        factor: Float >= 0. Strength; the authors begin with 0.1 and let it
            fall. Defaults to `0.01`.
        iterations: Integer >= 1. Steps of the power iteration. Defaults to
            `8`.
        axis: Integer, list of integers, or None. The axes inside a column of
            W. None is all but the last: a column feeds one unit or filter. For
            an embedding `(vocabulary, dimension)` it is `-1`; for a depthwise
            convolution `(h, w, in, multiplier)`, `[0, 1]`. Defaults to `None`.

    Inputs:
        x: Weights of any rank >= 1; those of rank 1 are one row.

    Raises:
        ValueError: for a factor that is negative, less than one iteration, and
            at the first call for an axis out of range.

    Example:

    >>> penalty = keras_funcs.regularizers.SRIP(factor=1.0)
    >>> round(float(penalty(np.array([[2.0, 0.0], [0.0, 1.0]]))), 4)
    3.0

    Reference:
        Bansal, Chen and Wang (2018), NeurIPS, arXiv:1810.09102
    """

    def __init__(
        self,
        factor: float = 0.01,
        iterations: int = 8,
        axis: int | Sequence[int] | None = None,
    ) -> None:
        self.factor = checks.number("factor", factor, at_least=0)
        self.iterations = checks.integer(
            "iterations", iterations, at_least=1, at_most=MAX_ITERATIONS
        )
        self.axis = _base.check_axis(axis)

    def measure(self, x: Tensor) -> Tensor:
        # sigma_max(W^T W - I): v = M u, u = v / |v|, ..., |M u|
        defect = _base.gram_defect(_base.as_matrix(x, self.axis))
        u = _start(defect)
        for _ in range(self.iterations):
            u = _normalized(defect @ u)
        return norm(defect @ u)


@component(tune={"factor": Range(1e-4, 1e-1, log=True)})
class SpectralNormPenalty(_base.Penalty):
    """Half the square of the largest singular value: a smoother function.

    Bounds how far a small change of the input can move the output, without
    shrinking the directions that carry little. For a bound that holds rather
    than a pull towards one, use Keras's `SpectralNormalization`. The value
    comes from a power iteration of a fixed start, so it is a lower bound: on
    random kernels of 64 x 32 at least 0.85 of the value at 8 steps, 0.96 as a
    rule.

    Formula:
    ```python
    penalty = factor / 2 * norm2(W) ** 2
    ```

    Args:
        factor: Float >= 0. Strength. Defaults to `0.01`.
        iterations: Integer >= 1. Steps of the power iteration. Defaults to
            `8`.
        axis: Integer, list of integers, or None. The axes inside a column of
            W. None is all but the last: a column feeds one unit or filter. For
            an embedding `(vocabulary, dimension)` it is `-1`; for a depthwise
            convolution `(h, w, in, multiplier)`, `[0, 1]`. Defaults to `None`.

    Inputs:
        x: Weights of any rank >= 1; those of rank 1 are one row.

    Raises:
        ValueError: for a factor that is negative, less than one iteration, and
            at the first call for an axis out of range.

    Example:

    >>> penalty = keras_funcs.regularizers.SpectralNormPenalty(factor=1.0)
    >>> round(float(penalty(np.array([[4.0, 0.0], [0.0, 1.0]]))), 4)
    8.0

    Reference:
        Yoshida and Miyato (2017), arXiv:1705.10941
    """

    def __init__(
        self,
        factor: float = 0.01,
        iterations: int = 8,
        axis: int | Sequence[int] | None = None,
    ) -> None:
        self.factor = checks.number("factor", factor, at_least=0)
        self.iterations = checks.integer(
            "iterations", iterations, at_least=1, at_most=MAX_ITERATIONS
        )
        self.axis = _base.check_axis(axis)

    def measure(self, x: Tensor) -> Tensor:
        # sigma_max(W)^2 / 2: v = W u, u = W^T v / |W^T v|, ..., |W u|^2 / 2
        matrix = _base.as_matrix(x, self.axis)
        u = _start(ops.transpose(matrix))
        for _ in range(self.iterations):
            v = _normalized(matrix @ u)
            u = _normalized(ops.transpose(matrix) @ v)
        return 0.5 * ops.sum(ops.square(matrix @ u))


@component(tune={"factor": Range(1e-6, 1e-2, log=True)})
class OrthogonalConvolution(_base.Penalty):
    """A convolution that is orthogonal as a map of images, not as a matrix.

    The kernel's filters are to be orthogonal to their own shifted copies as
    well, which `SoftOrthogonality` of the flattened kernel does not ask for.
    For the regular kernels of convolutions `(k..., in, out)`; costs one
    convolution of the kernel with itself. For 1 x 1 kernels and `Dense` layers
    it is `SoftOrthogonality`.

    Formula:
    ```python
    # conv: zero-padded by (k - 1) // s * s, of stride s
    surplus = max(0, out - in * prod(min(s, k)))  # over the spatial axes
    penalty = factor * (sum((conv(W, W, s) - delta) ** 2) - surplus)
    ```
    with delta the identity at the shift 0.

    Args:
        factor: Float >= 0. Strength. Defaults to `0.01`.
        strides: Integer >= 1. The convolution's stride, alike on all axes.
            Defaults to `1`.

    Inputs:
        x: Weights of any rank from 1 to 5, the last two axes of which are
            inputs and outputs; those of rank 1 are one row.

    Raises:
        ValueError: for a factor that is negative or strides < 1, and at the
            first call for a rank over 5.

    Example:

    >>> penalty = keras_funcs.regularizers.OrthogonalConvolution(factor=1.0)
    >>> shift = np.zeros((3, 3, 1, 1))
    >>> shift[0, 1] = 1.0
    >>> float(penalty(shift))
    0.0

    Reference:
        Wang, Chen, Chakraborty and Yu (2020), CVPR, arXiv:1911.12207; Achour,
        Malgouyres and Mamalet (2022), JMLR 23, arXiv:2108.05623
    """

    traits = RegularizerTraits(kernels="convolutions")

    def __init__(self, factor: float = 0.01, strides: int = 1) -> None:
        self.factor = checks.number("factor", factor, at_least=0)
        self.strides = checks.integer("strides", strides, at_least=1)

    def measure(self, x: Tensor) -> Tensor:
        if len(x.shape) == 1:
            x = ops.expand_dims(x, 0)
        if len(x.shape) == 2:
            x = ops.expand_dims(x, 0)
        if len(x.shape) > 5:
            raise ValueError(
                "OrthogonalConvolution takes kernels `(k..., in, out)` of at "
                "most 3 spatial axes. Expected weights of rank 1 to 5. "
                f"Received: x.shape={tuple(x.shape)}"
            )
        *sizes, inputs, outputs = x.shape
        images = ops.transpose(x, [-1 % len(x.shape), *range(len(x.shape) - 1)])
        # Shifts by whole strides, as far as a filter meets its own copy.
        reach = [(k - 1) // self.strides * self.strides for k in sizes]
        images = ops.pad(images, [(0, 0), *((r, r) for r in reach), (0, 0)])
        found = ops.conv(
            images, x, strides=self.strides, data_format="channels_last"
        )
        delta = np.zeros(found.shape)
        middle = tuple(r // self.strides for r in reach)
        delta[(slice(None), *middle)] = np.eye(outputs)
        # |conv(W, W) - I|_F^2, less what no kernel of this shape can avoid
        places = math.prod(min(self.strides, k) for k in sizes)
        surplus = max(0, outputs - inputs * places)
        delta = ops.convert_to_tensor(delta, dtype=x.dtype)
        return ops.sum(ops.square(found - delta)) - surplus


def _start(matrix: Tensor) -> Tensor:
    """A unit vector for a power iteration over the rows of a matrix.

    Always the same, so that nothing has to be kept between steps; at no right
    angle to anything that symmetry or a mean of zero would make special.
    """
    size = matrix.shape[0]
    draw = np.random.default_rng(0).normal(size=(size, 1))
    draw /= math.sqrt(float(np.sum(draw**2)))
    return ops.convert_to_tensor(draw, dtype=matrix.dtype)


def _normalized(vector: Tensor) -> Tensor:
    """A vector of length 1, or 0 where there is nothing to normalize."""
    length = norm(vector)
    return vector / ops.where(length > 0, length, 1.0)
