"""Rectifiers: powers of ReLU, and ReLU with its corner rounded off."""

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import formulas
from keras_funcs._core.component import component
from keras_funcs._core.numerics import as_float
from keras_funcs._core.typing import Tensor


@component()
def squared_relu(x: Tensor) -> Tensor:
    """Square of ReLU, for the feed-forward part of transformers.

    As sparse as ReLU, smooth at 0, and better than GELU at equal cost in
    language models. Outputs grow with the square of the input: normalize
    before it, and mind float16, which ends at an input of 255.

    Formula:
    ```python
    f(x) = max(x, 0)**2
    ```

    Args:
        x: Tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Example:

    >>> y = keras_funcs.activations.squared_relu(np.array([-1.0, 0.0, 3.0]))
    >>> [float(value) for value in y]
    [0.0, 0.0, 9.0]

    Reference:
        So et al. (2021), NeurIPS, arXiv:2109.08668
    """
    return ops.square(ops.relu(x))


@component()
def star_relu(
    x: Tensor,
    scale: float = 0.8944271909999159,
    bias: float = -0.4472135954999579,
) -> Tensor:
    """Squared ReLU with the mean and variance of its input.

    For normalized inputs: of a standard normal input, the output has mean 0
    and variance 1. In MetaFormer networks it does as well as GELU at a fraction
    of the cost. `keras_funcs.layers.StarReLU` trains `scale` and `bias`.

    Formula:
    ```python
    f(x) = scale * max(x, 0)**2 + bias
    ```

    Args:
        x: Tensor of any shape.
        scale: Float, or tensor. Defaults to `0.8944271909999159`,
            1 / sqrt(1.25).
        bias: Float, or tensor. Defaults to `-0.4472135954999579`,
            -0.5 / sqrt(1.25).

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        ValueError: for a scale or bias that is not finite.

    Example:

    >>> x = np.array([-1.0, 0.0, 3.0])
    >>> y = keras_funcs.activations.star_relu(x, scale=1.0, bias=0.0)
    >>> [float(value) for value in y]
    [0.0, 0.0, 9.0]

    Reference:
        Yu et al. (2024), TPAMI, arXiv:2210.13452
    """
    scale = checks.parameter("scale", scale)
    bias = checks.parameter("bias", bias)
    return formulas.star_relu(as_float(x), scale, bias)


@component()
def smelu(x: Tensor, beta: float = 1.0) -> Tensor:
    """ReLU with a parabola in place of its corner.

    Networks that are trained twice agree more in their predictions than with
    ReLU, at about the same accuracy and cost; wider parabolas agree more. With
    the default it is `keras.activations.sparse_plus`.

    Formula:
    ```python
    f(x) = 0                            for x <= -beta
    f(x) = (x + beta)**2 / (4 * beta)   for -beta < x < beta
    f(x) = x                            for x >= beta
    ```

    Args:
        x: Tensor of any shape.
        beta: Float > 0, or tensor. Half of the parabola's width. Defaults to
            `1.0`.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        ValueError: for a beta that is not > 0.

    Example:

    >>> y = keras_funcs.activations.smelu(np.array([-1.0, 0.0, 3.0]))
    >>> [float(value) for value in y]
    [0.0, 0.25, 3.0]

    Reference:
        Shamir, Lin and Coviello (2020), arXiv:2010.09931
    """
    beta = checks.parameter("beta", beta, above=0)
    x = as_float(x)
    near = ops.abs(x) < beta
    # Replaced before it is squared: an infinity that `where` leaves out would
    # still make the gradient NaN.
    bent = ops.square(ops.where(near, x, ops.zeros_like(x)) + beta)
    # (x + beta)**2 / (4 beta)
    return ops.where(near, bent / (4.0 * beta), ops.relu(x))


@component()
def hard_mish(x: Tensor) -> Tensor:
    """Mish and SiLU by pieces: a parabola between two straight lines.

    For small devices, where neither exponential nor tanh is cheap. Its minimum
    is -0.5 at -1; smooth Mish is better where cost does not matter.

    Formula:
    ```python
    f(x) = x / 2 * min(2, max(0, x + 2))
    ```

    Args:
        x: Tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Example:

    >>> y = keras_funcs.activations.hard_mish(np.array([-3.0, -1.0, 4.0]))
    >>> [float(value) for value in y]
    [0.0, -0.5, 4.0]

    Reference:
        Misra (2020), BMVC, arXiv:1908.08681 (Mish); the pieces are from the
        author's notes.
    """
    x = as_float(x)
    # x / 2 * (x + 2) on (-2, 0)
    bent = ops.where((x > -2.0) & (x < 0.0), x, ops.zeros_like(x))
    # Not by a ReLU, whose slope at 0 is 0 where this one's is 1.
    right = ops.where(x >= 0.0, x, ops.zeros_like(x))
    return right + 0.5 * bent * (bent + 2.0)
