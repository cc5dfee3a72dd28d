"""Trainable rational functions: a polynomial over a positive polynomial."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Choice
from keras_funcs._core.component import component
from keras_funcs._core.resolve import activation_function
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor
from keras_funcs.layers.activations._adaptive import AdaptiveActivation
from keras_funcs.layers.activations._rational_fit import CURVES
from keras_funcs.layers.activations._rational_fit import UNIT
from keras_funcs.layers.activations._rational_fit import Table
from keras_funcs.layers.activations._rational_fit import evaluate
from keras_funcs.layers.activations._rational_fit import fit
from keras_funcs.layers.activations._rational_fit import slopes_of
from keras_funcs.layers.activations._rational_tables import BOUND
from keras_funcs.layers.activations._rational_tables import DEGREES
from keras_funcs.layers.activations._rational_tables import TABLES

MAX_DEGREE = 8
MIN_BOUND, MAX_BOUND = 1e-6, 1e6


@component(
    tune={
        "approximate": Choice("gelu", "relu", "silu", "tanh"),
        "version": Choice("A", "B"),
    }
)
class Rational(AdaptiveActivation):
    """Activation whose shape is learned, as a quotient of polynomials.

    Where the shape of the activation is to be found by training: it starts as
    the function that it approximates, and ten numbers can make it nearly any
    other. Dearer than all fixed activations; small networks and reinforcement
    learning gain most. Leave the coefficients out of weight decay
    (`exclude_from_weight_decay(var_names=["act_"])`).

    Formula:
    ```python
    f(x) = P(x) / Q(x)                   # for abs(x) <= bound
    f(x) = f(end) + slope * (x - end)    # beyond, from the nearer end
    P(x) = sum(a[i] * x**i for i in range(m + 1))
    Q(x) = 1 + sum(abs(b[j] * x**j) for j in range(1, n + 1))    # version A
    Q(x) = 1 + abs(sum(b[j] * x**j for j in range(1, n + 1)))    # version B
    ```

    The tables for degrees `(5, 4)` were fitted to be nearest at the worst
    point of `[-10, 10]`. Their largest distance from the function there, and
    that of the tables published with the method, which were fitted on
    `[-3, 3]`:

    | | A | B | published A | published B |
    |---|---|---|---|---|
    | gelu | 0.0067 | 0.0067 | 2.5 | 16 |
    | leaky_relu | 0.036 | 0.035 | | |
    | relu | 0.043 | 0.043 | 2.7 | 2.2 |
    | sigmoid | 0.0002 | 0.00002 | 0.07 | 0.003 |
    | silu | 0.0017 | 0.0017 | 0.16 | 0.16 |
    | tanh | 0.0007 | 0.0010 | 0.02 | 0.07 |

    The variables hold `a[i] * unit**i` and `b[j] * unit**j` with a `unit` of
    `0.3 * bound`, so that they are of one size and one learning rate fits all:
    a step of 0.001 in `a[5]` itself would move f(10) of gelu by 3.

    No such quotient is right for ever: of degrees `(5, 4)`, it has one slope
    for both infinities, where relu has two. Therefore it ends at `bound`, and
    the slopes of the approximated function (for relu, 0 and 1) go on from its
    values there, so that the errors above are those of all numbers (of silu,
    up to 0.0005 more, which it is from its asymptote at 10). Both ends
    move with the coefficients, the slopes stay.

    Attributes:
        fit_error: Float, or None. The largest distance between the function
            and its approximation at the start, on `[-bound, bound]`.

    Args:
        approximate: What to start as. One of `"gelu"`, `"leaky_relu"` (slope
            0.2, as in Keras), `"relu"`, `"sigmoid"`, `"silu"`, `"tanh"` and
            `"identity"`; the name of any other activation of Keras or of the
            pack; a function of NumPy arrays or tensors, fitted when the layer
            is constructed (`fit_error` is the largest distance found); or a
            dict with lists `"numerator"`, `"denominator"` and the `"slopes"`
            left and right, which is also how a saved model remembers a
            function that has no name. Defaults to `"gelu"`.
        degrees: List of two integers from 1 to 8, of numerator and
            denominator. Defaults to `(5, 4)`.
        version: `"A"` or `"B"`: how the denominator is kept above 1. Defaults
            to `"A"`.
        groups: Integer >= 1. How many groups of neighbouring channels, along
            `axis`, have a rational of their own, in place of `granularity`.
            Defaults to `1`, no groups.
        bound: Float from 1e-6 to 1e6. Where the rational ends, on both sides.
            Defaults to `10.0`.
        outside: `"linear"`, or `"free"` for the rational without a `bound`,
            as published; beyond about 900 times `bound` (less for
            degrees above 5) it grows as its leading powers. Defaults to
            `"linear"`.
        granularity: `"layer"` for one rational, as published, or `"channel"`.
            Defaults to `"layer"`.
        shared_numerator: Boolean. Whether groups or channels have only the
            denominator of their own, as in KAT. Defaults to `False`.
        **kwargs: `axis`, `shared_axes`, `coefficient_regularizer`,
            `memory_efficient`: see `keras_funcs.layers.AdaptiveActivation`.

    Input shape:
        Any, with the batch on axis 0.

    Output shape:
        The input's.

    Raises:
        ValueError: for degrees outside 1 to 8; for a function that is not
            elementwise, or not finite on the interval; for groups that do not
            divide the channels; for an axis that is out of range or of
            unknown size.

    Example:

    >>> layer = keras_funcs.layers.Rational("relu")
    >>> y = layer(np.array([[-20.0, -5.0, 5.0, 20.0]]))
    >>> keras.ops.convert_to_numpy(y)[0].round().astype(int).tolist()
    [0, 0, 5, 20]
    >>> bent = keras_funcs.layers.Rational(lambda x: np.sin(x), bound=3.0)
    >>> bent.fit_error < 0.01
    True

    Reference:
        Molina et al. (2020), ICLR, arXiv:1907.06732; groups: Yang and Wang
        (2025), ICLR, arXiv:2409.10594
    """

    def __init__(
        self,
        approximate: Any = "gelu",
        degrees: Sequence[int] = (5, 4),
        version: str = "A",
        groups: int = 1,
        bound: float = 10.0,
        outside: str = "linear",
        granularity: str = "layer",
        shared_numerator: bool = False,
        **kwargs: Any,
    ) -> None:
        if not isinstance(degrees, (list, tuple)) or len(degrees) != 2:
            checks.invalid("degrees", "a list of two integers", degrees)
        self.degrees = [
            checks.integer("degrees", item, at_least=1, at_most=MAX_DEGREE)
            for item in degrees
        ]
        self.version = checks.one_of("version", version, ("A", "B"))
        self.groups = checks.integer(
            "groups", groups, at_least=1, at_most=checks.MAX_CLASSES
        )
        if groups > 1 and granularity == "channel":
            checks.invalid(
                "groups", '1 where `granularity="channel"` makes them', groups
            )
        self.bound = checks.number(
            "bound", bound, at_least=MIN_BOUND, at_most=MAX_BOUND
        )
        self.shared_numerator = checks.boolean(
            "shared_numerator", shared_numerator
        )
        self.outside = checks.one_of("outside", outside, ("linear", "free"))
        self.approximate, table = self._table(approximate)
        self._slopes = tuple(table.slopes)
        self.fit_error = table.error
        m, n = self.degrees
        unit = self._unit = UNIT * self.bound
        self._start = {
            "numerator": np.asarray(table.numerator) * unit ** np.arange(m + 1),
            "denominator": np.asarray(table.denominator)
            * unit ** np.arange(1, n + 1),
        }
        if not all(
            np.all(np.abs(values) <= checks.MAX_FLOAT32)
            for values in self._start.values()
        ):
            expected = "coefficients that float32 can hold"
            checks.invalid("approximate", expected, approximate)
        # Up to where the powers, and the denominator's square, fit float32.
        self._reach = unit * 10.0 ** min(3.5, 18.0 / n, 36.0 / m)
        super().__init__(granularity=granularity, **kwargs)

    @property
    def builds_at_once(self) -> bool:
        return super().builds_at_once and self.groups == 1

    def build_coefficients(self) -> None:
        self.numerator = self._add("numerator", self.shared_numerator)
        self.denominator = self._add("denominator", False)

    def activate(self, x: Tensor) -> Tensor:
        linear = self.outside == "linear"
        end = self.bound if linear else self._reach
        # Not `clip`, which halves the slope at the very end on JAX.
        last = ops.full_like(x, end)
        inner = ops.where(x > end, last, ops.where(x < -end, -last, x))
        y = self._quotient(inner * (1.0 / self._unit))
        beyond = x - inner
        if linear:
            # f(x) = f(end) + slope (x - end). The slopes are constants: those
            # of the rational are differences of large numbers, and times 1e38
            # their last digits would be all that is left.
            left, right = self._slopes
            if left == right:
                return y + left * beyond if left else y
            if left:
                y = y - left * ops.relu(-beyond)
            return y + right * ops.relu(beyond) if right else y
        # f(x) = f(end) (x / end)**(m - n)
        ratio = 1.0 + ops.abs(beyond) / end
        m, n = self.degrees
        for _ in range(abs(m - n)):
            y = y * ratio if m > n else y / ratio
        return y

    def _quotient(self, x: Tensor) -> Tensor:
        a = ops.convert_to_tensor(self.numerator)
        if not self.shared_numerator:
            a = self._per_channel(a)
        b = self._per_channel(self.denominator)
        m, n = self.degrees
        # P(x) = a_0 + x (a_1 + x (a_2 + ...))
        p = a[m]
        for i in reversed(range(m)):
            p = p * x + a[i]
        if self.version == "A":
            # Q(x) = 1 + |x| (|b_1| + |x| (|b_2| + ...))
            b, x = _magnitude(b), ops.abs(x)
        q = b[n - 1]
        for j in reversed(range(n - 1)):
            q = q * x + b[j]
        q = q * x
        return p / (1.0 + (_magnitude(q) if self.version == "B" else q))

    def _add(self, name: str, shared: bool) -> keras.Variable:
        values = self._start[name]
        shape = () if shared else self._coefficient_shape
        trailing = max(len(shape), 2) if shape else 0
        column = np.reshape(values, (-1,) + (1,) * trailing)
        start = keras.initializers.Constant(column)
        return self.add_coefficient(
            name, start, count=len(values), shared=shared
        )

    def _per_channel(self, coefficients: Tensor) -> Tensor:
        # JAX's `where` takes no variable.
        coefficients = ops.convert_to_tensor(coefficients)
        if self.groups == 1:
            return coefficients
        return ops.repeat(coefficients, self._repeats, axis=self._group_axis)

    def _shape(self, input_shape: Shape | None) -> tuple[int, ...]:
        if self.groups == 1 or input_shape is None:
            return super()._shape(input_shape)
        rank = len(input_shape)
        axes = self.own_axes(rank)
        channels = input_shape[axes[0]] if len(axes) == 1 else None
        if channels is None or channels % self.groups:
            raise ValueError(
                f"Layer '{self.name}' needs channels on one axis, of known "
                f"size, that `groups={self.groups}` divides. Received: "
                f"input_shape={tuple(input_shape)} and axes {axes}"
            )
        self._repeats = channels // self.groups
        self._group_axis = axes[0] - rank
        shape = (self.groups,) + (1,) * (rank - 1 - axes[0])
        return (1, *shape) if len(shape) == 2 else shape

    def _table(self, approximate: Any) -> tuple[Any, Table]:
        """What the config holds, and the coefficients to start with."""
        m, n = self.degrees
        if isinstance(approximate, Mapping):
            table = self._given(approximate)
            return table._asdict(), table
        name = _name_of(approximate)
        if name in ("identity", "linear"):
            line = [0.0, 1.0] + [0.0] * (m - 1)
            return name, Table(line, [0.0] * n, [1.0, 1.0], 0.0)
        if (self.bound, (m, n)) == (BOUND, DEGREES):
            found = TABLES.get((str(name), self.version))
            if found is not None:
                return name, found
        curve = CURVES.get(str(name))
        if curve is None:
            curve = activation_function("approximate", approximate)
        table = fit(curve, self.bound, (m, n), self.version)
        return name or table._asdict(), table

    def _given(self, table: Mapping[str, Any]) -> Table:
        expected = 'a dict with "numerator", "denominator" and "slopes"'
        known = set(Table._fields)
        if not {"numerator", "denominator"} <= set(table) <= known:
            checks.invalid("approximate", expected, table)
        m, n = self.degrees
        a, b = (
            checks.numbers(f"approximate[{key!r}]", table[key], length=length)
            for key, length in (("numerator", m + 1), ("denominator", n))
        )
        slopes = table.get("slopes")
        if slopes is None:  # those of the rational itself

            def curve(x: np.ndarray) -> np.ndarray:
                return evaluate(x, a, b, self.version)

            slopes = slopes_of(curve, self.bound)
        slopes = checks.numbers("approximate['slopes']", slopes, length=2)
        error = table.get("error")
        if error is not None:
            error = checks.number("approximate['error']", error, at_least=0)
        return Table(a, b, slopes, error)


def _name_of(approximate: str | Callable[..., Any]) -> str | None:
    """The name under which a config finds the function again, if any."""
    if isinstance(approximate, str):
        return approximate
    name = getattr(approximate, "__name__", "")
    try:
        found = activation_function("approximate", name)
    except ValueError:
        return None
    return name if found is approximate else None


def _magnitude(x: Tensor) -> Tensor:
    """`|x|` with slope 1 at 0, so that coefficients can leave 0."""
    return ops.where(x < 0, -x, x)
