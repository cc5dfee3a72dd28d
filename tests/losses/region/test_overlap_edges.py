"""Overlap losses where masks are empty, numbers extreme, or inputs wrong."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import losses
from tests.derivatives import gradient

ALL = (
    losses.Dice,
    losses.Jaccard,
    losses.Tversky,
    losses.FocalTversky,
    losses.GeneralizedDice,
)
SHAPE = (3, 4, 5)


def masks(classes=3):
    """Ids and logits of a small batch."""
    random = np.random.default_rng(0)
    ids = random.integers(0, classes, SHAPE)
    return ids, random.normal(0, 2, (*SHAPE, classes)).astype("float32")


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize("smooth", [1.0, 1e-3])
def test_an_empty_mask_predicted_empty_is_nearly_free_and_pulls(cls, smooth):
    y = np.zeros((2, 6))
    loss = cls(from_logits=True, smooth=smooth, reduction="sum")
    empty = np.full((2, 6, 1), -1e4, "float32")
    assert float(loss(y, empty)) == 0.0
    nearly = np.full((2, 6, 1), -5.0, "float32")
    slope = gradient(lambda z: loss(y, z), nearly)
    assert (slope > 1e-4).all() and np.isfinite(slope).all()
    full = np.full((2, 6, 1), 3.0, "float32")
    slope = gradient(lambda z: loss(y, z), full)
    assert (slope > 0).all()
    assert np.isfinite(slope).all()


def test_keras_has_no_gradient_on_an_empty_mask():
    """Documents the difference; should Keras be repaired, drop this."""
    y, p = np.zeros((2, 6, 1), "float32"), np.full((2, 6, 1), 0.3, "float32")
    theirs = keras.losses.Dice()
    assert not gradient(lambda t: theirs(y, t), p).any()
    ours = losses.Dice(reduction="sum")
    assert (gradient(lambda t: ours(y, t), p) > 0.01).all()


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize("smooth", [0.0, 1.0])
def test_extremes_are_finite(cls, smooth):
    sizes = (0.0, 1e-30, 1e-20, 1e-10, 0.5, 1.0)
    for classes, labels in ((1, (0.0, 1.0, 0.5)), (2, (0, 1))):
        loss = cls(smooth=smooth, reduction="sum")
        y = np.repeat(labels, len(sizes))[:, None] * np.ones((1, 3))
        p = np.tile(sizes, len(labels))[:, None, None]
        p = p * np.ones((1, 3, classes))
        assert np.isfinite(float(loss(y, p)))
        slope = gradient(lambda t, f=loss, y=y: f(y, t), p)
        assert np.isfinite(slope).all(), (y, slope)
    for dtype in ("float16", "bfloat16"):
        loss = cls(from_logits=True, dtype=dtype)
        y = np.zeros((1, 260, 260), int)  # more pixels than float16 holds
        z = ops.cast(np.full((1, 260, 260, 2), [[60.0, -60.0]]), dtype)
        for labels in (y, 1 - y):
            value = ops.convert_to_numpy(ops.cast(loss(labels, z), "float32"))
            assert np.isfinite(value)


def test_focal_tversky_keeps_its_slope_finite_at_0():
    loss = losses.FocalTversky(gamma=3.0)
    y = np.array([[1.0, 1.0, 0.0]])
    perfect = np.array([[[1.0], [1.0], [0.0]]], "float32")
    assert float(loss(y, perfect)) == 0.0
    nearly = np.array([[[1.0], [1.0 - 6e-8], [1e-30]]], "float32")
    slope = gradient(lambda p: loss(y, p), nearly)
    assert np.isfinite(slope).all() and slope[0, 1, 0] < -1.0


def test_generalized_dice_of_an_absent_class():
    """Its weight is that of the rarest class, not infinity."""
    ids = np.array([[0, 0, 0, 1]])
    p = np.array([[[0.7, 0.2, 0.1]] * 4])
    loss = losses.GeneralizedDice(smooth=0.0)
    w = np.array([1 / 9, 1.0, 1.0])
    both = w @ [2.1, 0.2, 0.0]
    all_of_it = w @ [2.8 + 3, 0.8 + 1, 0.4]
    wanted = 1 - 2 * both / all_of_it
    np.testing.assert_allclose(loss(ids, p), wanted, rtol=1e-5)


def test_large_images_keep_their_digits():
    """An image of a million pixels that is wrong in one of them."""
    ids = np.zeros((1, 1024, 1024), int)
    ids[0, 0, :100] = 1
    p = ids[..., None].astype("float32")
    p[0, 0, 0] = 0.0
    for loss in (losses.Dice(smooth=0.0), losses.Dice(per_sample=False)):
        wanted = 1 - (198 + loss.smooth) / (199 + loss.smooth)
        np.testing.assert_allclose(loss(ids, p), wanted, rtol=1e-5)


@pytest.mark.parametrize("label", [-1, 3, 0.5, float("nan")])
def test_a_label_that_is_none_spoils_its_region_only(label):
    ids, logits = masks()
    ids = ids.astype("float32")
    ids[1, 2, 3] = label
    for cls in ALL:
        loss = cls(from_logits=True, reduction=None)
        found = ops.convert_to_numpy(loss(ids, logits))
        assert np.isnan(found).tolist() == [False, True, False]
    one_hot = (ids[..., None] == np.arange(3)).astype("float32")
    for wrong in (255.0, -0.5, float("nan")):
        one_hot[1, 2, 3] = wrong * np.eye(3)[1]
        for cls in ALL:
            loss = cls(from_logits=True, reduction=None)
            found = ops.convert_to_numpy(loss(one_hot, logits))
            assert np.isnan(found).tolist() == [False, True, False]
    y = (ids == 0).astype("float32")
    y[1, 2, 3] = 7.0
    found = losses.Dice(reduction=None)(y, logits[..., :1])
    assert np.isnan(ops.convert_to_numpy(found)).tolist() == [
        False,
        True,
        False,
    ]


def test_a_resized_mask_is_a_label():
    mask = np.zeros((1, 37, 41, 1), "float32")
    mask[:, 5:] = 1.0
    y = ops.image.resize(mask, (23, 29), antialias=True)
    y = ops.where(y > 0.9, y + 2.4e-7, y)  # as some backends round it
    both = ops.concatenate([1.0 - y, y], axis=-1)
    half = 0.5 * ops.ones_like(both)
    for loss in (losses.Dice(), losses.BinaryFocal(), losses.UnifiedFocal()):
        assert np.isfinite(float(loss(y, half[..., :1])))
        assert np.isfinite(float(loss(both, half)))


@pytest.mark.parametrize("per_sample", [True, False])
def test_where_nothing_counts_it_is_0(per_sample):
    _, logits = masks()
    for cls in ALL:
        loss = cls(from_logits=True, ignore_class=9, per_sample=per_sample)
        y = np.full(SHAPE, 9)
        assert float(loss(y, logits)) == 0.0
        slope = gradient(lambda z, f=loss, y=y: f(y, z), logits)
        assert not slope.any()


@pytest.mark.parametrize(
    "labels, outputs",
    [
        ((3, 4), (3, 4, 5, 2)),
        ((3, 4, 5, 3), (3, 4, 5, 2)),
        ((1, 4, 5), (3, 4, 5, 2)),
        ((3, 4), (3, 4, 5, 1)),
        ((3, 4, 5, 2), (3, 4, 5, 1)),
        ((3,), (3,)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(labels, outputs):
    with pytest.raises(ValueError, match="Invalid shape of `y_"):
        losses.Dice()(np.zeros(labels), np.ones(outputs))


@pytest.mark.parametrize("shape", [(2,), (1,), (3, 4), (4, 5), (3, 4, 5, 2)])
def test_weights_that_do_not_fit_are_refused(shape):
    ids, logits = masks(2)
    with pytest.raises(ValueError, match="Invalid shape of `sample_weight`"):
        losses.Dice()(ids, logits, np.ones(shape))


@pytest.mark.parametrize(
    "cls, arguments, message",
    [
        (losses.Dice, {"smooth": -1}, "`smooth`. Expected a finite number"),
        (losses.Dice, {"per_sample": 1}, "`per_sample`. Expected a boolean"),
        (losses.Dice, {"include_background": None}, "`include_background`"),
        (losses.Dice, {"class_weights": [1, -1]}, "each >= 0"),
        (losses.Dice, {"class_weights": [0, 0]}, "one above 0"),
        (losses.Dice, {"ignore_class": 1.5}, "`ignore_class`"),
        (losses.Dice, {"multi_label": "yes"}, "`multi_label`"),
        (
            losses.Dice,
            {"class_weights": [1, 0], "include_background": False},
            "one above 0",
        ),
        (losses.Tversky, {"fp_weight": -0.1}, "`fp_weight`"),
        (losses.Tversky, {"fn_weight": float("inf")}, "`fn_weight`"),
        (losses.FocalTversky, {"gamma": 0}, "`gamma`. Expected a finite"),
        (losses.GeneralizedDice, {"weight": "cube"}, "`weight`. Expected one"),
    ],
)
def test_bad_arguments(cls, arguments, message):
    with pytest.raises(ValueError, match=message):
        cls(**arguments)


def test_class_weights_must_be_of_the_classes():
    ids, logits = masks()
    with pytest.raises(ValueError, match="one for each of the 3 classes"):
        losses.Dice(class_weights=[1.0, 2.0])(ids, logits)
