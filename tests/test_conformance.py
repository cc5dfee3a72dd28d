"""Every component against every check of its kind."""

import pickle

import pytest

from keras_funcs import testing
from keras_funcs._core.component import registered
from keras_funcs.testing.checks.saving import load_afresh
from keras_funcs.testing.checks.saving import loads_in_a_fresh_process
from tests.assignment import is_here
from tests.assignment import is_in_full

CASES = testing.cases()
DEFAULTS = [case for case in CASES if case.is_default]

# (check, component): the reason, with the upstream report. Strict: a mark that
# is no longer needed fails.
SEEDED = (
    "ConcreteDropout", "DropBlock1D", "DropBlock2D", "DropBlock3D", "DropPath",
    "JacobianPenalty", "RReLU", "StochasticDepth",
)  # fmt: skip
EXPECTED_FAILURES = {
    ("resumed_training_is_the_same", name): (
        "Keras does not save the state of seed generators: "
        "keras-team/keras#19796"
    )
    for name in SEEDED
}


# Checks that share a training have one column.
COLUMNS = {
    check.name: 0 if check.trains else column
    for column, check in enumerate(testing.checks(everywhere=True))
}
# Its operations cost least where each is run by itself.
CHEAPEST = "torch"
# What they look for is in the component's own Python.
IN_PYTHON = ("both_ends_of_a_range_differ", "every_argument_has_an_effect")


def belongs(row, case, check):
    """Whether the active backend is to run this check of this case."""
    if is_in_full(case.name):
        return True
    backends = check.backends
    is_number = not (case.is_default or case.is_choice)
    if is_number or check.name in IN_PYTHON:
        # Numbers, unlike choices, do not change what is compiled.
        backends = [b for b in backends if b == CHEAPEST] or backends
    elif not check.dear:
        return True
    return is_here(row, COLUMNS[check.name], backends)


def pairs():
    for row, case in enumerate(CASES):
        for check in testing.checks(case.kind):
            if not check.covers(case) or not belongs(row, case, check):
                continue
            if check.name == loads_in_a_fresh_process.__name__:
                continue  # below, all in one process
            reason = EXPECTED_FAILURES.get((check.name, case.name))
            marks = [pytest.mark.xfail(reason=reason)] if reason else []
            yield pytest.param(
                case, check, id=f"{case}-{check.name}", marks=marks
            )


@pytest.mark.parametrize(("case", "check"), list(pairs()))
def test_conformance(case, check):
    check(case)


LOADED = [
    case
    for row, case in enumerate(DEFAULTS)
    if is_in_full(case.name) or is_here(row, 0)
]


@pytest.fixture(scope="session")
def loaded():
    return load_afresh(LOADED)


@pytest.mark.parametrize("case", LOADED, ids=str)
def test_loads_in_a_fresh_process(case, loaded):
    assert loaded[str(case)] == ""


@pytest.mark.parametrize("case", CASES, ids=str)
def test_pickle(case):
    made = case.make()
    if isinstance(case.target, type):
        revived = pickle.loads(pickle.dumps(made))
        assert type(revived) is case.target
        assert revived.get_config() == made.get_config()
    else:
        assert pickle.loads(pickle.dumps(case.target)) is case.target


def test_every_component_has_a_case():
    defaults = [case.target for case in DEFAULTS]
    components = [entry.object for entry in registered()]
    assert len(defaults) == len(components) > 0
    assert defaults == components


def test_checks_in_python_exist():
    assert set(IN_PYTHON) <= set(COLUMNS)


def test_every_kind_has_checks():
    for kind in {case.kind for case in CASES}:
        assert len(testing.checks(kind)) >= 5


def test_expected_failures_name_what_exists():
    known = {
        (check.name, case.name)
        for case in CASES
        for check in testing.checks(case.kind)
    }
    assert set(EXPECTED_FAILURES) <= known
