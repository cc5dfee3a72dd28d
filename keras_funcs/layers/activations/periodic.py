"""Trainable activations with a period, for signals that repeat.

Monotone activations extrapolate a periodic signal as a straight line; these
carry the period in a coefficient.
"""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.coefficients import EXPONENTIAL
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.formulas import phase
from keras_funcs._core.formulas import snake
from keras_funcs._core.numerics import sin
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import InitializerLike
from keras_funcs._core.typing import Tensor
from keras_funcs.layers.activations._adaptive import AdaptiveActivation


@component(
    tune={
        "frequency_initializer": Range(0.2, 5.0, log=True),
        "axis": Choice(-1, None),
    }
)
class Snake(AdaptiveActivation):
    """Identity plus a trainable periodic term, for signals that repeat.

    Use it for audio, seasonal series and vocoders. It never saturates and its
    slope is never negative, so it also stands in for ReLU in plain networks;
    on a CPU the sine makes it several times as slow.

    Formula:
    ```python
    f(x) = x + sin(a * x)**2 / a
    ```
    and `f(x) = x` at `a = 0`. With `log_scale=True`, `a = exp(b)` with `b`
    trained.

    Args:
        frequency_initializer: Float or initializer. Initial `a`, in radians
            for each unit of input; > 0 with `log_scale=True`. Defaults to
            `1.0`.
        log_scale: Boolean. Whether to train the logarithm of `a`, which keeps
            it positive. Defaults to `False`.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`.

    Example:

    >>> y = keras_funcs.layers.Snake(2.0)(np.ones((1, 3)))
    >>> tuple(y.shape)
    (1, 3)

    Reference:
        Liu, Hartwig and Ueda (2020), NeurIPS, arXiv:2006.08195
    """

    traits = LayerTraits(properties=("monotone",))

    renamed = {
        "frequency": "frequency_initializer",
        "frequency_regularizer": "coefficient_regularizer",
        "frequency_constraint": "coefficient_constraint",
    }

    def __init__(
        self,
        frequency_initializer: InitializerLike = 1.0,
        log_scale: bool = False,
        **kwargs: Any,
    ) -> None:
        self.log_scale = checks.boolean("log_scale", log_scale)
        bounds: dict[str, Any] = {"above": 0.0} if self.log_scale else {}
        self.frequency_initializer = checks.initializer(
            "frequency_initializer", frequency_initializer, **bounds
        )
        super().__init__(**kwargs)

    def build_coefficients(self) -> None:
        self.frequency = self.add_coefficient(
            "frequency",
            self.frequency_initializer,
            inverse=EXPONENTIAL if self.log_scale else None,
        )

    def activate(self, x: Tensor) -> Tensor:
        a = self.frequency
        # f(x) = x + sin(a x)**2 / a
        return snake(x, ops.exp(a) if self.log_scale else a)


@component(
    tune={
        "frequency_initializer": Range(0.2, 5.0, log=True),
        "magnitude_initializer": Range(0.2, 5.0, log=True),
    }
)
class SnakeBeta(AdaptiveActivation):
    """Snake whose amplitude is trained apart from its frequency.

    The activation of the BigVGAN vocoders, whose published weights use the
    logarithmic scale; use it for audio and other signals that repeat. With
    magnitude and frequency equal, it starts as `Snake`.

    Formula:
    ```python
    f(x) = x + sin(a * x)**2 / b
    ```
    With `log_scale=True`, `a` and `b` are exponentials of what is trained.
    Otherwise `b` itself is, and `f` is singular at `b = 0`.

    Args:
        frequency_initializer: Float or initializer. Initial `a`, > 0, in
            radians for each unit of input. Defaults to `1.0`.
        magnitude_initializer: Float or initializer. Initial `b`, > 0; the
            term's height is `1 / b`. Defaults to `1.0`.
        log_scale: Boolean. Whether to train the logarithms, which keeps both
            positive. Defaults to `True`.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`.

    Example:

    >>> y = keras_funcs.layers.SnakeBeta(2.0)(np.ones((1, 3)))
    >>> tuple(y.shape)
    (1, 3)

    Reference:
        Lee, Ping, Ginsburg, Catanzaro and Yoon (2023), ICLR,
        arXiv:2206.04658
    """

    traits = LayerTraits(properties=("monotone",))

    renamed = {
        "frequency": "frequency_initializer",
        "magnitude": "magnitude_initializer",
    }

    def __init__(
        self,
        frequency_initializer: InitializerLike = 1.0,
        magnitude_initializer: InitializerLike = 1.0,
        log_scale: bool = True,
        **kwargs: Any,
    ) -> None:
        self.log_scale = checks.boolean("log_scale", log_scale)
        self.frequency_initializer = checks.initializer(
            "frequency_initializer", frequency_initializer, above=0
        )
        self.magnitude_initializer = checks.initializer(
            "magnitude_initializer", magnitude_initializer, above=0
        )
        super().__init__(**kwargs)

    def build_coefficients(self) -> None:
        inverse = EXPONENTIAL if self.log_scale else None
        self.frequency = self.add_coefficient(
            "frequency", self.frequency_initializer, inverse=inverse
        )
        self.magnitude = self.add_coefficient(
            "magnitude", self.magnitude_initializer, inverse=inverse
        )

    def activate(self, x: Tensor) -> Tensor:
        a, b = self.frequency, self.magnitude
        if self.log_scale:
            u, height = phase(ops.exp(a), x), ops.exp(-b)
        else:
            u, height = phase(a, x), 1.0 / b
        # f(x) = x + sin(a x)**2 / b
        return x + height * ops.square(sin(u))
