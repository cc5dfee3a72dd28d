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


def _keep_axis_of_groups(granularity: str, config: Config) -> None:
    if granularity == "layer" and config.get("groups", 1) == 1:
        config.update(axis=None, shared_axes=None)


@component(
    tune={
        "approximate": Choice("gelu", "relu", "silu", "tanh"),
        "version": Choice("A", "B"),
    }
)
class Rational(AdaptiveActivation):
    """Activation whose shape is learned, as a quotient of polynomials.

    It starts as the function that it approximates, and ten numbers can make it
    nearly any other. Slower than fixed activations; small networks and
    reinforcement learning gain most. `fit_error` is the largest distance at
    the start, on `[-bound, bound]`: of relu 0.043, of gelu 0.0067.

    Formula:
    ```python
    f(x) = P(x) / Q(x)                   # for abs(x) <= bound
    f(x) = f(end) + slope * (x - end)    # beyond, from the nearer end
    P(x) = sum(a[i] * x**i for i in range(m + 1))
    Q(x) = 1 + sum(abs(b[j] * x**j) for j in range(1, n + 1))    # version A
    Q(x) = 1 + abs(sum(b[j] * x**j for j in range(1, n + 1)))    # version B
    ```
    with the slopes of the approximated function at both infinities.

    Args:
        approximate: Name of an activation of Keras or of the pack, function
            of NumPy arrays or tensors, which is fitted, or dict with lists
            `"numerator"`, `"denominator"` and `"slopes"`, left and right.
            There are tables of `"gelu"`, `"leaky_relu"`, `"relu"`,
            `"sigmoid"`, `"silu"` and `"tanh"`. Defaults to `"gelu"`.
        degrees: List of two integers from 1 to 8. Defaults to `(5, 4)`.
        version: `"A"` or `"B"`, of the denominator. Defaults to `"A"`.
        groups: Integer >= 1. Groups of neighbours on one `axis` that have a
            rational each; the last axis if `axis=None`. Defaults to `1`.
        bound: Float from 1e-6 to 1e6. Where the rational ends, on both sides.
            Defaults to `10.0`.
        outside: `"linear"`, or `"free"` for no `bound`, as published; beyond
            900 times `bound` it is its leading power. Defaults to `"linear"`.
        axis: Defaults to `None`, one rational for the layer.
        shared_numerator: Boolean. Whether groups or channels differ in the
            denominator only, as in KAT. Defaults to `False`.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`.

    Input shape:
        Any, with the batch on axis 0.

    Output shape:
        The input's.

    Raises:
        ValueError: If an argument is invalid, or groups do not divide an axis.

    Example:

    >>> keras_funcs.layers.Rational(np.sin, bound=3.0).fit_error < 0.01
    True

    Reference:
        Molina et al. (2020), ICLR, arXiv:1907.06732; groups: Yang and Wang
        (2025), ICLR, arXiv:2409.10594
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
        self.groups = checks.integer(
            "groups", groups, at_least=1, at_most=checks.MAX_CLASSES
        )
        self.bound = checks.number("bound", bound, at_least=1e-6, at_most=1e6)
        self.outside = checks.one_of("outside", outside, ("linear", "free"))
        self.shared_numerator = checks.boolean(
            "shared_numerator", shared_numerator
        )
        self.approximate, table = start.table_of(
            approximate, self.degrees, self.version, self.bound
        )
        self.fit_error, self._slopes = table.error, tuple(table.slopes)
        # The variables hold `a[i] * unit**i`: one learning rate fits all.
        self._unit = UNIT * self.bound
        self._start = start.scaled(table, self._unit)
        if self.groups > 1 and axis is None:
            axis = -1
        super().__init__(axis=axis, **kwargs)

    def build_coefficients(self) -> None:
        a, b = self._start
        self._groups = form.repeats(self)
        self.numerator = self.add_coefficient(
            "numerator", a, shared=self.shared_numerator, groups=self.groups
        )
        self.denominator = self.add_coefficient(
            "denominator", b, groups=self.groups
        )

    def activate(self, x: Tensor) -> Tensor:
        m, n = self.degrees
        end = self.bound
        if self.outside == "free":
            # Up to where the powers, and the denominator's square, fit float32.
            end = self._unit * 10.0 ** min(3.5, 18.0 / n, 36.0 / m)
        # Not `clip`, which halves the slope at the very end on JAX.
        last = ops.full_like(x, end)
        inner = ops.where(x > end, last, ops.where(x < -end, -last, x))
        a = form.per_index(self.numerator, self._groups)
        b = form.per_index(self.denominator, self._groups)
        y = form.quotient(inner * (1.0 / self._unit), a, b, self.version)
        beyond = x - inner
        if self.outside == "free":
            # f(x) = f(end) (x / end)**(m - n)
            return form.power(y, 1.0 + ops.abs(beyond) / end, m - n)
        # f(x) = f(end) + slope (x - end)
        return form.continued(y, beyond, *self._slopes)
