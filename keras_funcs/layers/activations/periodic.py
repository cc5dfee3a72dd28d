"""Trainable activations with a period, for signals that repeat.

Monotone activations extrapolate a periodic signal as a straight line; these
carry the period in a coefficient.
"""

import math
from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.formulas import phase
from keras_funcs._core.formulas import snake
from keras_funcs._core.numerics import sin
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import ConstraintLike
from keras_funcs._core.typing import RegularizerLike
from keras_funcs._core.typing import Tensor
from keras_funcs.layers.activations._adaptive import AdaptiveActivation


@component(
    tune={
        "frequency": Range(0.2, 5.0, log=True),
        "granularity": Choice("channel", "layer"),
    }
)
class Snake(AdaptiveActivation):
    """Identity plus a trainable periodic term, for signals that repeat.

    Use it for audio, seasonal series and vocoders. It never saturates and its
    slope is never negative, so it also stands in for ReLU in plain networks;
    on a CPU the sine makes it several times dearer.

    Formula:
    ```python
    f(x) = x + sin(a * x)**2 / a
    ```
    and `f(x) = x` at `a = 0`. With `log_scale=True`, `a = exp(b)` with `b`
    trained.

    Args:
        frequency: Float, > 0 with `log_scale=True`. Initial `a`, in radians
            for each unit of input. Defaults to `1.0`.
        log_scale: Boolean. Whether to train the logarithm of `a`, which keeps
            it positive. Defaults to `False`.
        frequency_regularizer: Regularizer of the trained variable. Defaults
            to `None`.
        frequency_constraint: Constraint of the trained variable. Defaults to
            `None`.
        **kwargs: `axis`, `granularity`, `shared_axes`: see
            `keras_funcs.layers.AdaptiveActivation`.

    Input shape:
        Any, with the batch on axis 0.

    Output shape:
        The input's.

    Raises:
        ValueError: for a frequency that is not finite, or not > 0 with
            `log_scale=True`; for an axis that is out of range or of unknown
            size.

    Example:

    >>> y = keras_funcs.layers.Snake(frequency=2.0)(np.ones((1, 3)))
    >>> tuple(y.shape)
    (1, 3)

    Reference:
        Liu, Hartwig and Ueda (2020), NeurIPS, arXiv:2006.08195
    """

    traits = LayerTraits(properties=("monotone",))

    def __init__(
        self,
        frequency: float = 1.0,
        log_scale: bool = False,
        frequency_regularizer: RegularizerLike = None,
        frequency_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        self.log_scale = checks.boolean("log_scale", log_scale)
        lower: dict[str, Any] = {"above": 0.0} if self.log_scale else {}
        self.frequency = checks.number("frequency", frequency, **lower)
        self.frequency_regularizer = checks.regularizer(
            "frequency_regularizer", frequency_regularizer
        )
        self.frequency_constraint = checks.constraint(
            "frequency_constraint", frequency_constraint
        )
        super().__init__(**kwargs)

    def build_coefficients(self) -> None:
        start = math.log(self.frequency) if self.log_scale else self.frequency
        self.coefficient = self.add_coefficient(
            "frequency",
            start,
            self.frequency_regularizer,
            self.frequency_constraint,
        )

    def activate(self, x: Tensor) -> Tensor:
        a = self.coefficient
        # f(x) = x + sin(a x)**2 / a
        return snake(x, ops.exp(a) if self.log_scale else a)


@component(
    tune={
        "frequency": Range(0.2, 5.0, log=True),
        "magnitude": Range(0.2, 5.0, log=True),
    }
)
class SnakeBeta(AdaptiveActivation):
    """Snake whose amplitude is trained apart from its frequency.

    The activation of the BigVGAN vocoders, whose published weights use the
    logarithmic scale; use it for audio and other signals that repeat. With
    `magnitude` equal to `frequency` it starts as `Snake`.

    Formula:
    ```python
    f(x) = x + sin(a * x)**2 / b
    ```
    With `log_scale=True`, `a` and `b` are exponentials of what is trained.
    Otherwise `b` itself is, and `f` is singular at `b = 0`.

    Args:
        frequency: Float > 0. Initial `a`, in radians for each unit of input.
            Defaults to `1.0`.
        magnitude: Float > 0. Initial `b`; the term's height is `1 / b`.
            Defaults to `1.0`.
        log_scale: Boolean. Whether to train the logarithms, which keeps both
            positive. Defaults to `True`.
        **kwargs: `axis`, `granularity`, `shared_axes`: see
            `keras_funcs.layers.AdaptiveActivation`.

    Input shape:
        Any, with the batch on axis 0.

    Output shape:
        The input's.

    Raises:
        ValueError: for a frequency or magnitude that is not finite and > 0;
            for an axis that is out of range or of unknown size.

    Example:

    >>> y = keras_funcs.layers.SnakeBeta(frequency=2.0)(np.ones((1, 3)))
    >>> tuple(y.shape)
    (1, 3)

    Reference:
        Lee, Ping, Ginsburg, Catanzaro and Yoon (2023), ICLR,
        arXiv:2206.04658
    """

    traits = LayerTraits(properties=("monotone",))

    def __init__(
        self,
        frequency: float = 1.0,
        magnitude: float = 1.0,
        log_scale: bool = True,
        **kwargs: Any,
    ) -> None:
        self.log_scale = checks.boolean("log_scale", log_scale)
        self.frequency = checks.number("frequency", frequency, above=0)
        self.magnitude = checks.number("magnitude", magnitude, above=0)
        super().__init__(**kwargs)

    def build_coefficients(self) -> None:
        a, b = self.frequency, self.magnitude
        if self.log_scale:
            a, b = math.log(a), math.log(b)
        self.trained_frequency = self.add_coefficient("frequency", a)
        self.trained_magnitude = self.add_coefficient("magnitude", b)

    def activate(self, x: Tensor) -> Tensor:
        a, b = self.trained_frequency, self.trained_magnitude
        if self.log_scale:
            u, height = phase(ops.exp(a), x), ops.exp(-b)
        else:
            u, height = phase(a, x), 1.0 / b
        # f(x) = x + sin(a x)**2 / b
        return x + height * ops.square(sin(u))
