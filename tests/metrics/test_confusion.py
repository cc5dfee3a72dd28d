"""Confusion-matrix metrics against loops and against scikit-learn."""

import warnings

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops

from keras_funcs import metrics

KINDS = (
    metrics.BalancedAccuracy,
    metrics.MatthewsCorrelation,
    metrics.ConfusionMatrix,
)
few = settings(max_examples=10, deadline=None, derandomize=True)


def matrix_of(true, predicted, size, weight=None):
    """The definition, pair by pair."""
    matrix = np.zeros((size, size))
    weight = np.ones(len(true)) if weight is None else weight
    for t, p, w in zip(true, predicted, weight):
        matrix[t, p] += w
    return matrix


def expected(kind, true, predicted, weight=None):
    """scikit-learn's number, or the diagonal for the matrix itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of absent classes
        if kind is metrics.BalancedAccuracy:
            return sklearn.metrics.balanced_accuracy_score(
                true, predicted, sample_weight=weight
            )
        return sklearn.metrics.matthews_corrcoef(
            true, predicted, sample_weight=weight
        )


def scores_for(predicted, size, random, logits=True):
    """Scores whose largest is at `predicted`."""
    scores = random.normal(0, 1, (len(predicted), size))
    scores[np.arange(len(predicted)), predicted] += 10
    if not logits:
        scores = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    return scores.astype("float32")


@few
@given(
    size=st.sampled_from([2, 3]),
    samples=st.sampled_from([1, 30]),
    classes=st.integers(1, 5),
    weights=st.sampled_from([None, "whole", "real"]),
    seed=st.integers(0, 10**6),
)
def test_every_form_agrees_with_scikit_learn(
    size, samples, classes, weights, seed
):
    random = np.random.default_rng(seed)
    true = random.integers(0, min(classes, size), samples)  # some absent
    predicted = np.where(
        random.uniform(size=samples) < 0.6,
        true,
        random.integers(0, size, samples),
    )
    weight = {
        None: None,
        "whole": random.integers(1, 5, samples),
        "real": random.uniform(0.5, 2, samples).astype("float32"),
    }[weights]
    scores = scores_for(predicted, size, random)
    matrix = matrix_of(true, predicted, size, weight)
    for kind in KINDS:
        metric = kind()
        for y in (true, true[:, None], np.eye(size)[true]):
            metric.reset_state()
            metric.update_state(y, scores, weight)
            np.testing.assert_allclose(metric.matrix(), matrix, atol=1e-3)
            if kind is metrics.ConfusionMatrix:
                result = [float(v) for v in metric.result().values()]
                np.testing.assert_allclose(result, matrix.diagonal(), 1e-3)
            else:
                wanted = expected(kind, true, predicted, weight)
                result = float(metric.result())
                np.testing.assert_allclose(result, wanted, 1e-3, 1e-4)


@pytest.mark.parametrize("kind", KINDS[:2])
def test_probabilities_logits_and_any_split_give_one_number(kind):
    random = np.random.default_rng(0)
    true = random.integers(0, 4, 30)
    predicted = random.integers(0, 4, 30)
    wanted = expected(kind, true, predicted)
    for logits in (True, False):
        metric = kind()
        scores = scores_for(predicted, 4, random, logits)
        for part in np.array_split(np.arange(30), 3):
            metric.update_state(true[part], scores[part])
        np.testing.assert_allclose(float(metric.result()), wanted, 1e-5)
        # and over more axes than one
        metric = kind()
        metric.update_state(true.reshape(2, 15), scores.reshape(2, 15, 4))
        np.testing.assert_allclose(float(metric.result()), wanted, 1e-5)
    assert abs(wanted) > 1e-3


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("threshold", [None, 0.3, 0.8])
def test_binary_scores(from_logits, threshold):
    random = np.random.default_rng(1)
    true = random.integers(0, 2, 50)
    p = random.uniform(0.01, 0.99, 50)
    scores = np.log(p / (1 - p)) if from_logits else p
    scores = scores.astype("float32")
    cut = threshold
    if cut is None:
        cut = 0.0 if from_logits else 0.5
    predicted = (scores >= np.float32(cut)).astype(int)
    assert 0 < predicted.sum() < 50
    weight = random.integers(0, 3, 50)
    for kind in KINDS[:2]:
        for y, s in (
            (true, scores),
            (true, scores[:, None]),
            (true[:, None], scores[:, None]),
            (true[:, None], scores),
        ):
            metric = kind(from_logits=from_logits, threshold=threshold)
            metric.update_state(y, s, weight)
            np.testing.assert_allclose(
                float(metric.result()),
                expected(kind, true, predicted, weight),
                1e-5,
            )
            matrix = matrix_of(true, predicted, 2, weight)
            np.testing.assert_array_equal(metric.matrix(), matrix)


def test_a_score_on_the_threshold_is_class_1():
    metric = metrics.ConfusionMatrix()
    metric.update_state([1, 0], [0.5, 0.4999])
    assert metric.matrix().tolist() == [[1, 0], [0, 1]]
    metric = metrics.ConfusionMatrix(from_logits=True)
    metric.update_state([1, 0], [0.0, -0.001])
    assert metric.matrix().tolist() == [[1, 0], [0, 1]]


def test_two_columns_and_one_give_the_same():
    random = np.random.default_rng(2)
    true, p = random.integers(0, 2, 20), random.uniform(0, 1, 20)
    for kind in KINDS[:2]:
        one, two = kind(), kind()
        one.update_state(true, p)
        two.update_state(true, np.stack([1 - p, p], -1))
        np.testing.assert_allclose(float(one.result()), float(two.result()))


@pytest.mark.parametrize("absent", ["ignore", "zero"])
@pytest.mark.parametrize("adjusted", [False, True])
def test_balanced_accuracy_settings(adjusted, absent):
    true, predicted = [0, 0, 0, 2, 2], [0, 0, 1, 2, 1]
    metric = metrics.BalancedAccuracy(adjusted=adjusted, absent=absent)
    metric.update_state(np.array(true), np.eye(4)[predicted])
    recalls = [2 / 3, 1 / 2] + ([0, 0] if absent == "zero" else [])
    mean, chance = sum(recalls) / len(recalls), 1 / len(recalls)
    wanted = (mean - chance) / (1 - chance) if adjusted else mean
    np.testing.assert_allclose(float(metric.result()), wanted, 1e-5)
    if absent == "ignore":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = sklearn.metrics.balanced_accuracy_score(
                true, predicted, adjusted=adjusted
            )
        np.testing.assert_allclose(wanted, theirs)


@pytest.mark.parametrize("normalize", [None, "true", "pred", "all"])
def test_normalized_matrix_is_scikit_learns(normalize):
    random = np.random.default_rng(0)
    true, predicted = random.integers(0, 3, (2, 40))
    metric = metrics.ConfusionMatrix(normalize=normalize)
    metric.update_state(true, np.eye(4)[predicted])  # class 3 is absent
    theirs = sklearn.metrics.confusion_matrix(
        true, predicted, labels=np.arange(4), normalize=normalize
    )
    result = metric.result()
    assert list(result) == [f"confusion_matrix/{c}" for c in range(4)]
    found = [float(value) for value in result.values()]
    np.testing.assert_allclose(found, theirs.diagonal(), 1e-6)


def test_matthews_is_the_correlation_of_two_binary_variables():
    random = np.random.default_rng(0)
    true = random.integers(0, 2, 60)
    predicted = np.where(random.uniform(size=60) < 0.8, true, 1 - true)
    metric = metrics.MatthewsCorrelation()
    metric.update_state(true, predicted.astype("float32"))
    pearson = np.corrcoef(true, predicted)[0, 1]
    np.testing.assert_allclose(float(metric.result()), pearson, 1e-5)


@pytest.mark.parametrize("size", [2, 5])
def test_a_constant_prediction_is_chance(size):
    true = np.arange(40) % size
    constant = np.eye(size)[np.zeros(40, int)]
    balanced, matthews = metrics.BalancedAccuracy(), KINDS[1]()
    balanced.update_state(true, constant)
    matthews.update_state(true, constant)
    np.testing.assert_allclose(float(balanced.result()), 1 / size, 1e-6)
    assert float(matthews.result()) == 0.0
    for metric in (balanced, matthews):
        metric.reset_state()
        metric.update_state(true, np.eye(size)[true])
        np.testing.assert_allclose(float(metric.result()), 1.0, 1e-6)
    if size == 2:
        matthews.reset_state()
        matthews.update_state(true, np.eye(size)[1 - true])
        np.testing.assert_allclose(float(matthews.result()), -1.0, 1e-6)


@pytest.mark.parametrize(
    "matrix",
    [
        [[999_985, 5], [5, 5]],
        [[10**7 - 3, 1], [1, 1]],
        [[999_900, 40, 40], [10, 5, 1], [2, 1, 1]],
        [[0, 0, 7], [0, 0, 33], [0, 0, 9]],  # one prediction
        [[3, 1, 45], [0, 0, 0], [0, 0, 0]],  # one label
        [[0, 0], [0, 49]],
    ],
)
def test_matthews_of_very_rare_classes_keeps_its_digits(matrix):
    # Gorodkin (2004), eq. 8, in whole numbers of any length.
    size, total = range(len(matrix)), sum(map(sum, matrix))
    t = [sum(matrix[c]) for c in size]
    p = [sum(row[c] for row in matrix) for c in size]
    above = sum(matrix[c][c] for c in size) * total
    above -= sum(t[c] * p[c] for c in size)
    below = (total**2 - sum(x * x for x in t)) * (
        total**2 - sum(x * x for x in p)
    )
    wanted = above / below**0.5 if below else 0.0
    metric = metrics.MatthewsCorrelation(num_classes=len(matrix))
    true, predicted = np.indices(np.shape(matrix)).reshape(2, -1)
    metric.update_state(true, np.eye(len(matrix))[predicted], np.ravel(matrix))
    np.testing.assert_allclose(float(metric.result()), wanted, 1e-5)


def test_permuting_classes_changes_no_score():
    random = np.random.default_rng(0)
    true, predicted = random.integers(0, 5, (2, 60))
    order = random.permutation(5)
    for kind in KINDS[:2]:
        here, there = kind(), kind()
        here.update_state(true, np.eye(5)[predicted])
        there.update_state(order[true], np.eye(5)[order[predicted]])
        np.testing.assert_allclose(
            float(here.result()), float(there.result()), 1e-5
        )


def test_nothing_counted_is_0():
    for kind in KINDS[:2]:
        assert float(kind().result()) == 0.0
        metric = kind(num_classes=3)
        assert float(metric.result()) == 0.0
    assert metrics.ConfusionMatrix().matrix().shape == (0, 0)
    named = metrics.ConfusionMatrix(class_names=["a", "b"], num_classes=2)
    assert [float(v) for v in named.result().values()] == [0.0, 0.0]


def test_names_and_own_name_are_in_the_result():
    metric = metrics.ConfusionMatrix(
        class_names=["cat", "dog"], name="val", dtype="float32"
    )
    metric.update_state([0, 1, 1], np.eye(2)[[0, 1, 0]])
    result = {key: float(value) for key, value in metric.result().items()}
    assert result == {"val/cat": 1.0, "val/dog": 1.0}
    assert ops.shape(metric.result()["val/cat"]) == ()
