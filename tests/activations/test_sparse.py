"""1.5-entmax against its definition and its authors' package."""

import itertools
import math

import entmax
import numpy as np
import pytest
import torch
from keras import ops

from keras_funcs import activations
from tests.activations.oracles import LARGEST
from tests.derivatives import derivative
from tests.derivatives import gradient


def oracle(scores):
    """By trying every set of entries that could take part."""
    z = [s / 2 for s in scores]
    for size in range(1, len(z) + 1):
        for chosen in itertools.combinations(range(len(z)), size):
            # sum (z - tau)**2 = 1, the smaller root
            b = sum(z[i] for i in chosen) / size
            c = (sum(z[i] ** 2 for i in chosen) - 1) / size
            if b * b < c:
                continue
            tau = b - math.sqrt(b * b - c)
            inside = all((z[i] > tau) == (i in chosen) for i in range(len(z)))
            if inside:
                return [max(v - tau, 0) ** 2 for v in z]
    raise AssertionError(scores)


def call(x, axis=-1):
    return ops.convert_to_numpy(activations.entmax15(x, axis))


@pytest.mark.parametrize("scale", [0.1, 1.0, 4.0])
def test_value(scale):
    x = np.random.default_rng(0).normal(0, scale, (20, 6)).astype("float32")
    expected = [oracle(map(float, row)) for row in x]
    np.testing.assert_allclose(call(x), expected, 1e-4, 1e-6)


def test_the_published_example():
    found = call(np.array([-2.0, 0.0, 0.5]))
    np.testing.assert_allclose(found, [0, 0.3260, 0.6740], atol=1e-4)


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("size", [1, 2, 7, 300])
def test_its_authors_package_gives_the_same(axis, size):
    shape = [5, 4, 3]
    shape[axis] = size
    x = np.random.default_rng(1).normal(0, 2, shape).astype("float32")
    up = np.random.default_rng(2).normal(size=shape).astype("float32")
    theirs = torch.tensor(x, requires_grad=True)
    y = entmax.entmax15(theirs, dim=axis)
    (y * torch.tensor(up)).sum().backward()
    np.testing.assert_allclose(call(x, axis), y.detach(), 1e-4, 1e-6)
    slope = gradient(
        lambda t: ops.sum(ops.multiply(activations.entmax15(t, axis), up)), x
    )
    # An entry on the edge of 0 may round to either side of it.
    np.testing.assert_allclose(slope, theirs.grad, 1e-3, 1e-4)


def test_second_derivative():
    x = np.array([0.3, -0.4, 1.1, -5.0])
    h = 1e-4
    unit = np.eye(4)

    def f(v):
        return oracle(v)[0]

    expected = [(f(x + h * e) - 2 * f(x) + f(x - h * e)) / h**2 for e in unit]
    # Of the first probability, twice along each score.
    found = []
    for e in unit.astype("float32"):

        def along(t, e=e):
            point = ops.add(ops.multiply(t[:, None], e), x.astype("float32"))
            return activations.entmax15(point)[:, 0]

        found.append(derivative(along, np.zeros(1), order=2)[0])
    np.testing.assert_allclose(found, expected, 1e-3, 1e-4)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("masked", [-1e9, -np.inf, "lowest"])
def test_masked_entries_have_no_part(dtype, masked):
    if masked == "lowest":
        masked = -LARGEST[dtype]
    x = np.array([[0.0, masked, 0.5, masked], [masked] * 3 + [2.0]], "float32")
    given = ops.cast(ops.convert_to_tensor(x), dtype)
    y = activations.entmax15(given)
    y = ops.convert_to_numpy(ops.cast(y, "float32"))
    alone = call(np.array([0.0, 0.5], "float32"))
    np.testing.assert_allclose(y[0, [0, 2]], alone, 1e-2)
    assert y[0, [1, 3]].tolist() == [0, 0]
    assert y[1].tolist() == [0, 0, 0, 1]
    up = np.arange(8, dtype="float32").reshape(2, 4)
    slope = gradient(
        lambda t: ops.sum(
            ops.multiply(
                ops.cast(activations.entmax15(ops.cast(t, dtype)), "float32"),
                up,
            )
        ),
        x,
    )
    assert np.isfinite(slope).all()
    assert not slope[1].any() and slope[0, 0] != 0


@pytest.mark.parametrize("value", [0.0, -7.0, 1e4, 1e30])
@pytest.mark.parametrize("size", [1, 4, 1000])
def test_equal_scores_share_evenly(value, size):
    x = np.full((1, size), value, "float32")
    np.testing.assert_allclose(call(x), np.full((1, size), 1 / size), 1e-4)
    up = np.linspace(0, 1, size).astype("float32")
    slope = gradient(
        lambda t: ops.sum(ops.multiply(activations.entmax15(t), up)), x
    )
    # diag(s) - s s' / sum(s), with s = sqrt(p) all equal
    expected = (up - up.mean()) / math.sqrt(size)
    np.testing.assert_allclose(slope[0], expected, 1e-3, 1e-6)


def test_many_scores_sum_to_1():
    x = np.random.default_rng(3).normal(0, 1, (2, 30000)).astype("float32")
    np.testing.assert_allclose(call(x).sum(-1), 1, 1e-3)
    with_ties = np.round(x)
    np.testing.assert_allclose(call(with_ties).sum(-1), 1, 1e-3)


def test_a_shift_changes_nothing():
    x = np.random.default_rng(4).integers(-3, 3, (5, 6)).astype("float32")
    np.testing.assert_allclose(call(x + 64), call(x), 1e-5, 1e-7)


@pytest.mark.parametrize("axis", [2, -3, 0.5])
def test_an_axis_out_of_range_is_refused(axis):
    with pytest.raises(ValueError, match="argument `axis`"):
        activations.entmax15(np.ones((2, 3)), axis)
