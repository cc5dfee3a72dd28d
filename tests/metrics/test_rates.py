"""Precision, recall, specificity, F and G-mean against loops and packages."""

import warnings

import imblearn.metrics
import numpy as np
import pytest
import sklearn.metrics
import torchmetrics.functional.classification as tm
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_funcs import metrics
from tests.metrics import oracle_rates as oracle

few = settings(max_examples=12, deadline=None, derandomize=True)
KINDS = ["PrecisionScore", "RecallScore", "SpecificityScore", "FScore"]
THEIRS = {
    "PrecisionScore": sklearn.metrics.precision_score,
    "RecallScore": sklearn.metrics.recall_score,
    "FScore": sklearn.metrics.f1_score,
}
AVERAGES = ["macro", "micro", "weighted"]


def measured(metric, true, scores, weight=None):
    metric.update_state(np.asarray(true), np.asarray(scores), weight)
    result = metric.result()
    if isinstance(result, dict):
        return [float(value) for value in result.values()]
    return float(result)


def sample(seed, size, absent=True):
    """Labels of which some classes may never occur, and predictions."""
    random = np.random.default_rng(seed)
    kinds = random.permutation(size)[: max(2, size - 2) if absent else size]
    true = random.choice(kinds, 40)
    predicted = np.where(
        random.uniform(size=40) < 0.5, true, random.choice(size, 40)
    )
    predicted[predicted == kinds[0]] = kinds[1]  # one is never predicted
    return true, predicted, random


@few
@given(
    kind=st.sampled_from(KINDS),
    average=st.sampled_from(AVERAGES),
    zero=st.sampled_from([0.0, 1.0, "nan"]),
    classes=st.sampled_from(["present", "labelled", "all"]),
    weighted=st.booleans(),
    size=st.integers(2, 6),
    seed=st.integers(0, 10**6),
)
def test_averages_are_those_of_the_definition(
    kind, average, zero, classes, weighted, size, seed
):
    true, predicted, random = sample(seed, size)
    weight = random.integers(0, 4, 40) if weighted else np.ones(40)
    every = oracle.of_classes(true, predicted, size, weight)
    missing = None if zero == "nan" else zero
    wanted = oracle.average(kind, every, average, missing, classes)
    metric = getattr(metrics, kind)(
        average=average, zero_division=zero, classes=classes
    )
    found = measured(metric, true, np.eye(size)[predicted], weight)
    np.testing.assert_allclose(found, wanted, 1e-5, 1e-6)


@few
@given(
    kind=st.sampled_from(list(THEIRS)),
    average=st.sampled_from([*AVERAGES, None]),
    zero=st.sampled_from([0.0, 1.0, "nan"]),
    size=st.integers(2, 6),
    seed=st.integers(0, 10**6),
)
def test_every_average_is_scikit_learns(kind, average, zero, size, seed):
    true, predicted, random = sample(seed, size)
    weight = random.integers(1, 4, 40)
    theirs = THEIRS[kind](
        true,
        predicted,
        average=average,
        labels=np.arange(size) if average is None else None,
        sample_weight=weight,
        zero_division=float(zero),
    )
    metric = getattr(metrics, kind)(average=average, zero_division=zero)
    found = measured(metric, true, np.eye(size)[predicted], weight)
    np.testing.assert_allclose(found, theirs, 1e-5, 1e-6)


@pytest.mark.parametrize("average", AVERAGES)
def test_specificity_and_g_mean_are_imbalanced_learns(average):
    # With sample weights imbalanced-learn subtracts weighted counts from the
    # unweighted number of samples; the oracle above stands for those.
    for seed in range(4):
        true, predicted, _ = sample(seed, 5)
        scores = np.eye(5)[predicted]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of classes without labels
            theirs = imblearn.metrics.specificity_score(
                true, predicted, average=average
            )
            means = [
                imblearn.metrics.geometric_mean_score(
                    true, predicted, correction=correction
                )
                for correction in (0.0, 0.01, 0.3)
            ]
        metric = metrics.SpecificityScore(average=average)
        np.testing.assert_allclose(measured(metric, true, scores), theirs, 1e-5)
        for correction, mean in zip((0.0, 0.01, 0.3), means):
            metric = metrics.GeometricMeanScore(correction=correction)
            found = measured(metric, true, scores)
            np.testing.assert_allclose(found, mean, 1e-5, 1e-7)


def test_g_mean_is_the_root_of_the_product_of_recalls():
    true = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2])
    predicted = np.array([0, 0, 0, 1, 1, 0, 2, 2, 3])
    for classes, correction, wanted in (
        ("labelled", 0.0, (3 / 4 * 1 / 2 * 2 / 3) ** (1 / 3)),
        ("present", 0.0, 0.0),
        ("present", 0.1, (3 / 4 * 1 / 2 * 2 / 3 * 0.1) ** (1 / 4)),
        ("all", 0.1, (3 / 4 * 1 / 2 * 2 / 3 * 0.1 * 0.1) ** (1 / 5)),
    ):
        metric = metrics.GeometricMeanScore(correction, classes)
        found = measured(metric, true, np.eye(5)[predicted])
        np.testing.assert_allclose(found, wanted, 1e-5)
    binary = metrics.GeometricMeanScore()
    found = measured(binary, true > 0, (predicted > 0).astype("float32"))
    np.testing.assert_allclose(found, (3 / 4 * 4 / 5) ** 0.5, 1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_is_torchmetrics(kind):
    import torch

    true, predicted, _ = sample(3, 5)
    theirs = {
        "PrecisionScore": tm.multiclass_precision,
        "RecallScore": tm.multiclass_recall,
        "SpecificityScore": tm.multiclass_specificity,
        "FScore": tm.multiclass_f1_score,
    }[kind](
        torch.as_tensor(predicted),
        torch.as_tensor(true),
        num_classes=5,
        average="none",
    )
    metric = getattr(metrics, kind)(average=None)
    found = measured(metric, true, np.eye(5)[predicted])
    np.testing.assert_allclose(found, theirs.numpy(), 1e-5)


@pytest.mark.parametrize("average", [*AVERAGES, None])
@pytest.mark.parametrize("kind", KINDS)
def test_multi_hot_labels(kind, average):
    random = np.random.default_rng(5)
    true = (random.uniform(size=(30, 6)) < 0.4).astype(int)
    true[:, 2] = 0  # a label that never is
    scores = random.uniform(0, 1, (30, 6)).astype("float32")
    scores[:, 2] *= 0.3  # ... and is never predicted
    weight = random.integers(1, 4, 30)
    predicted = scores >= np.float32(0.4)
    metric = getattr(metrics, kind)(
        multi_label=True, threshold=0.4, average=average
    )
    found = measured(metric, true, scores, weight)
    every = oracle.of_labels(true, predicted.astype(int), weight)
    if average is None:
        wanted = [oracle.rate(kind, counts) or 0.0 for counts in every]
    else:
        wanted = oracle.average(kind, every, average, 0.0, "all")
    np.testing.assert_allclose(found, wanted, 1e-5)
    if kind in THEIRS:
        theirs = THEIRS[kind](
            true,
            predicted,
            average=average,
            sample_weight=weight,
            zero_division=0.0,
        )
        np.testing.assert_allclose(found, theirs, 1e-5)


def test_unknown_and_ignored_labels_do_not_count():
    random = np.random.default_rng(6)
    true = random.choice([-1, 0, 1, 7], (40, 3))
    logits = random.normal(0, 1, (40, 3)).astype("float32")
    for kind in KINDS:
        metric = getattr(metrics, kind)(
            multi_label=True, from_logits=True, ignore_class=7
        )
        found = measured(metric, true, logits)
        known = np.where(true == 7, -1, true)
        every = oracle.of_labels(known, (logits >= 0).astype(int), np.ones(40))
        wanted = oracle.average(kind, every, "macro", 0.0, "all")
        np.testing.assert_allclose(found, wanted, 1e-5)
        metric = getattr(metrics, kind)(multi_label=True, from_logits=True)
        assert np.isnan(measured(metric, true, logits))


@pytest.mark.parametrize("kind", KINDS)
def test_binary_is_class_1_of_two(kind):
    random = np.random.default_rng(7)
    true, p = random.integers(0, 2, 30), random.uniform(0, 1, 30)
    p = p.astype("float32")
    every = oracle.of_classes(true, p >= 0.5, 2, np.ones(30))
    for scores in (p, p[:, None], np.stack([1 - p, p], -1)):
        metric = getattr(metrics, kind)(average="binary")
        found = measured(metric, true, scores)
        np.testing.assert_allclose(found, oracle.rate(kind, every[1]), 1e-5)
    three = getattr(metrics, kind)(average="binary")
    with pytest.raises(ValueError, match="expects 2 classes. Received: 3"):
        measured(three, [0, 1, 2], np.eye(3))


@pytest.mark.parametrize("beta", [0.0, 0.5, 2.0])
def test_beta_is_scikit_learns(beta):
    true, predicted, _ = sample(8, 4)
    metric = metrics.FScore(beta)
    theirs = sklearn.metrics.fbeta_score(
        true, predicted, beta=beta, average="macro", zero_division=0.0
    )
    found = measured(metric, true, np.eye(4)[predicted])
    np.testing.assert_allclose(found, theirs, 1e-5)


def test_identities():
    true, predicted, _ = sample(9, 4, absent=False)
    scores = np.eye(4)[predicted]
    accuracy = np.mean(true == predicted)
    for kind in ("PrecisionScore", "RecallScore", "FScore"):
        metric = getattr(metrics, kind)(average="micro")
        np.testing.assert_allclose(measured(metric, true, scores), accuracy)
    recall = metrics.RecallScore(classes="labelled")
    balanced = metrics.BalancedAccuracy()
    assert measured(recall, true, scores) == measured(balanced, true, scores)
    weighted = metrics.RecallScore(average="weighted")
    np.testing.assert_allclose(measured(weighted, true, scores), accuracy)
    # Recall of a class is the specificity of the rest of two.
    sensitivity = metrics.RecallScore(average=None)
    specificity = metrics.SpecificityScore(average=None)
    two = np.eye(2)[(predicted > 1).astype(int)]
    np.testing.assert_allclose(
        measured(sensitivity, true > 1, two),
        measured(specificity, true > 1, two)[::-1],
    )


def test_multi_hot_and_one_hot_agree_on_single_labels():
    true, predicted, _ = sample(10, 5)
    one_hot, scores = np.eye(5)[true], np.eye(5)[predicted]
    for kind in KINDS:
        for average in (None, "micro"):
            settings_ = {"average": average, "classes": "all"}
            left = getattr(metrics, kind)(**settings_)
            right = getattr(metrics, kind)(multi_label=True, **settings_)
            np.testing.assert_allclose(
                measured(left, one_hot, scores),
                measured(right, one_hot, scores),
                1e-6,
            )


def test_one_label_and_more_axes():
    random = np.random.default_rng(11)
    true = random.integers(0, 2, (2, 5, 4, 3))
    scores = random.uniform(0, 1, (2, 5, 4, 3)).astype("float32")
    flat, block = (metrics.FScore(multi_label=True) for _ in range(2))
    weight = random.integers(0, 3, (2, 5))
    found = measured(block, true, scores, weight)
    wanted = measured(
        flat,
        true.reshape(-1, 3),
        scores.reshape(-1, 3),
        np.repeat(weight.reshape(-1), 4),
    )
    assert found == wanted
    for shape in ((-1,), (-1, 1)):
        one = metrics.RecallScore(multi_label=True)
        found = measured(one, true.reshape(shape), scores.reshape(shape))
        hits = np.sum(true * (scores >= 0.5))
        np.testing.assert_allclose(found, hits / np.sum(true), 1e-6)


def test_counts_of_labels_are_exact_and_so_is_the_matrix():
    metric = metrics.PrecisionScore(multi_label=True, num_classes=2)
    sums, _ = metric.variables
    start = 2**24 + 2**14 - 1
    state = [[[[start // 2**14] * 2] * 2] * 2, [[[start % 2**14] * 2] * 2] * 2]
    sums.assign(np.array(state, "float32"))
    for _ in range(3):
        metric.update_state([[1, 0]], np.array([[0.9, 0.8]], "float32"))
    wanted = np.full((2, 2, 2), start)
    wanted[0, 1, 1] += 3
    wanted[1, 0, 1] += 3
    np.testing.assert_array_equal(metric.exact_state(), wanted)
    np.testing.assert_array_equal(metric.matrix(), wanted)


def test_results_before_any_batch():
    assert float(metrics.FScore().result()) == 0.0
    assert float(metrics.FScore(zero_division=1.0).result()) == 1.0
    assert np.isnan(float(metrics.FScore(zero_division="nan").result()))
    assert metrics.FScore(average=None).result() == {}
    named = metrics.FScore(average=None, num_classes=2, class_names=["a", "b"])
    assert {k: float(v) for k, v in named.result().items()} == {
        "f_score/a": 0.0,
        "f_score/b": 0.0,
    }
    assert float(metrics.FScore(num_classes=3).result()) == 0.0


@pytest.mark.parametrize("labels", [(4, 2), (4, 3, 1), (4,), (4, 1)])
def test_multi_hot_shapes_that_do_not_fit(labels):
    metric = metrics.FScore(multi_label=True)
    with pytest.raises(ValueError, match="Invalid shape of `y_true`"):
        metric.update_state(np.zeros(labels), np.zeros((4, 3)))


@pytest.mark.parametrize(
    "kind, arguments",
    [
        (metrics.PrecisionScore, {"average": "samples"}),
        (metrics.PrecisionScore, {"average": "binary", "multi_label": True}),
        (metrics.RecallScore, {"zero_division": 0.5}),
        (metrics.RecallScore, {"zero_division": float("nan")}),
        (metrics.RecallScore, {"zero_division": True}),
        (metrics.SpecificityScore, {"classes": "absent"}),
        (metrics.SpecificityScore, {"multi_label": 1}),
        (metrics.FScore, {"beta": -1.0}),
        (metrics.FScore, {"threshold": "0.5"}),
        (metrics.GeometricMeanScore, {"correction": 2.0}),
        (metrics.GeometricMeanScore, {"classes": None}),
    ],
)
def test_bad_arguments_are_refused(kind, arguments):
    name = next(iter(arguments))
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        kind(**arguments)
