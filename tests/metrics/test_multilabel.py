"""Metrics of several labels at once against loops and packages."""

import numpy as np
import pytest
import sklearn.metrics
import torch
import torchmetrics.functional.classification as tm

from keras_funcs import metrics


def sample(seed=0, unknown=False):
    random = np.random.default_rng(seed)
    true = random.choice([0, 1, -1] if unknown else [0, 1], (30, 4))
    logits = random.normal(0, 2, (30, 4)).astype("float32")
    return true, logits, random.integers(0, 4, 30)


def counted(true, answer, share):
    """The definition, answer by answer."""
    found = np.zeros((true.shape[1], 2, 2))
    for row, said, w in zip(true, answer, share):
        for label, (t, p) in enumerate(zip(row, said)):
            if t != -1:
                found[label, t, int(p)] += w
    return found


@pytest.mark.parametrize("unknown", [False, True])
@pytest.mark.parametrize("from_logits", [False, True])
def test_matrices_are_their_definition(from_logits, unknown):
    true, logits, share = sample(1, unknown)
    scores = logits if from_logits else 1 / (1 + np.exp(-logits))
    metric = metrics.MultiLabelConfusionMatrix(from_logits=from_logits)
    assert metric.matrix().shape == (0, 2, 2)
    assert metric.result() == {}
    for part in (slice(0, 11), slice(11, None)):
        metric.update_state(true[part], scores[part], share[part])
    wanted = counted(true, logits >= 0, share)
    np.testing.assert_array_equal(metric.matrix(), wanted)
    found = {key: float(value) for key, value in metric.result().items()}
    name = "multi_label_confusion_matrix"
    assert found == {f"{name}/{i}": wanted[i, 1, 1] for i in range(4)}
    if not unknown:
        theirs = sklearn.metrics.multilabel_confusion_matrix(
            true, logits >= 0, sample_weight=share
        )
        np.testing.assert_array_equal(metric.matrix(), theirs)


@pytest.mark.parametrize("normalize", ["true", "pred", "all"])
def test_normalized_results(normalize):
    true, logits, _ = sample(2)
    true[:, 3] = 0
    metric = metrics.MultiLabelConfusionMatrix(
        normalize=normalize, from_logits=True, class_names=list("abcd")
    )
    metric.update_state(true, logits)
    found = [float(value) for value in metric.result().values()]
    wanted = {
        "true": sklearn.metrics.recall_score,
        "pred": sklearn.metrics.precision_score,
    }
    if normalize == "all":
        theirs = np.mean(true * (logits >= 0), axis=0)
    else:
        theirs = wanted[normalize](
            true, logits >= 0, average=None, zero_division=0.0
        )
    np.testing.assert_allclose(found, theirs, 1e-6)


def test_matrices_are_torchmetrics():
    true, logits, _ = sample(3)
    theirs = tm.multilabel_confusion_matrix(
        torch.as_tensor(logits), torch.as_tensor(true), num_labels=4
    )
    metric = metrics.MultiLabelConfusionMatrix(from_logits=True)
    metric.update_state(true, logits)
    np.testing.assert_array_equal(metric.matrix(), theirs.numpy())


def test_hamming_score_of_labels():
    true, logits, share = sample(4)
    metric = metrics.HammingScore(from_logits=True)
    metric.update_state(true, logits, share)
    right = total = 0
    for row, said, w in zip(true, logits >= 0, share):
        for t, p in zip(row, said):
            right, total = right + w * (t == p), total + w
    np.testing.assert_allclose(float(metric.result()), right / total, 1e-6)
    theirs = 1 - sklearn.metrics.hamming_loss(
        true, logits >= 0, sample_weight=share
    )
    np.testing.assert_allclose(float(metric.result()), theirs, 1e-6)


def test_hamming_score_of_classes_is_accuracy():
    random = np.random.default_rng(5)
    true, predicted = random.integers(0, 3, (2, 40))
    metric = metrics.HammingScore(multi_label=False)
    metric.update_state(true, np.eye(3)[predicted])
    theirs = 1 - sklearn.metrics.hamming_loss(true, predicted)
    np.testing.assert_allclose(float(metric.result()), theirs, 1e-6)


def test_unknown_labels_are_left_out():
    true, logits, share = sample(6, unknown=True)
    metric = metrics.HammingScore(from_logits=True)
    metric.update_state(true, logits, share)
    found = counted(true, logits >= 0, share)
    wanted = found[:, [0, 1], [0, 1]].sum() / found.sum()
    np.testing.assert_allclose(float(metric.result()), wanted, 1e-6)


@pytest.mark.parametrize(
    "label, score",
    [(2, 0.5), (-1.4, 0.5), (0.5, 0.5), (np.nan, 0.5), (1, 1.7), (0, np.nan)],
)
def test_what_cannot_be_counted_is_nan(label, score):
    metric = metrics.HammingScore()
    metric.update_state(
        np.array([[0.0, 1.0], [label, 0.0]], "float32"),
        np.array([[0.2, 0.9], [score, 0.1]], "float32"),
    )
    # A soft label is the one that it is nearer to.
    assert np.isnan(float(metric.result())) == (label != 0.5)


def test_ids_are_no_multi_hot_labels():
    with pytest.raises(ValueError, match="Expected a label for each score"):
        metrics.HammingScore().update_state([0, 1], np.eye(2))
    # ... nor the other way round.
    metric = metrics.FScore()
    metric.update_state([[1, 1, 0], [0, 0, 0]], np.eye(3)[:2])
    assert np.isnan(float(metric.result()))


def test_multi_hot_metrics_share_a_state():
    true, logits, _ = sample(7)
    kwargs = {"from_logits": True}
    group = metrics.MetricGroup(
        [
            metrics.FScore(multi_label=True, **kwargs),
            metrics.HammingScore(**kwargs),
            metrics.MultiLabelConfusionMatrix(name="matrix", **kwargs),
            metrics.RecallScore(multi_label=True, average=None, **kwargs),
        ]
    )
    group.update_state(true, logits)
    assert len(group.variables) == 2
    assert len(group.result()) == 1 + 1 + 4 + 4
    theirs = sklearn.metrics.recall_score(true, logits >= 0, average=None)
    for index, value in enumerate(theirs):
        found = float(group.result()[f"recall_score/{index}"])
        np.testing.assert_allclose(found, value, 1e-6)
    alone = metrics.HammingScore(**kwargs)
    alone.update_state(true, logits)
    assert float(group.result()["hamming_score"]) == float(alone.result())
    np.testing.assert_array_equal(
        group.metrics[2].matrix(), counted(true, logits >= 0, np.ones(30))
    )
