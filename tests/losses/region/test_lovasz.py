"""Lovasz losses against the set function that they extend."""

import itertools

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops

from keras_funcs import losses
from tests.derivatives import gradient
from tests.losses import oracles
from tests.losses.region.oracle_overlap import probabilities

few = settings(max_examples=6, deadline=None, derandomize=True)
CLOSE = {"rtol": 2e-5, "atol": 2e-6}
SHAPE = (3, 4, 2)


def jaccard_loss(wrong, labelled):
    """`|M| / |{y = c} or M|` of the set M of wrong pixels (eq. 5)."""
    return len(wrong) / len(labelled | wrong) if wrong else 0.0


def extension(errors, labelled, order):
    """The sum over one order of the pixels of the set function's steps."""
    total, wrong, last = 0.0, set(), 0.0
    for i in order:
        wrong.add(i)
        now = jaccard_loss(wrong, labelled)
        total += float(errors[i]) * (now - last)
        last = now
    return total


def lovasz(errors, truth, weight=None):
    """Definition 1: the order of falling errors. Weights are repetitions."""
    if weight is not None:
        errors, truth = (np.repeat(x, weight) for x in (errors, truth))
    labelled = {i for i, y in enumerate(truth) if y}
    order = sorted(range(len(errors)), key=lambda i: -errors[i])
    return extension(errors, labelled, order)


def hinge(z, y, weight=None):
    """Mean over the channels of one region `(P, L)`."""
    errors = np.maximum(1 - (2 * y - 1) * z.astype(float), 0)
    found = [lovasz(e, t, weight) for e, t in zip(errors.T, y.T)]
    return np.mean(found)


def softmax(p, rows, weight=None, classes="present"):
    """Mean over the classes of one region `(P, C)`."""
    found = []
    for c, (q, t) in enumerate(zip(p.T, rows.T)):
        there = (t if weight is None else t * weight).any()
        if classes == "present" and not there:
            continue
        if isinstance(classes, list) and c not in classes:
            continue
        found.append(lovasz(abs(t - q), t, weight))
    return np.mean(found) if found else 0.0


def regions(rule, scores, y, weight=None, per_sample=True, **arguments):
    lead = (len(scores), -1) if per_sample else (1, -1)
    scores, y = (np.reshape(x, (*lead, x.shape[-1])) for x in (scores, y))
    weight = None if weight is None else np.reshape(weight, lead)
    found = [
        rule(scores[i], y[i], weight if weight is None else weight[i])
        if not arguments
        else rule(
            scores[i],
            y[i],
            weight if weight is None else weight[i],
            **arguments,
        )
        for i in range(len(scores))
    ]
    return np.asarray(found if per_sample else found[0])


def masks(classes=3, seed=0):
    random = np.random.default_rng(seed)
    ids = random.integers(0, classes, SHAPE)
    logits = random.normal(0, 2, (*SHAPE, classes)).astype("float32")
    return ids, np.eye(classes)[ids], logits


@pytest.mark.parametrize("per_sample", [True, False])
@pytest.mark.parametrize("classes", ["present", "all", [0, 2]])
def test_softmax_is_the_definition(per_sample, classes):
    ids, rows, logits = masks(4)
    ids[0] = ids[0] % 2  # a sample that lacks classes
    rows = np.eye(4)[ids]
    p = probabilities(logits)
    settings = {"classes": classes, "per_sample": per_sample}
    wanted = regions(softmax, p, rows, None, per_sample, classes=classes)
    loss = losses.LovaszSoftmax(from_logits=True, reduction=None, **settings)
    for labels in (ids, ids[..., None], rows):
        np.testing.assert_allclose(loss(labels, logits), wanted, **CLOSE)
    loss = losses.LovaszSoftmax(reduction=None, **settings)
    np.testing.assert_allclose(loss(ids, p.astype(float)), wanted, **CLOSE)


@pytest.mark.parametrize("per_sample", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_hinge_is_the_definition(per_sample, channels):
    random = np.random.default_rng(1)
    z = random.normal(0, 2, (*SHAPE, channels)).astype("float32")
    y = random.integers(0, 2, z.shape)
    y[0] = 0  # an empty mask costs its worst pixel
    wanted = regions(hinge, z, y, None, per_sample)
    loss = losses.LovaszHinge(per_sample=per_sample, reduction=None)
    np.testing.assert_allclose(loss(y, z), wanted, **CLOSE)
    if channels == 1:
        np.testing.assert_allclose(loss(y[..., 0], z), wanted, **CLOSE)
    if per_sample:
        worst = np.maximum(1 + z[0], 0).max((0, 1)).mean()
        np.testing.assert_allclose(wanted[0], worst, rtol=1e-6)


@few
@given(st.integers(0, 10**6))
def test_no_order_of_the_pixels_gives_more(seed):
    """A submodular function's extension is the largest over all orders."""
    random = np.random.default_rng(seed)
    z = random.normal(0, 2, (1, 6, 1)).astype("float32")
    y = random.integers(0, 2, (1, 6))
    errors = np.maximum(1 - (2 * y[0] - 1) * z[0, :, 0], 0)
    labelled = set(np.flatnonzero(y[0]))
    orders = itertools.permutations(range(6))
    wanted = max(extension(errors, labelled, order) for order in orders)
    np.testing.assert_allclose(losses.LovaszHinge()(y, z), wanted, **CLOSE)
    p = 1 / (1 + np.exp(-z))
    errors = abs(y[0] - p[0, :, 0])
    orders = itertools.permutations(range(6))
    wanted = max(extension(errors, labelled, order) for order in orders)
    loss = losses.LovaszSoftmax("all")
    np.testing.assert_allclose(loss(y, p), wanted, **CLOSE)


@pytest.mark.parametrize("seed", range(3))
def test_sklearn_agrees_on_hard_masks(seed):
    ids, _, logits = masks(3, seed)
    found = logits.argmax(-1)
    score = sklearn.metrics.jaccard_score(
        ids.ravel(), found.ravel(), average="macro"
    )
    loss = losses.LovaszSoftmax()
    np.testing.assert_allclose(loss(ids, np.eye(3)[found]), 1 - score, 1e-6)


@pytest.mark.parametrize("seed", range(2))
def test_weight_is_repetition_and_mask_removal(seed):
    random = np.random.default_rng(seed)
    ids, rows, logits = masks(3, seed)
    y = random.integers(0, 2, logits.shape)
    p = probabilities(logits)
    times = random.integers(0, 3, SHAPE)
    void = np.where(times > 0, ids, 255)
    unknown = np.where(times[..., None] > 0, y, -1)
    for per_sample in (True, False):
        common = {"per_sample": per_sample, "reduction": None}
        loss = losses.LovaszSoftmax(
            from_logits=True, ignore_class=255, **common
        )
        wanted = regions(softmax, p, rows, times, per_sample)
        np.testing.assert_allclose(loss(ids, logits, times), wanted, **CLOSE)
        kept = (times > 0).astype(int)
        wanted = regions(softmax, p, rows, kept, per_sample)
        np.testing.assert_allclose(loss(void, logits), wanted, **CLOSE)
        loss = losses.LovaszHinge(ignore_class=7, **common)
        wanted = regions(hinge, logits, y, times, per_sample)
        np.testing.assert_allclose(loss(y, logits, times), wanted, **CLOSE)
        wanted = regions(hinge, logits, y, kept, per_sample)
        np.testing.assert_allclose(loss(unknown, logits), wanted, **CLOSE)
        seven = np.where(unknown < 0, 7, unknown)
        np.testing.assert_allclose(loss(seven, logits), wanted, **CLOSE)
    # Samples: within the batch's region, or outside of each one's own.
    weight = np.array([2, 0, 1])
    pixels = np.broadcast_to(weight[:, None, None], SHAPE)
    wanted = regions(softmax, p, rows, pixels, False)
    for reduction in oracles.REDUCTIONS:
        loss = losses.LovaszSoftmax(from_logits=True, reduction=reduction)
        np.testing.assert_allclose(loss(ids, logits, weight), wanted, **CLOSE)
    each = losses.LovaszSoftmax(
        from_logits=True, per_sample=True, reduction="none"
    )
    wanted = weight * regions(softmax, p, rows)
    np.testing.assert_allclose(each(ids, logits, weight), wanted, **CLOSE)


def test_classes_and_pixels_in_another_order():
    ids, _, logits = masks(4)
    random = np.random.default_rng(0)
    classes, place = random.permutation(4), random.permutation(8)
    loss = losses.LovaszSoftmax(from_logits=True, per_sample=True)
    wanted = float(loss(ids, logits))
    found = loss(np.argsort(classes)[ids], logits[..., classes] + 5.0)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    found = loss(ids.reshape(3, 8)[:, place], logits.reshape(3, 8, 4)[:, place])
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_hinge_gradient_is_the_steps():
    """Each pixel pulls with its own step of the index, however wrong it is."""
    z = np.array([[1e4, -100.0, 20.0, -3.0]], "float32")[..., None]
    y = np.array([[0, 1, 1, 0]])
    loss = losses.LovaszHinge()
    # Sorted: pixel 0 (1 / 3), then pixel 1 (to 2 / 3); the others are right.
    slope = gradient(lambda t: loss(y, t), z)[0, :, 0]
    np.testing.assert_allclose(slope, [1 / 3, -1 / 3, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(loss(y, z), 10001 / 3 + 101 / 3, rtol=1e-6)


def test_large_images_keep_every_step():
    """Steps of 1 / 250000 as differences of indices would be mostly noise."""
    size = 500
    y = np.zeros((1, size, size), int)
    y[:, ::2] = 1
    p = np.where(y, 0.75, 0.25)[..., None] + np.linspace(0, 0.1, size)[:, None]
    loss = losses.LovaszSoftmax()
    slope = gradient(lambda t: loss(y, t), p)[0, :, :, 0]
    inside = -slope[y[0] == 1]
    # 1 / U, with U from half of the pixels to all of them
    assert inside.min() > 0.99 / size**2
    assert inside.max() < 2.01 / size**2
    np.testing.assert_allclose(loss(y, p), 0.27, atol=0.03)


@pytest.mark.parametrize("cls", [losses.LovaszHinge, losses.LovaszSoftmax])
def test_edges(cls):
    loss = cls(ignore_class=9, per_sample=True)
    scores = np.random.default_rng(0).uniform(0.1, 0.9, (2, 5, 1))
    nothing = np.full((2, 5), 9)
    assert float(loss(nothing, scores)) == 0.0
    slope = gradient(lambda t: loss(nothing, t), scores)
    assert not slope.any()
    half = np.array([[0, 1, 1, 0, 9], [0, 0, 1, 1, 0.5]])
    found = cls(ignore_class=9, per_sample=True, reduction=None)(half, scores)
    assert np.isnan(ops.convert_to_numpy(found)).tolist() == [False, True]
    for dtype in ("float16", "bfloat16"):
        many = ops.cast(np.full((1, 260, 260, 1), 0.6), dtype)
        value = cls(dtype=dtype)(np.ones((1, 260, 260)), many)
        value = ops.convert_to_numpy(ops.cast(value, "float32"))
        np.testing.assert_allclose(value, 0.4, rtol=2e-2)


def test_an_empty_mask():
    """Nothing to overlap with: "present" leaves it out, "all" does not."""
    y, p = np.zeros((1, 3)), np.array([[[0.2], [0.7], [0.1]]], "float32")
    present, every = losses.LovaszSoftmax(), losses.LovaszSoftmax("all")
    assert float(present(y, p)) == 0.0
    np.testing.assert_allclose(every(y, p), 0.7, rtol=1e-6)
    slope = gradient(lambda t: every(y, t), p)
    np.testing.assert_allclose(slope.ravel(), [0, 1, 0])


@pytest.mark.parametrize(
    "value", ["some", [], [-1], [0.5], None, 2, ["present"]]
)
def test_bad_classes(value):
    with pytest.raises(ValueError, match="argument `classes`"):
        losses.LovaszSoftmax(classes=value)


def test_classes_there_are_none_of():
    with pytest.raises(ValueError, match="ids below 3"):
        losses.LovaszSoftmax(classes=[3])(*masks()[::2])


@pytest.mark.parametrize("cls", [losses.LovaszHinge, losses.LovaszSoftmax])
def test_bad_arguments(cls):
    with pytest.raises(ValueError, match="argument `per_sample`"):
        cls(per_sample="yes")
    with pytest.raises(ValueError, match="argument `ignore_class`"):
        cls(ignore_class="void")
    with pytest.raises(ValueError, match="Invalid shape of `y_"):
        cls()(np.zeros((3, 4)), np.zeros((3, 5)))
