"""GeneralizedIoU against areas that are counted, and against MONAI."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops
from monai.data.box_utils import box_pair_giou

from keras_funcs import losses
from tests.derivatives import gradient

few = settings(max_examples=6, deadline=None, derandomize=True)
MODES = ("giou", "iou")


def draw(shape=(12,), seed=0, largest=9):
    """Boxes on a grid, none of them empty."""
    random = np.random.default_rng(seed)
    low = random.integers(0, largest, (*shape, 2))
    high = low + random.integers(1, largest, (*shape, 2))
    return np.concatenate([low, high], -1).astype("float32")


def counted(a, b, mode):
    """Rezatofighi et al. (2019), algorithm 1, by the cells of the grid."""

    def cells(box):
        low, high = box[:2].astype(int), box[2:].astype(int)
        return {
            (i, j)
            for i in range(low[0], high[0])
            for j in range(low[1], high[1])
        }

    both, union = cells(a) & cells(b), cells(a) | cells(b)
    hull = cells(np.r_[np.minimum(a, b)[:2], np.maximum(a, b)[2:]])
    iou = len(both) / len(union)
    if mode == "iou":
        return 1 - iou
    return 1 - iou + (len(hull) - len(union)) / len(hull)


@pytest.mark.parametrize("mode", MODES)
def test_is_the_definition(mode):
    a, b = draw(), draw(seed=1)
    expected = [counted(x, y, mode) for x, y in zip(a, b)]
    loss = losses.GeneralizedIoU(mode, reduction="none")
    np.testing.assert_allclose(loss(a, b), expected, 1e-5, 1e-6)
    np.testing.assert_allclose(loss(a, a), 0.0, atol=1e-6)


def test_is_that_of_monai():
    a, b = draw(), draw(seed=1)
    theirs = 1 - box_pair_giou(torch.tensor(a), torch.tensor(b)).numpy()
    loss = losses.GeneralizedIoU(reduction="none")
    np.testing.assert_allclose(loss(a, b), theirs, 1e-5, 1e-6)


@few
@given(st.integers(0, 10**6), st.sampled_from([0.01, 1.0, 300.0]))
def test_place_size_order_and_rank_do_not_matter(seed, size):
    a, b = draw(seed=seed), draw(seed=seed + 1)
    for mode in MODES:
        loss = losses.GeneralizedIoU(mode, reduction="none")
        expected = ops.convert_to_numpy(loss(a, b))
        np.testing.assert_allclose(loss(b, a), expected, 1e-5, 1e-6)
        for change in (
            lambda x: (size * x + 3).astype("float32"),
            lambda x: x[:, [1, 0, 3, 2]],  # x and y
            lambda x: x[:, [2, 3, 0, 1]],  # opposite corners
            lambda x: x[:, [0, 3, 2, 1]],
        ):
            moved = loss(change(a), change(b))
            np.testing.assert_allclose(moved, expected, 1e-3, 1e-3)
        rows = loss(a.reshape(3, 4, 4), b.reshape(3, 4, 4))
        np.testing.assert_allclose(rows, expected.reshape(3, 4), 1e-6)


def test_boxes_apart_are_pulled_together_by_the_generalized_form_only():
    a = np.array([[0, 0, 1, 1]], "float32")
    for away in (2.0, 50.0, 1e4):
        b = a + np.array([[0, away, 0, away]], "float32")
        slope = gradient(lambda t: losses.GeneralizedIoU()(a, t), b)
        assert (slope[0, [1, 3]] > 0).any() and np.isfinite(slope).all()
        slope = gradient(lambda t: losses.GeneralizedIoU("iou")(a, t), b)
        assert not slope.any()


def test_empty_boxes_are_finite():
    point, box = np.ones((1, 4)), np.array([[0.0, 0.0, 2.0, 2.0]])
    loss = losses.GeneralizedIoU()
    for a, b in ((point, point), (point, box), (box, point)):
        assert np.isfinite(float(loss(a, b)))
        slope = gradient(lambda t, y=a: loss(y, t), b)
        assert np.isfinite(slope).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_finite(dtype):
    a, b = 300 * draw(largest=20), 300 * draw(seed=1, largest=20)
    value = losses.GeneralizedIoU(dtype=dtype)(a, ops.cast(b, dtype))
    expected = float(losses.GeneralizedIoU()(a, b))
    found = float(ops.cast(value, "float32"))
    np.testing.assert_allclose(found, expected, 3e-2)


@pytest.mark.parametrize(
    "values, outputs, name",
    [
        ((3, 4), (2, 4), "y_true"),
        ((1, 4), (2, 4), "y_true"),
        ((4,), (2, 4), "y_true"),
        ((2, 5, 4), (2, 4), "y_true"),
        ((2, 1), (2, 1), "y_pred"),
        ((4,), (4,), "y_pred"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(values, outputs, name):
    with pytest.raises(ValueError, match=f"Invalid shape of `{name}`"):
        losses.GeneralizedIoU()(np.zeros(values), np.zeros(outputs))


@pytest.mark.parametrize("value", ["diou", None, 1])
def test_bad_mode(value):
    with pytest.raises(ValueError, match="for argument `mode`. Expected"):
        losses.GeneralizedIoU(value)
