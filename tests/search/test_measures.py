"""What is measured beside the objective, and how far it depends on the rows."""

import numpy as np
import pytest
from sklearn import metrics

from keras_funcs.search.report import measures
from keras_funcs.search.report import sampling
from keras_funcs.search.report import statistics

ORACLES = {
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "matthews": metrics.matthews_corrcoef,
    "macro_f1": lambda y, p, **weight: metrics.f1_score(
        y, p, average="macro", **weight
    ),
}
RANKINGS = {
    "average_precision": metrics.average_precision_score,
    "auroc": metrics.roc_auc_score,
}
OF_CLASS_1 = {
    "recall": metrics.recall_score,
    "precision": metrics.precision_score,
    "f1": metrics.f1_score,
}
ERRORS = {
    "r2": metrics.r2_score,
    "rmse": metrics.root_mean_squared_error,
    "mae": metrics.mean_absolute_error,
    "mse": metrics.mean_squared_error,
}


def cases():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 60)
    scores = rng.normal(size=(60, 3)) + np.eye(3)[y]
    for name, oracle in ORACLES.items():
        yield measures.OF_CLASSES[name], y, scores, oracle, scores.argmax(1)
    y = (y == 2).astype(int)
    scores = scores[:, 1:].round(1)  # with ties
    odds = scores[:, 1] - scores[:, 0]
    for name, oracle in RANKINGS.items():
        yield measures.of_class(name, [1], ""), y, scores, oracle, odds
    for name, oracle in OF_CLASS_1.items():
        measure = measures.of_class(name, [1], "b")
        yield measure, y, scores, oracle, scores.argmax(1)
    truth = rng.normal(size=60)
    guess = truth + rng.normal(size=60)
    for name, oracle in ERRORS.items():
        yield measures.OF_VALUES[name], truth, guess, oracle, guess


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case[0].title)
def test_values_and_influences_are_those_of_scikit_learn(case):
    measure, y, scores, oracle, given = case
    value, influence = measure.of(y, scores)
    assert value == pytest.approx(oracle(y, given))
    step = 1e-5
    for row in (0, 7, 31):
        weights = np.ones((2, len(y)))
        weights[0, row], weights[1, row] = 1 + step, 1 - step
        up, down = (oracle(y, given, sample_weight=w) for w in weights)
        assert influence[row] == pytest.approx((up - down) / (2 * step), 1e-4)


def test_a_measure_of_classes_is_the_mean_over_them():
    y = np.array([0, 1, 2, 2])
    scores = np.eye(3)[[0, 1, 2, 1]] * 4 - 5
    mean = measures.of_class("recall", [1, 2], "").of(y, scores)
    assert mean[0] == 0.75 and mean[1].shape == (4,)
    odds = metrics.roc_auc_score(y == 2, scores[:, 2])
    assert measures.of_class("auroc", [2], "").of(y, scores)[0] == odds


def test_a_constant_prediction_has_no_correlation():
    matrix = np.array([[5.0, 0.0], [5.0, 0.0]])
    assert measures.matthews(matrix)[0] == 0.0


def test_the_variance_is_that_of_a_bootstrap_within_classes():
    rng = np.random.default_rng(1)
    y = np.repeat([0, 1, 2], [300, 60, 30])
    scores = rng.normal(size=(len(y), 3)) + np.eye(3)[y]
    measure = measures.OF_CLASSES["macro_f1"]
    found = sampling.sampling(measure.of(y, scores)[1][None], y)
    drawn = []
    for _ in range(500):
        parts = (np.flatnonzero(y == index) for index in range(3))
        rows = np.concatenate([rng.choice(p, len(p)) for p in parts])
        drawn.append(measure.of(y[rows], scores[rows])[0])
    assert found.variance == pytest.approx(np.var(drawn), rel=0.2)


def test_two_rows_of_a_class_make_an_interval_wide():
    y = np.array([0] * 100 + [1] * 2)
    half = np.zeros((3, len(y)))
    half[:, 100] = 0.25
    found = sampling.sampling(half, y)
    assert found.variance == pytest.approx(0.25**2)
    gains = {0: 0.1, 1: 0.11, 2: 0.12}
    compared = statistics.compare(
        gains, dict.fromkeys(gains, 0.0), sampling=found
    )
    assert compared.low < -1 and not compared.better and compared.rows == 102


@pytest.mark.parametrize("seeds", [3, 10])
def test_intervals_cover_the_gain_on_all_rows_that_could_be(seeds):
    """Rows and seeds have a share in each score, and rows of each seed."""
    rng = np.random.default_rng(seeds)
    y = np.repeat([0, 1], [120, 40])
    balanced = measures.OF_CLASSES["balanced_accuracy"]

    def scored(gain, rows, count):
        """Influences and values of a configuration with so many seeds."""
        shift = rng.normal(0, 0.4, (count, 1))
        noise = rng.normal(0, 0.5, (count, len(rows[0])))
        z = (2 * rows[0] - 1) * (0.8 + gain) + rows[1] + shift + noise
        return [balanced.of(rows[0], np.stack([-s, s], 1)) for s in z]

    def gain_on(labels, count):
        rows = labels, rng.normal(size=len(labels))
        return scored(0.3, rows, count), scored(0.0, rows, count)

    many = gain_on(np.repeat([0, 1], 20_000), 40)
    truth = np.mean([a[0] - b[0] for a, b in zip(*many)])
    with_rows, by_seeds = 0, 0
    for _ in range(200):
        after, before = gain_on(y, seeds)
        pair = [dict(enumerate(v for v, _ in s)) for s in (after, before)]
        rows = np.stack([a[1] - b[1] for a, b in zip(after, before)])
        found = statistics.compare(*pair, sampling=sampling.sampling(rows, y))
        with_rows += found.low <= truth <= found.high
        found = statistics.compare(*pair)
        by_seeds += found.low <= truth <= found.high
    assert with_rows >= 0.93 * 200
    assert by_seeds < with_rows


def test_no_p_of_zero():
    assert statistics.probability(1e-9) == "p < 0.001"
    assert statistics.probability(0.0123) == "p = 0.012"
