"""Non-convex penalties against their published pieces."""

import math

import numpy as np
import pytest

from keras_funcs.regularizers import MCP
from keras_funcs.regularizers import SCAD
from keras_funcs.regularizers import LogSum
from tests.derivatives import gradient
from tests.regularizers.training import survives_training


def scad(w, t, a):
    """Fan and Li's integral of a slope, divided by t."""
    w = abs(w)
    if w <= t:
        return t * w / t
    if w <= a * t:
        return (2 * a * t * w - w * w - t * t) / (2 * (a - 1)) / t
    return t * t * (a + 1) / 2 / t


def mcp(w, t, gamma):
    """Zhang's penalty, divided by t."""
    w = abs(w)
    if w <= gamma * t:
        return (t * w - w * w / (2 * gamma)) / t
    return gamma * t * t / 2 / t


CASES = [
    (SCAD, {"threshold": 0.4, "a": 3.7}, lambda w: scad(w, 0.4, 3.7)),
    (SCAD, {"threshold": 1.0, "a": 2.5}, lambda w: scad(w, 1.0, 2.5)),
    (MCP, {"threshold": 0.4, "gamma": 3.0}, lambda w: mcp(w, 0.4, 3.0)),
    (MCP, {"threshold": 1.0, "gamma": 1.5}, lambda w: mcp(w, 1.0, 1.5)),
    (LogSum, {"epsilon": 0.2}, lambda w: math.log(1 + abs(w) / 0.2)),
]


@pytest.mark.parametrize("cls, arguments, of_weight", CASES)
@pytest.mark.parametrize("shape", [(7,), (6, 4), (3, 3, 2, 5)])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_they_are_their_definitions(
    cls, arguments, of_weight, shape, reduction
):
    w = np.random.default_rng(0).normal(0, 1, shape).astype("float32")
    values = [of_weight(float(v)) for v in w.ravel()]
    expected = 0.3 * sum(values)
    if reduction == "mean":
        expected /= len(values)
    found = float(cls(0.3, reduction=reduction, **arguments)(w))
    np.testing.assert_allclose(found, expected, 1e-5)


@pytest.mark.parametrize("cls, arguments, of_weight", CASES)
def test_slopes_begin_at_the_lasso_and_fall(cls, arguments, of_weight):
    w = np.linspace(0.001, 6, 400).astype("float32")
    slope = gradient(cls(1.0, **arguments), w)
    step = 1e-6
    expected = [(of_weight(v + step) - of_weight(v - step)) / (2 * step)
                for v in w.tolist()]  # fmt: skip
    np.testing.assert_allclose(slope, expected, 1e-3, 1e-4)
    assert (np.diff(slope) <= 1e-6).all() and (slope >= -1e-7).all()
    start = 1 / arguments.get("epsilon", 1.0)
    np.testing.assert_allclose(slope[0], start, 1e-2)
    np.testing.assert_allclose(gradient(cls(1.0, **arguments), -w), -slope)
    assert gradient(cls(1.0, **arguments), np.zeros(3)).tolist() == [0, 0, 0]


def test_large_weights_are_free_of_scad_and_mcp():
    w = np.array([-5.0, 50.0], "float32")
    for cls in (SCAD, MCP):
        assert not gradient(cls(1.0), w).any()
    assert gradient(LogSum(1.0), w).all()


@pytest.mark.parametrize("cls", [SCAD, MCP, LogSum])
def test_what_is_no_number_stays_none(cls):
    assert math.isnan(cls()(np.array([0.1, math.nan], "float32")))


def test_scad_with_one_parameter_is_as_published():
    lam = 0.6
    for w in (0.3, 1.1, 4.0):
        found = float(SCAD(lam, threshold=lam)(np.array([w])))
        np.testing.assert_allclose(found, lam * scad(w, lam, 3.7), 1e-6)


@pytest.mark.parametrize("penalty", [SCAD(1e-3), MCP(1e-3), LogSum(1e-4)])
def test_they_train_and_survive_a_file(penalty, tmp_path):
    survives_training(penalty, tmp_path)


@pytest.mark.parametrize(
    "cls, arguments",
    [
        (SCAD, {"factor": -1}),
        (SCAD, {"threshold": 0.0}),
        (SCAD, {"a": 2.0}),
        (MCP, {"threshold": -0.1}),
        (MCP, {"gamma": 1.0}),
        (MCP, {"reduction": "max"}),
        (LogSum, {"epsilon": 0.0}),
        (LogSum, {"factor": float("nan")}),
    ],
)
def test_bad_arguments_are_refused(cls, arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        cls(**arguments)
