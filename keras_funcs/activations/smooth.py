"""Smooth rectifiers: `x` times a gate that opens from 0 to 1.

All are close to SiLU, GELU and Mish, and differ in how deep the dip left of 0
is and how soon they are straight right of it.
"""

from keras import ops

from keras_funcs._core.component import component
from keras_funcs._core.numerics import as_float
from keras_funcs._core.numerics import tanh
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import Tensor


@component()
def quick_gelu(x: Tensor) -> Tensor:
    """GELU as a SiLU of another slope: what CLIP and its kin were trained with.

    Use it to run such checkpoints; exact GELU differs by up to 0.02, which
    changes their outputs. For new models take `keras.activations.gelu`.

    Formula:
    ```python
    f(x) = x * sigmoid(1.702 * x)
    ```

    Args:
        x: Tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Example:

    >>> y = keras_funcs.activations.quick_gelu(np.array([-1.0, 0.0, 3.0]))
    >>> tuple(y.shape)
    (3,)

    Reference:
        Hendrycks and Gimpel (2016), arXiv:1606.08415
    """
    x = as_float(x)
    return x * ops.sigmoid(1.702 * x)


@component()
def telu(x: Tensor) -> Tensor:
    """Straight right of 0 like ReLU, smooth like Mish; also called TanhExp.

    It is closer to the identity for active units than GELU or SiLU, so deep
    networks converge a little faster, and is as fast to try as they are. Not
    for outputs that must stay positive: it dips to -0.35.

    Formula:
    ```python
    f(x) = x * tanh(exp(x))
    ```

    Args:
        x: Tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Example:

    >>> y = keras_funcs.activations.telu(np.array([-100.0, 0.0, 100.0]))
    >>> abs(float(y[0])) < 1e-6, float(y[2])
    (True, 100.0)

    Reference:
        Fernandez and Mali (2024), arXiv:2412.20269; Liu and Di (2020),
        arXiv:2003.09855
    """
    x = as_float(x)
    # tanh(u) = (1 - exp(-2 u)) / (1 + exp(-2 u)), whose second derivative keeps
    # its digits where tanh is 1 but for rounding.
    # ELU is `expm1` of negative numbers, and known to exporters to ONNX.
    m = ops.elu(-2.0 * ops.exp(_within(x, -800.0, 3.0)))
    return x * (-m / (2.0 + m))


@component(traits=LayerTraits(unexported=("litert", "tf_saved_model of jax")))
def serf(x: Tensor) -> Tensor:
    """Mish with the error function in place of tanh.

    In its authors' hands ahead of Mish, GELU and ReLU on images and text at a
    slightly higher cost; try it where Mish works. LiteRT runs its `erf` only
    with the "Select TensorFlow operators" linked in, and TensorFlow 2.21 cannot
    read that of JAX 0.10.

    Formula:
    ```python
    f(x) = x * erf(softplus(x))
    ```

    Args:
        x: Tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Example:

    >>> y = keras_funcs.activations.serf(np.array([-1.0, 0.0, 3.0]))
    >>> tuple(y.shape)
    (3,)

    Reference:
        Nag, Bhattacharyya, Mukherjee and Kundu (2023), WACV,
        arXiv:2108.09598
    """
    x = as_float(x)
    return x * ops.erf(ops.softplus(_within(x, -800.0, 7.0)))


@component(traits=LayerTraits(unexported=("onnx of tensorflow",)))
def phish(x: Tensor) -> Tensor:
    """A smooth rectifier that is never negative: Mish's tanh around GELU.

    For image classifiers in which Mish or SiLU works. Its slope is 0 at 0, with
    a small bump left of it, so it suits networks that normalize before it.
    TensorFlow exports Keras's exact GELU to ONNX by an operation, `Erfc`, that
    ONNX lacks; Torch does not.

    Formula:
    ```python
    f(x) = x * tanh(gelu(x))
    ```

    Args:
        x: Tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Example:

    >>> y = keras_funcs.activations.phish(np.array([-1.0, 0.0, 3.0]))
    >>> tuple(y.shape)
    (3,)

    Reference:
        Naveen (2022), TechRxiv
    """
    x = as_float(x)
    # Exact GELU: the approximation's cube overflows float16.
    inner = _within(x, -40.0, 20.0)
    return x * tanh(ops.gelu(inner, approximate=False))


@component()
def logish(x: Tensor) -> Tensor:
    """A gate by the logarithm of one plus the sigmoid.

    A smooth rectifier with slope log(2), not 1, for large inputs; use it in
    networks with normalization, which makes up for that. In its authors' hands
    ahead of SiLU and Mish on images.

    Formula:
    ```python
    f(x) = x * log(1 + sigmoid(x))
    ```

    Args:
        x: Tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Example:

    >>> y = keras_funcs.activations.logish(np.array([-1.0, 0.0, 3.0]))
    >>> tuple(y.shape)
    (3,)

    Reference:
        Zhu et al. (2021), Neurocomputing 458
    """
    x = as_float(x)
    # log1p(sigmoid(x)), by functions that exporters to ONNX know
    return x * ops.softplus(ops.log_sigmoid(x))


@component()
def smish(x: Tensor) -> Tensor:
    """The tanh of Logish's gate, for small image networks.

    A smooth rectifier with slope 0.6 for large inputs and a shallow dip; use
    it in networks with normalization, which makes up for the slope.

    Formula:
    ```python
    f(x) = x * tanh(log(1 + sigmoid(x)))
    ```

    Args:
        x: Tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Example:

    >>> y = keras_funcs.activations.smish(np.array([-1.0, 0.0, 3.0]))
    >>> tuple(y.shape)
    (3,)

    Reference:
        Wang, Ren and Wang (2022), Electronics 11(4)
    """
    x = as_float(x)
    inner = _within(x, -800.0, 40.0)
    # tanh(log(1 + s)) = ((1 + s)^2 - 1) / ((1 + s)^2 + 1)
    s = ops.sigmoid(inner)
    square = s * (2.0 + s)
    return x * (square / (2.0 + square))


@component()
def lisht(x: Tensor) -> Tensor:
    """Even and never negative: both signs of an input count alike.

    Use it where large inputs of either sign are evidence of the same thing, as
    in edge detectors. Not as a drop-in for ReLU in deep networks: it forgets
    the sign.

    Formula:
    ```python
    f(x) = x * tanh(x)
    ```

    Args:
        x: Tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Example:

    >>> y = keras_funcs.activations.lisht(np.array([-3.0, 0.0, 3.0]))
    >>> bool(y[0] == y[2])
    True

    Reference:
        Roy, Manna, Dubey and Chaudhuri (2023), CVIP, arXiv:1901.05894
    """
    x = as_float(x)
    return x * tanh(_within(x, -20.0, 20.0))


def _within(x: Tensor, lower: float, upper: float) -> Tensor:
    """`x` between bounds beyond which its gate is constant even in float64.

    In a gradient, `x` times one factor of the gate's slope can overflow before
    it meets the factor that is 0, and give NaN; a bounded argument cuts it off.
    """
    x = ops.where(x > lower, x, lower * ops.ones_like(x))
    return ops.where(x < upper, x, upper * ops.ones_like(x))
