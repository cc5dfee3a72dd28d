"""Checks against values from elsewhere: slips, and configs of others."""

import time
from typing import Any

import numpy as np

from keras_funcs.testing.bench.cases import Case
from keras_funcs.testing.checks.serialization import CLASSES
from keras_funcs.testing.checks.serialization import revive
from keras_funcs.testing.runner import check
from keras_funcs.testing.runner import expect

NEVER = (
    float("nan"), float("inf"), -float("inf"), 1j, b"bytes", object(),
    [float("nan")], {"class_name": "NoSuchThing", "config": {}},
    {"class_name": "Lambda", "config": {"function": "f"}},
)  # fmt: skip
PERHAPS: tuple[Any, ...] = (
    -1, 0, 2.5, -1e300, 10**12, 10**30, "nonsense", "", True, None, [], {},
    [[1.0]], [-1.0, 2.0], [10**12], ["a"], np.int64(2), np.float32(0.5),
    np.zeros((2, 2)),
)  # fmt: skip
SECONDS = 2.0
TAKE_LISTS = ("alpha", "axis", "block_size", "quantiles")


@check(*CLASSES, once=True, dear=True)
def nonsense_is_refused(case: Case) -> None:
    """NaN in a loss for ever after, or a config that allocates a terabyte.

    What is not refused must at least be accepted quickly.
    """
    for name in case.own:
        if name == "name" or name.endswith("_data"):
            continue
        for value in (*NEVER, *PERHAPS):
            problem = _problem(case, name, value)
            expect(not problem, f"`{name}={value!r}`: {problem}")
        for value in NEVER:
            expect(
                not _accepted(case, name, value),
                f"`{name}={value!r}` was accepted",
            )


@check(*CLASSES, once=True)
def numbers_are_numbers(case: Case) -> None:
    """`True` or `"0.5"` taken for a number."""
    for name, parameter in case.own.items():
        default = case.arguments.get(name, parameter.default)
        if isinstance(default, bool) or not isinstance(default, (int, float)):
            continue
        for value in (True, False, str(default), [default]):
            if isinstance(value, list) and name in TAKE_LISTS:
                continue
            expect(
                not _accepted(case, name, value),
                f"`{name}={value!r}` was accepted",
            )


@check(*CLASSES, once=True)
def unknown_arguments_are_refused(case: Case) -> None:
    """A misspelt argument that `**kwargs` swallows."""
    for surplus in ("no_such_argument", "gama"):
        try:
            revive(case, {**case.make().get_config(), surplus: 1})
        except (ValueError, TypeError) as error:
            expect(surplus in str(error), f"the error hides it: {error}")
            continue
        expect(False, f"`{surplus}` was accepted")


def _problem(case: Case, name: str, value: Any) -> str:
    """Describes how a hostile value is mistreated; empty if it is not."""
    start = time.process_time()
    try:
        case.make(**{name: value})
    except (ValueError, TypeError) as error:
        # "kernel_regularizer" is a regularizer to Keras.
        known = (name, name.split("_")[-1])
        if not any(word in str(error) for word in known):
            return f"the error does not name the argument: {error}"
    except Exception as error:
        return f"raises {type(error).__name__}: {error}"
    spent = time.process_time() - start
    return f"took {spent:.1f} s" if spent > SECONDS else ""


def _accepted(case: Case, name: str, value: Any) -> bool:
    try:
        case.make(**{name: value})
    except Exception:
        return False
    return True
