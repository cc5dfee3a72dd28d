"""Asymmetric against the paper, another package, and its own limits."""

import keras
import numpy as np
import optax
import pytest
import torch
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops

from keras_funcs import losses
from tests.derivatives import gradient
from tests.losses import oracles
from tests.losses.oracles import Real

few = settings(max_examples=6, deadline=None, derandomize=True)
SETTINGS = [(0, 4, 0.05), (1, 4, 0.05), (0, 0, 0), (2, 2, 0), (0.5, 0.3, 0.2)]
GAPS = (20.0, 100.0, 1e4)


def asymmetric(y, p, q, gamma_positive, gamma_negative, clip):
    """Ridnik et al. (2021), eq. 7, for one label; `q` is 1 - p."""
    y, clip = Real(float(y)), Real(clip)
    positive = negative = Real(0)
    if y:
        positive = q ** Real(gamma_positive) * np.log(p)
    if y != 1 and p > clip:
        p_m = p - clip
        negative = p_m ** Real(gamma_negative) * np.log(q + clip)
    return -(y * positive + (1 - y) * negative)


def oracle(y, logits, *numbers):
    """Mean over the known labels of each row."""

    def one(row, scores):
        known = [
            asymmetric(label, *oracles.sigmoid(z), *numbers)
            for label, z in zip(row, scores)
            if label >= 0
        ]
        return sum(known) / len(known) if known else 0.0

    return oracles.each(one, y, logits)


def draw(shape, seed=0):
    random = np.random.default_rng(seed)
    logits = random.normal(0, 3, shape).astype("float32")
    return logits, random.integers(0, 2, shape), random.uniform(0, 1, shape)


@pytest.mark.parametrize("numbers", SETTINGS, ids=str)
def test_is_the_definition(numbers):
    logits, hard, soft = draw((12, 5))
    loss = losses.Asymmetric(*numbers, from_logits=True, reduction="none")
    for y in (hard, soft):
        expected = oracle(y.astype("float32"), logits, *numbers)
        np.testing.assert_allclose(loss(y, logits), expected, 2e-5, 1e-6)
    p = [[float(oracles.sigmoid(z)[0]) for z in row] for row in logits]
    loss = losses.Asymmetric(*numbers, reduction="none")
    expected = oracle(hard, logits, *numbers)
    np.testing.assert_allclose(loss(hard, np.array(p)), expected, 1e-4, 1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_one_focus_for_both_is_the_focal_loss_of_optax(gamma):
    logits, y, _ = draw((12, 5))
    loss = losses.Asymmetric(gamma, gamma, 0, True, reduction="none")
    expected = optax.sigmoid_focal_loss(logits, y, gamma=gamma)
    expected = np.asarray(expected).mean(-1)
    np.testing.assert_allclose(loss(y, logits), expected, 1e-4, 1e-6)
    ours = losses.BinaryFocal(None, gamma, from_logits=True, reduction="none")
    expected = ops.convert_to_numpy(ours(y, logits))
    np.testing.assert_allclose(loss(y, logits), expected, 1e-4, 1e-6)


def test_all_numbers_0_are_binary_crossentropy():
    logits, y, soft = draw((12, 5))
    loss = losses.Asymmetric(0, 0, 0, from_logits=True)
    theirs = keras.losses.BinaryCrossentropy(from_logits=True)
    for labels in (y, soft):
        expected = ops.convert_to_numpy(theirs(labels, logits))
        np.testing.assert_allclose(loss(labels, logits), expected, 1e-5)


def test_the_sum_of_the_paper():
    logits, y, _ = draw((7, 5))
    loss = losses.Asymmetric(from_logits=True, reduction="sum")
    expected = sum(
        asymmetric(label, *oracles.sigmoid(z), 0, 4, 0.05)
        for label, z in zip(y.ravel(), logits.ravel())
    )
    np.testing.assert_allclose(
        5 * float(loss(y, logits)), float(expected), 1e-5
    )


@few
@given(st.integers(0, 10**6), st.sampled_from(SETTINGS[1:]))
def test_order_of_labels_and_batches(seed, numbers):
    logits, y, _ = draw((6, 4), seed)
    random = np.random.default_rng(seed)
    y = np.where(random.uniform(size=y.shape) < 0.3, -1, y)
    loss = losses.Asymmetric(*numbers, from_logits=True, reduction="none")
    expected = ops.convert_to_numpy(loss(y, logits))
    order = random.permutation(4)
    moved = loss(y[:, order], logits[:, order])
    np.testing.assert_allclose(moved, expected, 1e-5, 1e-7)
    for i in range(0, 6, 2):
        part = loss(y[i : i + 2], logits[i : i + 2])
        np.testing.assert_allclose(part, expected[i : i + 2], 1e-5, 1e-7)
    times = random.permutation(6) % 3
    total = losses.Asymmetric(*numbers, from_logits=True, reduction="sum")
    weighted = total(y, logits, times.astype("float32"))
    repeated = total(np.repeat(y, times, 0), np.repeat(logits, times, 0))
    expected = ops.convert_to_numpy(repeated)
    np.testing.assert_allclose(weighted, expected, 1e-5, 1e-6)


@pytest.mark.parametrize("reduction", oracles.REDUCTIONS)
def test_unknown_labels_do_not_count(reduction):
    logits, y, _ = draw((5, 3))
    y[0, 1] = y[1, :] = y[3, :2] = -1
    loss = losses.Asymmetric(1, 4, 0, from_logits=True, reduction=reduction)
    weight = np.array([1.0, 2.0, 0.5, 3.0, 0.0])
    for given_weight in (None, weight):
        expected = oracles.reduced(
            oracle(y, logits, 1, 4, 0),
            given_weight,
            (y >= 0).any(-1),
            reduction,
        )
        found = loss(y, logits, given_weight)
        np.testing.assert_allclose(found, expected, 1e-5, 1e-7)
    slope = gradient(lambda z: ops.sum(loss(y, z)), logits)
    assert not slope[y == -1].any() and slope[y >= 0].all()


@pytest.mark.parametrize("wrong", [255.0, -7.0, 1.5, float("nan")])
def test_a_label_that_is_none_is_nan(wrong):
    loss = losses.Asymmetric(from_logits=True, reduction=None)
    y = np.array([[1.0, 0.0], [wrong, 1.0]], "float32")
    found = ops.convert_to_numpy(loss(y, np.zeros((2, 2))))
    assert np.isfinite(found[0]) and np.isnan(found[1])


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("gammas", [(0, 0), (0, 4), (1, 4), (0.5, 0.5)])
def test_without_a_clip_every_wrong_label_has_a_gradient(gap, gammas):
    z, y = np.array([[gap], [-gap]], "float32"), np.array([[0.0], [1.0]])
    loss = losses.Asymmetric(*gammas, 0, from_logits=True, reduction="none")
    np.testing.assert_allclose(loss(y, z), [gap, gap], 1e-5)
    total = losses.Asymmetric(*gammas, 0, from_logits=True, reduction="sum")
    slope = gradient(lambda t: total(y, t), z)
    np.testing.assert_allclose(slope, [[1], [-1]], atol=1e-4)


@pytest.mark.parametrize("clip", [0.01, 0.05, 0.3])
def test_a_clip_bounds_negatives_and_only_negatives(clip):
    loss = losses.Asymmetric(0, 4, clip, from_logits=True, reduction="none")
    bound = -((1 - clip) ** 4) * np.log(clip)
    z = np.array([[20.0], [100.0], [1e4]], "float32")
    np.testing.assert_allclose(loss(np.zeros((3, 1)), z), [bound] * 3, 1e-4)
    total = losses.Asymmetric(0, 4, clip, from_logits=True, reduction="sum")
    positives = gradient(lambda t: total(np.ones((3, 1)), t), -z)
    np.testing.assert_allclose(positives, [[-1]] * 3, 1e-5)
    # d/dz at p = 0.95, and none where p < clip
    p = 0.95
    z = np.array([[np.log(p / (1 - p))], [np.log(clip / 2)]], "float32")
    slope = gradient(lambda t: total(np.zeros((2, 1)), t), z)[:, 0]
    p_m = p - clip
    inner = p_m**4 / (1 - p_m) - 4 * p_m**3 * np.log(1 - p_m)
    np.testing.assert_allclose(slope[0], inner * p * (1 - p), 1e-4)
    assert slope[1] == 0


def test_a_clip_that_is_a_tensor():
    logits, y, _ = draw((6, 4))
    logits[0, 0], y[0, 0] = 1e4, 0
    for clip in (0.0, 0.05):
        loss = losses.Asymmetric(0.5, 0, clip, True, reduction="sum")
        expected = float(loss(y, logits))
        slope = gradient(lambda z, f=loss: f(y, z), logits)

        def traced(z, c, f=loss):
            f.clip = c
            return f(y, z)

        found, _ = gradient(traced, logits, np.float32(clip))
        np.testing.assert_allclose(found, slope, 1e-5, 1e-6)
        loss.clip = ops.convert_to_tensor(clip, "float32")
        np.testing.assert_allclose(loss(y, logits), expected, 1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_finite(dtype):
    z = np.array([[-100.0, 100.0, 20.0, -20.0, 0.0]], "float32")
    for y in (np.ones((1, 5)), np.zeros((1, 5))):
        for numbers in SETTINGS:
            loss = losses.Asymmetric(*numbers, True, dtype=dtype)
            value = loss(y, ops.cast(z, dtype))
            assert np.isfinite(float(ops.cast(value, "float32")))


@pytest.mark.parametrize(
    "name, value",
    [
        ("gamma_positive", -0.1),
        ("gamma_negative", float("nan")),
        ("clip", 1.0),
        ("clip", -0.1),
        ("clip", None),
        ("from_logits", 1),
    ],
)
def test_bad_arguments(name, value):
    with pytest.raises(
        ValueError, match=f"Invalid value for argument `{name}`"
    ):
        losses.Asymmetric(**{name: value})


def distribution_balanced(
    y, z, counts, size, alpha, beta, mu, kappa, scale, gamma
):
    """Wu et al. (2020), eqs. 4, 5 and 9, label by label, in probabilities."""
    total = sum(Real(1) / n for label, n in zip(y, counts) if label == 1)
    losses_of_labels = []
    for label, score, n in zip(y, z, counts):
        if label < 0:
            continue
        share = (Real(1) / n) / total if total else Real(np.inf)
        weight = Real(alpha) + 1 / (1 + np.exp(-Real(beta) * (share - mu)))
        nu = Real(kappa) / scale * np.log(Real(size) / n - 1)
        if label:
            p, rest = oracles.sigmoid(score - nu)
            loss = -(rest ** Real(gamma)) * np.log(p)
        else:
            p, rest = oracles.sigmoid(Real(scale) * (score - nu))
            loss = -(p ** Real(gamma)) * np.log(rest) / scale
        losses_of_labels.append(weight * loss)
    return np.mean(losses_of_labels) if losses_of_labels else 0.0


BALANCED = [
    (200, 0.1, 10.0, 0.2, 0.05, 2.0, 2.0),  # COCO
    (200, 0.1, 10.0, 0.3, 0.05, 5.0, 2.0),  # VOC
    (90, 0.0, 3.0, -0.1, 0.5, 1.0, 0.0),
]
LABEL_COUNTS = [80, 30, 9, 1]


def balanced(numbers, **arguments):
    return losses.DistributionBalanced(
        LABEL_COUNTS, *numbers, from_logits=True, **arguments
    )


@pytest.mark.parametrize("numbers", BALANCED, ids=str)
def test_distribution_balanced_is_the_definition(numbers):
    logits, y, _ = draw((12, 4))
    y[0] = 0  # no positive label
    y[1, 2] = y[2, :] = -1
    expected = oracles.each(
        lambda t, z: distribution_balanced(t, z, LABEL_COUNTS, *numbers),
        y,
        logits,
    )
    loss = balanced(numbers, reduction="none")
    np.testing.assert_allclose(loss(y, logits), expected, 2e-5)
    order = [2, 0, 3, 1]
    moved = losses.DistributionBalanced(
        [LABEL_COUNTS[c] for c in order],
        *numbers,
        from_logits=True,
        reduction="none",
    )
    found = moved(y[:, order], logits[:, order])
    np.testing.assert_allclose(found, expected, 2e-5)


def test_distribution_balanced_in_torch():
    """The weighted cross-entropy that the authors' code calls."""
    logits, y, _ = draw((12, 4))
    y[:, 0] = 1
    n = torch.tensor(LABEL_COUNTS, dtype=torch.float64)
    t, z = torch.tensor(y, dtype=torch.float64), torch.tensor(logits).double()
    share = (1 / n) / (t / n).sum(-1, keepdim=True)
    weight = 0.1 + torch.sigmoid(10 * (share - 0.2))
    u = z - 0.05 / 2 * torch.log(200 / n - 1)
    u, weight = torch.where(t > 0, u, 2 * u), weight / (2 - t)
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    expected = bce(u, t, weight=weight)
    loss = balanced((*BALANCED[0][:-1], 0.0))
    np.testing.assert_allclose(loss(y, logits), float(expected), 1e-5)


def test_distribution_balanced_limits():
    logits, y, _ = draw((12, 4))
    # Weights of 1/2 and neither shift nor scale: half the cross-entropy.
    loss = balanced((200, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0))
    theirs = keras.losses.BinaryCrossentropy(from_logits=True)
    expected = ops.convert_to_numpy(theirs(y, logits)) / 2
    np.testing.assert_allclose(loss(y, logits), expected, 1e-5)
    loss = balanced((200, 0.0, 0.0, 0.0, 0.0, 1.0, 1.5))
    focal = losses.BinaryFocal(None, 1.5, from_logits=True)
    expected = ops.convert_to_numpy(focal(y, logits)) / 2
    np.testing.assert_allclose(loss(y, logits), expected, 1e-5)


@pytest.mark.parametrize("gap", GAPS)
def test_distribution_balanced_pulls_on_wrong_labels(gap):
    y = np.array([[0, 0, 0, 0], [1, 1, 1, 1]])
    z = np.array([[gap] * 4, [-gap] * 4], "float32")
    for numbers in BALANCED:
        loss = balanced(numbers, reduction="sum")
        slope = gradient(lambda t, f=loss: f(y, t), z)
        assert (slope[0] > 0).all() and (slope[1] < 0).all()
        assert np.isfinite(slope).all()


@pytest.mark.parametrize(
    "name, value",
    [
        ("class_counts", [3, 0]),
        ("class_counts", [3, 2, 1]),
        ("num_samples", 4),
        ("num_samples", 9.5),
        ("alpha", -1.0),
        ("beta", -1.0),
        ("mu", float("inf")),
        ("kappa", -0.1),
        ("negative_scale", 0.0),
        ("gamma", -1.0),
    ],
)
def test_bad_arguments_of_distribution_balanced(name, value):
    with pytest.raises(ValueError, match=f"for argument `{name}`. Expected"):
        loss = losses.DistributionBalanced(
            **{"class_counts": [4, 2], name: value}
        )
        loss(np.ones((2, 2)), np.ones((2, 2)))
