"""Probabilities with exact zeros."""

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import component
from keras_funcs._core.numerics import as_float
from keras_funcs._core.numerics import floored
from keras_funcs._core.numerics import widened
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import Tensor


@component(traits=LayerTraits(normalizes=True))
def entmax15(x: Tensor, axis: int = -1) -> Tensor:
    """Softmax with exact zeros, halfway to sparsemax: 1.5-entmax.

    For attention and outputs in which most entries should have no part at all.
    Unlike sparsemax its slope has no jumps, so it trains as easily as softmax.
    A zero has no logarithm: not under a cross-entropy. It sorts, so over very
    many entries it is several times dearer than softmax.

    Formula:
    ```python
    f(x)_i = max(x_i / 2 - tau, 0)**2,  with tau such that sum(f(x)) = 1
    ```

    Args:
        x: Tensor of scores. -inf, and -1e9 as well, gets probability 0; where
            all are -inf, all are NaN, as with softmax.
        axis: Integer. The axis on which the results sum to 1. Defaults to
            `-1`.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        ValueError: for an axis that is out of range.

    Example:

    >>> y = keras_funcs.activations.entmax15(np.array([-2.0, 0.0, 0.5]))
    >>> [round(float(value), 3) for value in y]
    [0.0, 0.326, 0.674]

    Reference:
        Peters, Niculae and Martins (2019), ACL, arXiv:1905.05702
    """
    x = as_float(x)
    axis = checks.axis_of("axis", axis, len(x.shape))
    z = widened(x)
    # A shift changes no result, hence no gradient either.
    largest = ops.stop_gradient(ops.amax(z, axis=axis, keepdims=True))
    z = 0.5 * (z - largest)
    # tau >= -1 now, or the largest alone would give more than 1. What lies
    # below has no part in the sums, and could overflow them.
    z = ops.where(z > -1.0, z, -ops.ones_like(z))
    # Which entries take part is constant around x: what is differentiated is
    # their tau, in closed form, not the sorting.
    taking_part = z > _threshold(ops.stop_gradient(z), axis)
    tau = _tau(z, ops.cast(taking_part, z.dtype), axis)
    # f(x)_i = max(z_i - tau, 0)**2
    return ops.cast(ops.square(ops.relu(z - tau)), x.dtype)


def _tau(z: Tensor, taking_part: Tensor, axis: int) -> Tensor:
    """Solves `sum((z - tau)**2) = 1` over the entries that take part."""
    count = ops.sum(taking_part, axis=axis, keepdims=True)
    mean = ops.sum(z * taking_part, axis=axis, keepdims=True) / count
    squares = taking_part * ops.square(z - mean)
    spread = ops.sum(squares, axis=axis, keepdims=True)
    return mean - ops.sqrt(floored((1.0 - spread) / count))


def _threshold(z: Tensor, axis: int) -> Tensor:
    """tau, from a search over how many of the largest entries take part."""
    ordered = -ops.sort(-z, axis=axis)
    count = ops.cast(ops.cumsum(ops.ones_like(z), axis=axis), z.dtype)
    mean = ops.cast(ops.cumsum(ordered, axis=axis), z.dtype) / count
    squares = ops.cumsum(ops.square(ordered), axis=axis)
    spread = ops.cast(squares, z.dtype) - count * ops.square(mean)
    # The tau that the k largest alone would have, for each k.
    tau = mean - ops.sqrt(ops.relu(1.0 - spread) / count)
    fits = ops.cast(tau <= ordered, z.dtype)
    number = ops.sum(fits, axis=axis, keepdims=True)
    # Not `==`, which of symbolic tensors is False: they are two objects.
    last = ops.equal(count, number)
    chosen = ops.where(last, tau, ops.zeros_like(tau))
    return ops.sum(chosen, axis=axis, keepdims=True)
