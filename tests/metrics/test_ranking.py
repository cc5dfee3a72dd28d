"""AUROC and average precision against pairs, orders and packages."""

import itertools

import keras
import numpy as np
import pytest
import sklearn.metrics
import torch
import torchmetrics.functional.classification as tm
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops

from keras_funcs import metrics

few = settings(max_examples=12, deadline=None, derandomize=True)
KINDS = (metrics.AUROC, metrics.AveragePrecision)
THEIRS = {
    metrics.AUROC: sklearn.metrics.roc_auc_score,
    metrics.AveragePrecision: sklearn.metrics.average_precision_score,
}


def measured(metric, true, scores, weight=None):
    metric.update_state(np.asarray(true), np.asarray(scores), weight)
    result = metric.result()
    if isinstance(result, dict):
        return [float(value) for value in result.values()]
    return float(result)


def sigmoid(z):
    return 1 / (1 + np.exp(-np.asarray(z, float)))


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sample(seed, size=60):
    """Labels of both kinds, and logits far enough apart for a bin each."""
    random = np.random.default_rng(seed)
    true = np.append([0, 1], random.integers(0, 2, size - 2))
    z = random.permutation(size) * 0.1 - 0.05 * size + 0.03
    return true, z, random


def by_pairs(true, score, weight=None):
    """The share of pairs of a positive and a negative in the right order."""
    weight = np.ones(len(true)) if weight is None else weight
    right = total = 0.0
    for i, j in itertools.product(range(len(true)), repeat=2):
        if true[i] == 1 and true[j] == 0:
            pair = weight[i] * weight[j]
            total += pair
            right += pair * ((score[i] > score[j]) + (score[i] == score[j]) / 2)
    return right / total


def by_list(true):
    """The mean precision at the positives of a list, the best first."""
    hits, precisions = 0, []
    for place, label in enumerate(true, start=1):
        if label:
            hits += 1
            precisions.append(hits / place)
    return np.mean(precisions)


def calibrated(base, size=100_000, seed=0):
    """Labels drawn with just the probabilities that are the scores."""
    random = np.random.default_rng(seed)
    z = random.normal(0, 2, size)
    shifts = np.linspace(-20, 5, 2001)
    rates = [sigmoid(z[:2000] + s).mean() for s in shifts]
    z = z + np.interp(base, rates, shifts)
    scores = sigmoid(z).astype("float32")
    return (random.uniform(size=size) < scores).astype(int), scores


@few
@given(seed=st.integers(0, 10**6), coarse=st.booleans())
def test_auroc_counts_pairs(seed, coarse):
    true, z, random = sample(seed)
    if coarse:
        z = np.round(z)
    weight = random.integers(0, 4, len(true)) + 0.5
    for given_weight in (None, weight):
        wanted = by_pairs(true, z, given_weight)
        for metric, score in (
            (metrics.AUROC(), sigmoid(z)),
            (metrics.AUROC(from_logits=True), z),
        ):
            found = measured(metric, true, score, given_weight)
            np.testing.assert_allclose(found, wanted, 1e-5)


@few
@given(seed=st.integers(0, 10**6))
def test_average_precision_is_that_of_the_list(seed):
    true, z, _ = sample(seed)
    wanted = by_list(true[np.argsort(-z)])
    found = measured(metrics.AveragePrecision(), true, sigmoid(z))
    np.testing.assert_allclose(found, wanted, 1e-5)
    logits = metrics.AveragePrecision(from_logits=True)
    np.testing.assert_allclose(measured(logits, true, z), wanted, 1e-5)


@pytest.mark.parametrize("before", [[], [1, 0, 0], [0, 0, 1, 0, 1, 0, 0]])
@pytest.mark.parametrize("tied", [[1, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0]])
def test_ties_count_as_their_orders_do_on_average(before, tied):
    wanted = np.mean(
        [by_list([*before, *p, 1]) for p in itertools.permutations(tied)]
    )
    true = np.array([*before, *tied, 1])
    z = np.linspace(8, 4, len(before))
    z = np.array([*z, *(0 * i for i in tied), -3])
    found = measured(metrics.AveragePrecision(), true, sigmoid(z))
    # What is left is the difference of a sum and an integral.
    assert abs(found - wanted) < (0.02 if before else 0.05)


def test_constant_scores_give_chance():
    true = (np.arange(20_000) % 10 == 0).astype(int)
    scores = np.full(20_000, 0.3, "float32")
    assert measured(metrics.AUROC(), true, scores) == pytest.approx(0.5)
    found = measured(metrics.AveragePrecision(), true, scores)
    assert found == pytest.approx(0.1, abs=1e-3)
    scaled = measured(metrics.AUROC(max_fpr=0.2), true, scores)
    assert scaled == pytest.approx(0.5)


@pytest.mark.parametrize("base", [1e-1, 1e-2, 1e-3, 1e-4])
def test_rare_positives_within_0_002_of_scikit_learn(base):
    true, scores = calibrated(base)
    assert 0 < true.mean() < 2 * base
    for kind, theirs in THEIRS.items():
        error = measured(kind(), true, scores) - theirs(true, scores)
        assert abs(error) < 0.002
    # 200 thresholds that are uniform in the probability do not see them.
    core = measured(keras.metrics.AUC(), true, scores)
    gap = abs(core - sklearn.metrics.roc_auc_score(true, scores))
    assert (gap > 0.1) if base <= 1e-3 else (gap < 0.02)


def test_the_bins_are_as_fine_as_announced():
    for kind in KINDS:
        for base in (1e-2, 1e-3):
            true, scores = calibrated(base, size=50_000)
            wanted = THEIRS[kind](true, scores)
            errors = [
                abs(measured(kind(bins=bins), true, scores) - wanted)
                for bins in (16, 4096)
            ]
            assert errors[1] < 8e-4 and errors[1] < errors[0]


@pytest.mark.parametrize("limit", [0.01, 0.1, 0.5, 1.0])
def test_partial_auroc_is_scikit_learns(limit):
    true, z, _ = sample(3, size=200)
    z = np.round(z + 3 * true, 1)  # with ties
    wanted = sklearn.metrics.roc_auc_score(true, z, max_fpr=limit)
    found = measured(metrics.AUROC(max_fpr=limit), true, sigmoid(z))
    np.testing.assert_allclose(found, wanted, 1e-5)
    whole = measured(metrics.AUROC(), true, sigmoid(z))
    assert (found == pytest.approx(whole)) == (limit == 1.0)


@pytest.mark.parametrize("average", ["macro", "weighted", None])
@pytest.mark.parametrize("kind", KINDS)
def test_classes_against_the_rest(kind, average):
    random = np.random.default_rng(0)
    z = random.normal(0, 2, (400, 4)).astype("float32")
    p = softmax(z.astype(float))
    true = np.array([random.choice(4, p=row) for row in p])
    rows = np.eye(4)[true]
    wanted = THEIRS[kind](rows, p, average=average)
    forms = [(true, p, False), (rows, p, False), (true[:, None], z, True)]
    for labels, scores, from_logits in forms:
        metric = kind(average=average, from_logits=from_logits)
        found = measured(metric, labels, scores)
        np.testing.assert_allclose(found, wanted, atol=2e-3)
    assert len(metric.names()) == 4


@pytest.mark.parametrize("average", ["macro", "micro", "weighted", None])
def test_several_labels_at_once(average):
    random = np.random.default_rng(0)
    z = random.normal(0, 2, (300, 3)).astype("float32")
    true = (random.uniform(size=z.shape) < sigmoid(z - [0, 1, 3])).astype(int)
    for kind, theirs in THEIRS.items():
        metric = kind(average=average, multi_label=True)
        wanted = theirs(true, z, average=average)
        found = measured(metric, true, sigmoid(z))
        np.testing.assert_allclose(found, wanted, atol=3e-3)
        logits = kind(average=average, multi_label=True, from_logits=True)
        np.testing.assert_allclose(measured(logits, true, z), wanted, atol=3e-3)
    theirs = {metrics.AUROC: tm.multilabel_auroc}
    theirs[metrics.AveragePrecision] = tm.multilabel_average_precision
    for kind, function in theirs.items():
        metric = kind(average=average, multi_label=True)
        wanted = function(
            torch.tensor(sigmoid(z)), torch.tensor(true), 3, average=average
        )
        found = measured(metric, true, sigmoid(z))
        np.testing.assert_allclose(found, wanted.numpy(), atol=3e-3)


def test_unknown_and_ignored_labels_do_not_count():
    true, z, _ = sample(1)
    p = sigmoid(z)
    spoilt = np.append(true, [-1, -1, 1])
    more = np.append(p, [0.9, 0.1, np.nan])
    weight = np.append(np.ones(len(p)), [1, 1, 1])
    for kind in KINDS:
        wanted = measured(kind(), true, p)
        several = kind(multi_label=True)
        found = measured(several, spoilt[:-1, None], more[:-1, None])
        assert found == pytest.approx(wanted)
        assert np.isnan(measured(kind(), spoilt[:-1], more[:-1]))
        ignoring = kind(ignore_class=-1)
        assert measured(ignoring, spoilt[:-1], more[:-1]) == found
        # A score that is no number shows; a masked one does not.
        assert np.isnan(measured(kind(ignore_class=-1), spoilt, more, weight))
        steps = np.stack([np.append(p, 0.0)] * 2, axis=-1)[:, None]
        masked = keras.layers.Masking()(ops.convert_to_tensor(steps))
        labels = np.append(true, 7)[:, None]
        two = kind()
        two.update_state(labels, masked)
        assert not np.isnan(float(two.result()))


@pytest.mark.parametrize("kind", KINDS)
def test_one_kind_of_labels(kind):
    p = np.linspace(0.1, 0.9, 5)
    assert measured(kind(), np.zeros(5), p) == 0.0
    assert np.isnan(measured(kind(undefined="nan"), np.zeros(5), p))
    assert kind().result() == 0.0
    assert np.isnan(float(kind(undefined="nan").result()))
    rows = softmax(np.random.default_rng(0).normal(size=(6, 3)))
    true = np.array([0, 1, 0, 1, 1, 0])  # no 2
    each = kind(average=None)
    found = measured(each, true, rows)
    assert found[2] == 0.0 and min(found[:2]) > 0.0
    for undefined, wanted in (
        ("ignore", np.mean(found[:2])),
        ("nan", np.mean(found[:2])),
        ("zero", np.mean(found)),
    ):
        metric = kind(undefined=undefined)
        assert measured(metric, true, rows) == pytest.approx(wanted)
    assert measured(metrics.AveragePrecision(), np.ones(5), p) == 1.0


def test_scores_at_the_ends():
    """A bin for every order of magnitude, and none that overflows."""
    z = np.array([-1e30, -1e4, -100, -30, 0, 30, 100, 1e4, 1e30], "float32")
    for cut in range(1, len(z)):
        true = (np.arange(len(z)) >= cut).astype(int)
        for kind in KINDS:
            found = measured(kind(from_logits=True), true, z)
            if cut not in (1, len(z) - 1):  # 1e4 and 1e30 share a bin
                assert found == pytest.approx(1.0)
    p = np.array([0.0, 1e-37, 1e-20, 0.5, 1 - 1e-7, 1.0], "float32")
    assert measured(metrics.AUROC(), [0, 0, 0, 1, 1, 1], p) == 1.0
    # Softmax probabilities are all 1 in float32 here, their odds are not.
    rows = np.array([[20.0, 0], [40, 0], [60, 0], [1e4, 0]], "float32")
    metric = metrics.AUROC(from_logits=True)
    assert measured(metric, [1, 1, 0, 0], rows) == 1.0
    low = np.array([[-np.inf, 0.0, 1.0], [1.0, -np.inf, 0.0]], "float32")
    metric = metrics.AUROC(from_logits=True)
    assert measured(metric, [2, 0], low) == 1.0


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(dtype):
    true, z, _ = sample(2)
    rounded = ops.cast(ops.convert_to_tensor(z.astype("float32")), dtype)
    exact = ops.convert_to_numpy(ops.cast(rounded, "float32"))
    for kind in KINDS:
        metric = kind(from_logits=True)
        metric.update_state(true, rounded)
        wanted = measured(kind(from_logits=True), true, exact)
        assert float(metric.result()) == pytest.approx(wanted)


@pytest.mark.parametrize("column", [0, 1, 2])
@pytest.mark.parametrize("from_logits", [False, True])
def test_scores_that_are_none(column, from_logits):
    rows = np.full((4, 3), 0.3, "float32")
    rows[2, column] = np.nan
    for kind in KINDS:
        metric = kind(from_logits=from_logits)
        assert np.isnan(measured(metric, [0, 1, 2, 0], rows))
        metric.reset_state()
        sound = measured(metric, [0, 1, 2, 0], 0.1 * np.eye(4, 3))
        assert not np.isnan(sound)
        several = kind(from_logits=from_logits, multi_label=True)
        assert np.isnan(measured(several, np.eye(4, 3), rows))
    rows[2, column] = 7.0  # a logit that was not announced
    for kind in KINDS:
        metric = kind(from_logits=from_logits)
        unclear = np.isnan(measured(metric, [0, 1, 2, 0], rows))
        assert unclear == (not from_logits)


@few
@given(
    kind=st.sampled_from(KINDS),
    cut=st.sampled_from([1, 20, 59]),
    seed=st.integers(0, 10**6),
)
def test_what_must_not_matter(kind, cut, seed):
    true, z, random = sample(seed)
    p = sigmoid(z)
    wanted = measured(kind(), true, p)
    split = kind()
    split.update_state(true[:cut], p[:cut])
    assert measured(split, true[cut:], p[cut:]) == pytest.approx(wanted)
    # The order is all that counts.
    moved = measured(kind(from_logits=True), true, 3 * z + 5)
    assert moved == pytest.approx(wanted, abs=1e-6)
    # As many samples each time: JAX compiles for every number of them.
    times = np.append([1, 1], random.permutation(np.arange(58) % 3))
    repeated = measured(kind(), np.repeat(true, times), np.repeat(p, times))
    weighted = measured(kind(), true, p, times)
    if kind is metrics.AveragePrecision:
        # A sample is one step down the list, of its weight's length.
        stepwise = THEIRS[kind](true, p, sample_weight=times)
        assert weighted == pytest.approx(stepwise, abs=2e-3)
    else:
        assert weighted == pytest.approx(repeated)
    # Weights that are all the same do not matter, however small.
    small = measured(kind(), true, p, np.full(len(true), 1 / 64))
    assert small == pytest.approx(wanted)
    rows = softmax(random.normal(size=(60, 3)))
    ids, order = random.integers(0, 3, 60), random.permutation(3)
    found = measured(kind(), ids, rows)
    permuted = measured(kind(), np.argsort(order)[ids], rows[:, order])
    assert permuted == pytest.approx(found)


def test_both_directions_of_a_score():
    true, z, _ = sample(5)
    found = measured(metrics.AUROC(), true, sigmoid(z))
    turned = measured(metrics.AUROC(), 1 - true, sigmoid(z))
    assert found + turned == pytest.approx(1.0)
    both = np.stack([sigmoid(-z), sigmoid(z)], axis=-1)
    assert measured(metrics.AUROC(), true, both) == pytest.approx(found)


def test_members_of_a_group_share_the_histogram():
    group = metrics.MetricGroup(
        [metrics.AUROC(), metrics.AveragePrecision(), metrics.AUROC(0.1, "low")]
    )
    true, z, _ = sample(0)
    group.update_state(true, sigmoid(z))
    assert len(group.variables) == 2
    found = {name: float(value) for name, value in group.result().items()}
    assert found["auroc"] == pytest.approx(by_pairs(true, z))
    assert set(found) == {"auroc", "average_precision", "low"}
    assert not metrics.AUROC(bins=64).can_follow(metrics.AUROC())


def test_fit_reports_them_to_callbacks():
    random = np.random.default_rng(0)
    x = random.normal(size=(64, 3)).astype("float32")
    y = (x[:, 0] > 1).astype(int)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=[metrics.AUROC(from_logits=True)])
    stop = keras.callbacks.EarlyStopping("val_auroc", patience=5)
    history = model.fit(
        x, y, epochs=2, validation_data=(x, y), callbacks=[stop], verbose=0
    ).history
    scores = model.predict(x, verbose=0)[:, 0]
    wanted = sklearn.metrics.roc_auc_score(y, scores)
    assert history["val_auroc"][-1] == pytest.approx(wanted, abs=3e-3)
    assert stop.best == max(history["val_auroc"])


@pytest.mark.parametrize(
    "arguments",
    [
        {"average": "binary"},
        {"undefined": "skip"},
        {"undefined": 0.5},
        {"bins": 1},
        {"bins": 2**20},
        {"bins": 64.0},
        {"class_names": ["a", "a"]},
        {"class_names": []},
        {"num_classes": 1},
        {"multi_label": 1},
        {"from_logits": None},
        {"ignore_class": 0.5},
    ],
)
def test_bad_arguments_are_refused(arguments):
    (name,) = arguments
    for kind in KINDS:
        with pytest.raises(ValueError, match=f"argument `{name}`"):
            kind(**arguments)


@pytest.mark.parametrize("limit", [0, 1.5, "0.1", True])
def test_bad_limits_are_refused(limit):
    with pytest.raises(ValueError, match="argument `max_fpr`"):
        metrics.AUROC(max_fpr=limit)


def test_the_number_of_classes_cannot_change():
    for kind in KINDS:
        metric = kind(num_classes=3)
        with pytest.raises(ValueError, match="`y_pred`"):
            metric.update_state([0, 1], np.eye(2))
        with pytest.raises(ValueError, match="argument `class_names`"):
            kind(class_names=["a", "b"]).update_state([0], np.eye(3)[[0]])
        with pytest.raises(ValueError, match="`y_true`"):
            kind(multi_label=True).update_state([0, 1, 1], np.eye(3))
