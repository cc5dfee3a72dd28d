"""Numbers that each lane has its own of, as a traced program sees them.

A traced scalar can be computed with, but Python learns nothing of it: `if
rate > 0` fails, and `1 - beta` is rounded to float32 before the subtraction
and not after it. Here the values of all lanes are known while the program is
traced. A comparison on which all lanes agree has an answer; arithmetic with
Python's numbers happens in double precision, as it would for one lane alone,
and its result becomes one more number of the lane.
"""

import functools
import operator
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from keras_funcs.search.engines.vectorized.refusal import NotVectorizable

ARITHMETIC = ("add", "sub", "mul", "truediv", "pow")
COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")
SPARE = 512  # results of arithmetic that a program has room for


@dataclass(frozen=True)
class Number:
    """A number of the lanes: how it follows from those that were given.

    Attributes:
        key: What the number is, as a hashable expression.
        of: Function from the `(lanes, given)` matrix to the vector of values.
    """

    key: Any
    of: Callable[[np.ndarray], np.ndarray]


class Numbers:
    """The numbers of a group of lanes.

    Args:
        values: `(lanes, given)` float64. Each lane's numbers.
    """

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        given = values.shape[1]
        self.capacity = given + SPARE
        self._numbers = [
            Number(column, functools.partial(_column, column=column))
            for column in range(given)
        ]
        self._places = {item.key: n for n, item in enumerate(self._numbers)}
        self._traced: dict[int, tuple[Any, Number]] = {}
        self._agreed: dict[Any, tuple[Callable[..., Any], bool]] = {}
        self._vector: Any = None
        self.disputed: np.ndarray | None = None

    def adopt(self, values: np.ndarray) -> bool:
        """Takes other lanes' numbers, if they answer as those before did."""
        for compute, answer in self._agreed.values():
            if not np.all(compute(values) == answer):
                return False
        self.values = values
        return True

    def table(self, lanes: Any) -> np.ndarray:
        """`(lanes, capacity)` float32: what the program is called with."""
        given = self.values[lanes]
        table = np.zeros((len(given), self.capacity), "float32")
        for place, number in enumerate(self._numbers):
            table[:, place] = number.of(given)
        return table

    @contextmanager
    def traced(self, vector: Any) -> Iterator[list[Any]]:
        """The given numbers as scalars of a lane that is being traced."""
        self._vector = vector
        given = self._numbers[: self.values.shape[1]]
        try:
            with _tracing(self):
                yield [self._scalar(number) for number in given]
        finally:
            self._vector = None
            self._traced.clear()

    def find(self, item: Any) -> Number | None:
        """The number that a traced scalar or a Python number is."""
        if isinstance(item, jax.core.Tracer):
            return self._traced.get(id(item), (None, None))[1]
        if isinstance(item, (int, float, np.number)):
            constant = float(item)
            return Number(
                ("constant", constant),
                lambda given: np.full(len(given), constant),
            )
        return None

    def derive(self, name: str, *parts: Number) -> Any:
        """The result of arithmetic, as a scalar of the lane."""
        compute = getattr(operator, name)
        key = (name, *(part.key for part in parts))
        return self._scalar(
            Number(key, lambda given: compute(*(p.of(given) for p in parts)))
        )

    def agree(self, name: str, *parts: Number) -> np.bool_ | None:
        """The answer to a comparison, or None if lanes answer differently."""
        compare = getattr(operator, name)

        def compute(values: np.ndarray) -> Any:
            return compare(*(part.of(values) for part in parts))

        answers = compute(self.values)
        if np.all(answers == answers[0]):
            key = (name, *(part.key for part in parts))
            self._agreed[key] = (compute, bool(answers[0]))
            # As the comparison of arrays would be, it can be cast.
            return np.bool_(answers[0])
        self.disputed = answers
        return None

    def _scalar(self, number: Number) -> Any:
        place = self._places.setdefault(number.key, len(self._numbers))
        if place == len(self._numbers):
            if place == self.capacity:
                raise NotVectorizable(
                    f"computes more than {SPARE} numbers from its settings"
                )
            self._numbers.append(number)
        # A Python number would not decide the dtype of a result either.
        scalar = jax.lax.convert_element_type_p.bind(
            self._vector[place],
            new_dtype=np.dtype("float32"),
            weak_type=True,
            sharding=None,
        )
        # The tracer itself, and no wrapper: JAX takes nothing else for one.
        kind: Any = type(scalar)
        scalar.__class__ = _answering(kind)
        self._traced[id(scalar)] = (scalar, number)
        return scalar


def _column(given: np.ndarray, column: int) -> np.ndarray:
    return given[:, column]


_current: list[Numbers] = []


@contextmanager
def _tracing(numbers: Numbers) -> Iterator[None]:
    _current.append(numbers)
    try:
        yield
    finally:
        _current.pop()


def _known(*items: Any) -> list[Number] | None:
    """The numbers that these are, or None if one of them is none."""
    if not _current:
        return None
    found = [_current[-1].find(item) for item in items]
    return None if None in found else found  # type: ignore[return-value]


@functools.cache
def _answering(base: Any) -> type:
    """A kind of tracer that answers what all lanes agree on."""
    methods: dict[str, Any] = {"__slots__": (), "__hash__": base.__hash__}
    for name in ARITHMETIC:
        methods[f"__{name}__"] = _arithmetic(base, name)
        methods[f"__r{name}__"] = _arithmetic(base, name, swapped=True)
    for name in COMPARISONS:
        methods[f"__{name}__"] = _comparison(base, name)

    def negated(self: Any) -> Any:
        found = _known(self)
        if found is None:
            return base.__neg__(self)
        return _current[-1].derive("neg", *found)

    def truth(self: Any) -> bool:
        found = _known(self, 0.0)
        answer = found and _current[-1].agree("ne", *found)
        if answer is None:
            return base.__bool__(self)
        return bool(answer)

    methods |= {"__neg__": negated, "__bool__": truth}
    return type(f"Lane{base.__name__}", (base,), methods)


def _arithmetic(base: Any, name: str, swapped: bool = False) -> Any:
    plain = getattr(base, f"__r{name}__" if swapped else f"__{name}__")

    def method(self: Any, other: Any) -> Any:
        found = _known(other, self) if swapped else _known(self, other)
        if found is None:
            return plain(self, other)
        return _current[-1].derive(name, *found)

    return method


def _comparison(base: Any, name: str) -> Any:
    plain = getattr(base, f"__{name}__")

    def method(self: Any, other: Any) -> Any:
        found = _known(self, other)
        answer = found and _current[-1].agree(name, *found)
        return plain(self, other) if answer is None else answer

    return method
