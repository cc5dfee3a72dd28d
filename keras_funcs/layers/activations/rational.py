"""Trainable rational functions: a polynomial over a positive polynomial."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Choice
from keras_funcs._core.component import component
from keras_funcs._core.typing import Axes
from keras_funcs._core.typing import Config
from keras_funcs._core.typing import Tensor
from keras_funcs.layers.activations import _rational_form as form
from keras_funcs.layers.activations import _rational_start as start
from keras_funcs.layers.activations._adaptive import AdaptiveActivation
from keras_funcs.layers.activations._rational_fit import UNIT

_EXPLORED = {
    "approximate": Choice("gelu", "relu", "silu", "tanh"),
    "version": Choice("A", "B"),
}


def _keep_axis_of_groups(granularity: str, config: Config) -> None:
    if granularity == "layer" and config.get("groups", 1) == 1:
        config.update(axis=None, shared_axes=None)


@component(tune=_EXPLORED)
class Rational(AdaptiveActivation):
    """Activation whose shape is learned, as a quotient of polynomials.

    It starts as the function that it approximates. Slower than fixed
    activations; small networks gain most. `fit_error` is the largest distance
    on `[-bound, bound]` at the start (relu 0.043, gelu 0.0067).

    Formula:
    ```python
    f(x) = P(x) / Q(x)  # for abs(x) <= bound
    f(x) = f(end) + slope * (x - end)  # beyond the nearer end
    P(x) = sum(a[i] * x**i for i in range(m + 1))
    Q(x) = 1 + sum(abs(b[j] * x**j) for j in range(1, n + 1))    # version A
    Q(x) = 1 + abs(sum(b[j] * x**j for j in range(1, n + 1)))    # version B
    ```
    with the slopes of the approximated function at both infinities.

    Args:
        approximate: Name of an activation, function to fit, or dict of lists
            `"numerator"`, `"denominator"` and `"slopes"` (left, right). Gelu,
            leaky_relu, relu, sigmoid, silu and tanh are tabulated. Defaults to
            `"gelu"`.
        degrees: List of two integers from 1 to 8. Defaults to `(5, 4)`.
        version: `"A"` or `"B"`, of the denominator. Defaults to `"A"`.
        groups: Integer >= 1. Groups of neighbours with one rational each on
            `axis`, or on the last axis if `axis=None`. Defaults to `1`.
        bound: Float in [1e-6, 1e6]. Both ends. Defaults to `10.0`.
        outside: `"linear"`, or `"free"` for the published rational; beyond
            900 times `bound` it is its leading power. Defaults to `"linear"`.
        axis: Integer or None, one rational for the layer. Defaults to `None`.
        shared_numerator: Boolean. One `P`, as in KAT. Defaults to `False`.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`.

    Raises:
        ValueError: If an argument is invalid or groups do not divide an axis.

    Example:

    >>> keras_funcs.layers.Rational(np.sin, bound=3.0).fit_error < 0.01
    True

    Reference:
        Molina et al. (2020), ICLR, arXiv:1907.06732; Yang and Wang (2025),
        ICLR, arXiv:2409.10594 (groups)
    """

    renamed = {"granularity": _keep_axis_of_groups}

    def __init__(
        self,
        approximate: Any = "gelu",
        degrees: Sequence[int] = (5, 4),
        version: str = "A",
        groups: int = 1,
        bound: float = 10.0,
        outside: str = "linear",
        axis: Axes = None,
        shared_numerator: bool = False,
        **kwargs: Any,
    ) -> None:
        self.degrees = start.checked_degrees(degrees)
        self.version = checks.one_of("version", version, ("A", "B"))
        self.groups = checks.size("groups", groups)
        self.bound = checks.number("bound", bound, at_least=1e-6, at_most=1e6)
        self.outside = checks.one_of("outside", outside, ("linear", "free"))
        shared = checks.boolean("shared_numerator", shared_numerator)
        self.shared_numerator = shared
        self.approximate, table = start.table_of(self, approximate)
        self.fit_error, self._slopes = table.error, tuple(table.slopes)
        # The variables hold `a[i] * unit**i`: one learning rate fits all.
        self._unit = UNIT * self.bound
        self._start = start.scaled(table, self._unit)
        last = self.groups > 1 and axis is None
        super().__init__(axis=-1 if last else axis, **kwargs)

    def build_coefficients(self) -> None:
        (a, b), groups = self._start, self.groups
        self._groups = form.repeats(self)
        self.numerator = self.add_coefficient(
            "numerator", a, shared=self.shared_numerator, groups=groups
        )
        self.denominator = self.add_coefficient("denominator", b, groups=groups)

    def activate(self, x: Tensor) -> Tensor:
        inner, end = form.clipped(self, x)
        y = form.quotient(self, inner)
        if self.outside == "free":
            return form.power(y, 1.0 + ops.abs(x - inner) / end, self.degrees)
        return form.continued(y, x - inner, *self._slopes)
