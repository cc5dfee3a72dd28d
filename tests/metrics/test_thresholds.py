"""Lift, Kolmogorov-Smirnov and best thresholds against sorted lists."""

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_funcs import metrics

few = settings(max_examples=12, deadline=None, derandomize=True)


def measured(metric, true, scores, weight=None):
    metric.update_state(np.asarray(true), np.asarray(scores), weight)
    result = metric.result()
    if isinstance(result, dict):
        return [float(value) for value in result.values()]
    return float(result)


def sigmoid(z):
    return 1 / (1 + np.exp(-np.asarray(z, float)))


def sample(seed, size=60):
    """Labels of both kinds, and logits far enough apart for a bin each."""
    random = np.random.default_rng(seed)
    z = random.permutation(size) * 0.1 - 0.05 * size + 0.03
    true = (random.uniform(size=size) < sigmoid(z)).astype(int)
    true[:2] = 0, 1
    return true, z


def lift_by_list(true, z, fraction):
    """Counts down the sorted list; the last one counts in part."""
    left, hits = fraction * len(true), 0.0
    for place in np.argsort(-z):
        part = min(left, 1.0)
        hits += part * true[place]
        left -= part
    return hits / (fraction * len(true)) / np.mean(true)


@few
@given(seed=st.integers(0, 10**6), fraction=st.floats(0.01, 1.0))
def test_lift_is_that_of_the_list(seed, fraction):
    true, z = sample(seed)
    wanted = lift_by_list(true, z, fraction)
    found = measured(metrics.LiftScore(fraction), true, sigmoid(z))
    np.testing.assert_allclose(found, wanted, 1e-5)


def test_lift_of_ties_is_that_of_a_random_choice():
    true = np.array([1, 0, 0, 1, 0, 0, 0, 0])
    scores = np.array([0.9, 0.9, 0.5, 0.5, 0.5, 0.5, 0.1, 0.1])
    # 3 of 8: the first two, and any one of the next four.
    found = measured(metrics.LiftScore(3 / 8), true, scores)
    assert found == pytest.approx((1 + 1 / 4) / 3 / (2 / 8))
    same = measured(metrics.LiftScore(0.1), true, np.full(8, 0.3))
    assert same == pytest.approx(1.0)
    assert measured(metrics.LiftScore(1.0), true, scores) == pytest.approx(1)


@few
@given(seed=st.integers(0, 10**6))
def test_kolmogorov_smirnov_is_scipys(seed):
    true, z = sample(seed)
    wanted = scipy.stats.ks_2samp(z[true == 1], z[true == 0]).statistic
    for metric, scores in (
        (metrics.KolmogorovSmirnov(), sigmoid(z)),
        (metrics.KolmogorovSmirnov(from_logits=True), z),
        (metrics.KolmogorovSmirnov(), sigmoid(-z)),  # two-sided
    ):
        np.testing.assert_allclose(measured(metric, true, scores), wanted, 1e-5)


@few
@given(
    seed=st.integers(0, 10**6),
    of=st.sampled_from(["youden", "f_beta"]),
    beta=st.sampled_from([0.5, 1.0, 2.0]),
    logits=st.booleans(),
)
def test_no_threshold_is_better_than_the_best(seed, of, beta, logits):
    true, z = sample(seed)
    scores = z if logits else sigmoid(z)

    def quality(threshold):
        predicted = scores >= threshold
        if of == "f_beta":
            return sklearn.metrics.fbeta_score(true, predicted, beta=beta)
        balanced = sklearn.metrics.balanced_accuracy_score(true, predicted)
        return 2 * balanced - 1

    metric = metrics.BestThreshold(
        of, beta, average="micro", from_logits=logits
    )
    found = quality(measured(metric, true, scores))
    best = max(quality(threshold) for threshold in scores)
    assert found == pytest.approx(best, abs=1e-6)


def test_the_highest_of_several_best_thresholds():
    true, scores = [0, 0, 1, 1], np.array([0.1, 0.2, 0.7, 0.8])
    for of in ("youden", "f_beta"):
        metric = metrics.BestThreshold(of, average="micro")
        found = measured(metric, true, scores)
        assert 0.69 < found <= 0.7
    everything = metrics.BestThreshold(
        beta=100.0, average="micro", from_logits=True
    )
    found = measured(everything, [1, 0], np.array([-1e30, 1.0], "float32"))
    assert np.isfinite(found) and found < -1e4


def test_thresholds_of_classes():
    random = np.random.default_rng(0)
    true = np.arange(90) % 3
    z = random.normal(size=(90, 3)) + 2 * np.eye(3)[true]
    p = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
    metric = metrics.BestThreshold("youden", class_names=["a", "b", "c"])
    assert metric.result() == {}
    metric.update_state(true, p)
    for index, name in enumerate("abc"):
        threshold = float(metric.result()[f"best_threshold/{name}"])
        rates = sklearn.metrics.roc_curve(true == index, p[:, index])
        best = np.max(rates[1] - rates[0])
        predicted = p[:, index] >= threshold
        recall = predicted[true == index].mean()
        alarms = predicted[true != index].mean()
        assert recall - alarms == pytest.approx(best, abs=0.02)


@pytest.mark.parametrize(
    "make",
    [
        lambda **k: metrics.LiftScore(0.2, **k),
        metrics.KolmogorovSmirnov,
        lambda **k: metrics.BestThreshold(average="micro", **k),
    ],
)
def test_what_cannot_be_counted(make):
    p = np.linspace(0.1, 0.9, 5)
    assert measured(make(), np.zeros(5), p) == 0.0
    assert np.isnan(measured(make(undefined="nan"), np.zeros(5), p))
    assert np.isnan(measured(make(), [0, 1, 2, 0, 1], p))
    p[2] = np.nan
    assert np.isnan(measured(make(), [0, 1, 0, 0, 1], p))


def test_weights_and_groups():
    true, z = sample(4)
    times = np.random.default_rng(0).integers(0, 4, len(true))
    members = ["kolmogorov_smirnov", metrics.LiftScore(0.3), metrics.AUROC()]
    weighted = metrics.MetricGroup(members)
    weighted.update_state(true, sigmoid(z), times)
    assert len(weighted.variables) == 2
    repeated = metrics.MetricGroup(
        ["kolmogorov_smirnov", metrics.LiftScore(0.3), metrics.AUROC()]
    )
    repeated.update_state(np.repeat(true, times), sigmoid(np.repeat(z, times)))
    for name, value in repeated.result().items():
        assert float(weighted.result()[name]) == pytest.approx(float(value))


@pytest.mark.parametrize("fraction", [0, -0.1, 1.5, None, "0.5", True])
def test_bad_fractions_are_refused(fraction):
    with pytest.raises(ValueError, match="argument `fraction`"):
        metrics.LiftScore(fraction)


@pytest.mark.parametrize(
    "arguments", [{"of": "f1"}, {"beta": 0.0}, {"average": "macro"}]
)
def test_bad_arguments_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        metrics.BestThreshold(**arguments)
