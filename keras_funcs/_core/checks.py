"""Checks of constructor arguments, all with Keras's form of message.

Each returns the value it accepts, in the plain Python type that a config can
hold, and raises a `ValueError` that names argument, expectation and value.
With `optional=True` a check accepts None as well.
"""

import math
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence
from numbers import Integral
from numbers import Real
from typing import Any
from typing import Literal
from typing import NoReturn
from typing import overload

import keras
import numpy as np
from keras import ops

from keras_funcs._core import patterns

MAX_FLOAT32 = 3.4e38
MAX_CLASSES = 1_000_000  # bounds what a config from elsewhere can allocate


def invalid(name: str, expected: str, value: Any) -> NoReturn:
    """Raises the error that every check raises."""
    shown = repr(value)
    shown = shown if len(shown) <= 200 else shown[:197] + "..."
    raise ValueError(
        f"Invalid value for argument `{name}`. Expected {expected}. "
        f"Received: {name}={shown}"
    )


def _or_none(optional: bool) -> str:
    return " or None" if optional else ""


@overload
def number(
    name: str,
    value: Any,
    *,
    at_least: float = ...,
    above: float = ...,
    at_most: float = ...,
    below: float = ...,
    optional: Literal[False] = ...,
) -> float: ...


@overload
def number(
    name: str,
    value: Any,
    *,
    at_least: float = ...,
    above: float = ...,
    at_most: float = ...,
    below: float = ...,
    optional: bool,
) -> float | None: ...


def number(
    name: str,
    value: Any,
    *,
    at_least: float = -math.inf,
    above: float = -math.inf,
    at_most: float = math.inf,
    below: float = math.inf,
    optional: bool = False,
) -> float | None:
    """A finite real number in an interval."""
    if optional and value is None:
        return None
    bounds = [
        f"{sign} {bound:g}"
        for sign, bound in (
            (">=", at_least),
            (">", above),
            ("<=", at_most),
            ("<", below),
        )
        if math.isfinite(bound)
    ]
    expected = " ".join(["a finite number", " and ".join(bounds)]).strip()
    expected += _or_none(optional)
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if not isinstance(value, Real) or isinstance(value, (bool, np.bool_)):
        invalid(name, expected, value)
    try:
        value = float(value)
    except OverflowError:  # a whole number of more than 308 digits
        invalid(name, expected, value)
    fits = at_least <= value <= at_most and above < value < below
    if not math.isfinite(value) or not fits:
        invalid(name, expected, value)
    return value


def store(owner: Any, at_least: float = 0.0, **values: Any) -> None:
    """Checks arguments that are numbers, and stores them under their names."""
    for name, value in values.items():
        setattr(owner, name, number(name, value, at_least=at_least))


def parameter(name: str, value: Any, **bounds: Any) -> Any:
    """A number in an interval, or a tensor, which is taken on trust.

    For the arguments of functions, which a model may compute.
    """
    if ops.is_tensor(value) or isinstance(
        value, (keras.Variable, keras.KerasTensor)
    ):
        return value
    return number(name, value, **bounds)


def axis_of(name: str, value: Any, rank: int) -> int:
    """An axis of a tensor, counted from the front."""
    axis = integer(name, value)
    if not -rank <= axis < rank:
        invalid(name, f"an axis of an input of rank {rank}", value)
    return axis % rank


def feature_axis(name: str, value: Any) -> int:
    """An axis other than the batch's."""
    axis = integer(name, value)
    if axis == 0:
        invalid(name, "an axis other than the batch axis 0", value)
    return axis


def axes(name: str, value: Any) -> list[int]:
    """One axis or several, as a list, none of them the batch's."""
    several = [value] if isinstance(value, Integral) else value
    if not isinstance(several, (list, tuple)) or not several:
        invalid(name, "an integer or a list of integers", value)
    found = [integer(name, item) for item in several]
    if 0 in found:
        invalid(name, "axes other than the batch axis 0", value)
    return found


@overload
def integer(
    name: str,
    value: Any,
    *,
    at_least: int | None = ...,
    at_most: int | None = ...,
    optional: Literal[False] = ...,
) -> int: ...


@overload
def integer(
    name: str,
    value: Any,
    *,
    at_least: int | None = ...,
    at_most: int | None = ...,
    optional: bool,
) -> int | None: ...


def integer(
    name: str,
    value: Any,
    *,
    at_least: int | None = None,
    at_most: int | None = None,
    optional: bool = False,
) -> int | None:
    """A whole number in an interval."""
    if optional and value is None:
        return None
    bounds = [
        f"{sign} {bound}"
        for sign, bound in ((">=", at_least), ("<=", at_most))
        if bound is not None
    ]
    expected = " ".join(["an integer", " and ".join(bounds)]).strip()
    expected += _or_none(optional)
    if not isinstance(value, Integral) or isinstance(value, bool):
        invalid(name, expected, value)
    value = int(value)
    if (at_least is not None and value < at_least) or (
        at_most is not None and value > at_most
    ):
        invalid(name, expected, value)
    return value


def size(name: str, value: Any, at_least: int = 1) -> int:
    """A number of units, bounded since a foreign config may ask for it."""
    return integer(name, value, at_least=at_least, at_most=MAX_CLASSES)


def seed(value: Any) -> int | None:
    """The argument `seed`: what NumPy and every backend take, or None."""
    return integer("seed", value, at_least=0, at_most=2**31 - 1, optional=True)


def boolean(name: str, value: Any) -> bool:
    """`True` or `False`, not merely something truthy."""
    if not isinstance(value, (bool, np.bool_)):
        invalid(name, "a boolean", value)
    return bool(value)


def one_of(name: str, value: Any, allowed: Collection[Any]) -> Any:
    """A member of a small set."""
    plain = value is None or isinstance(value, (str, int, float))
    if not plain or value not in allowed:
        invalid(name, f"one of {list(allowed)}", value)
    return value


@overload
def numbers(
    name: str,
    values: Any,
    *,
    length: int | None = ...,
    at_least: float = ...,
    at_most: float = ...,
    optional: Literal[False] = ...,
) -> list[float]: ...


@overload
def numbers(
    name: str,
    values: Any,
    *,
    length: int | None = ...,
    at_least: float = ...,
    at_most: float = ...,
    optional: bool,
) -> list[float] | None: ...


def numbers(
    name: str,
    values: Any,
    *,
    length: int | None = None,
    at_least: float = -math.inf,
    at_most: float = math.inf,
    optional: bool = False,
) -> list[float] | None:
    """A list of finite numbers, one for each class."""
    if optional and values is None:
        return None
    expected = "a list of finite numbers, one for each class"
    if length is not None:
        expected = f"a list of {length} finite numbers"
    if math.isfinite(at_least):
        expected += f", each >= {at_least:g}"
    expected += _or_none(optional)
    if isinstance(values, (str, bytes, dict)):
        invalid(name, expected, values)
    if isinstance(values, Sequence) and len(values) > MAX_CLASSES:
        invalid(name, f"at most {MAX_CLASSES} numbers", len(values))
    try:
        array = np.asarray(values)
    except ValueError:
        invalid(name, expected, values)
    if (
        array.ndim != 1
        or not 0 < array.size <= MAX_CLASSES
        or array.dtype.kind not in "iuf"
        or (length is not None and array.size != length)
        or not np.all(np.isfinite(array))
        or np.any(array < at_least)
        or np.any(array > at_most)
    ):
        invalid(name, expected, values)
    return [float(item) for item in array]


@overload
def class_counts(
    name: str,
    counts: Any,
    absent: str = ...,
    *,
    optional: Literal[False] = ...,
) -> tuple[int, ...]: ...


@overload
def class_counts(
    name: str, counts: Any, absent: str = ..., *, optional: bool
) -> tuple[int, ...] | None: ...


def class_counts(
    name: str, counts: Any, absent: str = "error", *, optional: bool = False
) -> tuple[int, ...] | None:
    """The number of training samples of each class.

    A class without samples is an error unless `absent="ignore"`: a prior of
    zero has no logarithm and no inverse.
    """
    one_of("absent", absent, ("error", "ignore"))
    if optional and counts is None:
        return None
    array = np.asarray(numbers(name, counts, at_least=0))
    if array.size < 2 or np.any(array != np.floor(array)) or not array.any():
        invalid(name, "at least two whole numbers, not all 0", counts)
    if absent == "error" and np.any(array == 0):
        classes = np.flatnonzero(array == 0)[:10].tolist()
        invalid(
            name,
            f"a count >= 1 for every class (there is none for {classes}; "
            '`absent="ignore"` leaves such classes out)',
            counts,
        )
    return tuple(int(item) for item in array)


def initializer(
    name: str, value: Any, *, optional: bool = False, **bounds: Any
) -> Any:
    """A finite number, in an interval, or an initializer object."""
    if optional and value is None:
        return None
    if isinstance(value, Real) or value is None:
        value = number(name, value, **bounds)
        if abs(value) > MAX_FLOAT32:
            invalid(name, "a number that float32 can hold", value)
        return value
    expected = "a finite number or an initializer" + _or_none(optional)
    return keras_object(name, value, keras.initializers.get, expected)


def keras_object(
    name: str, value: Any, get: Callable[[Any], Any], expected: str
) -> Any:
    """Calls Keras's `get` of a kind; its errors name the argument."""
    try:
        return get(value)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"Invalid value for argument `{name}`. Expected {expected}. "
            f"Received: {name}={value!r}"
        ) from error


def keras_initializer(name: str, value: Any) -> Any:
    """An initializer of a kernel, or of another weight that Keras adds."""
    return keras_object(name, value, keras.initializers.get, "an initializer")


def regularizer(name: str, value: Any) -> Any:
    """A regularizer or `None`."""
    expected = "a regularizer or None"
    return keras_object(name, value, keras.regularizers.get, expected)


def constraint(name: str, value: Any) -> Any:
    """A constraint or `None`."""
    expected = "a constraint or None"
    return keras_object(name, value, keras.constraints.get, expected)


def pattern(name: str, value: Any) -> str:
    """A regular expression that `patterns.Pattern` can match."""
    if not isinstance(value, str):
        invalid(name, "regular expressions", value)
    try:
        patterns.Pattern(value)
    except ValueError as error:
        invalid(name, f"regular expressions ({error})", value)
    return value
