"""What must not change a loss: order of classes, form of labels, batches."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops

from keras_funcs import losses
from tests.derivatives import gradient
from tests.losses import oracles

few = settings(max_examples=6, deadline=None, derandomize=True)
CLASSES = 4
COUNTS = [50, 20, 7, 3]
SHAPES = ((12,), (3, 4), (2, 3, 2))
HIDDEN = -7.5  # the score of a masked step


COST = np.array([[0, 1, 2, 5], [3, 0, 1, 1], [9, 4, 0, 2], [1, 1, 7, 0.0]])


def build(order=None, **arguments):
    """Every categorical loss, with its classes in the given order."""
    order = list(range(CLASSES) if order is None else order)
    arguments = {"reduction": "none", **arguments}
    counts = [COUNTS[c] for c in order]
    alpha = [(0.5, 1.0, 2.0, 0.1)[c] for c in order]
    costs = COST[np.ix_(order, order)]
    found = []
    if arguments.get("from_logits", True):
        # These take nothing else.
        bare = {**arguments}
        bare.pop("from_logits", None)
        found = [
            losses.LDAM(counts, 0.5, 3.0, alpha, **bare),
            losses.SparsemaxLoss(**bare),
            losses.VectorScaling(counts, **bare),
        ]
    arguments = {"from_logits": True, **arguments}
    return found + [
        losses.ActivePassive(**arguments),
        losses.Bootstrap(0.7, **arguments),
        losses.Bootstrap(0.7, "hard", **arguments),
        losses.CategoricalFocal(alpha, 2.0, **arguments),
        losses.ClassBalanced(counts, gamma=1.0, **arguments),
        losses.CostSensitive(costs, **arguments),
        losses.FocalCalibration(**arguments),
        losses.GeneralizedCrossentropy(**arguments),
        losses.LabelAwareSmoothing(counts, **arguments),
        losses.LogitAdjusted(counts, 1.3, **arguments),
        losses.MarginLabelSmoothing(2.0, **arguments),
        losses.Poly1(**arguments),
        losses.SymmetricCrossentropy(**arguments),
        losses.WeightedCrossentropy(class_counts=counts, **arguments),
    ]


def ordered(**arguments):
    """Those that know an order of their classes."""
    arguments = {"from_logits": True, "reduction": "none", **arguments}
    return [losses.RankedProbability(**arguments)]


@st.composite
def batches(draw):
    shape = draw(st.sampled_from(SHAPES))
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    logits = random.normal(0, 3, (*shape, CLASSES)).astype("float32")
    return random.integers(0, CLASSES, shape), logits, random


@few
@given(batches())
def test_class_permutation(batch):
    ids, logits, random = batch
    order = random.permutation(CLASSES)
    place = np.argsort(order)  # where class c went
    for here, there in zip(build(), build(order)):
        expected = ops.convert_to_numpy(here(ids, logits))
        moved = there(place[ids], logits[..., order])
        np.testing.assert_allclose(moved, expected, 1e-4, 1e-6)


@few
@given(batches(), st.floats(-50, 50))
def test_shift_of_logits(batch, shift):
    ids, logits, _ = batch
    shift = np.float32(shift)
    for loss in build() + ordered():
        if isinstance(loss, losses.VectorScaling):
            continue  # multiplies logits by different numbers
        expected = ops.convert_to_numpy(loss(ids, logits))
        moved = loss(ids, logits + shift)
        np.testing.assert_allclose(moved, expected, 1e-3, 1e-4)


@few
@given(batches())
def test_sparse_is_one_hot_in_every_rank(batch):
    ids, logits, _ = batch
    for smoothing in (0.0, 0.1):
        for loss in build() + ordered():
            if not hasattr(loss, "label_smoothing") and smoothing:
                continue
            loss.label_smoothing = smoothing
            sparse = ops.convert_to_numpy(loss(ids, logits))
            assert sparse.shape == ids.shape
            rows = loss(np.eye(CLASSES)[ids], logits)
            np.testing.assert_allclose(rows, sparse, 1e-4, 1e-6)
            column = loss(ids[..., None], logits)
            np.testing.assert_array_equal(column, sparse)


@few
@given(batches())
def test_split_batches_and_repeated_samples(batch):
    ids, logits, random = batch
    times = random.permutation(np.arange(ids.shape[0]) % 3)
    for loss in build() + ordered():
        whole = ops.convert_to_numpy(loss(ids, logits))
        parts = [
            ops.convert_to_numpy(loss(ids[i : i + 1], logits[i : i + 1]))
            for i in range(len(ids))
        ]
        np.testing.assert_allclose(np.concatenate(parts), whole, 1e-5, 1e-7)
    weight = times.reshape((-1,) + (1,) * (ids.ndim - 1)).astype("float32")
    weight = np.broadcast_to(weight, ids.shape)
    repeated = np.repeat(ids, times, 0), np.repeat(logits, times, 0)
    weighted = {"reduction": "mean_with_sample_weight"}
    for loss in build(**weighted) + ordered(**weighted):
        np.testing.assert_allclose(
            loss(ids, logits, weight),
            ops.convert_to_numpy(loss(*repeated)),
            1e-5,
        )


@few
@given(batches())
def test_logits_are_probabilities(batch):
    ids, logits, _ = batch
    p = np.exp(logits.astype(float))
    p = (p / p.sum(-1, keepdims=True)).astype("float32")
    probabilities = build(from_logits=False) + ordered(from_logits=False)
    # Those that take logits only come first.
    same = (build() + ordered())[-len(probabilities) :]
    for here, there in zip(same, probabilities):
        assert type(here) is type(there)
        expected = ops.convert_to_numpy(here(ids, logits))
        np.testing.assert_allclose(there(ids, p), expected, 1e-3, 1e-5)


@pytest.mark.parametrize("axis", [1, -2, 2])
def test_the_class_axis_may_be_anywhere(axis):
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (2, 3, 2, CLASSES)).astype("float32")
    ids = random.integers(0, CLASSES, (2, 3, 2))
    moved = np.moveaxis(logits, -1, axis)
    pairs = zip(build() + ordered(), build(axis=axis) + ordered(axis=axis))
    for last, elsewhere in pairs:
        expected = ops.convert_to_numpy(last(ids, logits))
        np.testing.assert_allclose(elsewhere(ids, moved), expected, 1e-5)
        rows = np.moveaxis(np.eye(CLASSES)[ids], -1, axis)
        np.testing.assert_allclose(elsewhere(rows, moved), expected, 1e-4)
        column = np.expand_dims(ids, axis)
        np.testing.assert_allclose(elsewhere(column, moved), expected, 1e-5)


def masked(scores):
    """Scores that carry a Keras mask, as a masking layer hands them on."""
    return keras.layers.Masking(HIDDEN)(ops.convert_to_tensor(scores))


@pytest.mark.parametrize("reduction", oracles.REDUCTIONS)
@pytest.mark.parametrize("void", [None, 255, -1, 2])
def test_mask_ignored_class_and_weights_together(reduction, void):
    random = np.random.default_rng(4)
    shape = (3, 4)
    logits = random.normal(0, 2, (*shape, CLASSES)).astype("float32")
    ids = random.integers(0, CLASSES, shape)
    if void in (255, -1):
        ids[0, 1] = ids[2, :2] = void
    plain = np.where((ids < 0) | (ids >= CLASSES), 0, ids)
    mask = random.uniform(size=shape) < 0.7
    weights = (None, random.uniform(0, 2, shape))
    for with_mask in (False, True):
        valid = np.ones(shape, bool) if void is None else ids != void
        if with_mask:
            valid &= mask
        scores = np.where(mask[..., None], logits, HIDDEN).astype("float32")
        carried = masked(scores) if with_mask else scores
        settings = {"ignore_class": void, "reduction": reduction}
        for bare, loss in zip(
            build() + ordered(), build(**settings) + ordered(**settings)
        ):
            rows = ops.convert_to_numpy(bare(plain, scores))
            for weight in weights:
                expected = oracles.reduced(rows, weight, valid, reduction)
                result = ops.convert_to_numpy(loss(ids, carried, weight))
                np.testing.assert_allclose(result, expected, 1e-5, 1e-6)


@pytest.mark.parametrize("reduction", oracles.REDUCTIONS[1:])
def test_nothing_but_ignored_labels_is_0(reduction):
    logits = np.random.default_rng(0).normal(0, 2, (3, CLASSES))
    for loss in build(ignore_class=-1, reduction=reduction):
        ids = np.full(3, -1)
        assert float(loss(ids, logits)) == 0.0
        slope = gradient(lambda z, f=loss, y=ids: f(y, z), logits)
        assert not slope.any()


def test_ignored_one_hot_rows():
    logits = np.random.default_rng(0).normal(0, 2, (4, CLASSES))
    ids = np.array([0, 2, 1, 2])
    for loss in build(ignore_class=2, reduction="sum_over_batch_size"):
        expected = ops.convert_to_numpy(loss(ids[[0, 2]], logits[[0, 2]]))
        np.testing.assert_allclose(loss(ids, logits), expected, 1e-5)
        rows = np.eye(CLASSES)[ids]
        np.testing.assert_allclose(loss(rows, logits), expected, 1e-5)


@pytest.mark.parametrize("label", [-1, 4, 255, -100])
def test_an_id_that_is_no_class_gives_nan_and_spares_the_others(label):
    logits = np.zeros((3, CLASSES))
    for loss in build():
        found = ops.convert_to_numpy(loss(np.array([0, label, 1]), logits))
        assert np.isnan(found).tolist() == [False, True, False]


def test_what_reduces_to_crossentropy():
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (12, CLASSES)).astype("float32")
    ids = np.arange(12) % CLASSES
    expected = oracles.each(
        lambda t, z: oracles.crossentropy(t, oracles.softmax(z)[0]),
        np.eye(CLASSES)[ids],
        logits,
    )
    raw = {"reduction": "none"}
    arguments = {"from_logits": True, **raw}
    equal = [9] * CLASSES
    for loss in (
        losses.CategoricalFocal(None, 0.0, **arguments),
        losses.CategoricalFocal([1.0] * CLASSES, 0.0, **arguments),
        losses.WeightedCrossentropy(**arguments),
        losses.WeightedCrossentropy([1.0] * CLASSES, **arguments),
        losses.WeightedCrossentropy(class_counts=equal, **arguments),
        losses.ClassBalanced(equal, **arguments),
        losses.ClassBalanced(COUNTS, 0.0, **arguments),
        losses.LogitAdjusted(equal, 1.7, **arguments),
        losses.LogitAdjusted(COUNTS, 0.0, **arguments),
        losses.VectorScaling(equal, 0.5, 1.7, **raw),
        losses.VectorScaling(COUNTS, 0.0, 0.0, **raw),
        losses.LDAM(equal, 0.0, 1.0, **raw),
        losses.LDAM(COUNTS, 0.0, 1.0, **raw),
        losses.LDAM(COUNTS, 0.0, 1.0, [1.0] * CLASSES, **raw),
        losses.Poly1(0.0, **arguments),
        losses.FocalCalibration(0.0, 0.0, **arguments),
        losses.GeneralizedCrossentropy(1e-7, **arguments),
        losses.SymmetricCrossentropy(1.0, 0.0, **arguments),
        losses.Bootstrap(1.0, **arguments),
        losses.Bootstrap(1.0, "hard", **arguments),
        losses.MarginLabelSmoothing(0.0, 0.0, **arguments),
        losses.MarginLabelSmoothing(1e3, 1.0, **arguments),
        losses.LabelAwareSmoothing(COUNTS, 0.0, 0.0, **arguments),
        losses.CostSensitive(np.zeros((CLASSES, CLASSES)), **arguments),
    ):
        found = ops.convert_to_numpy(loss(ids, logits))
        np.testing.assert_allclose(
            found, expected, 1e-5, 1e-6, err_msg=loss.name
        )


def test_equal_counts_give_every_class_one_margin():
    # What is left of LDAM then: one margin, a constant of the unweighted loss.
    random = np.random.default_rng(0)
    cosines = random.uniform(-1, 1, (12, CLASSES)).astype("float32")
    ids = np.arange(12) % CLASSES
    shifted = cosines - 0.4 * np.eye(CLASSES, dtype="float32")[ids]
    ours = losses.LDAM([9] * CLASSES, 0.4, 10.0, reduction="none")
    plain = losses.WeightedCrossentropy(from_logits=True, reduction="none")
    expected = ops.convert_to_numpy(plain(ids, 10.0 * shifted))
    np.testing.assert_allclose(ours(ids, cosines), expected, 1e-4, 1e-6)


@pytest.mark.parametrize(
    "labels, outputs",
    [
        ((5,), (4, 3)),
        ((4, 2), (4, 3)),
        ((4, 3, 1), (4, 3)),
        ((1,), (4, 3)),
        ((), (4, 3)),
        ((4, 1), (4, 5, 3)),
        ((4, 3), (4, 5, 3)),
        ((4,), (4, 1)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(labels, outputs):
    y, scores = np.zeros(labels), np.ones(outputs)
    for loss in build(from_logits=False) + ordered(from_logits=False):
        with pytest.raises(ValueError, match="Invalid shape of `y_"):
            loss(y, scores)


@pytest.mark.parametrize(
    "labels, outputs", [((4, 2), (4, 3)), ((4,), (4, 3)), ((4, 1), (4, 3))]
)
def test_binary_never_broadcasts(labels, outputs):
    with pytest.raises(ValueError, match="Invalid shape of `y_true`"):
        losses.BinaryFocal()(np.zeros(labels), np.ones(outputs))
