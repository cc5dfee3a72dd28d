"""Activations that stay between two numbers."""

import math

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import component
from keras_funcs._core.numerics import as_float
from keras_funcs._core.numerics import erfc
from keras_funcs._core.numerics import tanh
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import Tensor


@component()
def penalized_tanh(x: Tensor, slope: float = 0.25) -> Tensor:
    """Tanh that is flatter for negative inputs, as leaky ReLU is.

    Trains deep networks that plain tanh does not, and did best of 21
    activations over eight tasks of language processing, recurrent layers
    included.

    Formula:
    ```python
    f(x) = tanh(x)           for x > 0
    f(x) = slope * tanh(x)   for x <= 0
    ```

    Args:
        x: Tensor of any shape.
        slope: Float, or tensor. The factor of negative values. Defaults to
            `0.25`; 1 is tanh.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        ValueError: for a slope that is not finite.

    Example:

    >>> x = np.array([-100.0, 0.0, 100.0])
    >>> y = keras_funcs.activations.penalized_tanh(x)
    >>> [float(value) for value in y]
    [-0.25, 0.0, 1.0]

    Reference:
        Xu, Huang and Li (2016), arXiv:1602.05980; Eger, Youssef and Gurevych
        (2018), EMNLP, arXiv:1901.02671
    """
    slope = checks.parameter("slope", slope)
    x = as_float(x)
    squashed = tanh(x)
    return ops.where(x > 0, squashed, slope * squashed)


@component()
def isru(x: Tensor, alpha: float = 1.0) -> Tensor:
    """A sigmoid without an exponential: the inverse square root unit.

    Stands in for tanh, with which it shares value and slope at 0, where
    exponentials are dear. Its tails fall off slowly, so it saturates less.

    Formula:
    ```python
    f(x) = x / sqrt(1 + alpha * x**2)
    ```

    Args:
        x: Tensor of any shape.
        alpha: Float > 0, or tensor. Outputs lie within `1 / sqrt(alpha)` of 0.
            Defaults to `1.0`.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        ValueError: for an alpha that is not > 0.

    Example:

    >>> y = keras_funcs.activations.isru(np.array([0.0, 0.75]))
    >>> [round(float(value), 6) for value in y]
    [0.0, 0.6]

    Reference:
        Carlile, Delamarter, Kinney, Marti and Whitney (2017),
        arXiv:1710.09967
    """
    alpha = checks.parameter("alpha", alpha, above=0)
    x = as_float(x)
    # Numerator and denominator are divided by m = max(1, |x|), whose square
    # would overflow; as the quotient does not depend on m, neither does any
    # gradient.
    m = ops.stop_gradient(ops.where(ops.abs(x) > 1, ops.abs(x), 1.0))
    x, inverse = x / m, 1.0 / m
    # x / sqrt(1 + alpha x**2)
    return x * ops.rsqrt(ops.square(inverse) + alpha * ops.square(x))


@component(traits=LayerTraits(unexported=("litert", "onnx of tensorflow")))
def laplace(
    x: Tensor,
    mu: float = 0.7071067811865476,
    sigma: float = 0.28209479177387814,
) -> Tensor:
    """A sigmoid of bounded slope that approximates squared ReLU around 0.

    In attention without softmax (Mega), where squared ReLU makes training
    unstable: with the defaults, values and slopes of both agree at
    `sqrt(0.5)`. Neither LiteRT nor, from TensorFlow, ONNX has its `erfc`, which
    keeps the digits of small values.

    Formula:
    ```python
    f(x) = (1 + erf((x - mu) / (sigma * sqrt(2)))) / 2
    ```

    Args:
        x: Tensor of any shape.
        mu: Float, or tensor. Where the value is 1/2. Defaults to
            `0.7071067811865476`, sqrt(1/2).
        sigma: Float > 0, or tensor. Width of the step. Defaults to
            `0.28209479177387814`, sqrt(1 / (4 pi)).

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        ValueError: for a mu that is not finite or a sigma that is not > 0.

    Example:

    >>> y = keras_funcs.activations.laplace(np.array([0.5]), mu=0.5)
    >>> float(y[0])
    0.5

    Reference:
        Ma et al. (2023), ICLR, arXiv:2209.10655
    """
    mu = checks.parameter("mu", mu)
    sigma = checks.parameter("sigma", sigma, above=0)
    # 1 + erf(z) = erfc(-z), which keeps its digits where erf is close to -1.
    z = (as_float(x) - mu) / (sigma * math.sqrt(2.0))
    return 0.5 * erfc(-z)
