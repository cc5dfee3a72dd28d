"""Recall by training size, of the worst class and within the top k."""

import keras
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


def recalls(true, hit, share):
    """The recall of every class that has labels."""
    found = {}
    for c in sorted(set(true)):
        mine = [(h, w) for t, h, w in zip(true, hit, share) if t == c]
        total = sum(w for _, w in mine)
        if total:
            found[int(c)] = sum(h * w for h, w in mine) / total
    return found


def sample(seed, size, samples=40):
    random = np.random.default_rng(seed)
    true = random.integers(0, size - 1, samples)  # the last one is absent
    predicted = np.where(
        random.uniform(size=samples) < 0.6,
        true,
        random.integers(0, size, samples),
    )
    return true, predicted, random.integers(0, 3, samples)


@few
@given(
    size=st.integers(3, 7),
    many=st.sampled_from([100, 30]),
    seed=st.integers(0, 10**6),
)
def test_shot_recall_is_its_definition(size, many, seed):
    true, predicted, share = sample(seed, size)
    counts = [1000, 100, 30, 20, 19, 5, 0][:size]
    metric = metrics.ShotRecall(counts, many=many)
    metric.update_state(true, np.eye(size)[predicted], share)
    found = {key: float(value) for key, value in metric.result().items()}
    each = recalls(true, true == predicted, share)
    wanted = {}
    for group, member in (
        ("many", lambda count: count > many),
        ("medium", lambda count: 20 <= count <= many),
        ("few", lambda count: count < 20),
    ):
        if any(member(count) for count in counts):
            values = [each[c] for c in each if member(counts[c])]
            mean = sum(values) / len(values) if values else 0.0
            wanted[f"shot_recall/{group}"] = mean
    assert list(found) == list(wanted)
    for group, value in wanted.items():
        np.testing.assert_allclose(found[group], value, 1e-5)


def test_groups_of_one_class_are_scikit_learns_recalls():
    true, predicted, _ = sample(0, 4)
    true[:4] = 3
    metric = metrics.ShotRecall([500, 60, 20, 3], name="recall")
    metric.update_state(true, np.eye(4)[predicted])
    theirs = sklearn.metrics.recall_score(true, predicted, average=None)
    result = {key: float(value) for key, value in metric.result().items()}
    wanted = {
        "recall/many": theirs[0],
        "recall/medium": theirs[1:3].mean(),
        "recall/few": theirs[3],
    }
    assert result == pytest.approx(wanted, rel=1e-5)


def test_groups_are_known_before_any_batch():
    metric = metrics.ShotRecall([500, 3])
    result = {key: float(value) for key, value in metric.result().items()}
    assert result == {"shot_recall/many": 0.0, "shot_recall/few": 0.0}
    config = metric.get_config()
    assert config["num_classes"] is None
    again = metrics.ShotRecall.from_config(config)
    assert list(again.result()) == list(result)


def test_a_group_of_metrics_shares_with_shot_recall():
    true, predicted, _ = sample(1, 4)
    group = metrics.MetricGroup(
        [metrics.BalancedAccuracy(), metrics.ShotRecall([500, 60, 20, 3])]
    )
    names = ["balanced_accuracy"] + [
        f"shot_recall/{part}" for part in ("many", "medium", "few")
    ]
    assert list(group.result()) == names
    group.update_state(true, np.eye(4)[predicted])
    alone = metrics.ShotRecall([500, 60, 20, 3])
    alone.update_state(true, np.eye(4)[predicted])
    assert len(group.variables) == 2
    for name, value in alone.result().items():
        assert float(group.result()[name]) == float(value)
    wrong = metrics.MetricGroup(
        [metrics.BalancedAccuracy(), metrics.ShotRecall([500, 60, 20])]
    )
    wrong.update_state(true, np.eye(4)[predicted])
    with pytest.raises(ValueError, match="Expected 3 classes. Received: 4"):
        wrong.result()


@few
@given(size=st.integers(2, 6), seed=st.integers(0, 10**6))
def test_worst_class_recall(size, seed):
    true, predicted, share = sample(seed, size)
    share = share + 1
    metric = metrics.WorstClassRecall()
    metric.update_state(true, np.eye(size)[predicted], share)
    each = recalls(true, true == predicted, share)
    worst = min(each.values())
    np.testing.assert_allclose(float(metric.result()), worst, 1e-5)
    theirs = sklearn.metrics.recall_score(
        true,
        predicted,
        labels=np.unique(true),
        average=None,
        sample_weight=share,
    )
    np.testing.assert_allclose(float(metric.result()), theirs.min(), 1e-5)


def test_worst_class_recall_of_nothing_and_of_a_wrong_label():
    metric = metrics.WorstClassRecall(num_classes=3)
    assert float(metric.result()) == 0.0
    metric.update_state([0, 3], np.eye(3)[:2])
    assert np.isnan(float(metric.result()))


def within(scores, true, k):
    """Whether the true class is among the first k of a stable sort."""
    order = np.argsort(-scores, axis=-1, kind="stable")
    return np.array([t in row[:k] for t, row in zip(true, order)])


@few
@given(
    size=st.integers(2, 6),
    k=st.integers(1, 6),
    ties=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_top_k_recall_is_its_definition(size, k, ties, seed):
    k = min(k, size)
    random = np.random.default_rng(seed)
    true, _, share = sample(seed, size)
    scores = random.normal(0, 1, (40, size)).astype("float32")
    if ties:
        scores = np.round(scores)
    each = recalls(true, within(scores, true, k), share)
    wanted = sum(each.values()) / len(each)
    for y in (true, true[:, None], np.eye(size)[true]):
        metric = metrics.TopKRecall(k)
        metric.update_state(y, scores, share)
        np.testing.assert_allclose(float(metric.result()), wanted, 1e-5)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_top_k_recall_is_torchmetrics(k):
    random = np.random.default_rng(0)
    true = random.integers(0, 5, 60)
    scores = random.normal(0, 1, (60, 5)).astype("float32")
    theirs = tm.multiclass_accuracy(
        torch.as_tensor(scores),
        torch.as_tensor(true),
        num_classes=5,
        top_k=k,
        average="macro",
    )
    metric = metrics.TopKRecall(k, num_classes=5)
    metric.update_state(true, scores)
    np.testing.assert_allclose(float(metric.result()), float(theirs), 1e-5)


def test_classes_of_equal_size_give_keras_top_k_accuracy():
    random = np.random.default_rng(1)
    true = np.arange(60) % 5
    scores = random.normal(0, 1, (60, 5)).astype("float32")
    theirs = keras.metrics.SparseTopKCategoricalAccuracy(k=2)
    theirs.update_state(true, scores)
    metric = metrics.TopKRecall(2)
    metric.update_state(true, scores)
    np.testing.assert_allclose(
        float(metric.result()), float(theirs.result()), 1e-6
    )


def test_top_1_is_balanced_accuracy_and_a_constant_is_chance():
    random = np.random.default_rng(2)
    true = random.integers(0, 4, (3, 20))
    scores = np.round(random.normal(0, 1, (3, 20, 4))).astype("float32")
    top, balanced = metrics.TopKRecall(1), metrics.BalancedAccuracy()
    for metric in (top, balanced):
        metric.update_state(true, scores)
    assert float(top.result()) == float(balanced.result())
    for k in (1, 2, 4):
        constant = metrics.TopKRecall(k)
        constant.update_state(true, np.ones((3, 20, 4), "float32"))
        np.testing.assert_allclose(float(constant.result()), k / 4, 1e-6)


def test_top_k_recall_needs_the_scores():
    metric = metrics.TopKRecall(2)
    metric.update_state(
        [0, 1, 2], np.array([[1.0, np.nan, 0]] + [[1, 0, 0]] * 2)
    )
    assert np.isnan(float(metric.result()))
    with pytest.raises(ValueError, match="Expected 4 classes. Received: 3"):
        metrics.TopKRecall(4).update_state([0], np.eye(3)[:1])
    metric = metrics.TopKRecall(1)
    metric.update_state([0], np.eye(3)[:1])
    with pytest.raises(ValueError, match="Expected 3 classes. Received: 4"):
        metric.update_state([0], np.eye(4)[:1])


@pytest.mark.parametrize(
    "kind, arguments",
    [
        (metrics.ShotRecall, {"class_counts": [5]}),
        (metrics.ShotRecall, {"class_counts": [5, -1]}),
        (metrics.ShotRecall, {"many": 10, "class_counts": [5, 1]}),
        (metrics.ShotRecall, {"few": 0, "class_counts": [5, 1]}),
        (metrics.ShotRecall, {"num_classes": 3, "class_counts": [5, 1]}),
        (metrics.TopKRecall, {"k": 0}),
        (metrics.TopKRecall, {"k": 1.0}),
        (metrics.TopKRecall, {"num_classes": 2, "k": 3}),
        (metrics.TopKRecall, {"ignore_class": "a", "k": 3}),
    ],
)
def test_bad_arguments_are_refused(kind, arguments):
    name = next(iter(arguments))
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        kind(**arguments)
