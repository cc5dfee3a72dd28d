"""Trainable activations for networks that solve equations or store signals.

All are infinitely often differentiable: equations of any order can be put on
what a network of them computes.
"""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.formulas import phase
from keras_funcs._core.numerics import sin
from keras_funcs._core.numerics import tanh
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import ActivationLike
from keras_funcs._core.typing import Axes
from keras_funcs._core.typing import InitializerLike
from keras_funcs._core.typing import Tensor
from keras_funcs.layers.activations._adaptive import AdaptiveActivation
from keras_funcs.layers.activations._of_function import OfFunction

MAX_FREQUENCY = 1e6
MAX_TERMS = 100


@component(
    tune={
        "beta_initializer": Range(0.25, 2.0, log=True),
        "axis": Choice(-1, None),
    }
)
class Stan(AdaptiveActivation):
    """Self-scalable tanh: outputs of any size, for physics-informed networks.

    Use it where the solution or its derivatives are far larger than 1, which
    tanh, with its gradient gone, learns last. It grows with the input and is
    not monotone, so it is no drop-in replacement of tanh in recurrent layers.

    Formula:
    ```python
    f(x) = tanh(x) * (1 + beta * x)
    ```

    Args:
        beta_initializer: Float or initializer. Initial `beta`. 0 is tanh.
            Defaults to `1.0`.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`.

    Example:

    >>> y = keras_funcs.layers.Stan()(np.array([[-1.0, 0.0, 2.0]]))
    >>> tuple(y.shape)
    (1, 3)

    Reference:
        Gnanasambandam, Shen, Chung, Yue and Kong (2022), arXiv:2204.12589
    """

    renamed = {
        "beta_regularizer": "coefficient_regularizer",
        "beta_constraint": "coefficient_constraint",
    }

    def __init__(
        self, beta_initializer: InitializerLike = 1.0, **kwargs: Any
    ) -> None:
        self.beta_initializer = checks.initializer(
            "beta_initializer", beta_initializer
        )
        super().__init__(**kwargs)

    def build_coefficients(self) -> None:
        self.beta = self.add_coefficient("beta", self.beta_initializer)

    def activate(self, x: Tensor) -> Tensor:
        # f(x) = tanh(x) (1 + beta x). Beyond 20 tanh is 1 in float64, and the
        # gradient of JAX's tanh an infinity times 0 where the factor is large.
        near = ops.abs(x) < 20.0
        inner = tanh(ops.where(near, x, ops.zeros_like(x)))
        return ops.where(near, inner, ops.sign(x)) * (1.0 + self.beta * x)


@component(
    tune={
        "n": Range(1.0, 10.0, log=True),
        "axis": Choice(None, -1),
    }
)
class Rowdy(OfFunction):
    """An activation with a trained slope and trained sines added to it.

    Use it where `AdaptiveSlope` is too smooth: the sines, which start with
    amplitude 0, give a physics-informed network the high frequencies that it
    would learn last. They also make training rougher: lower the learning rate
    (with `n=10`, the authors take Adam at 4e-6).

    Formula:
    ```python
    f(x) = activation(n * a * x) + sum_k(n * b[k] * sin(k * n * w[k] * x))
    ```
    with k from 1 to `terms`, and `a = w[k] = 1 / n`, `b[k] = 0` at the start.

    Args:
        activation: Name or function. The plain activation, such as `"tanh"` or
            `"swish"`. Defaults to `"tanh"`.
        n: Float > 0. The fixed factor. The authors' 10 makes SGD's steps a
            hundred times as long. Defaults to `1.0`.
        terms: Integer from 1 to 100. How many sines; the authors' are 2 to 9.
            Defaults to `3`.
        axis: Axes with coefficients for each index. Defaults to `None`.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`.

    Example:

    >>> rowdy = keras_funcs.layers.Rowdy(terms=2)
    >>> y = keras.layers.Dense(8, activation=rowdy)(np.ones((2, 3)))

    Reference:
        Jagtap, Shin, Kawaguchi and Karniadakis (2022), Neurocomputing 468,
        arXiv:2105.09513
    """

    def __init__(
        self,
        activation: ActivationLike = "tanh",
        n: float = 1.0,
        terms: int = 3,
        axis: Axes = None,
        **kwargs: Any,
    ) -> None:
        self.n = checks.number("n", n, above=0)
        self.terms = checks.integer(
            "terms", terms, at_least=1, at_most=MAX_TERMS
        )
        super().__init__(activation, axis=axis, **kwargs)

    def build_coefficients(self) -> None:
        self.slope = self.add_coefficient("slope", 1.0 / self.n)
        self.amplitudes = self.add_coefficient(
            "amplitudes", 0.0, count=self.terms
        )
        self.frequencies = self.add_coefficient(
            "frequencies", 1.0 / self.n, count=self.terms
        )

    def activate(self, x: Tensor) -> Tensor:
        # f(x) = g(n a x) + sum_k n b_k sin(k n w_k x)
        y = self._function((self.n * self.slope) * x)
        for k in range(1, self.terms + 1):
            frequency = (k * self.n) * self.frequencies[k - 1]
            y = y + (self.n * self.amplitudes[k - 1]) * sin(phase(frequency, x))
        return y


@component(
    tune={
        "frequency": Range(5.0, 60.0, log=True),
        "trainable_frequency": Choice(False, True),
    }
)
class Sine(AdaptiveActivation):
    """Sine of a high frequency, for networks that store a signal (SIREN).

    Use it in every hidden layer of a network from coordinates to an image, a
    sound, a shape or the solution of an equation, always with the kernels of
    `keras_funcs.initializers.SirenUniform` and the same frequency: with other
    kernels it does not train. It is of no use for classification.

    Formula:
    ```python
    f(x) = sin(frequency * x)
    ```

    Args:
        frequency: Float > 0 and <= 1e6. In radians for each unit of input.
            Defaults to `30.0`.
        trainable_frequency: Boolean. Whether to train it. Defaults to `False`.
        axis: Axes with a frequency for each index. Defaults to `None`.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`.

    Example:

    >>> siren = keras.layers.Dense(
    ...     64,
    ...     activation=keras_funcs.layers.Sine(),
    ...     kernel_initializer=keras_funcs.initializers.SirenUniform(),
    ... )

    Reference:
        Sitzmann, Martel, Bergman, Lindell and Wetzstein (2020), NeurIPS,
        arXiv:2006.09661
    """

    traits = LayerTraits(properties=("odd", "bounded"))

    def __init__(
        self,
        frequency: float = 30.0,
        trainable_frequency: bool = False,
        axis: Axes = None,
        **kwargs: Any,
    ) -> None:
        self.frequency = checks.number(
            "frequency", frequency, above=0, at_most=MAX_FREQUENCY
        )
        self.trainable_frequency = checks.boolean(
            "trainable_frequency", trainable_frequency
        )
        super().__init__(axis=axis, **kwargs)

    def build_coefficients(self) -> None:
        # A weight in both cases: a file of one kind loads into the other.
        self.coefficient = self.add_coefficient(
            "frequency", self.frequency, trainable=self.trainable_frequency
        )

    def activate(self, x: Tensor) -> Tensor:
        # f(x) = sin(w x)
        return sin(phase(self.coefficient, x))
