"""Dice, Jaccard, Tversky and their kin against papers and packages."""

import functools

import keras
import monai.losses
import numpy as np
import pytest
import sklearn.metrics
import torch
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops

from keras_funcs import losses
from tests.losses import oracles
from tests.losses.region import oracle_overlap as oracle

few = settings(max_examples=6, deadline=None, derandomize=True)
CLOSE = {"rtol": 2e-5, "atol": 2e-6}
SHAPE = (3, 4, 5)
CLASSES = 3
HIDDEN = -7.5  # the score of a masked pixel
ORACLES = {
    losses.Dice: oracle.dice,
    losses.Jaccard: oracle.jaccard,
    losses.Tversky: oracle.tversky,
    losses.FocalTversky: oracle.focal_tversky,
}
ALL = (*ORACLES, losses.GeneralizedDice)


def masks(classes=CLASSES, seed=0):
    """Ids, one-hot rows and logits of a small batch."""
    random = np.random.default_rng(seed)
    ids = random.integers(0, classes, SHAPE)
    logits = random.normal(0, 2, (*SHAPE, classes)).astype("float32")
    return ids, np.eye(classes)[ids], logits


def expected(cls, p, y, weight=None, per_sample=True, **arguments):
    if cls is losses.GeneralizedDice:
        rule = oracle.generalized_dice
    else:
        rule = functools.partial(oracle.mean, ORACLES[cls])
    return oracle.regions(rule, p, y, weight, per_sample, **arguments)


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize("smooth", [0.0, 1.0, 1e-5])
@pytest.mark.parametrize("per_sample", [True, False])
def test_is_the_definition_in_every_form(cls, smooth, per_sample):
    ids, rows, logits = masks()
    p = oracle.probabilities(logits)
    common = {"smooth": smooth, "per_sample": per_sample}
    loss = cls(from_logits=True, reduction=None, **common)
    wanted = expected(cls, p, rows, **common)
    wanted = wanted if per_sample else wanted[0]
    for labels in (ids, ids[..., None], rows):
        np.testing.assert_allclose(loss(labels, logits), wanted, **CLOSE)
    loss = cls(reduction=None, **common)
    np.testing.assert_allclose(loss(ids, p.astype(float)), wanted, **CLOSE)
    soft = np.random.default_rng(3).dirichlet(np.ones(CLASSES), SHAPE)
    wanted = expected(cls, p, soft, **common)
    wanted = wanted if per_sample else wanted[0]
    np.testing.assert_allclose(loss(soft, p.astype(float)), wanted, **CLOSE)


@pytest.mark.parametrize("cls", ALL)
def test_one_channel_is_a_sigmoid(cls):
    ids, _, logits = masks(2)
    logits = logits[..., 1:]
    p = oracle.probabilities(logits)
    wanted = expected(cls, p, ids[..., None])
    loss = cls(from_logits=True, reduction=None)
    for labels in (ids, ids[..., None], ids.astype(bool)):
        np.testing.assert_allclose(loss(labels, logits), wanted, **CLOSE)
    unknown = np.random.default_rng(1).uniform(size=SHAPE) < 0.4
    wanted = expected(cls, p, ids[..., None], ~unknown)
    found = loss(np.where(unknown, -1, ids), logits)
    np.testing.assert_allclose(found, wanted, **CLOSE)
    loss = cls(from_logits=True, reduction=None, ignore_class=255)
    found = loss(np.where(unknown, 255, ids), logits)
    np.testing.assert_allclose(found, wanted, **CLOSE)


@pytest.mark.parametrize("cls", ALL)
def test_labels_of_their_own(cls):
    random = np.random.default_rng(2)
    _, _, logits = masks()
    y = random.integers(0, 2, logits.shape)
    loss = cls(from_logits=True, multi_label=True, reduction=None)
    p = 1 / (1 + np.exp(-logits.astype(float)))
    np.testing.assert_allclose(loss(y, logits), expected(cls, p, y), **CLOSE)
    if cls is not losses.GeneralizedDice:
        unknown = np.where(random.uniform(size=y.shape) < 0.3, -1, y)
        channels = [
            cls(from_logits=True, reduction=None)(
                unknown[..., c], logits[..., c : c + 1]
            )
            for c in range(CLASSES)
        ]
        wanted = np.mean([ops.convert_to_numpy(x) for x in channels], axis=0)
        np.testing.assert_allclose(loss(unknown, logits), wanted, **CLOSE)


@pytest.mark.parametrize("cls", list(ORACLES))
def test_class_weights_and_background(cls):
    ids, rows, logits = masks()
    p = oracle.probabilities(logits)
    settings = {"from_logits": True, "reduction": None}
    weights = [0.5, 2.0, 0.0]
    for first, given_weights in ((0, weights), (1, None), (1, weights)):
        loss = cls(
            include_background=first == 0,
            class_weights=given_weights,
            **settings,
        )
        wanted = expected(
            cls, p, rows, class_weights=given_weights, first=first
        )
        np.testing.assert_allclose(loss(ids, logits), wanted, **CLOSE)


def test_generalized_dice_of_some_classes():
    ids, rows, logits = masks()
    p = oracle.probabilities(logits)
    settings = {"from_logits": True, "reduction": None}
    for power, weight in ((2, "square"), (1, "simple"), (0, "uniform")):
        for shares in (None, [0.5, 2.0, 0.0]):
            wanted = expected(
                losses.GeneralizedDice,
                p,
                rows,
                power=power,
                class_weights=shares,
            )
            loss = losses.GeneralizedDice(
                weight, class_weights=shares, **settings
            )
            np.testing.assert_allclose(loss(ids, logits), wanted, **CLOSE)
    loss = losses.GeneralizedDice(include_background=False, **settings)
    wanted = expected(losses.GeneralizedDice, p[..., 1:], rows[..., 1:])
    np.testing.assert_allclose(loss(ids, logits), wanted, **CLOSE)


@pytest.mark.parametrize(
    "gamma, fp_weight, fn_weight", [(1.0, 0.0, 1.0), (3.0, 0.9, 0.2)]
)
def test_tversky_settings(gamma, fp_weight, fn_weight):
    ids, rows, logits = masks()
    p = oracle.probabilities(logits)
    weights = {"fp_weight": fp_weight, "fn_weight": fn_weight}
    settings = {"from_logits": True, "reduction": None}
    found = losses.Tversky(**weights, **settings)(ids, logits)
    wanted = expected(losses.Tversky, p, rows, **weights)
    np.testing.assert_allclose(found, wanted, **CLOSE)
    found = losses.FocalTversky(gamma, **weights, **settings)(ids, logits)
    wanted = expected(losses.FocalTversky, p, rows, gamma=gamma, **weights)
    np.testing.assert_allclose(found, wanted, **CLOSE)


def test_one_error_each():
    """A pixel too many costs `fp_weight`, one too few `fn_weight`."""
    loss = losses.Tversky(0.1, 0.9, smooth=0.0)
    both, one = np.array([[1, 1]]), np.array([[1, 0]])
    too_many = loss(one, np.array([[[1.0], [1.0]]]))
    too_few = loss(both, np.array([[[1.0], [0.0]]]))
    np.testing.assert_allclose(too_many, 0.1 / 1.1, rtol=1e-6)
    np.testing.assert_allclose(too_few, 0.9 / 1.9, rtol=1e-6)


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize("reduction", oracles.REDUCTIONS)
@pytest.mark.parametrize("void", [None, 255, -1, 1])
def test_mask_ignored_class_and_weights_together(cls, reduction, void):
    random = np.random.default_rng(4)
    ids, rows, logits = masks()
    p = oracle.probabilities(logits)
    counted = np.ones(SHAPE, bool)
    if void == 1:
        counted = ids != 1
    elif void is not None:
        counted[0, 1:], counted[2, :, 2] = False, False
        ids = np.where(counted, ids, void)
    mask = random.uniform(size=SHAPE) < 0.7
    mask[1] = False  # nothing of this sample counts
    pixels = random.uniform(0, 2, SHAPE)
    samples = np.array([0.5, 3.0, 2.0])
    loss = cls(from_logits=True, ignore_class=void, reduction=reduction)
    for masked in (False, True):
        seen = mask if masked else np.ones(SHAPE, bool)
        counts = counted & seen
        scores = hide(logits, seen) if masked else logits
        labels = np.where(seen, ids, 77)
        for inner, outer in ((None, None), (pixels, None), (None, samples)):
            weight = counts * (1.0 if inner is None else inner)
            values = expected(cls, p, rows, weight)
            wanted = oracles.reduced(
                values, outer, counts.any((1, 2)), reduction
            )
            found = loss(labels, scores, outer if inner is None else inner)
            found = ops.convert_to_numpy(found)
            np.testing.assert_allclose(found, wanted, **CLOSE)


def hide(logits, seen):
    """Scores that carry a Keras mask, as a masking layer hands them on."""
    hidden = np.where(seen[..., None], logits, HIDDEN).astype("float32")
    return keras.layers.Masking(HIDDEN)(ops.convert_to_tensor(hidden))


@pytest.mark.parametrize("seed, cls", list(enumerate(ALL)))
def test_over_the_batch_weight_is_repetition_and_mask_removal(cls, seed):
    random = np.random.default_rng(seed)
    ids, _, logits = masks(seed=seed)
    loss = cls(from_logits=True, per_sample=False)
    times = np.array([2, 0, 3])
    repeated = np.repeat(ids, times, 0), np.repeat(logits, times, 0)
    wanted = ops.convert_to_numpy(loss(*repeated))
    for weight in (times, times[:, None], times[:, None, None]):
        np.testing.assert_allclose(loss(ids, logits, weight), wanted, **CLOSE)
    times = random.integers(0, 3, SHAPE)
    flat = np.repeat(ids.ravel(), times.ravel())[None]
    pixels = np.repeat(logits.reshape(-1, CLASSES), times.ravel(), 0)[None]
    wanted = ops.convert_to_numpy(loss(flat, pixels))
    for weight in (times, times[..., None]):
        np.testing.assert_allclose(loss(ids, logits, weight), wanted, **CLOSE)
    wanted = ops.convert_to_numpy(
        loss(ids[times > 0][None], logits[times > 0][None])
    )
    found = loss(ids, hide(logits, times > 0))
    np.testing.assert_allclose(found, wanted, **CLOSE)
    for reduction in oracles.REDUCTIONS:
        other = cls(from_logits=True, per_sample=False, reduction=reduction)
        found = ops.convert_to_numpy(other(ids, logits, times))
        np.testing.assert_allclose(
            found, ops.convert_to_numpy(loss(ids, logits, times)), rtol=1e-6
        )


@few
@given(st.integers(0, 10**6))
def test_what_must_not_change_them(seed):
    random = np.random.default_rng(seed)
    ids, _, logits = masks(seed=seed)
    order = random.permutation(CLASSES)
    place = random.permutation(20)
    for cls in ALL:
        loss = cls(from_logits=True, reduction=None)
        wanted = ops.convert_to_numpy(loss(ids, logits))
        assert (wanted > 0).all() and (wanted < 1).all()
        same = {
            "classes": loss(np.argsort(order)[ids], logits[..., order]),
            "shift": loss(ids, logits + np.float32(random.uniform(-9, 9))),
            "pixels": loss(
                ids.reshape(3, 20)[:, place],
                logits.reshape(3, 20, CLASSES)[:, place],
            ),
        }
        for name, found in same.items():
            np.testing.assert_allclose(found, wanted, 1e-4, err_msg=name)


def test_they_are_one_index():
    ids, _, logits = masks()
    common = {"from_logits": True, "reduction": None}

    def value(loss):
        return ops.convert_to_numpy(loss(ids, logits))

    dice = losses.Dice(**common)
    half = losses.Tversky(0.5, 0.5, smooth=0.5, **common)
    np.testing.assert_allclose(value(half), value(dice), rtol=1e-6)
    jaccard = losses.Jaccard(**common)
    whole = losses.Tversky(1.0, 1.0, **common)
    np.testing.assert_allclose(value(whole), value(jaccard), rtol=1e-6)
    tversky = losses.Tversky(**common)
    unfocused = losses.FocalTversky(1.0, **common)
    np.testing.assert_allclose(value(unfocused), value(tversky), rtol=1e-5)
    # J = D / (2 - D), in a region of one class without smoothing
    settings = {"class_weights": [0, 1, 0], "smooth": 0.0, **common}
    d = value(losses.Dice(**settings))
    np.testing.assert_allclose(
        1 - value(losses.Jaccard(**settings)), (1 - d) / (1 + d), rtol=1e-5
    )


@pytest.mark.parametrize("per_sample", [True, False])
def test_log_cosh_is_that_of_dice(per_sample):
    ids, rows, logits = masks()
    p = oracle.probabilities(logits)
    dice = expected(losses.Dice, p, rows, per_sample=per_sample)
    wanted = np.log((np.exp(dice) + np.exp(-dice)) / 2)
    loss = losses.LogCoshDice(
        from_logits=True, per_sample=per_sample, reduction=None
    )
    found = ops.convert_to_numpy(loss(ids, logits))
    np.testing.assert_allclose(found, wanted if per_sample else wanted[0], 1e-5)
    # A small loss keeps its digits: x**2 / 2.
    nearly = np.where(rows, 1 - 1e-4, 5e-5)
    x = ops.convert_to_numpy(losses.Dice(reduction=None)(ids, nearly))
    found = losses.LogCoshDice(reduction=None)(ids, nearly)
    np.testing.assert_allclose(found, x**2 / 2, rtol=1e-5)


@pytest.mark.parametrize("per_sample", [True, False])
@pytest.mark.parametrize("background", [True, False])
def test_monai_agrees(per_sample, background):
    ids, rows, logits = masks()
    images = torch.tensor(np.moveaxis(logits, -1, 1))
    target = torch.tensor(np.moveaxis(rows, -1, 1))
    common = {
        "include_background": background,
        "softmax": True,
        "batch": not per_sample,
        "reduction": "mean",
    }
    ours = {
        "per_sample": per_sample,
        "include_background": background,
        "from_logits": True,
    }
    smooth = {"smooth_nr": 1.0, "smooth_dr": 1.0}
    pairs = [
        (losses.Dice(**ours), monai.losses.DiceLoss(**smooth, **common)),
        (
            # Its numerator and denominator are twice ours.
            losses.Jaccard(smooth=0.5, **ours),
            monai.losses.DiceLoss(jaccard=True, **smooth, **common),
        ),
        (
            losses.Tversky(0.2, 0.9, **ours),
            monai.losses.TverskyLoss(alpha=0.2, beta=0.9, **smooth, **common),
        ),
    ]
    # Without smoothing only: theirs is added to areas over squared areas,
    # which for images of any size is next to nothing beside it.
    none = {"smooth_nr": 0.0, "smooth_dr": 0.0}
    for weight in ("square", "simple", "uniform"):
        theirs = monai.losses.GeneralizedDiceLoss(
            w_type=weight, **none, **common
        )
        pairs.append(
            (losses.GeneralizedDice(weight, smooth=0.0, **ours), theirs)
        )
    for loss, theirs in pairs:
        wanted = float(theirs(images, target))
        np.testing.assert_allclose(loss(ids, logits), wanted, **CLOSE)


def test_monai_agrees_on_soft_labels():
    _, _, logits = masks()
    soft = np.random.default_rng(3).dirichlet(np.ones(CLASSES), SHAPE)
    theirs = monai.losses.DiceLoss(
        softmax=True, soft_label=True, smooth_nr=1.0, smooth_dr=1.0
    )
    wanted = theirs(
        torch.tensor(np.moveaxis(logits, -1, 1)),
        torch.tensor(np.moveaxis(soft, -1, 1)),
    )
    found = losses.Dice(from_logits=True)(soft, logits)
    np.testing.assert_allclose(found, float(wanted), **CLOSE)


def test_sklearn_agrees_on_hard_masks():
    ids, _, logits = masks()
    found = logits.argmax(-1)
    p = np.eye(CLASSES)[found]
    common = {"smooth": 0.0, "per_sample": False}
    y, z = ids.ravel(), found.ravel()
    scores = {
        losses.Dice(**common): sklearn.metrics.f1_score,
        losses.Jaccard(**common): sklearn.metrics.jaccard_score,
        losses.Tversky(0.2, 0.8, **common): functools.partial(
            sklearn.metrics.fbeta_score, beta=2.0
        ),
    }
    for loss, score in scores.items():
        wanted = 1 - score(y, z, average="macro")
        np.testing.assert_allclose(loss(ids, p), wanted, rtol=1e-5)


def test_swap_with_keras():
    """What the docstrings say of Keras's numbers."""
    ids, rows, logits = masks()
    rows = rows.astype("float32")
    p = oracle.probabilities(logits).astype("float32")
    one, y = p[..., :1], (ids == 0)[..., None].astype("float32")
    batch = {"per_sample": False, "smooth": 0.0}

    def same(ours, theirs, labels, scores):
        wanted = ops.convert_to_numpy(theirs(labels, scores))
        np.testing.assert_allclose(ours(labels, scores), wanted, **CLOSE)

    same(losses.Dice(**batch), keras.losses.Dice(), y, one)
    pooled = losses.GeneralizedDice("uniform", **batch)
    same(pooled, keras.losses.Dice(), rows, p)
    each = losses.Dice(smooth=0.0)
    same(each, keras.losses.Dice(axis=(1, 2)), rows, p)
    # Keras 3.15 takes `alpha` for the false negatives, against its own
    # documentation; repaired in 3.16, where the two are to be exchanged here.
    alpha, beta = 0.2, 0.9
    swapped = {"fp_weight": beta, "fn_weight": alpha}
    theirs = keras.losses.Tversky(alpha, beta)
    same(losses.Tversky(**swapped, **batch), theirs, y, one)
    theirs = keras.losses.Tversky(alpha, beta, axis=(1, 2))
    same(losses.Tversky(**swapped, smooth=0.0), theirs, rows, p)
