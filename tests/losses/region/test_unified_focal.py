"""UnifiedFocal against the paper, the authors' form and MONAI."""

import monai.losses
import numpy as np
import pytest
import torch
from keras import ops

from keras_funcs import losses
from tests.derivatives import gradient
from tests.losses import oracles
from tests.losses.region import oracle_overlap

SHAPE = (3, 4, 5)
CLOSE = {"rtol": 2e-5, "atol": 2e-6}
Real = np.longdouble


def masks(classes, seed=0):
    random = np.random.default_rng(seed)
    ids = random.integers(0, classes, SHAPE)
    return ids, random.normal(0, 2, (*SHAPE, classes)).astype("float32")


def region(p, y, weight, mix=0.5, delta=0.6, gamma=0.5, smooth=1.0):
    """Yeung et al. (2022), eqs. 20 to 22, of one region, class by class."""
    focal = total = Real(0)
    for p_pixel, y_pixel, w in zip(p, y, weight):
        total += w
        for c, (q, t) in enumerate(zip(p_pixel, y_pixel)):
            rest = sum(item for k, item in enumerate(p_pixel) if k != c)
            if t:
                factor = (1 - delta) * rest ** Real(gamma) if c == 0 else delta
                focal -= w * factor * t * np.log(q)
    indices = []
    for c in range(len(p[0])):
        sets = oracle_overlap.sizes(
            [row[c] for row in p], [row[c] for row in y], weight
        )
        missed = oracle_overlap.tversky(
            *sets, smooth=smooth, fp_weight=1 - delta, fn_weight=delta
        )
        indices.append(missed if c == 0 else missed ** Real(1 - gamma))
    overlap = sum(indices) / len(indices)
    return mix * focal / total + (1 - mix) * overlap


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("per_sample", [True, False])
@pytest.mark.parametrize(
    "weight, delta, gamma, smooth",
    [(0.5, 0.6, 0.5, 1.0), (1.0, 0.9, 0.0, 0.0), (0.2, 0.3, 0.9, 1e-3)],
)
def test_is_the_definition(classes, per_sample, weight, delta, gamma, smooth):
    ids, logits = masks(classes)
    p = oracle_overlap.probabilities(logits)
    settings = {"reduction": None, "per_sample": per_sample, "smooth": smooth}
    soft = np.random.default_rng(1).dirichlet(np.ones(classes), SHAPE)
    pixels = np.random.default_rng(2).uniform(0, 2, SHAPE)
    forms = {"hard": (ids, np.eye(classes)[ids]), "soft": (soft, soft)}
    for name, (labels, rows) in forms.items():
        for given in (None, pixels):
            wanted = oracle_overlap.regions(
                region,
                p,
                rows,
                given,
                per_sample,
                mix=weight,
                delta=delta,
                gamma=gamma,
                smooth=smooth,
            )
            wanted = wanted if per_sample else wanted[0]
            for scores in (logits, p.astype(float)):
                loss = losses.UnifiedFocal(
                    weight,
                    delta,
                    gamma,
                    from_logits=scores is logits,
                    **settings,
                )
                found = loss(labels, scores, given)
                np.testing.assert_allclose(found, wanted, err_msg=name, **CLOSE)


def test_one_channel_is_two_classes():
    ids, logits = masks(2)
    both = losses.UnifiedFocal(from_logits=True, reduction=None)
    wanted = ops.convert_to_numpy(both(ids, logits))
    one = logits[..., 1:] - logits[..., :1]
    np.testing.assert_allclose(both(ids, one), wanted, **CLOSE)
    p = 1 / (1 + np.exp(-one.astype(float)))
    loss = losses.UnifiedFocal(reduction=None)
    np.testing.assert_allclose(loss(ids, p), wanted, **CLOSE)
    unknown = np.random.default_rng(0).uniform(size=SHAPE) < 0.3
    wanted = ops.convert_to_numpy(both(ids, logits, ~unknown))
    found = both(np.where(unknown, -1, ids), one)
    np.testing.assert_allclose(found, wanted, **CLOSE)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_monai_agrees(weight):
    ids, logits = masks(2)
    p = oracle_overlap.probabilities(logits).astype("float32")
    images = torch.tensor(np.moveaxis(p, -1, 1))
    target = torch.tensor(np.moveaxis(np.eye(2)[ids], -1, 1))
    # MONAI takes the mean of the focal part over the two classes, paper and
    # authors the sum.
    focal = monai.losses.unified_focal_loss.AsymmetricFocalLoss(
        delta=0.7, gamma=0.4
    )
    overlap = monai.losses.unified_focal_loss.AsymmetricFocalTverskyLoss(
        delta=0.7, gamma=0.4
    )
    wanted = 2 * weight * focal(images, target)
    wanted = wanted + (1 - weight) * overlap(images, target)
    loss = losses.UnifiedFocal(weight, 0.7, 0.4, smooth=1e-7)
    np.testing.assert_allclose(loss(ids, p), float(wanted), rtol=1e-4)
    if weight == 0:
        whole = monai.losses.AsymmetricUnifiedFocalLoss(
            weight=0.0, delta=0.7, gamma=0.4
        )
        wanted = float(whole(images, target))
        np.testing.assert_allclose(loss(ids, p), wanted, rtol=1e-4)


def test_without_focus_it_is_crossentropy_and_tversky():
    ids, logits = masks(3)
    p = oracle_overlap.probabilities(logits)
    entropy = oracles.each(oracles.crossentropy, np.eye(3)[ids], p)
    focal = losses.UnifiedFocal(1.0, 0.5, 0.0, from_logits=True)
    np.testing.assert_allclose(focal(ids, logits), entropy.mean() / 2, 1e-5)
    overlap = losses.UnifiedFocal(0.0, 0.5, 0.0, from_logits=True)
    dice = losses.Tversky(0.5, 0.5, from_logits=True)
    np.testing.assert_allclose(
        overlap(ids, logits), ops.convert_to_numpy(dice(ids, logits)), 1e-5
    )


@pytest.mark.parametrize("gap", [20.0, 100.0, 1e4])
def test_pulls_on_confidently_wrong_pixels(gap):
    loss = losses.UnifiedFocal(from_logits=True)
    logits = np.array([[[0.0, gap], [gap, 0.0]]], "float32")
    slope = gradient(lambda z: loss(np.array([[0, 1]]), z), logits)
    # Half of weight / 2 times 1 - delta and delta: CE's slope is 1.
    wanted = [[[-0.1, 0.1], [0.15, -0.15]]]
    np.testing.assert_allclose(slope, wanted, atol=1e-4)
    right = gradient(lambda z: loss(np.array([[1, 0]]), z), logits)
    assert np.isfinite(right).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_finite(dtype):
    loss = losses.UnifiedFocal(from_logits=True, dtype=dtype)
    for z in (60.0, -60.0):
        scores = ops.cast(np.full((1, 260, 260, 1), z), dtype)
        value = loss(np.zeros((1, 260, 260)), scores)
        assert np.isfinite(ops.convert_to_numpy(ops.cast(value, "float32")))


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"weight": 1.1}, "weight"),
        ({"delta": -0.1}, "delta"),
        ({"gamma": 1.0}, "gamma"),
        ({"smooth": -1.0}, "smooth"),
        ({"per_sample": None}, "per_sample"),
    ],
)
def test_bad_arguments(arguments, name):
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        losses.UnifiedFocal(**arguments)
