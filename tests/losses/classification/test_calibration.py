"""Losses for calibration against their papers, and SparsemaxLoss."""

import numpy as np
import pytest
from keras import ops

from keras_funcs import losses
from tests.derivatives import gradient
from tests.losses import oracles

COUNTS = [50, 20, 7, 3]
RAW = {"from_logits": True, "reduction": "none"}


def draw(shape=(24, 4), seed=0, scale=3.0):
    random = np.random.default_rng(seed)
    return random.normal(0, scale, shape).astype("float32")


def soft_labels(shape=(24, 4), seed=1):
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1])


def agrees(loss, one, scale=3.0):
    z, ids, soft = draw(scale=scale), np.arange(24) % 4, soft_labels()
    expected = oracles.each(one, np.eye(4)[ids], z)
    np.testing.assert_allclose(loss(ids, z), expected, 2e-5, 1e-6)
    expected = oracles.each(one, soft, z)
    np.testing.assert_allclose(loss(soft, z), expected, 2e-5, 1e-6)


@pytest.mark.parametrize(
    "gamma, wrong, threshold", [(3.0, 5.0, 0.2), (0.0, 2.0, 0.5)]
)
def test_focal_calibration_is_the_definition(gamma, wrong, threshold):
    # Mukhoti et al. (2020), section 5: gamma by the probability of the label.
    def one(target, z):
        p, rest = oracles.softmax(z)
        total = oracles.Real(0)
        for y, share in enumerate(target):
            power = wrong if p[y] < threshold else gamma
            total -= share * rest[y] ** power * np.log(p[y])
        return total

    agrees(losses.FocalCalibration(gamma, wrong, threshold, **RAW), one)


def test_focal_calibration_of_one_gamma_is_focal_loss():
    z, ids = draw(), np.arange(24) % 4
    ours = losses.FocalCalibration(2.0, 2.0, **RAW)
    focal = losses.CategoricalFocal(None, 2.0, **RAW)
    expected = ops.convert_to_numpy(focal(ids, z))
    np.testing.assert_allclose(ours(ids, z), expected, 1e-6)


@pytest.mark.parametrize("margin", [0.0, 2.0, 10.0])
@pytest.mark.parametrize("alpha", [0.0, 0.1, 2.0])
def test_margin_label_smoothing_is_the_definition(margin, alpha):
    # Liu et al. (2022), eq. 7, its sum over the classes as the mean that the
    # authors' code takes.
    def one(target, z):
        p, _ = oracles.softmax(z)
        over = [max(0, float(max(z)) - float(k) - margin) for k in z]
        penalty = oracles.Real(sum(over)) / len(z)
        return oracles.crossentropy(target, p) + alpha * penalty

    agrees(losses.MarginLabelSmoothing(margin, alpha, **RAW), one, scale=6.0)


def test_margin_label_smoothing_pulls_down_the_largest_logit():
    z, y = np.array([[20.0, 0.0, 0.0, 15.0]], "float32"), np.array([0])
    loss = losses.MarginLabelSmoothing(10.0, 2.0, from_logits=True)
    slope = gradient(lambda t: loss(y, t), z)
    np.testing.assert_allclose(slope, [[1.0, -0.5, -0.5, 0.0]], atol=0.01)


def label_aware(counts, head, tail, shape):
    """Zhong et al. (2021), eq. 5 to 7, as they stand there."""
    most, least = max(counts), min(counts)
    amounts = []
    for n in counts:
        part = oracles.Real(n - least) / (most - least)
        if shape == "concave":
            amounts.append(tail + (head - tail) * np.sin(np.pi * part / 2))
        elif shape == "linear":
            amounts.append(tail + (head - tail) * part)
        else:
            turn = 3 * np.pi / 2 + np.pi * part / 2
            amounts.append(head + (head - tail) * np.sin(turn))
    return amounts


@pytest.mark.parametrize("shape", ["concave", "linear", "convex"])
@pytest.mark.parametrize("head, tail", [(0.4, 0.1), (0.3, 0.0), (0.1, 0.2)])
def test_label_aware_smoothing_is_the_definition(shape, head, tail):
    amounts = label_aware(COUNTS, head, tail, shape)

    def one(target, z):
        p, _ = oracles.softmax(z)
        total = oracles.Real(0)
        for y, share in enumerate(target):
            for k, q in enumerate(p):
                e = amounts[y]
                total -= share * (1 - e if k == y else e / 3) * np.log(q)
        return total

    loss = losses.LabelAwareSmoothing(COUNTS, head, tail, shape, **RAW)
    agrees(loss, one)


def test_label_aware_smoothing_of_equal_counts_is_label_smoothing():
    z, ids = draw(), np.arange(24) % 4
    ours = losses.LabelAwareSmoothing([9] * 4, 0.3, **RAW)
    # Keras's share is of all classes, this one's of the others.
    plain = losses.WeightedCrossentropy(label_smoothing=0.4, **RAW)
    expected = ops.convert_to_numpy(plain(ids, z))
    np.testing.assert_allclose(ours(ids, z), expected, 1e-5)


def test_label_aware_smoothing_takes_an_absent_class_as_the_rarest():
    z, ids = draw((6, 3)), np.array([0, 1] * 3)
    absent = losses.LabelAwareSmoothing([90, 10, 0], absent="ignore", **RAW)
    present = losses.LabelAwareSmoothing([90, 10, 10], **RAW)
    expected = ops.convert_to_numpy(present(ids, z))
    np.testing.assert_allclose(absent(ids, z), expected, 1e-6)


def simplex_distance(z):
    """The point of the simplex nearest to `z`, by bisection on its height."""
    z = np.asarray(z, oracles.Real)
    low, high = z.max() - 1, z.max()
    for _ in range(200):
        middle = (low + high) / 2
        if np.maximum(z - middle, 0).sum() > 1:
            low = middle
        else:
            high = middle
    return np.maximum(z - low, 0)


@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0])
def test_sparsemax_is_the_definition(scale):
    # Martins and Astudillo (2016), eq. 16: half the distance from the label,
    # less half the distance from the nearest point.
    z, ids, soft = draw(scale=scale), np.arange(24) % 4, soft_labels()

    def one(target, row):
        row = np.asarray(row, oracles.Real)
        p = simplex_distance(row)
        return (np.sum((target - row) ** 2) - np.sum((p - row) ** 2)) / 2

    loss = losses.SparsemaxLoss(reduction="none")
    for y, target in ((ids, np.eye(4)[ids]), (soft, soft)):
        expected = oracles.each(one, target, z)
        np.testing.assert_allclose(loss(y, z), expected, 2e-5, 2e-6)
        total = losses.SparsemaxLoss(reduction="sum")
        slope = gradient(lambda t, y=y: total(y, t), z)  # noqa: B023
        nearest = [[float(v) for v in simplex_distance(row)] for row in z]
        np.testing.assert_allclose(slope, nearest - target, atol=1e-5)


def test_sparsemax_agrees_with_the_published_form():
    # Eq. 18: -z_y + sum over the support of (z**2 - tau**2) / 2 + 1 / 2.
    z = [1.2, 0.9, -0.3, 0.4]
    tau = (1.2 + 0.9 - 1) / 2  # 0.4 is below it: the support is of two
    expected = -0.9 + 0.5 + sum(v**2 - tau**2 for v in (1.2, 0.9)) / 2
    loss = losses.SparsemaxLoss()(np.array([1]), np.array([z], "float32"))
    np.testing.assert_allclose(loss, expected, 1e-5)


def test_sparsemax_is_0_from_a_lead_of_1_on():
    z = np.array([[1.0, 0.0, -5.0], [1e4, 9999.0, -1e4]], "float32")
    loss = losses.SparsemaxLoss(reduction="sum")
    y = np.array([0, 0])
    assert float(loss(y, z)) == 0.0
    assert not gradient(lambda t: loss(y, t), z).any()


def test_keras_sparsemax_does_not_sum_to_1():
    """Documents the difference; should Keras be repaired, drop this."""
    p = ops.convert_to_numpy(ops.sparsemax(np.array([[0.3, 0.1]], "float32")))
    assert abs(p.sum() - 1) > 0.1


@pytest.mark.parametrize("gap", [20.0, 100.0, 1e4])
@pytest.mark.parametrize(
    "loss",
    [
        losses.FocalCalibration(from_logits=True),
        losses.MarginLabelSmoothing(alpha=0.0, from_logits=True),
        losses.LabelAwareSmoothing([9, 3, 1], 0.0, 0.0, from_logits=True),
        losses.SparsemaxLoss(),
    ],
    ids=lambda loss: loss.name,
)
def test_a_confidently_wrong_sample_keeps_its_gradient(loss, gap):
    z, y = np.array([[0.0, gap, 0.0]], "float32"), np.array([0])
    slope = gradient(lambda t: loss(y, t), z)
    np.testing.assert_allclose(slope, [[-1, 1, 0]], atol=1e-4)


@pytest.mark.parametrize(
    "make, arguments",
    [
        (losses.FocalCalibration, {"gamma": -1.0}),
        (losses.FocalCalibration, {"gamma_wrong": None}),
        (losses.FocalCalibration, {"threshold": 1.0}),
        (losses.MarginLabelSmoothing, {"margin": -1.0}),
        (losses.MarginLabelSmoothing, {"alpha": float("nan")}),
        (losses.LabelAwareSmoothing, {"class_counts": [3, 0]}),
        (losses.LabelAwareSmoothing, {"head": 1.0}),
        (losses.LabelAwareSmoothing, {"tail": -0.1}),
        (losses.LabelAwareSmoothing, {"shape": "exp"}),
        (losses.LabelAwareSmoothing, {"absent": 1}),
    ],
)
def test_refuses(make, arguments):
    (name,) = arguments
    if make is losses.LabelAwareSmoothing:
        arguments = {"class_counts": [5, 3], **arguments}
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        make(**arguments)
