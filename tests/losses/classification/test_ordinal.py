"""Losses for ordered classes against their papers and coral-pytorch."""

import coral_pytorch.dataset
import coral_pytorch.losses
import numpy as np
import pytest
import torch
from keras import ops

from keras_funcs import losses
from tests.derivatives import gradient
from tests.losses import oracles

CLASSES = 5
THRESHOLD_LOSSES = (losses.CORAL, losses.CORN)


def draw(width, shape=(20,), seed=0):
    random = np.random.default_rng(seed)
    return random.normal(0, 3, (*shape, width)).astype("float32")


def labels(shape=(20,), seed=1):
    return np.random.default_rng(seed).permutation(
        np.arange(np.prod(shape)) % CLASSES
    ).reshape(shape)  # fmt: skip


def test_ranked_probability_is_the_definition():
    # Epstein (1969): the squared distances of cumulative probabilities.
    z, ids = draw(CLASSES), labels()
    soft = np.random.default_rng(2).dirichlet(np.ones(CLASSES), 20)

    def one(target, row):
        p, _ = oracles.softmax(row)
        total = oracles.Real(0)
        for k in range(CLASSES - 1):
            total += (sum(p[: k + 1]) - sum(target[: k + 1])) ** 2
        return total / (CLASSES - 1)

    loss = losses.RankedProbability(from_logits=True, reduction="none")
    for y, target in ((ids, np.eye(CLASSES)[ids]), (soft, soft)):
        expected = oracles.each(one, target, z)
        np.testing.assert_allclose(loss(y, z), expected, 2e-5, 1e-7)


def test_ranked_probability_of_certain_mistakes_counts_the_steps():
    loss = losses.RankedProbability(reduction="none")
    p = np.eye(CLASSES, dtype="float32")
    found = ops.convert_to_numpy(loss(np.zeros(CLASSES, int), p))
    np.testing.assert_allclose(found, np.arange(CLASSES) / 4, 1e-6)


def test_ranked_probability_of_two_classes_is_the_brier_score():
    p = np.array([[0.7, 0.3], [0.2, 0.8]], "float32")
    loss = losses.RankedProbability(reduction="none")
    found = loss(np.array([0, 0]), p)
    np.testing.assert_allclose(found, [0.09, 0.64], 1e-5)


def bce(yes, z):
    p, q = oracles.sigmoid(z)
    return -np.log(p if yes else q)


def coral(y, z):
    return sum(bce(y > k, row) for k, row in enumerate(z))


def corn(y, z):
    # Threshold k is asked only of the samples that are above k - 1.
    return sum(bce(y > k, row) for k, row in enumerate(z) if y > k - 1)


@pytest.mark.parametrize(
    "make, one", list(zip(THRESHOLD_LOSSES, (coral, corn)))
)
@pytest.mark.parametrize("shape", [(20,), (4, 5)])
def test_thresholds_are_the_definition(make, one, shape):
    z, y = draw(CLASSES - 1, shape), labels(shape)
    expected = oracles.each(lambda t, row: one(t[0], row), y[..., None], z)
    loss = make(reduction="none")
    np.testing.assert_allclose(loss(y, z), expected, 2e-5)
    np.testing.assert_allclose(loss(y[..., None], z), expected, 2e-5)


def test_coral_agrees_with_coral_pytorch():
    z, y = draw(CLASSES - 1), labels()
    levels = coral_pytorch.dataset.levels_from_labelbatch(
        torch.tensor(y), CLASSES
    )
    theirs = coral_pytorch.losses.coral_loss(torch.tensor(z), levels)
    np.testing.assert_allclose(losses.CORAL()(y, z), theirs.item(), 1e-5)


def test_corn_agrees_with_coral_pytorch():
    z, y = draw(CLASSES - 1), labels()
    theirs = coral_pytorch.losses.corn_loss(
        torch.tensor(z), torch.tensor(y), CLASSES
    )
    # Theirs is the mean over the terms of the batch, ours over its samples.
    terms = sum(min(int(item), CLASSES - 2) + 1 for item in y)
    expected = theirs.item() * terms / len(y)
    np.testing.assert_allclose(losses.CORN()(y, z), expected, 1e-5)


def test_corn_has_no_gradient_where_it_does_not_ask():
    z, y = draw(CLASSES - 1, (5,)), np.arange(5)
    loss = losses.CORN(reduction="sum")
    slope = gradient(lambda t: loss(y, t), z)
    asked = np.arange(4) <= y[:, None]
    assert slope[asked].all() and not slope[~asked].any()


@pytest.mark.parametrize("make", THRESHOLD_LOSSES)
@pytest.mark.parametrize("gap", [20.0, 100.0, 1e4])
def test_a_confidently_wrong_threshold_keeps_its_gradient(make, gap):
    z, y = np.array([[-gap, gap, -gap]], "float32"), np.array([1])
    loss = make()
    np.testing.assert_allclose(loss(y, z), 2 * gap, 1e-5)
    slope = gradient(lambda t: loss(y, t), z)
    np.testing.assert_allclose(slope, [[-1, 1, 0]], atol=1e-4)


@pytest.mark.parametrize("make", THRESHOLD_LOSSES)
@pytest.mark.parametrize("void", [-1, 2, 255])
@pytest.mark.parametrize("reduction", oracles.REDUCTIONS)
def test_ignored_labels_do_not_count(make, void, reduction):
    z, y = draw(CLASSES - 1), labels()
    y[:3] = void
    rows = ops.convert_to_numpy(
        make(reduction="none")(np.where(y == void, 0, y), z)
    )
    weight = np.random.default_rng(4).uniform(0, 2, 20)
    expected = oracles.reduced(rows, weight, y != void, reduction)
    loss = make(ignore_class=void, reduction=reduction)
    found = ops.convert_to_numpy(loss(y, z, weight))
    np.testing.assert_allclose(found, expected, 1e-5, 1e-6)


@pytest.mark.parametrize("make", THRESHOLD_LOSSES)
@pytest.mark.parametrize("wrong", [-1.0, 5.0, 1.5, float("nan")])
def test_an_id_that_is_no_class_is_nan(make, wrong):
    y = np.array([0.0, wrong, 4.0], "float32")
    found = ops.convert_to_numpy(make(reduction="none")(y, draw(4, (3,))))
    assert np.isnan(found).tolist() == [False, True, False]


@pytest.mark.parametrize("make", THRESHOLD_LOSSES)
@pytest.mark.parametrize(
    "given, outputs",
    [((4,), (4,)), ((3,), (4, 2)), ((4, 2), (4, 2)), ((4, 1, 1), (4, 2))],
)
def test_shapes_that_do_not_fit_are_refused(make, given, outputs):
    with pytest.raises(ValueError, match="Invalid shape of `y_"):
        make()(np.zeros(given), np.ones(outputs))


@pytest.mark.parametrize("make", [*THRESHOLD_LOSSES, losses.RankedProbability])
def test_refuses_an_ignored_class_that_is_no_integer(make):
    with pytest.raises(ValueError, match="argument `ignore_class`"):
        make(ignore_class=0.5)
