"""CostSensitive against the expectation that it is."""

import numpy as np
import pytest
import torch

from keras_funcs import losses
from tests.derivatives import gradient
from tests.losses import oracles

COST = [[0, 1, 2, 0.5], [3, 0, 1, 1], [10, 4, 0, 0], [0.1, 1, 7, 0]]
RAW = {"from_logits": True, "reduction": "none"}


def draw(shape=(12, 4), seed=0):
    return np.random.default_rng(seed).normal(0, 3, shape).astype("float32")


def soft_labels(seed=1):
    return np.random.default_rng(seed).dirichlet(np.ones(4), 12)


def expectation(target, z, weight):
    p, _ = oracles.softmax(z)
    cost = sum(
        share * oracles.Real(COST[y][k]) * p[k]
        for y, share in enumerate(target)
        for k in range(4)
    )
    return cost + weight * oracles.crossentropy(target, p)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_is_the_definition(weight):
    z, ids = draw(), np.arange(12) % 4
    loss = losses.CostSensitive(COST, weight, **RAW)
    for y, target in ((ids, np.eye(4)[ids]), (soft_labels(), soft_labels())):
        expected = oracles.each(
            lambda t, row: expectation(t, row, weight), target, z
        )
        np.testing.assert_allclose(loss(y, z), expected, 2e-5, 1e-6)


@pytest.mark.parametrize("axis", [1, -1])
def test_costs_follow_the_axis_of_the_classes(axis):
    # Four tokens, so that a wrong axis would have the right length.
    z = draw((3, 4, 4))
    ids = np.arange(12).reshape(3, 4) % 4
    expected = oracles.each(
        lambda t, row: expectation(t, row, 1.0), np.eye(4)[ids], z
    )
    loss = losses.CostSensitive(COST, axis=axis, **RAW)
    moved, rows = (np.moveaxis(a, -1, axis) for a in (z, np.eye(4)[ids]))
    np.testing.assert_allclose(loss(ids, moved), expected, 2e-5)
    np.testing.assert_allclose(loss(rows, moved), expected, 2e-5)


def test_agrees_with_torch():
    z, ids = torch.tensor(draw()), torch.arange(12) % 4
    cost = torch.tensor(COST)[ids]
    theirs = (cost * torch.softmax(z, -1)).sum(-1)
    theirs += torch.nn.functional.cross_entropy(z, ids, reduction="none")
    loss = losses.CostSensitive(COST, **RAW)
    found = loss(ids.numpy(), z.numpy())
    np.testing.assert_allclose(found, theirs.numpy(), 2e-5)


def test_equal_costs_are_the_probability_of_a_mistake():
    z, ids = draw(), np.arange(12) % 4
    loss = losses.CostSensitive(1 - np.eye(4), 0.0, **RAW)
    expected = oracles.each(
        lambda t, row: sum(
            rest * y for y, rest in zip(t, oracles.softmax(row)[1])
        ),
        np.eye(4)[ids],
        z,
    )
    np.testing.assert_allclose(loss(ids, z), expected, 2e-5, 1e-7)


@pytest.mark.parametrize("gap", [20.0, 100.0, 1e4])
def test_crossentropy_pulls_on_a_confidently_wrong_sample(gap):
    z = np.array([[0.0, gap, 0.0, 0.0]], "float32")
    loss = losses.CostSensitive(COST, 0.5, from_logits=True)
    np.testing.assert_allclose(loss(np.array([2]), z), 4 + gap / 2, 1e-5)
    slope = gradient(lambda t: loss(np.array([2]), t), z)
    np.testing.assert_allclose(slope, [[0, 0.5, -0.5, 0]], atol=1e-4)


@pytest.mark.parametrize(
    "matrix",
    [
        [[0, 1, 2], [1, 0, 3]],
        [[0, 1], [1]],
        [0, 1],
        [],
        [[0]],
        [[0, -1], [1, 0]],
        [[0, float("nan")], [1, 0]],
        [[0, float("inf")], [1, 0]],
        [[0, 1], [1, 0.5]],
        [["a", "b"], ["c", "d"]],
        np.zeros((2, 2, 2)),
        np.zeros(()),
        "0110",
        None,
        7,
        [[0]] * 5000,
    ],
    ids=str,
)
def test_refuses_what_is_no_square_matrix_of_costs(matrix):
    with pytest.raises(ValueError, match="argument `cost_matrix`"):
        losses.CostSensitive(matrix)


def test_refuses_a_negative_weight_and_another_number_of_classes():
    with pytest.raises(ValueError, match="argument `crossentropy_weight`"):
        losses.CostSensitive(COST, -1.0)
    with pytest.raises(ValueError, match="`cost_matrix`.*3 classes"):
        losses.CostSensitive(COST)(np.array([0]), np.zeros((1, 3)))
