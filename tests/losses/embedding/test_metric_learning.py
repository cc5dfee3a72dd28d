"""Triplet, lifted-structure and contrastive losses: loops, another package."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops
from pytorch_metric_learning import distances
from pytorch_metric_learning import losses as pml
from pytorch_metric_learning import miners
from pytorch_metric_learning.reducers import DoNothingReducer
from pytorch_metric_learning.reducers import MeanReducer

from keras_funcs import losses
from keras_funcs._core.masking import MaskCarrier
from tests.derivatives import gradient

few = settings(max_examples=6, deadline=None, derandomize=True)
IDS = np.array([9, 0, 0, 1, 0, 1, 1, 2, 2, 0])  # 9 is alone
DISTANCES = ("euclidean", "squared", "cosine")


def draw(batch=10, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(0, 1, (batch, 5)).astype("float32")


def distance(a, b, kind):
    a, b = a.astype(float), b.astype(float)
    if kind == "cosine":
        return 1 - a @ b / np.sqrt((a @ a) * (b @ b))
    squared = float(sum((v - w) ** 2 for v, w in zip(a, b)))
    return squared if kind == "squared" else squared**0.5


def each_anchor(of_anchor):
    """An oracle of whole batches from that of one anchor."""

    def oracle(ids, x, *arguments, counts=None):
        counts = np.ones(len(ids), bool) if counts is None else counts
        found = np.zeros(len(ids))
        for a in np.flatnonzero(counts):
            others = [i for i in np.flatnonzero(counts) if i != a]
            positives = [i for i in others if ids[i] == ids[a]]
            negatives = [i for i in others if ids[i] != ids[a]]
            if positives and negatives:
                found[a] = of_anchor(x, a, positives, negatives, *arguments)
        return found

    return oracle


@each_anchor
def semi_hard(x, a, positives, negatives, margin, kind):
    """Schroff et al. (2015), eq. 4, with the furthest negative as a default."""
    total = 0.0
    for p in positives:
        to_p = distance(x[a], x[p], kind)
        to_n = [distance(x[a], x[n], kind) for n in negatives]
        outside = [d for d in to_n if d > to_p]
        total += max(
            margin + to_p - (min(outside) if outside else max(to_n)), 0
        )
    return total / len(positives)


@each_anchor
def hard(x, a, positives, negatives, margin, soft, kind):
    """Hermans et al. (2017), eq. 5."""
    furthest = max(distance(x[a], x[p], kind) for p in positives)
    nearest = min(distance(x[a], x[n], kind) for n in negatives)
    if soft:
        return np.log(1 + np.exp(furthest - nearest))
    return max(margin + furthest - nearest, 0)


@each_anchor
def lifted(x, a, positives, negatives, margin):
    """Song et al. (2016), eq. 4; every pair belongs to both of its samples."""
    total = 0.0
    for p in positives:
        exponentials = [
            np.exp(margin - distance(x[i], x[n], "euclidean"))
            for i in (a, p)
            for n in negatives
        ]
        to_p = distance(x[a], x[p], "euclidean")
        total += max(to_p + np.log(sum(exponentials)), 0) ** 2 / 2
    return total / len(positives)


def cases():
    for kind in DISTANCES:
        for margin in (0.0, 0.3, 1.0):
            loss = losses.TripletSemiHard(margin, kind, reduction="none")
            yield loss, semi_hard, (margin, kind)
            loss = losses.TripletHard(margin, False, kind, reduction="none")
            yield loss, hard, (margin, False, kind)
        loss = losses.TripletHard(1.0, True, kind, reduction="none")
        yield loss, hard, (1.0, True, kind)
    for margin in (0.0, 1.0, 2.5):
        loss = losses.LiftedStructure(margin, reduction="none")
        yield loss, lifted, (margin,)


CASES = list(cases())
ONE_OF_EACH = [CASES[2], CASES[3], CASES[-2]]


@pytest.mark.parametrize("loss, oracle, arguments", CASES)
def test_is_the_definition(loss, oracle, arguments):
    x = draw()
    expected = oracle(IDS, x, *arguments)
    assert expected[0] == 0 and expected.any()
    for form in (IDS, IDS[:, None], IDS.astype("float32")):
        np.testing.assert_allclose(loss(form, x), expected, 1e-4, 1e-5)


@pytest.mark.parametrize("kind, power", [("euclidean", 1), ("squared", 2)])
def test_hard_triplets_of_pytorch_metric_learning(kind, power):
    x, ids = draw()[1:], IDS[1:]  # it leaves lonely anchors out of the mean
    metric = distances.LpDistance(normalize_embeddings=False, power=power)
    theirs = pml.TripletMarginLoss(1.0, distance=metric, reducer=MeanReducer())
    given_x, given_ids = torch.tensor(x), torch.tensor(ids)
    chosen = miners.BatchHardMiner(distance=metric)(given_x, given_ids)
    expected = float(theirs(given_x, given_ids, chosen))
    loss = losses.TripletHard(1.0, distance=kind)
    np.testing.assert_allclose(loss(ids, x), expected, 1e-4)


def pair_weights(ids):
    """The number of an anchor's positives."""
    return np.array([np.sum(ids == i) - 1 for i in ids], "float32")


@pytest.mark.parametrize("margin", [0.5, 1.0])
def test_lifted_structure_of_pytorch_metric_learning(margin):
    x = draw()
    metric = distances.LpDistance(normalize_embeddings=False)
    theirs = pml.LiftedStructureLoss(
        margin, distance=metric, reducer=MeanReducer()
    )
    expected = float(theirs(torch.tensor(x), torch.tensor(IDS)))
    loss = losses.LiftedStructure(margin, reduction="mean_with_sample_weight")
    np.testing.assert_allclose(loss(IDS, x, pair_weights(IDS)), expected, 1e-4)


def test_semi_hard_over_pairs():
    """What TensorFlow Addons' number is: a mean over all positive pairs."""
    x = draw()
    loss = losses.TripletSemiHard(reduction="mean_with_sample_weight")
    pairs = []
    for a in range(len(IDS)):
        for p in range(len(IDS)):
            if a != p and IDS[a] == IDS[p]:
                chosen = (IDS != IDS[a]) | np.isin(range(len(IDS)), (a, p))
                two = semi_hard(IDS, x, 1.0, "euclidean", counts=chosen)
                pairs.append(two[a])
    found = loss(IDS, x, pair_weights(IDS))
    np.testing.assert_allclose(found, np.mean(pairs), 1e-4)


@few
@given(st.integers(0, 10**6))
def test_order_and_place_do_not_matter(seed):
    x = draw(seed=seed)
    random = np.random.default_rng(seed)
    order = random.permutation(10)
    turn = np.linalg.qr(random.normal(size=(5, 5)))[0]
    for loss, _, _ in ONE_OF_EACH:
        expected = ops.convert_to_numpy(loss(IDS, x))
        found = loss(IDS[order], x[order])
        np.testing.assert_allclose(found, expected[order], 1e-3, 1e-4)
        moved = (x @ turn + 100.0).astype("float32")
        np.testing.assert_allclose(loss(IDS, moved), expected, 2e-2, 2e-3)


@few
@given(st.integers(0, 10**6))
def test_masked_samples_are_no_ones_others(seed):
    x = draw(seed=seed)
    keep = np.random.default_rng(seed).uniform(size=10) < 0.7
    for loss, oracle, arguments in ONE_OF_EACH:
        expected = oracle(IDS, x, *arguments, counts=keep)
        hidden = np.where(keep[:, None], x, np.nan)
        scores, mask = map(ops.convert_to_tensor, (hidden, keep))
        found = loss(IDS, MaskCarrier().attach(scores, mask))
        np.testing.assert_allclose(found, expected, 1e-4, 1e-5)


@pytest.mark.parametrize("ids", [[0], [0, 0, 0], [0, 1, 2]])
def test_without_positives_or_negatives_it_is_0(ids):
    x = draw(len(ids))
    for loss, _, _ in ONE_OF_EACH:
        assert not ops.convert_to_numpy(loss(np.array(ids), x)).any()
        slope = gradient(lambda t, f=loss: ops.sum(f(np.array(ids), t)), x)
        assert not slope.any()


def test_collapsed_and_huge_embeddings_are_finite():
    for x in (np.zeros((10, 5)), 1e4 * draw(), np.repeat(draw(1), 10, 0)):
        x = x.astype("float32")
        for loss, _, _ in CASES:
            assert np.isfinite(ops.convert_to_numpy(loss(IDS, x))).all()
            slope = gradient(lambda t, f=loss: ops.sum(f(IDS, t)), x)
            assert np.isfinite(slope).all()


def test_wrong_triplets_pull_and_push():
    x = np.array([[0, 0], [9, 0], [0, 1], [9, 1]], "float32")
    ids = np.array([0, 0, 1, 1])
    for loss, _, _ in (CASES[2], CASES[3], CASES[-2]):
        slope = gradient(lambda t, f=loss: ops.sum(f(ids, t)), x)
        assert slope[0, 0] < 0 < slope[1, 0], loss.name  # closer together
        assert slope[0, 1] > 0 > slope[2, 1], loss.name  # further apart


def test_contrastive_is_the_definition():
    random = np.random.default_rng(0)
    y, d = random.integers(0, 2, 20), np.abs(random.normal(0, 1, 20))
    d = d.astype("float32")
    for margin in (0.0, 0.5, 1.0):
        loss = losses.Contrastive(margin, reduction="none")
        expected = [
            t if label else max(margin - s, 0) ** 2
            for label, s, t in zip(y, d, d**2)
        ]
        np.testing.assert_allclose(loss(y, d), expected, 1e-5, 1e-7)
        column = loss(y[:, None], d[:, None])
        np.testing.assert_allclose(column, expected, 1e-5, 1e-7)


def test_contrastive_of_pytorch_metric_learning():
    x, ids = draw(6), np.array([0, 0, 1, 1, 2, 2])
    metric = distances.LpDistance(normalize_embeddings=False)
    theirs = pml.ContrastiveLoss(
        neg_margin=3.0, distance=metric, reducer=DoNothingReducer()
    )
    i, j = np.nonzero(ids[:, None] != ids[None])
    none, some = torch.zeros(0, dtype=int), (torch.tensor(i), torch.tensor(j))
    found = theirs(torch.tensor(x), torch.tensor(ids), (none, none, *some))
    missing = found["neg_loss"]["losses"].numpy()  # it does not square
    d = np.array([distance(x[a], x[b], "euclidean") for a, b in zip(i, j)])
    loss = losses.Contrastive(3.0, reduction="none")
    np.testing.assert_allclose(loss(0 * i, d), missing**2, 1e-4, 1e-6)


def test_contrastive_labels_that_are_none_are_nan():
    loss = losses.Contrastive(reduction="none")
    y = np.array([0.0, 1.0, -1.0, 2.0, np.nan])
    found = np.isnan(ops.convert_to_numpy(loss(y, np.ones(5))))
    assert found.tolist() == [False, False, True, True, True]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_finite(dtype):
    x = ops.cast(100.0 * draw(), dtype)
    for loss in (losses.TripletHard, losses.TripletSemiHard):
        value = loss(dtype=dtype)(IDS, x)
        assert np.isfinite(float(ops.cast(value, "float32")))


@pytest.mark.parametrize(
    "loss, name, value",
    [
        (losses.TripletHard, "margin", -1.0),
        (losses.TripletHard, "soft", 1),
        (losses.TripletHard, "distance", "L2"),
        (losses.TripletSemiHard, "distance", None),
        (losses.TripletSemiHard, "margin", "1"),
        (losses.LiftedStructure, "margin", float("inf")),
        (losses.Contrastive, "margin", -0.5),
    ],
)
def test_bad_arguments(loss, name, value):
    with pytest.raises(ValueError, match=f"for argument `{name}`. Expected"):
        loss(**{name: value})
