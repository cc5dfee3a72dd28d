"""Brier score and calibration error against loops and packages."""

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


def measured(metric, true, scores, weight=None):
    metric.update_state(np.asarray(true), np.asarray(scores), weight)
    result = metric.result()
    if isinstance(result, dict):
        return [float(value) for value in result.values()]
    return float(result)


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-np.asarray(z, float)))


def sample(seed, classes=3, size=80):
    random = np.random.default_rng(seed)
    z = random.normal(0, 2, (size, classes)).astype("float32")
    return random.integers(0, classes, size), z, random


def error_by_loop(confidence, correct, bins, weight=None):
    """Sample by sample into bins `[low, high)`; the last one holds 1 too."""
    weight = np.ones(len(correct)) if weight is None else weight
    sums = np.zeros((bins, 2))
    for c, hit, w in zip(confidence, correct, weight):
        for b in range(bins):
            last = b == bins - 1
            if b / bins <= c < (b + 1) / bins or (last and c >= b / bins):
                sums[b] += [w * c, w * hit]
    return np.abs(sums[:, 0] - sums[:, 1]).sum() / np.sum(weight)


@few
@given(
    seed=st.integers(0, 10**6),
    classes=st.sampled_from([2, 5]),
    weighted=st.booleans(),
)
def test_brier_score_is_scikit_learns(seed, classes, weighted):
    true, z, random = sample(seed, classes)
    p = softmax(z.astype(float))
    weight = random.uniform(0.5, 2, len(true)) if weighted else None
    choices = (("auto", "auto"), ("always", True), ("never", False))
    for scale, theirs in choices:
        wanted = sklearn.metrics.brier_score_loss(
            true,
            p,
            sample_weight=weight,
            labels=np.arange(classes),
            scale_by_half=theirs,
        )
        for labels, scores, logits in (
            (true, p, False),
            (true[:, None], z, True),
            (np.eye(classes)[true], p, False),
        ):
            metric = metrics.BrierScore(scale, from_logits=logits)
            found = measured(metric, labels, scores, weight)
            np.testing.assert_allclose(found, wanted, 1e-5)


@pytest.mark.parametrize("scale", ["auto", "always", "never"])
def test_brier_score_of_one_score(scale):
    true, z, _ = sample(0, 2)
    z = z[:, 0]
    theirs = {"auto": "auto", "always": True, "never": False}[scale]
    wanted = sklearn.metrics.brier_score_loss(
        true, sigmoid(z), scale_by_half=theirs
    )
    found = measured(metrics.BrierScore(scale), true, sigmoid(z))
    np.testing.assert_allclose(found, wanted, 1e-5)
    logits = metrics.BrierScore(scale, from_logits=True)
    np.testing.assert_allclose(measured(logits, true, z), wanted, 1e-5)


def test_brier_score_of_each_class_and_of_labels():
    true, z, random = sample(1)
    p, rows = softmax(z), np.eye(3)[true]
    wanted = [np.mean((p[:, c] - rows[:, c]) ** 2) for c in range(3)]
    metric = metrics.BrierScore(per_class=True, class_names=["a", "b", "c"])
    assert metric.result() == {}
    np.testing.assert_allclose(measured(metric, true, p), wanted, 1e-5)
    assert set(metric.result()) == {f"brier_score/{c}" for c in "abc"}
    hot = (random.uniform(size=z.shape) < 0.5).astype(float)
    hot[::4, 0] = -1  # unknown
    known = hot >= 0
    wanted = np.mean((sigmoid(z) - hot)[known] ** 2)
    metric = metrics.BrierScore(multi_label=True, from_logits=True)
    np.testing.assert_allclose(measured(metric, hot, z), wanted, 1e-5)


@few
@given(
    seed=st.integers(0, 10**6),
    bins=st.integers(1, 20),
    weighted=st.booleans(),
)
def test_calibration_error_is_that_of_the_loop(seed, bins, weighted):
    true, z, random = sample(seed)
    p = softmax(z.astype(float))
    weight = random.uniform(0.5, 2, len(true)) if weighted else None
    top = error_by_loop(p.max(-1), p.argmax(-1) == true, bins, weight)
    each = [error_by_loop(p[:, c], true == c, bins, weight) for c in range(3)]
    for mode, wanted in (
        ("top", top),
        ("classwise", np.mean(each)),
        ("each", each),
    ):
        for scores, logits in ((p, False), (z, True)):
            metric = metrics.ExpectedCalibrationError(
                bins, mode, from_logits=logits
            )
            found = measured(metric, true, scores, weight)
            np.testing.assert_allclose(found, wanted, 1e-5, 1e-6)


def test_calibration_error_of_one_score():
    true, z, _ = sample(2, 2)
    p = sigmoid(z[:, 0])
    top = error_by_loop(np.maximum(p, 1 - p), (p >= 0.5) == true, 15)
    positive = error_by_loop(p, true, 15)
    for mode, wanted in (("top", top), ("classwise", positive)):
        for scores, logits in ((p, False), (z[:, 0], True)):
            metric = metrics.ExpectedCalibrationError(
                mode=mode, from_logits=logits
            )
            found = measured(metric, true, scores)
            np.testing.assert_allclose(found, wanted, 1e-5)
    assert abs(top - positive) > 1e-3
    # Two columns are the same question as one.
    both = np.stack([1 - p, p], axis=-1)
    metric = metrics.ExpectedCalibrationError()
    np.testing.assert_allclose(measured(metric, true, both), top, 1e-5)


def test_torchmetrics_away_from_the_edges():
    true, z, _ = sample(3, size=500)
    p = torch.tensor(softmax(z.astype(float)))
    wanted = tm.multiclass_calibration_error(p, torch.tensor(true), 3, 15)
    found = measured(metrics.ExpectedCalibrationError(), true, p.numpy())
    np.testing.assert_allclose(found, wanted.item(), 1e-5)


def test_certainty_belongs_to_the_last_bin():
    """torchmetrics puts a confidence of 1 into a bin behind the last one.

    There the errors of certain predictions and of nearly certain ones can no
    longer make up for each other.
    """
    p = np.array([1.0, 1.0, 0.95, 0.95])
    true = np.array([1, 0, 1, 1])
    wanted = error_by_loop(p, true, 10)
    assert wanted == pytest.approx(abs(3.9 - 3) / 4)
    for mode in ("top", "classwise"):
        metric = metrics.ExpectedCalibrationError(10, mode)
        assert measured(metric, true, p) == pytest.approx(wanted)
    theirs = tm.binary_calibration_error(
        torch.tensor(p), torch.tensor(true), n_bins=10
    )
    assert theirs.item() == pytest.approx((1.0 + 0.1) / 4)


def test_the_base_rate_is_calibrated_and_worthless():
    true = np.array([1, 0, 0, 0] * 5)
    p = np.full(20, 0.25)
    metric = metrics.ExpectedCalibrationError(mode="classwise")
    assert measured(metric, true, p) == pytest.approx(0.0, abs=1e-6)
    assert measured(metrics.BrierScore(), true, p) == pytest.approx(0.1875)


@pytest.mark.parametrize("many", [2**20])
def test_a_million_numbers_in_one_bin(many):
    """Added one by one to a float32 they are wrong in the third digit."""
    p = np.full(many, 0.9873, "float32")
    for weight in (None, np.full(many, 0.7, "float32")):
        for mode in ("top", "classwise"):
            metric = metrics.ExpectedCalibrationError(mode=mode)
            found = measured(metric, np.ones(many), p, weight)
            np.testing.assert_allclose(found, 0.0127, rtol=1e-3)
        found = measured(metrics.BrierScore(), np.ones(many), p, weight)
        np.testing.assert_allclose(found, 0.0127**2, rtol=1e-4)


KINDS = [
    metrics.BrierScore,
    metrics.ExpectedCalibrationError,
    lambda **k: metrics.ExpectedCalibrationError(mode="classwise", **k),
]


@pytest.mark.parametrize("kind", KINDS)
def test_extremes(kind):
    z = np.array([[1e4, 0, -1e4], [0, 1e4, -1e4], [1e4, 0, 0]], "float32")
    assert measured(kind(from_logits=True), [0, 1, 0], z) == pytest.approx(0)
    wrong = measured(kind(from_logits=True), [2, 0, 1], z)
    assert np.isfinite(wrong) and wrong > 0.5
    found = measured(kind(), [0.0, 1.0], np.array([0.0, 1.0], "float32"))
    assert found == 0.0
    for dtype in ("float16", "bfloat16"):
        true, z, _ = sample(5)
        rounded = ops.cast(ops.convert_to_tensor(z), dtype)
        metric = kind(from_logits=True)
        metric.update_state(true, rounded)
        exact = ops.convert_to_numpy(ops.cast(rounded, "float32"))
        wanted = measured(kind(from_logits=True), true, exact)
        assert float(metric.result()) == pytest.approx(wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_what_does_not_count_and_what_cannot(kind):
    true, z, random = sample(6)
    p = softmax(z)
    wanted = measured(kind(), true, p)
    assert kind().result() == 0.0 < wanted
    spoilt = np.append(true, 9)
    more = np.concatenate([p, [[np.nan, 0.5, 0.5]]])
    assert np.isnan(measured(kind(), spoilt, p[[*range(80), 0]]))
    assert np.isnan(measured(kind(), np.append(true, 0), more))
    found = measured(kind(ignore_class=9), spoilt, p[[*range(80), 0]])
    assert found == pytest.approx(wanted)
    assert np.isnan(measured(kind(), true, 3 * z))
    # Padding may hold anything.
    steps = np.concatenate([p[:, None], np.full((80, 1, 3), -7.0)], axis=1)
    masked = keras.layers.Masking(-7.0)(ops.convert_to_tensor(steps))
    labels = np.stack([true, np.full(80, 9)], axis=1)
    metric = kind()
    metric.update_state(labels, masked)
    assert float(metric.result()) == pytest.approx(wanted)
    times = random.permutation(80) % 4
    weighted = measured(kind(), true, p, times)
    repeated = measured(kind(), np.repeat(true, times), p.repeat(times, 0))
    assert weighted == pytest.approx(repeated)
    order = np.array([2, 0, 1])
    permuted = measured(kind(), np.argsort(order)[true], p[:, order])
    assert permuted == pytest.approx(wanted)


def test_smaller_is_better():
    for kind in KINDS:
        assert kind()._direction == "down"


@pytest.mark.parametrize(
    "kind, arguments",
    [
        (metrics.BrierScore, {"scale_by_half": True}),
        (metrics.BrierScore, {"per_class": 1}),
        (metrics.ExpectedCalibrationError, {"bins": 0}),
        (metrics.ExpectedCalibrationError, {"bins": 10.0}),
        (metrics.ExpectedCalibrationError, {"mode": "binary"}),
        (metrics.ExpectedCalibrationError, {"from_logits": 1}),
    ],
)
def test_bad_arguments_are_refused(kind, arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        kind(**arguments)
