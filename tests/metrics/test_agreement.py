"""Kappa and errors of grades against loops and packages."""

import imblearn.metrics
import numpy as np
import pytest
import sklearn.metrics
import torch
import torchmetrics.functional.classification as tm
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_funcs import metrics

few = settings(max_examples=12, deadline=None, derandomize=True)
WEIGHTS = [None, "linear", "quadratic"]


def measured(metric, true, predicted, size, weight=None):
    metric.update_state(np.asarray(true), np.eye(size)[predicted], weight)
    return float(metric.result())


def cost(weights, i, j):
    return {None: i != j, "linear": abs(i - j)}.get(weights, (i - j) ** 2)


def kappa(true, predicted, weights, share):
    """Cohen (1968): what pairs cost against what all pairs would cost."""
    observed = chance = 0.0
    total = sum(share)
    for i, j, w in zip(true, predicted, share):
        observed += w * cost(weights, i, j) / total
        for other, v in zip(predicted, share):
            chance += w * v * cost(weights, i, other) / total**2
    return 1 - observed / chance if chance else 0.0


@few
@given(
    weights=st.sampled_from(WEIGHTS),
    size=st.integers(2, 5),
    seed=st.integers(0, 10**6),
)
def test_kappa_is_its_definition_and_scikit_learns(weights, size, seed):
    random = np.random.default_rng(seed)
    true = random.integers(0, size, 25)
    predicted = np.clip(true + random.integers(-1, 2, 25), 0, size - 1)
    share = random.integers(1, 4, 25)
    metric = metrics.CohenKappa(weights)
    found = measured(metric, true, predicted, size, share)
    wanted = kappa(true, predicted, weights, share)
    np.testing.assert_allclose(found, wanted, 1e-4, 1e-6)
    theirs = sklearn.metrics.cohen_kappa_score(
        true,
        predicted,
        labels=np.arange(size),
        weights=weights,
        sample_weight=share,
    )
    np.testing.assert_allclose(found, theirs, 1e-4, 1e-6)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_kappa_is_torchmetrics(weights):
    random = np.random.default_rng(0)
    true, predicted = random.integers(0, 4, (2, 60))
    theirs = tm.multiclass_cohen_kappa(
        torch.as_tensor(predicted),
        torch.as_tensor(true),
        num_classes=4,
        weights=weights,
    )
    found = measured(metrics.CohenKappa(weights), true, predicted, 4)
    np.testing.assert_allclose(found, float(theirs), 1e-4)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_kappa_at_its_ends(weights):
    true = np.arange(12) % 3
    metric = metrics.CohenKappa(weights)
    assert measured(metric, true, true, 3) == 1.0
    metric = metrics.CohenKappa(weights)
    constant = measured(metric, true, np.zeros(12, int), 3)
    np.testing.assert_allclose(constant, 0.0, atol=1e-6)
    metric = metrics.CohenKappa(weights)
    assert measured(metric, [1, 1], [1, 1], 3) == 0.0  # 0 / 0


def test_kappa_of_two_classes_has_one_value():
    true, predicted = np.arange(30) % 2, np.arange(30) % 3 % 2
    predicted[:8] = true[:8]
    found = [
        measured(metrics.CohenKappa(weights), true, predicted, 2)
        for weights in WEIGHTS
    ]
    np.testing.assert_allclose(found, found[0], 1e-6)
    assert abs(found[0]) > 1e-3


def test_unweighted_kappa_does_not_see_the_order():
    random = np.random.default_rng(2)
    true, predicted = random.integers(0, 4, (2, 40))
    order = np.array([2, 0, 3, 1])
    for weights, same in ((None, True), ("quadratic", False)):
        here = measured(metrics.CohenKappa(weights), true, predicted, 4)
        there = measured(
            metrics.CohenKappa(weights), order[true], order[predicted], 4
        )
        assert np.isclose(here, there, atol=1e-6) == same


def test_kappa_of_a_very_rare_class_keeps_its_digits():
    matrix = np.array([[10**7, 3], [2, 5]])
    true, predicted = np.indices((2, 2)).reshape(2, -1)
    found = measured(
        metrics.CohenKappa(), true, predicted, 2, matrix.reshape(-1)
    )
    total = matrix.sum()
    chance = sum(
        int(matrix[i].sum()) * int(matrix[:, 1 - i].sum()) for i in range(2)
    )
    wanted = 1 - 5 * int(total) / chance
    np.testing.assert_allclose(found, wanted, 1e-5)


def grades(true, predicted, share):
    means = []
    for c in sorted(set(true)):
        error = count = 0.0
        for i, j, w in zip(true, predicted, share):
            if i == c:
                error, count = error + w * abs(i - j), count + w
        means.append(error / count)
    return sum(means) / len(means)


@few
@given(size=st.integers(2, 6), seed=st.integers(0, 10**6))
def test_macro_mae_is_its_definition_and_imbalanced_learns(size, seed):
    random = np.random.default_rng(seed)
    true = random.integers(0, size, 30)
    # Of grades that occur: imbalanced-learn fails on others.
    predicted = random.choice(np.unique(true), 30)
    share = random.integers(1, 4, 30)
    found = measured(metrics.MacroMAE(), true, predicted, size, share)
    np.testing.assert_allclose(found, grades(true, predicted, share), 1e-5)
    theirs = imblearn.metrics.macro_averaged_mean_absolute_error(
        true, predicted, sample_weight=share
    )
    np.testing.assert_allclose(found, theirs, 1e-5)


def test_grades_without_labels_do_not_count():
    found = measured(metrics.MacroMAE(), [0, 0, 4], [0, 2, 1], 6)
    np.testing.assert_allclose(found, (1.0 + 3.0) / 2, 1e-6)
    assert float(metrics.MacroMAE(num_classes=3).result()) == 0.0


def test_an_error_is_better_when_small():
    assert metrics.MacroMAE()._direction == "down"
    assert metrics.CohenKappa()._direction == "up"


def test_bad_arguments_are_refused():
    for wrong in ("cubic", 1, True, ["linear"]):
        with pytest.raises(ValueError, match="argument `weights`"):
            metrics.CohenKappa(wrong)
