"""Contrastive losses against the papers and other packages."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops
from pytorch_metric_learning import losses as pml
from pytorch_metric_learning.reducers import DoNothingReducer

from keras_funcs import losses
from keras_funcs._core.masking import MaskCarrier
from tests.derivatives import gradient
from tests.losses import oracles
from tests.losses.oracles import Real

few = settings(max_examples=6, deadline=None, derandomize=True)
TEMPERATURES = (0.05, 0.1, 1.0)


def draw(batch=10, classes=3, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(0, 2, (batch, 5)).astype("float32")
    return random.integers(0, classes, batch), x


def supervised_contrastive(ids, x, temperature, counts=None):
    """Khosla et al. (2020), eq. 2, anchor by anchor and pair by pair."""
    n = len(ids)
    counts = [True] * n if counts is None else counts
    u = [[Real(v) for v in row] for row in x]
    u = [[v / np.sqrt(sum(w * w for w in row)) for v in row] for row in u]
    found = np.zeros(n)
    for i in range(n):
        others = [a for a in range(n) if a != i and counts[a]]
        cosine = {a: sum(v * w for v, w in zip(u[i], u[a])) for a in others}
        score = {a: np.exp(c / Real(temperature)) for a, c in cosine.items()}
        positives = [a for a in others if ids[a] == ids[i]]
        for p in positives:
            share = score[p] / sum(score.values())
            found[i] -= float(np.log(share) / len(positives))
    return found


def masked(x, keep):
    x, keep = map(ops.convert_to_tensor, (x, keep))
    return MaskCarrier().attach(x, keep)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_is_the_definition(temperature):
    x = draw()[1]
    ids = np.array([77, 0, 0, 1, 0, 1, 1, 2, 2, 0])  # 77 is alone
    loss = losses.SupervisedContrastive(temperature, reduction="none")
    expected = supervised_contrastive(ids, x, temperature)
    assert expected[0] == 0.0 and (expected[1:] > 0).all()
    for form in (ids, ids[:, None], ids.astype("float32")):
        np.testing.assert_allclose(loss(form, x), expected, 1e-4, 1e-6)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_is_that_of_pytorch_metric_learning(temperature):
    ids, x = draw(seed=3)
    theirs = pml.SupConLoss(temperature, reducer=DoNothingReducer())
    found = theirs(torch.tensor(x), torch.tensor(ids))["loss"]["losses"]
    loss = losses.SupervisedContrastive(temperature, reduction="none")
    np.testing.assert_allclose(loss(ids, x), found.numpy(), 1e-4, 1e-6)


def test_one_positive_each_is_crossentropy_over_the_others():
    x = draw(6)[1]
    u = torch.nn.functional.normalize(torch.tensor(x))
    logits = (u @ u.T / 0.2).masked_fill(torch.eye(6, dtype=bool), -torch.inf)
    partner = torch.tensor([1, 0, 3, 2, 5, 4])
    expected = torch.nn.functional.cross_entropy(logits, partner)
    loss = losses.SupervisedContrastive(0.2)
    ids = np.array([0, 0, 1, 1, 2, 2])
    np.testing.assert_allclose(loss(ids, x), float(expected), 1e-5)


def test_only_directions_count():
    ids, x = draw()
    loss = losses.SupervisedContrastive()
    expected = float(loss(ids, x))
    for length in (1e-30, 1e-6, 1e4, 1e30):
        scaled = (x * length).astype("float32")
        np.testing.assert_allclose(loss(ids, scaled), expected, 1e-5)


@few
@given(st.integers(0, 10**6))
def test_order_and_names_of_classes_do_not_matter(seed):
    ids, x = draw(8, 3, seed)
    random = np.random.default_rng(seed)
    loss = losses.SupervisedContrastive(reduction="none")
    expected = ops.convert_to_numpy(loss(ids, x))
    order = random.permutation(8)
    found = loss(ids[order], x[order])
    np.testing.assert_allclose(found, expected[order], 1e-4, 1e-6)
    names = np.array([-1, 10**6, 12])
    np.testing.assert_allclose(loss(names[ids], x), expected, 1e-6)
    turn = np.linalg.qr(random.normal(size=(5, 5)))[0]
    turned = (x @ turn).astype("float32")
    np.testing.assert_allclose(loss(ids, turned), expected, 1e-3, 1e-5)


@few
@given(st.integers(0, 10**6))
def test_masked_samples_are_no_ones_others(seed):
    ids, x = draw(9, 3, seed)
    keep = np.random.default_rng(seed).uniform(size=9) < 0.7
    keep[0] = True
    expected = supervised_contrastive(ids, x, 0.1, keep)
    x[~keep] = np.nan
    weight = np.random.default_rng(1).uniform(0, 2, 9)
    for reduction in oracles.REDUCTIONS:
        loss = losses.SupervisedContrastive(reduction=reduction)
        for given_weight in (None, weight):
            wanted = oracles.reduced(expected, given_weight, keep, reduction)
            found = ops.convert_to_numpy(
                loss(ids, masked(x, keep), given_weight)
            )
            if reduction == "none":
                found, wanted = found[keep], wanted[keep]
            np.testing.assert_allclose(found, wanted, 1e-4, 1e-6)


def test_large_ids_stay_apart():
    x = draw(4)[1]
    loss = losses.SupervisedContrastive()
    expected = float(loss(np.array([0, 0, 1, 1]), x))
    ids = np.array([2**24, 2**24, 2**24 + 1, 2**24 + 1], "int32")
    np.testing.assert_allclose(loss(ids, x), expected, 1e-6)


def test_nothing_to_compare_with_is_0():
    loss = losses.SupervisedContrastive(reduction="sum")
    for ids in (np.arange(3), np.zeros(1)):
        x = draw(len(ids))[1]
        assert float(loss(ids, x)) == 0.0
        assert not gradient(lambda t, y=ids: loss(y, t), x).any()
    none = masked(draw(3)[1], np.zeros(3, bool))
    assert float(loss(np.zeros(3), none)) == 0.0


def test_an_id_that_is_no_number_is_nan():
    loss = losses.SupervisedContrastive(reduction="none")
    found = ops.convert_to_numpy(loss(np.array([0.0, np.nan, 0.0]), draw(3)[1]))
    assert np.isnan(found).tolist() == [False, True, False]


def test_the_opposite_of_what_is_asked_has_a_gradient():
    # Positives point away from each other, negatives coincide.
    x = np.array([[1, 0.1], [-1, 0.1], [1, 0.1], [-1, 0.1]], "float32")
    ids = np.array([0, 0, 1, 1])
    for temperature in (0.01, 0.1, 1.0):
        loss = losses.SupervisedContrastive(temperature)
        slope = gradient(lambda t, f=loss: f(ids, t), x)
        assert np.isfinite(slope).all()
        assert (slope[:, 1] < 0).all()  # towards each other, over the top


def test_zero_vectors_and_equal_vectors_have_finite_gradients():
    loss = losses.SupervisedContrastive(reduction="sum")
    x = np.array([[0, 0], [0, 0], [3, 4], [3, 4]], "float32")
    for ids in ([0, 0, 1, 1], [0, 1, 0, 1]):
        ids = np.array(ids)
        assert np.isfinite(float(loss(ids, x)))
        slope = gradient(lambda t, y=ids: loss(y, t), x)
        assert np.isfinite(slope).all()


def logsumexp(values):
    return np.log(sum(np.exp(v) for v in values))


def two_sided(name, ids, a, b, counts=None):
    """The papers' sums over rows and columns of all combinations."""
    n = len(ids)
    use = [i for i in range(n) if counts is None or counts[i]]
    a, b = ([[Real(v) for v in row] for row in x] for x in (a, b))
    if name != "NPairs":
        a, b = (
            [[v / np.sqrt(sum(w * w for w in row)) for v in row] for row in x]
            for x in (a, b)
        )
    s = {
        (i, j): sum(v * w for v, w in zip(a[i], b[j])) for i in use for j in use
    }
    found = np.zeros(n)
    for i in use:
        same = [j for j in use if ids[j] == ids[i]]
        if name == "SigLIP":  # Zhai et al. (2023), eq. 3, t = 5, b = -2
            for j in use:
                z = 5 * s[i, j] - 2
                found[i] += np.log(1 + np.exp(-z if j in same else z))
            continue
        t = Real(1) if name == "NPairs" else 1 / Real(0.2)
        row = logsumexp([t * s[i, j] for j in use])
        column = logsumexp([t * s[j, i] for j in use])
        for j in same:
            there, back = row - t * s[i, j], column - t * s[j, i]
            value = there if name == "NPairs" else (there + back) / 2
            found[i] += value / len(same)
    return found


TWO_SIDED = [
    losses.InfoNCE(0.2, reduction="none", name="InfoNCE"),
    losses.SigLIP(0.2, -2.0, reduction="none", name="SigLIP"),
    losses.NPairs(reduction="none", name="NPairs"),
]


@pytest.mark.parametrize("loss", TWO_SIDED, ids=lambda loss: loss.name)
def test_two_sided_losses_are_their_definitions(loss):
    a, b = draw(8)[1], draw(8, seed=1)[1]
    rows = np.concatenate([a, b], -1)
    for ids in (np.arange(8), np.array([0, 1, 1, 2, 0, 3, 0, 4])):
        expected = two_sided(loss.name, ids, a, b)
        np.testing.assert_allclose(loss(ids, rows), expected, 1e-4, 1e-5)
        keep = np.array([1, 1, 0, 1, 1, 0, 1, 1], bool)
        hidden = np.where(keep[:, None], rows, np.nan)
        expected = two_sided(loss.name, ids, a, b, keep)
        found = loss(ids, masked(hidden, keep))
        np.testing.assert_allclose(found, expected, 1e-4, 1e-5)


def test_two_sided_losses_in_torch():
    a, b = draw(8)[1], draw(8, seed=1)[1]
    rows, ids = np.concatenate([a, b], -1), np.arange(8)
    a, b = torch.tensor(a), torch.tensor(b)
    f = torch.nn.functional
    own = torch.arange(8)
    expected = f.cross_entropy(a @ b.T, own)
    np.testing.assert_allclose(losses.NPairs()(ids, rows), expected, 1e-5)
    s = f.normalize(a) @ f.normalize(b).T
    both = f.cross_entropy(s / 0.07, own) + f.cross_entropy(s.T / 0.07, own)
    np.testing.assert_allclose(losses.InfoNCE()(ids, rows), both / 2, 1e-4)
    expected = f.binary_cross_entropy_with_logits(
        s / 0.1 - 10.0, torch.eye(8), reduction="sum"
    )
    np.testing.assert_allclose(losses.SigLIP()(ids, rows), expected / 8, 1e-4)


@pytest.mark.parametrize("loss", TWO_SIDED, ids=lambda loss: loss.name)
def test_two_sided_losses_at_extremes(loss):
    x = np.array([[1, 0, 0, 1], [0, 1, 1, 0]], "float32")  # all crossed
    slope = gradient(lambda t: ops.sum(loss(np.arange(2), t)), x)
    assert slope[0, 1] < 0 and slope[1, 0] < 0  # towards their own halves
    for scaled in (0 * x, 1e4 * x, np.ones_like(x)):
        value = ops.convert_to_numpy(loss(np.arange(2), scaled))
        slope = gradient(lambda t: ops.sum(loss(np.arange(2), t)), scaled)
        assert np.isfinite(value).all() and np.isfinite(slope).all()


def test_an_odd_row_has_no_halves():
    for loss in TWO_SIDED:
        with pytest.raises(ValueError, match="Invalid shape of `y_pred`"):
            loss(np.arange(4), np.ones((4, 3)))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_finite(dtype):
    ids, x = draw()
    loss = losses.SupervisedContrastive(0.01, dtype=dtype)
    value = loss(ids, ops.cast(1e4 * x, dtype))
    assert np.isfinite(float(ops.cast(value, "float32")))


@pytest.mark.parametrize(
    "labels, outputs, name",
    [
        ((4,), (3, 2), "y_true"),
        ((1,), (3, 2), "y_true"),
        ((3, 2), (3, 2), "y_true"),
        ((3, 1, 1), (3, 2), "y_true"),
        ((), (3, 2), "y_true"),
        ((3,), (3,), "y_pred"),
        ((3,), (3, 2, 2), "y_pred"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(labels, outputs, name):
    loss = losses.SupervisedContrastive()
    with pytest.raises(ValueError, match=f"Invalid shape of `{name}`"):
        loss(np.zeros(labels), np.ones(outputs))


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), None, True])
def test_bad_arguments(value):
    for loss in (losses.SupervisedContrastive, losses.InfoNCE, losses.SigLIP):
        with pytest.raises(ValueError, match="for argument `temperature`. Exp"):
            loss(value)
    if value is None:
        with pytest.raises(ValueError, match="for argument `bias`. Expected"):
            losses.SigLIP(bias=value)
