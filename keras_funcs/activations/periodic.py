"""Activations with a period, for signals that repeat."""

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import formulas
from keras_funcs._core.component import component
from keras_funcs._core.numerics import as_float
from keras_funcs._core.numerics import cos
from keras_funcs._core.numerics import sin
from keras_funcs._core.numerics import widened
from keras_funcs._core.typing import Tensor


@component()
def snake(x: Tensor, frequency: float = 1.0) -> Tensor:
    """Identity plus a periodic term, for signals that repeat.

    For audio and seasonal series, which monotone activations extrapolate as a
    straight line. The frequency should fit the signal:
    `keras_funcs.layers.Snake` trains it.

    Formula:
    ```python
    f(x) = x + sin(frequency * x)**2 / frequency
    ```
    and `f(x) = x` for a frequency of 0.

    Args:
        x: Tensor of any shape.
        frequency: Float, or tensor. In radians for each unit of input.
            Defaults to `1.0`.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        ValueError: for a frequency that is not finite.

    Example:

    >>> y = keras_funcs.activations.snake(np.array([0.0, np.pi]))
    >>> [round(float(value), 4) for value in y]
    [0.0, 3.1416]

    Reference:
        Liu, Hartwig and Ueda (2020), NeurIPS, arXiv:2006.08195
    """
    frequency = checks.parameter("frequency", frequency)
    x = as_float(x)
    return ops.cast(formulas.snake(widened(x), frequency), x.dtype)


@component()
def sine(x: Tensor, frequency: float = 1.0) -> Tensor:
    """Sine, for networks that represent an image, a sound or a field.

    All derivatives of such a network are of the same kind, so it can be fitted
    to gradients and differential equations. The default suits Keras's
    initializers; SIREN's 30 needs `keras_funcs.initializers.SirenUniform`, and
    `keras_funcs.layers.Sine` to be an `activation=`.

    Formula:
    ```python
    f(x) = sin(frequency * x)
    ```

    Args:
        x: Tensor of any shape.
        frequency: Float, or tensor. In radians for each unit of input.
            Defaults to `1.0`.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        ValueError: for a frequency that is not finite.

    Example:

    >>> y = keras_funcs.activations.sine(np.array([0.0, 0.5]), frequency=np.pi)
    >>> [round(float(value), 4) for value in y]
    [0.0, 1.0]

    Reference:
        Sitzmann, Martel, Bergman, Lindell and Wetzstein (2020), NeurIPS,
        arXiv:2006.09661
    """
    frequency = checks.parameter("frequency", frequency)
    x = as_float(x)
    u = formulas.phase(frequency, widened(x))
    return ops.cast(sin(u), x.dtype)


@component()
def gcu(x: Tensor) -> Tensor:
    """Growing cosine unit: a single neuron of it can learn XOR.

    It oscillates and grows without bound, so layers of it need fewer units but
    normalized inputs. Try it in a few layers first, in convolutions rather
    than at the output.

    Formula:
    ```python
    f(x) = x * cos(x)
    ```

    Args:
        x: Tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Example:

    >>> y = keras_funcs.activations.gcu(np.array([0.0, np.pi]))
    >>> [round(float(value), 4) for value in y]
    [0.0, -3.1416]

    Reference:
        Noel, Arunkumar, Trivedi and Dutta (2021), arXiv:2108.12943
    """
    x = as_float(x)
    wide = widened(x)
    return ops.cast(wide * cos(formulas.phase(1.0, wide)), x.dtype)
