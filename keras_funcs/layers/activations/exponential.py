"""Trainable activations with an exponential side.

They saturate, or grow, smoothly on one side, which pulls the mean of the
outputs towards zero.
"""

import math
from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.coefficients import softplus_above
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import Axes
from keras_funcs._core.typing import InitializerLike
from keras_funcs._core.typing import Tensor
from keras_funcs.layers.activations._adaptive import AdaptiveActivation


@component(
    tune={
        "alpha_positive_initializer": Range(0.1, 2.0, log=True),
        "alpha_negative_initializer": Range(0.55, 2.0, log=True),
        "beta": Range(0.1, 0.5),  # below the least `alpha_n`
    }
)
class XIELU(AdaptiveActivation):
    """Squared on the right, trained and non-monotone on the left.

    In place of squared ReLU or SwiGLU in language models; used by Apertus.
    Outputs grow with the square of the input: normalize before it.

    Formula:
    ```python
    f(x) = alpha_p * x**2 + beta * x               # x > 0
    f(x) = beta * x                                # epsilon < x <= 0
    f(x) = alpha_n * (expm1(x) - x) + beta * x     # x <= epsilon
    alpha_p = softplus(a_p);  alpha_n = beta + softplus(a_n)
    ```
    with `a_p` and `a_n` trained. The published code clips `x` in `expm1` alone
    at `epsilon`, so that its slope at 0 is `beta - alpha_n`, and not `beta`.

    Args:
        alpha_positive_initializer: Float or initializer. Initial `alpha_p`, >
            0. Defaults to `0.8`.
        alpha_negative_initializer: Float or initializer. Initial `alpha_n`, >
            `beta`. Defaults to `0.8`.
        beta: Float. Slope at 0, fixed. Defaults to `0.5`.
        epsilon: Float <= 0. Where the exponential begins. Defaults to `-1e-6`.
        axis: Axes with coefficients for each index. Defaults to `None`.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`.

    Example:

    >>> y = keras_funcs.layers.XIELU()(np.array([[-1.0, 2.0]]))
    >>> [f"{value:.3f}" for value in keras.ops.convert_to_numpy(y)[0]]
    ['-0.206', '4.200']

    Reference:
        Huang and Schlag (2024), arXiv:2411.13010
    """

    renamed = {
        "alpha_positive": "alpha_positive_initializer",
        "alpha_negative": "alpha_negative_initializer",
    }

    def __init__(
        self,
        alpha_positive_initializer: InitializerLike = 0.8,
        alpha_negative_initializer: InitializerLike = 0.8,
        beta: float = 0.5,
        epsilon: float = -1e-6,
        axis: Axes = None,
        **kwargs: Any,
    ) -> None:
        self.beta = checks.number("beta", beta, at_least=-1e6, at_most=1e6)
        self.alpha_positive_initializer = checks.initializer(
            "alpha_positive_initializer", alpha_positive_initializer, above=0
        )
        self.alpha_negative_initializer = _above(
            self.beta, alpha_negative_initializer
        )
        self.epsilon = checks.number("epsilon", epsilon, at_most=0)
        super().__init__(axis=axis, **kwargs)

    def build_coefficients(self) -> None:
        self.a_positive = self.add_coefficient(
            "alpha_positive", self.alpha_positive_initializer, positive=True
        )
        self.a_negative = self.add_coefficient(
            "alpha_negative",
            self.alpha_negative_initializer,
            inverse=softplus_above(self.beta),
        )

    def activate(self, x: Tensor) -> Tensor:
        alpha_p = ops.softplus(self.a_positive)
        alpha_n = self.beta + ops.softplus(self.a_negative)
        right = x > self.epsilon
        # f(x) = alpha_p x**2 + beta x
        square = alpha_p * ops.square(ops.relu(x))
        # f(x) = alpha_n (expm1(x) - x) + beta x, with ELU for an `expm1` that
        # exporters to ONNX know. On the right the exponential is never taken:
        # if it overflowed, 0 times its gradient would be NaN.
        below = ops.where(right, ops.zeros_like(x), x)
        return square + alpha_n * (ops.elu(below) - below) + self.beta * x


def _above(beta: float, value: Any) -> Any:
    name = "alpha_negative_initializer"
    start = checks.initializer(name, value)
    if isinstance(start, float) and start <= beta:
        expected = f"an initializer or a number above `beta` {beta}"
        checks.invalid(name, expected, start)
    return start


@component(
    tune={
        "alpha_initializer": Range(0.25, 4.0, log=True),
        "beta_initializer": Range(0.25, 4.0, log=True),
    }
)
class PELU(AdaptiveActivation):
    """ELU with trained scale and decay, differentiable at 0 throughout.

    Use it where ELU is the baseline. Both sides share the coefficients, so
    that the slope has no jump; `MPELU` bends the left side alone.

    Formula:
    ```python
    f(x) = (alpha / beta) * x                 # x >= 0
    f(x) = alpha * (exp(x / beta) - 1)        # x < 0
    ```
    with `alpha` and `beta` the softplus of what is trained.

    Args:
        alpha_initializer: Float or initializer. Initial `alpha`, > 0. Defaults
            to `1.0`.
        beta_initializer: Float or initializer. Initial `beta`. Defaults to
            `1.0`, which makes ELU.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`.

    Example:

    >>> y = keras_funcs.layers.PELU(2.0)(np.array([[-1.0, 2.0]]))
    >>> [f"{value:.3f}" for value in keras.ops.convert_to_numpy(y)[0]]
    ['-1.264', '4.000']

    Reference:
        Trottier, Giguere and Chaib-draa (2017), ICMLA, arXiv:1605.09332
    """

    traits = LayerTraits(properties=("monotone", "lipschitz"))

    def __init__(
        self,
        alpha_initializer: InitializerLike = 1.0,
        beta_initializer: InitializerLike = 1.0,
        **kwargs: Any,
    ) -> None:
        self.alpha_initializer = checks.initializer(
            "alpha_initializer", alpha_initializer, above=0
        )
        self.beta_initializer = checks.initializer(
            "beta_initializer", beta_initializer, above=0
        )
        super().__init__(**kwargs)

    def build_coefficients(self) -> None:
        self.alpha = self.add_coefficient(
            "alpha", self.alpha_initializer, positive=True
        )
        self.beta = self.add_coefficient(
            "beta", self.beta_initializer, positive=True
        )

    def activate(self, x: Tensor) -> Tensor:
        alpha = ops.softplus(self.alpha)
        rate = 1.0 / ops.softplus(self.beta)
        # x >= 0: (alpha / beta) x;  x < 0: alpha (exp(x / beta) - 1)
        # ELU is `expm1` here, and known to exporters to ONNX.
        left = ops.elu(rate * -ops.relu(-x))
        # Not by a second ReLU, whose slope at 0 is 0 where this one's is.
        return alpha * ops.where(x >= 0, rate * x, left)


@component(
    tune={
        "alpha_initializer": Range(0.25, 4.0, log=True),
        "beta_initializer": Range(0.25, 4.0, log=True),
    }
)
class MPELU(AdaptiveActivation):
    """Between ReLU, leaky ReLU and ELU: the left side's height and decay.

    Use it in deep image networks in place of ELU or PReLU. Against the rule
    for activations, its authors decay the coefficients, five to ten times as
    strongly as the weights.

    Formula:
    ```python
    f(x) = x                                  # x > 0
    f(x) = alpha * (exp(beta * x) - 1)        # x <= 0
    ```
    with `alpha` and `beta` the softplus of what is trained.

    Args:
        alpha_initializer: Float or initializer. Initial `alpha`, > 0. Defaults
            to `1.0`; the authors also use `0.25`.
        beta_initializer: Float or initializer. Initial `beta`. Defaults to
            `1.0`, which makes ELU.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`.

    Example:

    >>> y = keras_funcs.layers.MPELU(2.0)(np.array([[-1.0, 2.0]]))
    >>> [f"{value:.3f}" for value in keras.ops.convert_to_numpy(y)[0]]
    ['-1.264', '2.000']

    Reference:
        Li, Fan, Li, Wu and Ming (2018), Neurocomputing, arXiv:1606.00305
    """

    traits = LayerTraits(properties=("monotone", "lipschitz"))

    def __init__(
        self,
        alpha_initializer: InitializerLike = 1.0,
        beta_initializer: InitializerLike = 1.0,
        **kwargs: Any,
    ) -> None:
        self.alpha_initializer = checks.initializer(
            "alpha_initializer", alpha_initializer, above=0
        )
        self.beta_initializer = checks.initializer(
            "beta_initializer", beta_initializer, above=0
        )
        super().__init__(**kwargs)

    def build_coefficients(self) -> None:
        self.alpha = self.add_coefficient(
            "alpha", self.alpha_initializer, positive=True
        )
        self.beta = self.add_coefficient(
            "beta", self.beta_initializer, positive=True
        )

    def activate(self, x: Tensor) -> Tensor:
        # x > 0: x;  x <= 0: alpha (exp(beta x) - 1)
        decay = ops.softplus(self.beta) * -ops.relu(-x)
        # ELU is `expm1` here, and known to exporters to ONNX.
        left = ops.softplus(self.alpha) * ops.elu(decay)
        # Not by a second ReLU, whose slope at 0 is 0 where this one's is.
        return ops.where(x >= 0, x, left)


@component(tune={"alpha_initializer": Range(-0.5, 0.5)})
class SoftExponential(AdaptiveActivation):
    """From logarithm through identity to exponential, in one coefficient.

    Lets a small network form sums, products and powers of its inputs; for
    regression on few, scaled features. It starts as the identity, and is no
    activation for deep networks.

    Formula:
    ```python
    f(x) = -log(1 - alpha * (x + alpha)) / alpha      # alpha < 0
    f(x) = x                                          # alpha = 0
    f(x) = (exp(alpha * x) - 1) / alpha + alpha       # alpha > 0
    ```
    Where the slope would exceed `exp(10)`, the tangent goes on in place of
    the curve: the logarithm has no value further left, and the exponential no
    float further right.

    Args:
        alpha_initializer: Float or initializer. Initial `alpha`. Defaults to
            `0.0`, the identity.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`.

    Example:

    >>> y = keras_funcs.layers.SoftExponential(1.0)(np.array([[0.0, 1.0]]))
    >>> [f"{value:.3f}" for value in keras.ops.convert_to_numpy(y)[0]]
    ['1.000', '2.718']

    Reference:
        Godfrey and Gashler (2015), IC3K, arXiv:1602.01321
    """

    traits = LayerTraits(properties=("odd", "monotone", "lipschitz"))

    def __init__(
        self, alpha_initializer: InitializerLike = 0.0, **kwargs: Any
    ) -> None:
        self.alpha_initializer = checks.initializer(
            "alpha_initializer", alpha_initializer
        )
        super().__init__(**kwargs)

    def build_coefficients(self) -> None:
        self.alpha = self.add_coefficient("alpha", self.alpha_initializer)

    def activate(self, x: Tensor) -> Tensor:
        alpha = self.alpha
        # Both written as x g(alpha x) with g(0) = 1, and not as x at
        # alpha = 0, which would leave alpha without a gradient where it
        # starts.
        # alpha > 0: (exp(alpha x) - 1) / alpha + alpha
        growing = x * _exponential_ratio(alpha * x) + alpha
        # alpha <= 0: log(1 + w) / -alpha, w = -alpha (x + alpha)
        shifted = x + alpha
        falling = shifted * _logarithm_ratio(-alpha * shifted)
        return ops.where(alpha > 0, growing, falling)


STEEPEST = 10.0  # logarithm of the largest slope
SERIES = 0.1  # below, ratios lose digits and their derivatives lose more


def _exponential_ratio(t: Tensor) -> Tensor:
    """`(exp(t) - 1) / t`, with a tangent for an exponential beyond 10."""
    one = ops.ones_like(t)
    small, large = ops.abs(t) < SERIES, t > STEEPEST
    safe = ops.where(small, one, t)
    # Not `expm1`, which exporters to ONNX lack: `t` is away from 0 here.
    curve = ops.exp(ops.where(large, one, safe)) - 1.0
    tangent = math.exp(STEEPEST) * (1.0 - STEEPEST + safe) - 1.0
    ratio = ops.where(large, tangent, curve) / safe
    # 1 + t/2! + t**2/3! + ...
    terms = [1.0 / math.factorial(k + 1) for k in range(7)]
    return ops.where(
        small, _horner(terms, ops.where(small, t, ops.zeros_like(t))), ratio
    )


def _logarithm_ratio(t: Tensor) -> Tensor:
    """`log(1 + t) / t`, with a tangent for a logarithm below -10."""
    one = ops.ones_like(t)
    least = math.expm1(-STEEPEST)
    small, low = ops.abs(t) < SERIES, t < least
    safe = ops.where(small, one, t)
    # Nor do they have `log1p`.
    curve = ops.log(1.0 + ops.where(low, one, safe))
    tangent = math.exp(STEEPEST) * (safe - least) - STEEPEST
    ratio = ops.where(low, tangent, curve) / safe
    # 1 - t/2 + t**2/3 - ...
    terms = [(-1.0) ** k / (k + 1) for k in range(9)]
    return ops.where(
        small, _horner(terms, ops.where(small, t, ops.zeros_like(t))), ratio
    )


def _horner(terms: list[float], t: Tensor) -> Tensor:
    value = terms[-1] + ops.zeros_like(t)
    for term in reversed(terms[:-1]):
        value = value * t + term
    return value
