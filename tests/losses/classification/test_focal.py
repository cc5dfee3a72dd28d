"""Focal losses and Poly-1 against the papers and other packages."""

import keras
import numpy as np
import optax
import pytest
import torch.nn.functional
from keras import ops

from keras_funcs import losses
from tests.derivatives import gradient
from tests.losses import oracles

GAMMAS = (0.0, 0.5, 1.0, 2.0, 5.0)
ALPHAS = (None, 0.25, [0.1, 2.0, 0.0, 1.5])
GAPS = (20.0, 100.0, 1e4)


def draw(shape, scale=3.0, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(0, scale, shape).astype("float32")


def soft_labels(shape, seed=1):
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1])


def oracle(target, logits, alpha, gamma, label_smoothing=0.0):
    size = logits.shape[-1]
    alphas = alpha if isinstance(alpha, list) else [alpha or 1.0] * size

    def one(row, z):
        if label_smoothing:
            row = oracles.smoothed(row, label_smoothing)
        return oracles.categorical_focal(
            row, *oracles.softmax(z), alphas, gamma
        )

    return oracles.each(one, target, logits)


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("alpha", ALPHAS)
def test_categorical_is_the_definition(alpha, gamma):
    logits = draw((12, 4))
    ids = np.arange(12) % 4
    loss = losses.CategoricalFocal(
        alpha, gamma, from_logits=True, reduction="none"
    )
    expected = oracle(np.eye(4)[ids], logits, alpha, gamma)
    np.testing.assert_allclose(loss(ids, logits), expected, 2e-5, 1e-7)
    soft = soft_labels((12, 4))
    expected = oracle(soft, logits, alpha, gamma)
    np.testing.assert_allclose(loss(soft, logits), expected, 2e-5, 1e-7)


@pytest.mark.parametrize("label_smoothing", [0.1, 0.9])
def test_categorical_smooths_sparse_and_soft_labels(label_smoothing):
    logits = draw((12, 4))
    ids = np.arange(12) % 4
    loss = losses.CategoricalFocal(
        [0.1, 2.0, 0.0, 1.5],
        1.5,
        from_logits=True,
        label_smoothing=label_smoothing,
        reduction="none",
    )
    expected = oracle(np.eye(4)[ids], logits, loss.alpha, 1.5, label_smoothing)
    np.testing.assert_allclose(loss(ids, logits), expected, 2e-5)
    soft = soft_labels((12, 4))
    expected = oracle(soft, logits, loss.alpha, 1.5, label_smoothing)
    np.testing.assert_allclose(loss(soft, logits), expected, 2e-5)


def test_categorical_divides_probabilities_by_their_sum():
    scores = np.random.default_rng(0).uniform(0.01, 5, (12, 4))
    scores = scores.astype("float32")
    ids = np.arange(12) % 4
    loss = losses.CategoricalFocal(0.25, 2.0, reduction="none")
    expected = oracles.each(
        lambda row, p: oracles.categorical_focal(
            row, *oracles.normalized(p), [0.25] * 4, 2.0
        ),
        np.eye(4)[ids],
        scores,
    )
    np.testing.assert_allclose(loss(ids, scores), expected, 2e-5)


@pytest.mark.parametrize("power", [-8, -20, -37])
def test_categorical_follows_probabilities_down_to_the_last(power):
    p = 10.0**power
    loss = losses.CategoricalFocal(None, 2.0)
    y = np.array([0])

    def value(scores):
        return loss(y, ops.convert_to_tensor(scores))

    scores = np.array([[p, 1.0 - p]], "float32")
    expected = -np.log(float(scores[0, 0]))
    np.testing.assert_allclose(value(scores), expected, 1e-5)
    # d(-log p)/dp = -1/p
    slope = gradient(value, scores)[0, 0]
    np.testing.assert_allclose(slope, -1 / float(scores[0, 0]), 1e-3)


@pytest.mark.parametrize("gamma", (0.0, 0.5, 2.0))
@pytest.mark.parametrize("gap", GAPS)
def test_categorical_pulls_on_a_confidently_wrong_sample(gap, gamma):
    logits = np.array([[0.0, gap, 0.0], [0.0, gap, 0.0]], "float32")
    labels = {"sparse": np.array([0, 1]), "one-hot": np.eye(3)[[0, 1]]}
    loss = losses.CategoricalFocal(
        None, gamma, from_logits=True, reduction="sum"
    )
    expected = oracle(np.eye(3)[[0, 1]], logits, None, gamma)
    for form, y in labels.items():
        value = loss(y, logits)
        np.testing.assert_allclose(value, expected.sum(), 1e-5, err_msg=form)
        slope = gradient(lambda z, y=y: loss(y, z), logits)
        wanted = [[-1, 1, 0], [0, 0, 0]]
        np.testing.assert_allclose(slope, wanted, atol=1e-4, err_msg=form)


@pytest.mark.parametrize("epsilon", [-1.0, 0.0, 1.0, 3.5])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_poly_1_is_the_series(epsilon, gamma):
    # Leng et al. (2022), eq. 3: the series of the logarithm in 1 - p, with
    # the first coefficient changed; probabilities far from 0, so that it ends.
    logits, ids = draw((12, 4), scale=0.5), np.arange(12) % 4
    loss = losses.Poly1(epsilon, gamma, from_logits=True, reduction="none")

    def one(target, z):
        (rest,) = np.array(oracles.softmax(z)[1])[np.array(target) == 1]
        series = sum(
            rest ** (j + oracles.Real(gamma)) / j for j in range(1, 900)
        )
        return series + epsilon * rest ** (1 + oracles.Real(gamma))

    expected = oracles.each(one, np.eye(4)[ids], logits)
    np.testing.assert_allclose(loss(ids, logits), expected, 2e-5)
    soft = soft_labels((12, 4))
    rows = [
        ops.convert_to_numpy(loss(np.full(12, c), logits)) for c in range(4)
    ]
    expected = np.sum(soft * np.stack(rows, -1), -1)
    np.testing.assert_allclose(loss(soft, logits), expected, 2e-5)


def test_poly_1_agrees_with_optax():
    logits, soft = draw((12, 4)), soft_labels((12, 4)).astype("float32")
    loss = losses.Poly1(2.0, from_logits=True, reduction="none")
    theirs = optax.losses.poly_loss_cross_entropy(logits, soft, epsilon=2.0)
    np.testing.assert_allclose(loss(soft, logits), np.asarray(theirs), 2e-5)


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("epsilon", [-1.0, 2.0])
def test_poly_1_pulls_on_a_confidently_wrong_sample(gap, epsilon):
    logits, y = np.array([[0.0, gap, 0.0]], "float32"), np.array([0])
    loss = losses.Poly1(epsilon, 2.0, from_logits=True)
    np.testing.assert_allclose(loss(y, logits), gap + epsilon, 1e-5)
    slope = gradient(lambda z: loss(y, z), logits)
    np.testing.assert_allclose(slope, [[-1, 1, 0]], atol=1e-4)


@pytest.mark.parametrize(
    "arguments",
    [{"epsilon": -1.1}, {"epsilon": "1"}, {"gamma": -0.5}, {"gamma": None}],
)
def test_poly_1_refuses(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        losses.Poly1(**arguments)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_keras_loses_the_samples_that_ours_keeps(gamma):
    """Documents the difference; should Keras be repaired, drop this."""
    logits = np.array([[0.0, 20.0, 0.0]], "float32")
    y = np.eye(3)[[0]]
    theirs = keras.losses.CategoricalFocalCrossentropy(
        1.0, gamma, from_logits=True
    )
    ours = losses.CategoricalFocal(1.0, gamma, from_logits=True)
    assert not gradient(lambda z: theirs(y, z), logits).any()
    slope = gradient(lambda z: ours(y, z), logits)
    np.testing.assert_allclose(slope, [[-1, 1, 0]], atol=1e-4)


def binary_oracle(y, logits, alpha, gamma, label_smoothing=0.0):
    """Mean over the known labels of each row."""
    size = logits.shape[-1]
    alphas = alpha if isinstance(alpha, list) else [alpha] * size

    def one(row, scores):
        total, known = 0.0, 0
        for label, z, a in zip(row, scores, alphas):
            if label >= 0:
                s = label_smoothing
                label = (1 - s) * float(label) + s / 2
                p, q = oracles.sigmoid(z)
                total += oracles.binary_focal(label, p, q, a, gamma)
                known += 1
        return total / known if known else 0.0

    return oracles.each(one, y, logits)


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("alpha", [None, 0.25, [0.9, 0.5, 0.0, 1.0]])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
def test_binary_is_the_definition(alpha, gamma, label_smoothing):
    logits = draw((12, 4))
    random = np.random.default_rng(3)
    loss = losses.BinaryFocal(
        alpha,
        gamma,
        from_logits=True,
        label_smoothing=label_smoothing,
        reduction="none",
    )
    for y in (random.integers(0, 2, (12, 4)), random.uniform(0, 1, (12, 4))):
        y = y.astype("float32")
        expected = binary_oracle(y, logits, alpha, gamma, label_smoothing)
        np.testing.assert_allclose(loss(y, logits), expected, 2e-5, 1e-7)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_binary_probabilities_are_logits(gamma):
    logits = draw((12, 4), scale=2.0)
    p = [[float(oracles.sigmoid(z)[0]) for z in row] for row in logits]
    y = np.random.default_rng(0).integers(0, 2, (12, 4))
    loss = losses.BinaryFocal(0.3, gamma, reduction="none")
    expected = binary_oracle(y, logits, 0.3, gamma)
    np.testing.assert_allclose(loss(y, np.array(p)), expected, 1e-4, 1e-7)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_binary_is_finite_at_probabilities_of_0_and_1(gamma):
    p = np.array([[0.0], [1.0], [0.0], [1.0]], "float32")
    y = np.array([[0.0], [1.0], [1.0], [0.0]], "float32")
    loss = losses.BinaryFocal(None, gamma, reduction="none")
    right, wrong = np.split(ops.convert_to_numpy(loss(y, p)), 2)
    np.testing.assert_allclose(right, 0.0, atol=1e-6)
    assert (wrong > 80).all() and np.isfinite(wrong).all()
    total = losses.BinaryFocal(None, gamma, reduction="sum")
    assert np.isfinite(gradient(lambda t: total(y, t), p)).all()


@pytest.mark.parametrize("gamma", (0.0, 0.5, 2.0))
@pytest.mark.parametrize("gap", GAPS)
def test_binary_pulls_on_a_confidently_wrong_label(gap, gamma):
    z = np.array([[gap], [-gap], [gap], [-gap]], "float32")
    y = np.array([[0.0], [1.0], [1.0], [0.0]], "float32")
    loss = losses.BinaryFocal(None, gamma, from_logits=True, reduction="none")
    expected = binary_oracle(y, z, None, gamma)
    np.testing.assert_allclose(loss(y, z), expected, 1e-5, 1e-7)
    total = losses.BinaryFocal(None, gamma, from_logits=True, reduction="sum")
    slope = gradient(lambda t: total(y, t), z)[:, 0]
    np.testing.assert_allclose(slope[:2], [1, -1], atol=1e-4)
    assert np.isfinite(slope).all()
    np.testing.assert_allclose(slope[2:], 0, atol=1e-3)


def test_keras_binary_has_a_nan_where_ours_has_none():
    """Documents the difference; should Keras be repaired, drop this."""
    z, y = np.array([[20.0]], "float32"), np.array([[1.0]], "float32")
    theirs = keras.losses.BinaryFocalCrossentropy(gamma=0.5, from_logits=True)
    ours = losses.BinaryFocal(gamma=0.5, from_logits=True)
    assert not np.isfinite(gradient(lambda t: theirs(y, t), z)).all()
    assert np.isfinite(gradient(lambda t: ours(y, t), z)).all()


@pytest.mark.parametrize("reduction", oracles.REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
def test_binary_leaves_unknown_labels_out(reduction, weighted):
    logits = draw((6, 3))
    y = np.array(
        [[1, 0, -1], [-1, -1, -1], [0, 0, 0], [1, -1, -1], [-1, 1, 1], [1] * 3]
    )
    weight = np.array([1.0, 2.0, 0.5, 0.0, 3.0, 1.5]) if weighted else None
    loss = losses.BinaryFocal(
        [0.2, 0.7, 0.5], 1.5, from_logits=True, reduction=reduction
    )
    rows = binary_oracle(y, logits, loss.alpha, 1.5)
    expected = oracles.reduced(rows, weight, (y >= 0).any(-1), reduction)
    result = ops.convert_to_numpy(loss(y, logits, weight))
    np.testing.assert_allclose(result, expected, 2e-5)
    slope = gradient(lambda z: ops.sum(loss(y, z, weight)), logits)
    assert not slope[y == -1].any()
    assert slope[2].all()


def test_binary_of_unknown_labels_only_is_0():
    loss = losses.BinaryFocal(from_logits=True)
    y = np.full((3, 2), -1.0)
    assert float(loss(y, draw((3, 2)))) == 0.0
    slope = gradient(lambda z: loss(y, z), draw((3, 2)))
    assert not slope.any()


def test_binary_accepts_one_output_in_both_shapes():
    logits, y = draw((5, 1)), np.array([0, 1, 1, 0, 1])
    loss = losses.BinaryFocal(from_logits=True, reduction="none")
    expected = binary_oracle(y[:, None], logits, None, 2.0)
    np.testing.assert_allclose(loss(y, logits), expected, 2e-5)
    np.testing.assert_allclose(loss(y[:, None], logits), expected, 2e-5)
    np.testing.assert_allclose(loss(y[:, None], logits[:, 0]), expected, 2e-5)


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0])
def test_optax_agrees(gamma):
    logits, y = draw((12, 4)), np.random.default_rng(0).integers(0, 2, (12, 4))
    loss = losses.BinaryFocal(0.25, gamma, from_logits=True, reduction="none")
    theirs = optax.losses.sigmoid_focal_loss(
        logits, y.astype("float32"), alpha=0.25, gamma=gamma
    )
    expected = np.asarray(theirs).mean(-1)
    np.testing.assert_allclose(loss(y, logits), expected, 2e-5)


def test_torch_agrees_without_focus():
    logits, ids = draw((12, 4)), np.arange(12) % 4
    loss = losses.CategoricalFocal(
        [1.0, 2.0, 0.5, 3.0], 0.0, from_logits=True, reduction="none"
    )
    theirs = torch.nn.functional.cross_entropy(
        torch.tensor(logits),
        torch.tensor(ids),
        weight=torch.tensor(loss.alpha),
        reduction="none",
    )
    np.testing.assert_allclose(loss(ids, logits), theirs.numpy(), 2e-5)


@pytest.mark.parametrize(
    "arguments",
    [
        {"alpha": -0.1},
        {"alpha": [0.5, -1.0]},
        {"alpha": "auto"},
        {"alpha": float("nan")},
        {"gamma": -1},
        {"gamma": float("inf")},
        {"gamma": None},
        {"label_smoothing": 1.0},
        {"label_smoothing": -0.1},
        {"from_logits": 1},
        {"axis": 1.5},
        {"ignore_class": 0.5},
    ],
)
def test_categorical_refuses(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        losses.CategoricalFocal(**arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"alpha": 1.1},
        {"alpha": [0.5, 1.5]},
        {"alpha": True},
        {"gamma": -1e-9},
        {"gamma": "2"},
        {"label_smoothing": 1},
        {"from_logits": "yes"},
    ],
)
def test_binary_refuses(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        losses.BinaryFocal(**arguments)


def test_a_list_of_alpha_needs_one_for_each_class():
    loss = losses.CategoricalFocal(alpha=[1.0, 2.0])
    with pytest.raises(ValueError, match="argument `alpha`.*3"):
        loss(np.array([0]), np.ones((1, 3)))
    loss = losses.BinaryFocal(alpha=[1.0, 0.5])
    with pytest.raises(ValueError, match="argument `alpha`.*3"):
        loss(np.zeros((1, 3)), np.ones((1, 3)))
