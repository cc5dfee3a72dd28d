"""PairwiseAUC and AUCMargin against sums over pairs and the saddle point."""

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

few = settings(max_examples=6, deadline=None, derandomize=True)
CLOSE = {"rtol": 2e-5, "atol": 2e-6}
BATCH = 14
Real = np.longdouble
SURROGATES = {
    "logistic": lambda short: np.log1p(np.exp(Real(short))),
    "squared_hinge": lambda short: max(short, 0) ** 2,
}
ALL = (
    losses.PairwiseAUC(),
    losses.PairwiseAUC("squared_hinge"),
    losses.AUCMargin(from_logits=True),
)


def batch(seed=0, labels=3):
    random = np.random.default_rng(seed)
    y = (random.uniform(size=(BATCH, labels)) < 0.4).astype(int)
    y[:, -1] = 0  # without a pair
    z = random.normal(0, 2, (BATCH, labels)).astype("float32")
    return y, z


def over_labels(rule, y, z, *arguments):
    """Mean over the labels that have both kinds, the known ones."""
    found = []
    for c in range(y.shape[1]):
        known = y[:, c] >= 0
        t, s = y[known, c], z[known, c].astype(Real)
        if t.min() < t.max():
            found.append(rule(s[t == 1], s[t == 0], *arguments))
    return float(np.mean(found)) if found else 0.0


def pairwise(positive, negative, surrogate, margin):
    loss = SURROGATES[surrogate]
    pairs = itertools.product(positive, negative)
    return np.mean([loss(margin - (i - j)) for i, j in pairs])


def saddle(positive, negative, margin, a, b, alpha):
    """Yuan et al. (2021), eq. 6, without the weights by the positives."""
    lead = margin + negative.mean() - positive.mean()
    errors = ((positive - a) ** 2).mean() + ((negative - b) ** 2).mean()
    return errors + 2 * alpha * lead - alpha**2


def closed(positive, negative, margin):
    lead = margin + negative.mean() - positive.mean()
    return saddle(
        positive,
        negative,
        margin,
        positive.mean(),
        negative.mean(),
        max(lead, 0),
    )


@pytest.mark.parametrize("surrogate, usual", [*zip(SURROGATES, (0.0, 1.0))])
@pytest.mark.parametrize("margin", [None, 0.0, 2.5])
def test_pairwise_is_the_mean_over_pairs(surrogate, usual, margin):
    y, z = batch()
    loss = losses.PairwiseAUC(surrogate, margin)
    given_margin = usual if margin is None else margin
    for labels in (y, np.where(np.arange(BATCH)[:, None] % 5, y, -1)):
        wanted = over_labels(pairwise, labels, z, surrogate, given_margin)
        np.testing.assert_allclose(loss(labels, z), wanted, **CLOSE)
    tokens = loss(y.reshape(2, 7, 3), z.reshape(2, 7, 3))
    wanted = over_labels(pairwise, y, z, surrogate, given_margin)
    np.testing.assert_allclose(tokens, wanted, **CLOSE)


@pytest.mark.parametrize("margin", [0.0, 0.3, 1.0])
def test_margin_is_the_saddle_point(margin):
    y, z = batch()
    p = 1 / (1 + np.exp(-z.astype(Real)))
    wanted = over_labels(closed, y, p, margin)
    loss = losses.AUCMargin(margin, from_logits=True)
    np.testing.assert_allclose(loss(y, z), wanted, **CLOSE)
    loss = losses.AUCMargin(margin)
    np.testing.assert_allclose(loss(y, p.astype(float)), wanted, **CLOSE)
    # One label: no alpha gives more, and no a and b less.
    t, s = y[:, 0], p[:, 0].astype(float)
    value = float(loss(t, s[:, None]))
    positive, negative = s[t == 1], s[t == 0]
    lead = margin + negative.mean() - positive.mean()
    best = positive.mean(), negative.mean(), max(lead, 0)
    random = np.random.default_rng(0)
    for a, b, alpha in random.uniform(0, 2, (50, 3)):
        assert saddle(positive, negative, margin, *best[:2], alpha) < (
            value + 1e-6
        )
        assert saddle(positive, negative, margin, a, b, best[2]) > (
            value - 1e-6
        )


def test_steep_scores_count_pairs_out_of_order():
    y, z = batch()
    y, z = y[:, :1], z[:, :1]
    area = sklearn.metrics.roc_auc_score(y, z)
    # With a wide scale, a logistic loss is the sum of the leads that are
    # negative: here each of them is 1.
    ranks = np.argsort(np.argsort(z[:, 0]))[:, None]
    wrong = [
        max(ranks[j, 0] - ranks[i, 0], 0)
        for i in np.flatnonzero(y)
        for j in np.flatnonzero(1 - y)
    ]
    loss = losses.PairwiseAUC()(y, 1e3 * ranks)
    np.testing.assert_allclose(loss, 1e3 * np.mean(wrong), rtol=1e-5)
    np.testing.assert_allclose(np.mean(np.sign(wrong)), 1 - area, rtol=1e-6)


@few
@given(st.integers(0, 10**6))
def test_weight_is_repetition_whatever_the_reduction(seed):
    random = np.random.default_rng(seed)
    y, z = batch(seed)
    y[:2, 0] = 0, 1
    times = random.permutation(np.arange(BATCH) % 3)
    times[:2] = 1
    kept = np.arange(BATCH) != 3
    for loss in ALL:
        repeated = np.repeat(y, times, 0), np.repeat(z, times, 0)
        wanted = ops.convert_to_numpy(loss(*repeated))
        assert wanted.shape == () and wanted > 0
        for weight in (times, times[:, None], 3 * times):
            np.testing.assert_allclose(loss(y, z, weight), wanted, **CLOSE)
        wanted = ops.convert_to_numpy(loss(y[kept], z[kept]))
        unknown = np.where(kept[:, None], y, -1)
        np.testing.assert_allclose(loss(unknown, z), wanted, **CLOSE)
        if hasattr(loss, "surrogate"):  # of differences only
            moved = loss(y[kept], z[kept] + np.float32(5))
            np.testing.assert_allclose(moved, wanted, rtol=1e-4)
    for reduction in oracles.REDUCTIONS:
        loss = losses.PairwiseAUC(reduction=reduction)
        found = ops.convert_to_numpy(loss(y, z, times))
        np.testing.assert_allclose(
            found, ops.convert_to_numpy(ALL[0](y, z, times)), rtol=1e-6
        )


@pytest.mark.parametrize("loss", ALL, ids=lambda loss: loss.name)
def test_without_a_pair_it_is_0(loss):
    _, z = batch()
    for y in (np.zeros(z.shape), np.ones(z.shape), np.full(z.shape, -1)):
        assert float(loss(y, z)) == 0.0
        slope = gradient(lambda t, y=y: loss(y, t), z)
        assert not slope.any()


@pytest.mark.parametrize("gap", [20.0, 100.0, 1e4])
def test_pairs_in_the_wrong_order_pull(gap):
    z = np.array([[-gap], [gap]], "float32")
    y = np.array([[1], [0]])
    logistic, hinge, margin = ALL
    slope = gradient(lambda t: logistic(y, t), z)
    np.testing.assert_allclose(slope, [[-1], [1]], rtol=1e-5)
    slope = gradient(lambda t: hinge(y, t), z)
    size = 2 * (2 * gap + 1)
    np.testing.assert_allclose(slope, [[-size], [size]], rtol=1e-5)
    assert np.isfinite(gradient(lambda t: margin(y, t), z)).all()
    right = gradient(lambda t: logistic(1 - y, t), z)
    np.testing.assert_allclose(right, 0, atol=1e-6)


def test_a_label_that_is_none_gives_nan():
    y, z = batch()
    y[2, 0] = 7
    for loss in ALL:
        assert np.isnan(float(loss(y, z)))
    assert np.isfinite(float(losses.PairwiseAUC(ignore_class=7)(y, z)))


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda: losses.PairwiseAUC("hinge"), "surrogate"),
        (lambda: losses.PairwiseAUC(margin=-1.0), "margin"),
        (lambda: losses.AUCMargin(margin=None), "margin"),
        (lambda: losses.AUCMargin(from_logits=2), "from_logits"),
    ],
)
def test_bad_arguments(make, name):
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        make()
