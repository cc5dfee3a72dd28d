"""SoftFBeta, SigmoidF1 and SoftMCC against definitions and scikit-learn."""

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
CLOSE = {"rtol": 3e-5, "atol": 2e-6}
BATCH, SIZE = 14, 4
Real = np.longdouble


def f_beta(p, y, weight=None, beta=1.0):
    """Mean over the labels that occur, from precision and recall."""
    weight = np.ones(len(p)) if weight is None else weight
    scores = []
    for c in range(p.shape[1]):
        hit = labelled = predicted = Real(0)
        for row, truth, w in zip(p, y, weight):
            if truth[c] >= 0:
                hit += Real(w) * min(Real(row[c]), Real(truth[c]))
                labelled += Real(w) * Real(truth[c])
                predicted += Real(w) * Real(row[c])
        if labelled == 0:
            continue
        precision, recall = hit / predicted, hit / labelled
        both = beta**2 * precision + recall
        scores.append((1 + beta**2) * precision * recall / both)
    return float(1 - np.mean(scores)) if scores else 0.0


def mcc(p, y, weight=None):
    """Gorodkin (2004), eq. 8, from a confusion matrix of probabilities."""
    weight = np.ones(len(p)) if weight is None else weight
    size = p.shape[1]
    matrix = [[Real(0)] * size for _ in range(size)]
    for row, truth, w in zip(p, y, weight):
        for k in range(size):
            for m in range(size):
                matrix[k][m] += Real(w) * Real(truth[k]) * Real(row[m])
    total = sum(map(sum, matrix))
    labelled = [sum(row) for row in matrix]
    predicted = [sum(row[m] for row in matrix) for m in range(size)]
    right = sum(matrix[k][k] for k in range(size))
    above = right * total - sum(map(np.multiply, labelled, predicted))
    spread = [
        total**2 - sum(x**2 for x in marginal)
        for marginal in (labelled, predicted)
    ]
    return float(1 - above / np.sqrt(spread[0] * spread[1]))


def binary_mcc(p, y, weight=None):
    """The mean over the labels that occur with both of their values."""
    weight = np.ones(len(p)) if weight is None else weight
    found = []
    for c in range(p.shape[1]):
        known = (y[:, c] >= 0) & (weight > 0)
        q, t, w = p[known, c], y[known, c], weight[known]
        if t.min() < t.max():
            both = np.stack([1 - q, q], -1), np.stack([1 - t, t], -1)
            found.append(mcc(*both, w))
    return np.mean(found) if found else 0.0


def classes(seed=0):
    random = np.random.default_rng(seed)
    ids = random.integers(0, SIZE - 1, BATCH)  # the last one does not occur
    logits = random.normal(0, 2, (BATCH, SIZE)).astype("float32")
    return ids, np.eye(SIZE)[ids], logits


def multi_hot(seed=0):
    random = np.random.default_rng(seed)
    y = (random.uniform(size=(BATCH, SIZE)) < 0.4).astype(int)
    y[:, 2] = 0
    return y, random.normal(0, 2, (BATCH, SIZE)).astype("float32")


def sigmoid(z):
    return 1 / (1 + np.exp(-z.astype(Real)))


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 3.0])
def test_f_beta_is_the_definition(beta):
    ids, rows, logits = classes()
    p = probabilities(logits)
    wanted = f_beta(p, rows, beta=beta)
    loss = losses.SoftFBeta(beta, from_logits=True)
    for labels in (ids, ids[:, None], rows):
        np.testing.assert_allclose(loss(labels, logits), wanted, **CLOSE)
    found = losses.SoftFBeta(beta)(ids, p.astype(float))
    np.testing.assert_allclose(found, wanted, **CLOSE)
    y, logits = multi_hot()
    wanted = f_beta(sigmoid(logits), y, beta=beta)
    loss = losses.SoftFBeta(beta, from_logits=True, multi_label=True)
    np.testing.assert_allclose(loss(y, logits), wanted, **CLOSE)
    soft = np.random.default_rng(3).uniform(size=y.shape)
    wanted = f_beta(sigmoid(logits), soft, beta=beta)
    np.testing.assert_allclose(loss(soft, logits), wanted, **CLOSE)


@pytest.mark.parametrize("slope, offset", [(1, 0), (9.0, -0.5), (0.3, 2.0)])
def test_sigmoid_f1_is_the_definition(slope, offset):
    y, logits = multi_hot()
    step = sigmoid(slope * (logits.astype(Real) + offset))
    loss = losses.SigmoidF1(slope, offset)
    np.testing.assert_allclose(loss(y, logits), f_beta(step, y), **CLOSE)
    y[:5, 0] = -1
    np.testing.assert_allclose(loss(y, logits), f_beta(step, y), **CLOSE)
    y = np.where(y < 0, 9, y)
    loss = losses.SigmoidF1(slope, offset, ignore_class=9)
    wanted = f_beta(step, np.where(y == 9, -1, y))
    np.testing.assert_allclose(loss(y, logits), wanted, **CLOSE)


def test_a_plain_sigmoid_f1_is_soft_f1():
    y, logits = multi_hot()
    soft = losses.SoftFBeta(from_logits=True, multi_label=True)
    wanted = ops.convert_to_numpy(soft(y, logits))
    np.testing.assert_allclose(losses.SigmoidF1()(y, logits), wanted, 1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_mcc_is_the_definition(seed):
    ids, rows, logits = classes(seed)
    p = probabilities(logits)
    wanted = mcc(p, rows)
    loss = losses.SoftMCC(from_logits=True)
    for labels in (ids, ids[:, None], rows):
        np.testing.assert_allclose(loss(labels, logits), wanted, **CLOSE)
    scores = 3.0 * p.astype(float)  # divided by their sum
    np.testing.assert_allclose(losses.SoftMCC()(ids, scores), wanted, **CLOSE)
    y, logits = multi_hot(seed)
    p = sigmoid(logits)
    loss = losses.SoftMCC(from_logits=True, multi_label=True)
    np.testing.assert_allclose(loss(y, logits), binary_mcc(p, y), **CLOSE)
    y[:5, 0] = -1
    np.testing.assert_allclose(loss(y, logits), binary_mcc(p, y), **CLOSE)


def test_mcc_of_one_channel_is_that_of_two_classes():
    y, logits = multi_hot()
    y, z = y[:, 0], logits[:, :1]
    wanted = binary_mcc(sigmoid(z), y[:, None])
    loss = losses.SoftMCC(from_logits=True)
    np.testing.assert_allclose(loss(y, z), wanted, **CLOSE)
    both = np.concatenate([0 * z, z], -1)
    np.testing.assert_allclose(loss(y, both), wanted, **CLOSE)
    many = losses.SoftMCC(from_logits=True, multi_label=True)
    np.testing.assert_allclose(many(y[:, None], z), wanted, **CLOSE)


@pytest.mark.parametrize("seed", range(3))
def test_sklearn_agrees_on_decisions(seed):
    random = np.random.default_rng(seed)
    y, z = random.integers(0, SIZE, (2, 60))
    p = np.eye(SIZE)[z]
    wanted = 1 - sklearn.metrics.matthews_corrcoef(y, z)
    np.testing.assert_allclose(losses.SoftMCC()(y, p), wanted, **CLOSE)
    wanted = 1 - sklearn.metrics.fbeta_score(y, z, beta=2.0, average="macro")
    np.testing.assert_allclose(losses.SoftFBeta(2.0)(y, p), wanted, **CLOSE)
    y, z = random.integers(0, 2, (2, 60, SIZE))
    wanted = 1 - sklearn.metrics.f1_score(y, z, average="macro")
    loss = losses.SoftFBeta(multi_label=True)
    np.testing.assert_allclose(loss(y, z.astype(float)), wanted, **CLOSE)
    steep = losses.SigmoidF1(slope=50.0)
    np.testing.assert_allclose(steep(y, 2.0 * z - 1.0), wanted, **CLOSE)
    found = [
        1 - sklearn.metrics.matthews_corrcoef(y[:, c], z[:, c])
        for c in range(SIZE)
    ]
    loss = losses.SoftMCC(multi_label=True)
    np.testing.assert_allclose(
        loss(y, z.astype(float)), np.mean(found), **CLOSE
    )


@pytest.mark.parametrize("seed", range(2))
def test_weight_is_repetition_whatever_the_reduction(seed):
    random = np.random.default_rng(seed)
    ids, _, logits = classes(seed)
    y, _ = multi_hot(seed)
    times = random.permutation(np.arange(BATCH) % 3)
    for reduction in oracles.REDUCTIONS:
        single = (losses.SoftFBeta, losses.SoftMCC)
        pairs = [
            (cls(from_logits=True, reduction=reduction), ids) for cls in single
        ]
        pairs.append((losses.SigmoidF1(reduction=reduction), y))
        for loss, labels in pairs:
            wanted = ops.convert_to_numpy(
                loss(np.repeat(labels, times, 0), np.repeat(logits, times, 0))
            )
            assert wanted.shape == () and 0 < wanted < 2
            for weight in (times, times[:, None], 0.5 * times):
                found = loss(labels, logits, weight)
                np.testing.assert_allclose(found, wanted, **CLOSE)


@few
@given(st.integers(0, 10**6))
def test_order_of_classes_and_samples(seed):
    random = np.random.default_rng(seed)
    ids, _, logits = classes(seed)
    order, place = random.permutation(SIZE), random.permutation(BATCH)
    for loss in (
        losses.SoftFBeta(from_logits=True),
        losses.SoftMCC(from_logits=True),
    ):
        wanted = ops.convert_to_numpy(loss(ids, logits))
        found = loss(np.argsort(order)[ids], logits[:, order] + np.float32(3))
        np.testing.assert_allclose(found, wanted, rtol=1e-4)
        found = loss(ids[place], logits[place])
        np.testing.assert_allclose(found, wanted, rtol=1e-5)
        tokens = loss(ids.reshape(2, 7), logits.reshape(2, 7, SIZE))
        np.testing.assert_allclose(tokens, wanted, rtol=1e-5)


def test_what_the_batch_lacks_is_left_out():
    logits = np.random.default_rng(0).normal(0, 2, (5, 1)).astype("float32")
    for cls in (losses.SoftFBeta, losses.SoftMCC):
        loss = cls(from_logits=True)
        assert float(loss(np.zeros(5), logits)) == 0.0
        slope = gradient(lambda z, f=loss: f(np.zeros(5), z), logits)
        assert not slope.any()
        void = cls(from_logits=True, ignore_class=7)
        assert float(void(np.full(5, 7), logits)) == 0.0
    # All are of one class: nothing to correlate with.
    rows = np.repeat(logits, 3, 1)
    assert float(losses.SoftMCC(from_logits=True)(np.ones(5), rows)) == 0.0
    assert float(losses.SigmoidF1()(np.zeros((5, 1)), logits)) == 0.0


def test_rare_positives_keep_their_digits():
    """A million samples with a hundred positives: counts overflow, 1 - q
    of the large class loses four digits."""
    size = 2**20
    y = np.zeros(size, int)
    y[:100] = 1
    z = np.zeros(size, int)
    z[50:170] = 1
    wanted = 1 - sklearn.metrics.matthews_corrcoef(y, z)
    found = losses.SoftMCC()(y, np.eye(2, dtype="float32")[z])
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    wanted = 1 - sklearn.metrics.matthews_corrcoef(1 - y, 1 - z)
    found = losses.SoftMCC()(1 - y, (1 - z)[:, None])
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.parametrize("scale", [0.0, 1.0, 100.0, 1e4])
def test_extremes_are_finite(scale):
    """Certain, constant and wrong predictions."""
    z = scale * np.array([[1, -1], [1, -1], [1, -1.0]])
    made = [
        (cls(from_logits=True), np.array(y))
        for cls in (losses.SoftFBeta, losses.SoftMCC)
        for y in ([0, 1, 0], [1, 1, 1], [0, 0, 0], [1, 0, 1])
    ]
    made.append((losses.SigmoidF1(), np.array([[1, 0], [0, 1], [0, 0]])))
    for loss, y in made:
        assert np.isfinite(float(loss(y, z)))
        slope = gradient(lambda t, f=loss, y=y: f(y, t), z)
        assert np.isfinite(slope).all()
    y = np.array([0, 1, 0])
    for loss in (losses.SoftFBeta(), losses.SoftMCC()):
        for size in (0.0, 1e-30, 1.0):
            p = np.full((3, 1), size)
            slope = gradient(lambda t, f=loss: f(y, t), p)
            assert np.isfinite(slope).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(dtype):
    ids, _, logits = classes()
    for cls in (losses.SoftFBeta, losses.SoftMCC):
        wanted = float(cls(from_logits=True)(ids, logits))
        found = cls(from_logits=True, dtype=dtype)(ids, ops.cast(logits, dtype))
        found = float(ops.convert_to_numpy(ops.cast(found, "float32")))
        np.testing.assert_allclose(found, wanted, rtol=2e-2)


def test_a_label_that_is_none_gives_nan():
    ids, _, logits = classes()
    for label in (-1, SIZE, 255):
        ids[3] = label
        for cls in (losses.SoftFBeta, losses.SoftMCC):
            assert np.isnan(float(cls(from_logits=True)(ids, logits)))


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda: losses.SoftFBeta(beta=-1.0), "beta"),
        (lambda: losses.SoftFBeta(multi_label=1), "multi_label"),
        (lambda: losses.SigmoidF1(slope=0.0), "slope"),
        (lambda: losses.SigmoidF1(offset=float("nan")), "offset"),
        (lambda: losses.SoftMCC(from_logits="yes"), "from_logits"),
        (lambda: losses.SoftMCC(ignore_class=0.5), "ignore_class"),
    ],
)
def test_bad_arguments(make, name):
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        make()
