"""LogitAdjusted and losses with class weights against their definitions."""

import numpy as np
import optax
import pytest
import torch.nn.functional
from sklearn.utils.class_weight import compute_class_weight

import keras_funcs
from keras_funcs import losses
from tests.derivatives import gradient
from tests.losses import oracles

COUNTS = [5000, 900, 70, 3]
WEIGHTS = [0.1, 1.0, 4.0, 0.0]
GAPS = (20.0, 100.0, 1e4)


def draw(shape, scale=3.0, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(0, scale, shape).astype("float32")


def soft_labels(shape, seed=1):
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1])


@pytest.mark.parametrize("tau", [0.0, 0.25, 1.0, 2.0])
def test_logit_adjusted_is_the_definition(tau):
    logits, ids, soft = draw((12, 4)), np.arange(12) % 4, soft_labels((12, 4))
    loss = losses.LogitAdjusted(COUNTS, tau, from_logits=True, reduction="none")

    def one(target, z):
        return oracles.logit_adjusted(target, z, COUNTS, tau)

    expected = oracles.each(one, np.eye(4)[ids], logits)
    np.testing.assert_allclose(loss(ids, logits), expected, 2e-5)
    expected = oracles.each(one, soft, logits)
    np.testing.assert_allclose(loss(soft, logits), expected, 2e-5)


def test_logit_adjusted_weighs_probabilities_with_the_prior():
    p = np.random.default_rng(0).uniform(0.01, 3, (12, 4)).astype("float32")
    ids = np.arange(12) % 4
    loss = losses.LogitAdjusted(COUNTS, reduction="none")

    def one(target, row):
        scores = [oracles.Real(float(q)) * n for q, n in zip(row, COUNTS)]
        return oracles.crossentropy(target, [s / sum(scores) for s in scores])

    expected = oracles.each(one, np.eye(4)[ids], p)
    np.testing.assert_allclose(loss(ids, p), expected, 2e-5)


def test_logit_adjusted_at_tau_1_is_balanced_softmax():
    # Ren et al. (2020), eq. 4: counts, not frequencies, inside the softmax.
    logits, ids = draw((12, 4)), np.arange(12) % 4

    def one(target, z):
        scores = [n * np.exp(oracles.Real(v)) for n, v in zip(COUNTS, z)]
        return oracles.crossentropy(target, [s / sum(scores) for s in scores])

    loss = losses.LogitAdjusted(COUNTS, from_logits=True, reduction="none")
    expected = oracles.each(one, np.eye(4)[ids], logits)
    np.testing.assert_allclose(loss(ids, logits), expected, 2e-5)
    theirs = optax.losses.softmax_cross_entropy_with_integer_labels(
        logits + np.log(COUNTS).astype("float32"), ids
    )
    np.testing.assert_allclose(loss(ids, logits), np.asarray(theirs), 2e-5)


def test_logit_adjusted_uses_the_published_log_priors():
    # CIFAR-10-LT at imbalance 100; log pi from -.909 to -5.514.
    counts = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    loss = losses.LogitAdjusted(counts, from_logits=True, reduction="none")
    # At equal logits the loss of class c is -log pi_c.
    found = np.asarray(loss(np.arange(10), np.zeros((10, 10))))
    assert found[0].round(3) == np.float32(0.909)
    assert found[9].round(3) == np.float32(5.514)


def test_logit_adjusted_takes_an_absent_class_as_one_sample():
    logits, ids = draw((6, 3)), np.arange(6) % 3
    loss = losses.LogitAdjusted(
        [90, 0, 10], from_logits=True, absent="ignore", reduction="none"
    )
    prior = np.log(np.array([90, 1, 10]) / 100)
    expected = oracles.each(
        lambda t, z: oracles.crossentropy(t, oracles.softmax(z + prior)[0]),
        np.eye(3)[ids],
        logits,
    )
    np.testing.assert_allclose(loss(ids, logits), expected, 2e-5)
    with pytest.raises(ValueError, match="argument `class_counts`"):
        losses.LogitAdjusted([90, 0, 10])


@pytest.mark.parametrize("label_smoothing", [0.0, 0.15])
def test_weighted_is_the_definition(label_smoothing):
    logits, ids, soft = draw((12, 4)), np.arange(12) % 4, soft_labels((12, 4))
    loss = losses.WeightedCrossentropy(
        WEIGHTS,
        from_logits=True,
        label_smoothing=label_smoothing,
        reduction="none",
    )

    def one(target, z):
        p, _ = oracles.softmax(z)
        target = oracles.smoothed(target, label_smoothing)
        return -sum(
            oracles.Real(w) * y * np.log(q)
            for w, y, q in zip(WEIGHTS, target, p)
        )

    expected = oracles.each(one, np.eye(4)[ids], logits)
    np.testing.assert_allclose(loss(ids, logits), expected, 2e-5, 1e-7)
    expected = oracles.each(one, soft, logits)
    np.testing.assert_allclose(loss(soft, logits), expected, 2e-5, 1e-7)


def test_weighted_agrees_with_torch():
    logits, ids = draw((12, 4)), np.arange(12) % 4
    loss = losses.WeightedCrossentropy(
        WEIGHTS, from_logits=True, reduction="none"
    )
    arguments = torch.tensor(logits), torch.tensor(ids), torch.tensor(WEIGHTS)
    theirs = torch.nn.functional.cross_entropy(*arguments, reduction="none")
    np.testing.assert_allclose(loss(ids, logits), theirs.numpy(), 2e-5)
    # torch's mean divides by the weights; so does ours when told so.
    theirs = torch.nn.functional.cross_entropy(*arguments)
    plain = losses.WeightedCrossentropy(
        from_logits=True, reduction="mean_with_sample_weight"
    )
    given = np.array(WEIGHTS)[ids]
    np.testing.assert_allclose(plain(ids, logits, given), theirs.item(), 2e-5)


@pytest.mark.parametrize("scheme", ["balanced", "inverse", "sqrt", "effective"])
def test_weights_from_counts(scheme):
    logits, ids = draw((12, 4)), np.arange(12) % 4
    counted = losses.WeightedCrossentropy(
        class_counts=COUNTS, scheme=scheme, from_logits=True, reduction="none"
    )
    total, raw = sum(COUNTS), []
    for n in COUNTS:
        if scheme == "sqrt":
            raw.append(1 / n**0.5)
        elif scheme == "effective":
            beta = oracles.Real(total - 1) / total
            raw.append((1 - beta) / (1 - beta**n))
        else:
            raw.append(1 / n)
    weights = [w * len(raw) / sum(raw) for w in raw]
    given = losses.WeightedCrossentropy(
        [float(w) for w in weights], from_logits=True, reduction="none"
    )
    assert abs(sum(weights) - 4) < 1e-9
    np.testing.assert_allclose(
        counted(ids, logits), np.asarray(given(ids, logits)), 2e-5
    )


def test_balanced_weights_are_scikit_learns_up_to_their_mean():
    y = np.repeat(np.arange(4), [50, 9, 7, 3])
    theirs = compute_class_weight("balanced", classes=np.arange(4), y=y)
    loss = losses.WeightedCrossentropy(
        class_counts=keras_funcs.class_counts(y),
        from_logits=True,
        reduction="none",
    )
    found = np.asarray(loss(np.arange(4), np.zeros((4, 4)))) / np.log(4)
    np.testing.assert_allclose(found, theirs / theirs.mean(), 1e-5)


def test_an_absent_class_weighs_nothing():
    loss = losses.WeightedCrossentropy(
        class_counts=[6, 0, 2],
        from_logits=True,
        absent="ignore",
        reduction="none",
    )
    found = np.asarray(loss(np.arange(3), np.zeros((3, 3)))) / np.log(3)
    np.testing.assert_allclose(found, [0.5, 0.0, 1.5], 1e-5)
    with pytest.raises(ValueError, match="argument `class_counts`"):
        losses.WeightedCrossentropy(class_counts=[6, 0, 2])


# CIFAR-10-LT at imbalance 100.
CIFAR = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]


def effective(counts, beta):
    """Cui et al. (2019): the inverse of sum_{i < n} beta**i, term by term."""
    beta = oracles.Real(beta)
    raw = [1 / sum(beta**i for i in range(n)) for n in counts]
    return [w * len(raw) / sum(raw) for w in raw]


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("beta", ["auto", 0.0, 0.9, 0.9999])
def test_class_balanced_is_the_definition(beta, gamma):
    logits, ids, soft = draw((12, 4)), np.arange(12) % 4, soft_labels((12, 4))
    counts = [50, 9, 7, 3]
    loss = losses.ClassBalanced(
        counts, beta, gamma, from_logits=True, reduction="none"
    )
    weights = effective(counts, 68 / 69 if beta == "auto" else beta)

    def one(target, z):
        return oracles.categorical_focal(
            target, *oracles.softmax(z), weights, gamma
        )

    expected = oracles.each(one, np.eye(4)[ids], logits)
    np.testing.assert_allclose(loss(ids, logits), expected, 2e-5, 1e-6)
    expected = oracles.each(one, soft, logits)
    np.testing.assert_allclose(loss(soft, logits), expected, 2e-5, 1e-6)


@pytest.mark.parametrize(
    "beta, published",
    [
        (
            0.9999,
            [
                0.051, 0.077, 0.121, 0.195, 0.319, 0.525, 0.868, 1.443,
                2.409, 3.993,
            ],
        ),
        (0.999, [0.181, 3.688]),
        (0.99, [0.784, 1.984]),
    ],
)  # fmt: skip
def test_class_balanced_has_the_published_weights(beta, published):
    loss = losses.ClassBalanced(CIFAR, beta, from_logits=True, reduction="none")
    found = np.asarray(loss(np.arange(10), np.zeros((10, 10)))) / np.log(10)
    found = found if len(published) == 10 else found[[0, 9]]
    np.testing.assert_allclose(found, published, atol=6e-4)


def test_class_balanced_agrees_with_torch():
    logits, ids = draw((12, 4)), np.arange(12) % 4
    loss = losses.ClassBalanced(
        COUNTS, 0.999, from_logits=True, reduction="none"
    )
    weights = (1 - 0.999) / (1 - 0.999 ** np.array(COUNTS, float))
    weights = torch.tensor((weights / weights.mean()).astype("float32"))
    theirs = torch.nn.functional.cross_entropy(
        torch.tensor(logits), torch.tensor(ids), weights, reduction="none"
    )
    np.testing.assert_allclose(loss(ids, logits), theirs.numpy(), 2e-5)


def test_class_balanced_gives_an_absent_class_no_weight():
    loss = losses.ClassBalanced(
        [6, 0, 2], 0.0, from_logits=True, absent="ignore", reduction="none"
    )
    found = np.asarray(loss(np.arange(3), np.zeros((3, 3)))) / np.log(3)
    np.testing.assert_allclose(found, [1.0, 0.0, 1.0], 1e-5)


@pytest.mark.parametrize(
    "arguments",
    [
        {"class_counts": [5, 0]},
        {"class_counts": [5]},
        {"beta": 1.0},
        {"beta": -0.1},
        {"beta": "balanced"},
        {"beta": None},
        {"gamma": -1.0},
        {"absent": "zero"},
    ],
)
def test_class_balanced_refuses(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        losses.ClassBalanced(**{"class_counts": [5, 3], **arguments})


@pytest.mark.parametrize("gap", GAPS)
def test_a_confidently_wrong_sample_pulls_with_its_weight(gap):
    logits = np.array([[gap, 0.0, 0.0]], "float32")
    for y in (np.array([1]), np.eye(3)[[1]]):
        weighted = losses.WeightedCrossentropy([1, 3, 1], from_logits=True)
        np.testing.assert_allclose(weighted(y, logits), 3 * gap, 1e-5)
        slope = gradient(lambda z, y=y: weighted(y, z), logits)  # noqa: B023
        np.testing.assert_allclose(slope, [[3, -3, 0]], atol=1e-4)
        balanced = losses.ClassBalanced(
            [7, 1, 1], 0.999999, 2.0, from_logits=True
        )
        np.testing.assert_allclose(balanced(y, logits), 1.4 * gap, 1e-4)
        adjusted = losses.LogitAdjusted([8, 1, 1], from_logits=True)
        wanted = gap + np.log(8)
        np.testing.assert_allclose(adjusted(y, logits), wanted, 1e-5)
        slope = gradient(lambda z, y=y: adjusted(y, z), logits)  # noqa: B023
        np.testing.assert_allclose(slope, [[1, -1, 0]], atol=1e-4)


@pytest.mark.parametrize("gap", GAPS)
def test_a_huge_logit_elsewhere_does_not_drown_the_prior(gap):
    # Two rivals far above the third: their ratio is the prior's alone.
    logits = np.array([[gap, gap, 0.0]], "float32")
    loss = losses.LogitAdjusted([90, 10, 900], from_logits=True)
    np.testing.assert_allclose(
        loss(np.array([1]), logits), np.log(10), rtol=3e-4
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {"class_counts": []},
        {"class_counts": [5]},
        {"class_counts": [5, -1]},
        {"class_counts": [5, 1.5]},
        {"class_counts": [0, 0]},
        {"class_counts": [5, float("nan")]},
        {"class_counts": "55"},
        {"class_counts": {0: 5, 1: 3}},
        {"class_counts": [[5, 3]]},
        {"class_counts": None},
        {"tau": -1.0},
        {"tau": float("nan")},
        {"tau": [1.0, 1.0]},
        {"absent": "zero"},
        {"ignore_class": "1"},
        {"from_logits": None},
    ],
)
def test_logit_adjusted_refuses(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        losses.LogitAdjusted(**{"class_counts": [5, 3], **arguments})


@pytest.mark.parametrize(
    "arguments",
    [
        {"class_weights": [1.0, -1.0]},
        {"class_weights": [1.0, float("inf")]},
        {"class_weights": 2.0},
        {"class_weights": "balanced"},
        {"class_counts": [0, 3]},
        {"scheme": "cubic"},
        {"scheme": None},
        {"label_smoothing": 1.0},
        {"absent": True},
    ],
)
def test_weighted_refuses(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        losses.WeightedCrossentropy(**arguments)


def test_weighted_refuses_weights_and_counts_at_once():
    with pytest.raises(ValueError, match="`class_weights`.*`class_counts`"):
        losses.WeightedCrossentropy([1.0, 2.0], class_counts=[3, 4])


def test_statistics_need_one_number_for_each_class():
    y, logits = np.array([0]), np.zeros((1, 3))
    with pytest.raises(ValueError, match="argument `class_counts`.*3 classes"):
        losses.LogitAdjusted([5, 3])(y, logits)
    with pytest.raises(ValueError, match="argument `class_counts`.*3 classes"):
        losses.WeightedCrossentropy(class_counts=[5, 3])(y, logits)
    with pytest.raises(ValueError, match="argument `class_weights`.*3 classes"):
        losses.WeightedCrossentropy([1.0] * 4)(y, logits)
