"""Shrinkage: what lies between two thresholds becomes 0.

The steps of sparse coding and of denoising. With the default thresholds they
are `keras.activations.hard_shrink` and `soft_shrink`; with others they are the
two-sided functions that TensorFlow Addons had.
"""

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import component
from keras_funcs._core.numerics import as_float
from keras_funcs._core.typing import Tensor


@component()
def hardshrink(x: Tensor, lower: float = -0.5, upper: float = 0.5) -> Tensor:
    """Zeroes what is small and leaves the rest as it is.

    For sparse codes whose large values must not be biased. It jumps at both
    thresholds; `softshrink` is continuous.

    Formula:
    ```python
    f(x) = 0   for lower <= x <= upper
    f(x) = x   otherwise
    ```

    Args:
        x: Tensor of any shape.
        lower: Float. Defaults to `-0.5`.
        upper: Float >= `lower`. Defaults to `0.5`.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        ValueError: for a lower threshold above the upper one.

    Example:

    >>> x = np.array([-2.0, -0.5, 1.0, 3.0])
    >>> y = keras_funcs.activations.hardshrink(x, lower=-1.0, upper=2.0)
    >>> [float(value) for value in y]
    [-2.0, 0.0, 0.0, 3.0]

    Reference:
        Donoho and Johnstone (1994), Biometrika 81(3)
    """
    lower, upper = _thresholds(lower, upper)
    x = as_float(x)
    # This way round NaN stays.
    return ops.where((x >= lower) & (x <= upper), ops.zeros_like(x), x)


@component()
def softshrink(x: Tensor, lower: float = -0.5, upper: float = 0.5) -> Tensor:
    """Zeroes what is small and moves the rest towards 0, without a jump.

    The proximal step of an L1 penalty, for sparse codes and denoising. Large
    values are biased by the threshold; `hardshrink` keeps them.

    Formula:
    ```python
    f(x) = x - lower   for x < lower
    f(x) = 0           for lower <= x <= upper
    f(x) = x - upper   for x > upper
    ```

    Args:
        x: Tensor of any shape.
        lower: Float. Defaults to `-0.5`.
        upper: Float >= `lower`. Defaults to `0.5`.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        ValueError: for a lower threshold above the upper one.

    Example:

    >>> x = np.array([-2.0, -0.5, 1.0, 3.0])
    >>> y = keras_funcs.activations.softshrink(x, lower=-1.0, upper=2.0)
    >>> [float(value) for value in y]
    [-1.0, 0.0, 0.0, 1.0]

    Reference:
        Donoho (1995), IEEE Transactions on Information Theory 41(3)
    """
    lower, upper = _thresholds(lower, upper)
    x = as_float(x)
    return ops.relu(x - upper) - ops.relu(lower - x)


def _thresholds(lower: float, upper: float) -> tuple[float, float]:
    lower = checks.number("lower", lower)
    return lower, checks.number("upper", upper, at_least=lower)
