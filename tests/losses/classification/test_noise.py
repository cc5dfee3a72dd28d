"""Losses for noisy labels against their papers."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import losses
from tests.derivatives import gradient
from tests.losses import oracles

RAW = {"from_logits": True, "reduction": "none"}
LOG_FLOOR = np.log(oracles.Real(1) / 10000)


def draw(shape=(12, 4), seed=0, scale=3.0):
    random = np.random.default_rng(seed)
    return random.normal(0, scale, shape).astype("float32")


def soft_labels(shape=(12, 4), seed=1):
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1])


def by_class(one):
    """The mean over the classes of a label, of a loss of class ids."""

    def loss(target, z):
        p, _ = oracles.softmax(z)
        return sum(share * one(p, y) for y, share in enumerate(target))

    return loss


def agrees(loss, one, rtol=2e-5):
    z, ids, soft = draw(), np.arange(12) % 4, soft_labels()
    expected = oracles.each(one, np.eye(4)[ids], z)
    np.testing.assert_allclose(loss(ids, z), expected, rtol, 1e-6)
    expected = oracles.each(one, soft, z)
    np.testing.assert_allclose(loss(soft, z), expected, rtol, 1e-6)


def reverse(p, y):
    """`-sum_k p_k log(y_k)` with zeros taken for 1e-4."""
    return -sum(q * LOG_FLOOR for k, q in enumerate(p) if k != y)


def absolute(p, y):
    return sum(abs((k == y) - q) for k, q in enumerate(p))


@pytest.mark.parametrize("q", [0.05, 0.5, 0.7, 1.0])
def test_generalized_is_the_definition(q):
    power = oracles.Real(q)
    agrees(
        losses.GeneralizedCrossentropy(q, **RAW),
        by_class(lambda p, y: (1 - p[y] ** power) / power),
    )


@pytest.mark.parametrize("q", [1e-3, 1e-8, 1e-30])
def test_generalized_tends_to_crossentropy(q):
    z, ids = draw(), np.arange(12) % 4
    expected = oracles.each(
        by_class(lambda p, y: -np.log(p[y])), np.eye(4)[ids], z
    )
    loss = losses.GeneralizedCrossentropy(q, **RAW)
    # 1 - p**q = q x - (q x)**2 / 2 + ... for x = -log(p)
    allowed = 1e-5 + q * expected.max()
    np.testing.assert_allclose(loss(ids, z), expected, allowed)


def test_generalized_at_1_is_half_the_absolute_error():
    agrees(
        losses.GeneralizedCrossentropy(1.0, **RAW),
        by_class(lambda p, y: absolute(p, y) / 2),
    )


@pytest.mark.parametrize("form", ["ids", "column", "one-hot"])
def test_generalized_takes_every_form_of_labels_that_keras_broadcasts(form):
    p = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]], "float32")
    ids = np.array([0, 2])
    y = {"ids": ids, "column": ids[:, None], "one-hot": np.eye(3)[ids]}[form]
    found = losses.GeneralizedCrossentropy(0.5, reduction="none")(y, p)
    expected = (1 - np.sqrt([0.7, 0.4])) / 0.5
    np.testing.assert_allclose(found, expected, 1e-5)


def test_keras_broadcasts_a_column_of_labels():
    """Documents the difference; should Keras be repaired, drop this."""
    p = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]], "float32")
    theirs = keras.losses.CategoricalGeneralizedCrossEntropy(0.5)
    flat = float(theirs(np.array([0, 2]), p))
    column = float(theirs(np.array([[0], [2]]), p))
    assert abs(flat - column) > 0.05


@pytest.mark.parametrize("gap", [20.0, 100.0, 1e4])
def test_generalized_is_bounded_and_finite(gap):
    z, y = np.array([[0.0, gap]], "float32"), np.array([0])
    loss = losses.GeneralizedCrossentropy(from_logits=True)
    expected = (1 - np.exp(-0.7 * gap)) / 0.7
    np.testing.assert_allclose(loss(y, z), expected, 1e-5)
    slope = gradient(lambda t: loss(y, t), z)
    # dL/dz_y = -p**q (1 - p)
    wanted = np.exp(-0.7 * gap)
    np.testing.assert_allclose(slope, [[-wanted, wanted]], 1e-4, 1e-38)


@pytest.mark.parametrize("q", [0.01, 0.7, 1.0])
def test_generalized_is_finite_at_probabilities_of_0_and_1(q):
    p = np.array([[0.0, 1.0], [1.0, 0.0]], "float32")
    y = np.array([0, 0])
    loss = losses.GeneralizedCrossentropy(q, reduction="sum")
    slope = gradient(lambda t: loss(y, t), p)
    assert np.isfinite(float(loss(y, p))) and np.isfinite(slope).all()


@pytest.mark.parametrize("alpha, beta", [(0.1, 1.0), (6.0, 0.1), (0.0, 2.0)])
def test_symmetric_is_the_definition(alpha, beta):
    agrees(
        losses.SymmetricCrossentropy(alpha, beta, **RAW),
        by_class(lambda p, y: -alpha * np.log(p[y]) + beta * reverse(p, y)),
    )


@pytest.mark.parametrize("passive", ["absolute", "reverse"])
@pytest.mark.parametrize("alpha, beta", [(1.0, 1.0), (10.0, 0.1)])
def test_active_passive_is_the_definition(alpha, beta, passive):
    other = reverse if passive == "reverse" else absolute

    def one(p, y):
        own = -np.log(p[y])
        active = own / sum(-np.log(q) for q in p)
        return alpha * active + beta * other(p, y)

    agrees(losses.ActivePassive(alpha, beta, passive, **RAW), by_class(one))


def test_the_active_part_sums_to_1_over_all_labels():
    # What makes it robust: whatever the model says, the sum is a constant.
    z = draw((12, 4), scale=20.0)
    loss = losses.ActivePassive(1.0, 0.0, **RAW)
    total = sum(ops.convert_to_numpy(loss(np.full(12, c), z)) for c in range(4))
    np.testing.assert_allclose(total, 1.0, 1e-5)
    # And so is that of the passive part: C - 1 times its factor.
    loss = losses.ActivePassive(0.0, 1.0, "absolute", **RAW)
    total = sum(ops.convert_to_numpy(loss(np.full(12, c), z)) for c in range(4))
    np.testing.assert_allclose(total, 6.0, 1e-5)


@pytest.mark.parametrize("target", ["soft", "hard"])
@pytest.mark.parametrize("beta", [0.0, 0.8, 1.0])
def test_bootstrap_is_the_definition(target, beta):
    def one(label, z):
        p, _ = oracles.softmax(z)
        own = p if target == "soft" else oracles.one_hot(int(np.argmax(z)), 4)
        return -sum(
            (beta * y + (1 - beta) * o) * np.log(q)
            for y, o, q in zip(label, own, p)
        )

    agrees(losses.Bootstrap(beta, target, **RAW), one)


def test_soft_bootstrap_learns_from_its_own_prediction():
    # With the prediction as a constant this gradient would be 0.
    z, y = np.array([[1.0, 0.0]], "float32"), np.array([0])
    loss = losses.Bootstrap(0.0, from_logits=True)
    slope = gradient(lambda t: loss(y, t), z)
    # dH/dz = -p (log p + H)
    p = 1 / (1 + np.exp(-1.0))
    entropy = -p * np.log(p) - (1 - p) * np.log(1 - p)
    wanted = -p * (np.log(p) + entropy)
    np.testing.assert_allclose(slope, [[wanted, -wanted]], 1e-4)


@pytest.mark.parametrize("gap", [20.0, 100.0, 1e4])
@pytest.mark.parametrize(
    "loss, pull",
    [
        (losses.SymmetricCrossentropy(0.1, from_logits=True), 0.1),
        (losses.Bootstrap(0.8, from_logits=True), 0.8),
        (losses.Bootstrap(0.8, "hard", from_logits=True), 0.8),
    ],
)
def test_a_confidently_wrong_sample_keeps_the_crossentropy(loss, pull, gap):
    z, y = np.array([[0.0, gap, 0.0]], "float32"), np.array([0])
    slope = gradient(lambda t: loss(y, t), z)
    np.testing.assert_allclose(slope, [[-pull, pull, 0]], atol=1e-4)


@pytest.mark.parametrize(
    "make, arguments",
    [
        (losses.GeneralizedCrossentropy, {"q": 0.0}),
        (losses.GeneralizedCrossentropy, {"q": 1.1}),
        (losses.GeneralizedCrossentropy, {"q": float("nan")}),
        (losses.SymmetricCrossentropy, {"alpha": -1.0}),
        (losses.SymmetricCrossentropy, {"beta": "1"}),
        (losses.SymmetricCrossentropy, {"label_floor": 0.0}),
        (losses.SymmetricCrossentropy, {"label_floor": 1.0}),
        (losses.ActivePassive, {"alpha": -1.0}),
        (losses.ActivePassive, {"passive": "mae"}),
        (losses.Bootstrap, {"beta": 1.5}),
        (losses.Bootstrap, {"target": None}),
    ],
)
def test_refuses(make, arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        make(**arguments)
