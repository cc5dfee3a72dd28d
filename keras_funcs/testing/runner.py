"""Checks: their definition, the checks of a kind, and how they are run."""

import inspect
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_funcs._core.backend import BACKENDS
from keras_funcs._core.component import KINDS
from keras_funcs.testing.bench.cases import Case
from keras_funcs.testing.bench.cases import cases_of

Function = Callable[[Case], None]

ALL = (*KINDS, "activations")
NUMERIC = tuple(kind for kind in ALL if kind != "callbacks")
# TensorFlow's compiler draws other random numbers from the same seed.
DETERMINISTIC = tuple(kind for kind in NUMERIC if kind != "initializers")


class CheckFailed(AssertionError):
    """A component does not do what the check asks."""


class NotApplicable(Exception):
    """The check cannot be made here; the message says what it would need."""


@dataclass(frozen=True)
class Check:
    """One property that all components of some kinds must have.

    `once` checks run on the default arguments only, for what does not depend
    on the value of a hyper-parameter or takes seconds; `programs` checks also
    on the choices, which unlike numbers change what is compiled. `dear` checks
    compile or train: the pack's own tests run each of them on one backend per
    case, those that share a training of the case on the same one. `backends`
    are those that can be asked at all.
    """

    function: Function
    kinds: tuple[str, ...]
    once: bool
    programs: bool
    dear: bool
    trains: bool
    backends: tuple[str, ...]
    only: Callable[[Case], bool]

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def catches(self) -> str:
        """Which defect the check is there for."""
        return inspect.cleandoc(self.function.__doc__ or "")

    def covers(self, case: Case) -> bool:
        """Whether the case is one of those to run the check on."""
        if case.kind not in self.kinds or not self.only(case):
            return False
        if self.once:
            return case.is_default
        return case.is_default or case.is_choice or not self.programs

    def __call__(self, case: Case) -> None:
        self.function(case)


@dataclass(frozen=True)
class Result:
    """How one check of one case went."""

    check: str
    case: str
    passed: bool
    message: str


_checks: list[Check] = []


def check(
    *kinds: str,
    once: bool = False,
    programs: bool = False,
    dear: bool = False,
    trains: bool = False,
    backends: tuple[str, ...] = BACKENDS,
    only: Callable[[Case], bool] = lambda case: True,
) -> Callable[[Function], Function]:
    """Makes a function a check of components of these kinds.

    Args:
        *kinds: Strings. None are all.
        once: Boolean. Whether default arguments are enough.
        programs: Boolean. Whether default arguments and choices are enough.
        dear: Boolean. Whether it costs more than about 0.2 s.
        trains: Boolean. Whether it starts from the case's shared training.
        backends: Tuple of strings. The backends that can be asked at all.
        only: Function. Whether a case has what the check is about.
    """

    def decorate(function: Function) -> Function:
        _checks.append(
            Check(
                function,
                kinds or ALL,
                once,
                programs,
                dear,
                trains,
                backends,
                only,
            )
        )
        return function

    return decorate


def checks(kind: str | None = None, everywhere: bool = False) -> list[Check]:
    """The checks that components of a kind have to pass.

    Args:
        kind: String, such as `"losses"`, or None for all kinds.
        everywhere: Boolean. Whether to list those of other backends, too.

    Returns:
        List of checks with `name`, `kinds`, `once` and `catches`; each is
        called with a case, and raises where the case does not pass.
    """
    here = keras.config.backend()
    return [
        item
        for item in _checks
        if (kind is None or kind in item.kinds)
        and (everywhere or here in item.backends)
    ]


def run(case: Case, chosen: Iterable[Check]) -> list[Result]:
    """Runs checks on a case; whatever they raise is their result."""
    results = []
    for item in chosen:
        passed, message = True, ""
        try:
            item(case)
        except NotApplicable as reason:
            message = f"Does not apply here: {reason}"
        except CheckFailed as failure:
            passed, message = False, str(failure)
        except Exception as error:
            passed, message = False, f"{type(error).__name__}: {error}"
        results.append(Result(item.name, str(case), passed, message))
    return results


def check_component(component: Any, **inputs: Any) -> list[Result]:
    """Runs the conformance battery on a component, the pack's or your own.

    Args:
        component: A class, an instance, or a function of one tensor. The
            class must be registered with Keras to pass the checks of saving.
        **inputs: Arguments of the constructor, for those without a default.
            `targets` and `input_shape` replace the traits `targets` of a loss
            or metric and `example_shape` of a layer.

    The class declares the rest in one attribute, which subclasses inherit:
    `traits = keras_funcs.LossTraits(...)`, `keras_funcs.MetricTraits(...)` or
    `keras_funcs.LayerTraits(...)`. Without it the defaults hold: a loss of
    numbers, a layer on one vector. A layer on one vector is tested on
    sequences of vectors as well, with masks; any other without static sizes,
    unless its traits say `sizes_are_known=True`.

    Returns:
        List of results with `check`, `case`, `passed` and `message`. Nothing
        is raised for a component that fails.

    Example:

    >>> @keras.saving.register_keras_serializable("mine")
    ... def bent(x):
    ...     return x + 0.5 * keras.ops.tanh(x)
    >>> results = keras_funcs.testing.check_component(bent)
    >>> [result.check for result in results if not result.passed]
    []
    """
    results = []
    for case in cases_of(component, **inputs):
        results += run(case, [c for c in checks() if c.covers(case)])
    return results


def expect(condition: Any, message: str) -> None:
    """Fails the check unless the condition holds."""
    if not condition:
        raise CheckFailed(message)


def same(found: Any, expected: Any, what: str) -> None:
    """Fails unless the numbers are equal, bit by bit."""
    found, expected = np.asarray(found), np.asarray(expected)
    expect(
        found.shape == expected.shape
        and np.array_equal(found, expected, equal_nan=_floats(found)),
        f"{what}: expected {_show(expected)}, got {_show(found)}",
    )


def close(
    found: Any,
    expected: Any,
    what: str,
    rtol: float = 1e-5,
    atol: float = 1e-6,
) -> None:
    """Fails unless the numbers are equal up to rounding."""
    found, expected = _double(found), _double(expected)
    expect(
        found.shape == expected.shape,
        f"{what}: expected shape {expected.shape}, got {found.shape}",
    )
    expect(
        np.allclose(found, expected, rtol=rtol, atol=atol, equal_nan=True),
        f"{what}: expected {_show(expected)}, got {_show(found)}",
    )


def finite(found: Any, what: str) -> None:
    """Fails for NaN and infinity."""
    expect(
        np.all(np.isfinite(_double(found))),
        f"{what} is not finite: {_show(_double(found))}",
    )


def _double(values: Any) -> np.ndarray:
    return np.asarray(np.asarray(values), dtype=np.float64)


def _floats(values: np.ndarray) -> bool:
    return bool(np.issubdtype(values.dtype, np.floating))


def _show(values: np.ndarray) -> str:
    return np.array2string(values, threshold=12, precision=8)
