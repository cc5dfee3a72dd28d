"""LogitAdjusted's neighbours VectorScaling and LDAM against their papers."""

import keras
import numpy as np
import pytest
import torch.nn.functional
from keras import ops

import keras_funcs
from keras_funcs import losses
from keras_funcs.callbacks import DeferredReweighting
from tests.derivatives import gradient
from tests.losses import oracles

COUNTS = [5000, 900, 70, 3]
# CIFAR-10-LT at imbalance 100, and what the papers' formulas make of it.
CIFAR = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
MARGINS = [
    0.1581, 0.1797, 0.2042, 0.2321, 0.2638, 0.2998, 0.3407, 0.3872, 0.4405,
    0.5,
]  # fmt: skip
DELTAS = [1, 0.903, 0.815, 0.736, 0.664, 0.599, 0.541, 0.488, 0.441, 0.398]
GAPS = (20.0, 100.0, 1e4)
RAW = {"reduction": "none"}


def cosines(shape=(12, 4), seed=0):
    random = np.random.default_rng(seed)
    return random.uniform(-1, 1, shape).astype("float32")


def soft_labels(shape=(12, 4), seed=1):
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1])


def ldam(target, row, counts, max_margin, scale, weights=None):
    """Cao et al. (2019), eq. 13, for each class of the target."""
    largest = max(oracles.Real(n) ** -0.25 for n in counts)
    total = oracles.Real(0)
    for y, share in enumerate(target):
        margin = max_margin * oracles.Real(counts[y]) ** -0.25 / largest
        own = np.exp(scale * (oracles.Real(float(row[y])) - margin))
        rest = sum(
            np.exp(scale * oracles.Real(float(z)))
            for k, z in enumerate(row)
            if k != y
        )
        weight = 1 if weights is None else weights[y]
        total -= share * weight * np.log(own / (own + rest))
    return total


def vector_scaling(target, row, counts, gamma, tau):
    """Kini et al. (2021), eq. 2."""
    n = [oracles.Real(count) for count in counts]
    scores = [
        np.exp((c / max(n)) ** gamma * float(z)) * (c / sum(n)) ** tau
        for c, z in zip(n, row)
    ]
    return oracles.crossentropy(target, [s / sum(scores) for s in scores])


@pytest.mark.parametrize("max_margin", [0.0, 0.3, 0.5])
@pytest.mark.parametrize("scale", [1.0, 30.0])
@pytest.mark.parametrize("weights", [None, [0.1, 1.0, 4.0, 0.0]])
def test_ldam_is_the_definition(max_margin, scale, weights):
    z, ids = cosines(), np.arange(12) % 4
    loss = losses.LDAM(COUNTS, max_margin, scale, weights, **RAW)
    for y, target in ((ids, np.eye(4)[ids]), (soft_labels(), soft_labels())):
        expected = oracles.each(
            lambda t, row: ldam(t, row, COUNTS, max_margin, scale, weights),
            target,
            z,
        )
        np.testing.assert_allclose(loss(y, z), expected, 1e-4, 1e-6)


def test_ldam_keeps_the_loss_of_samples_that_are_nearly_right():
    # The others have 1e-11 to 1e-5 of the label's probability, below what
    # float32 can tell from 1; the margin of 15 makes losses up to 9 of it.
    z = np.array([[-0.9, 0, 0, -0.1], [-0.5, -0.2, 0, 0.18]], "float32")
    z = np.repeat(z, 3, 0)
    z[:, 3] += [0, 0.05, 0.1] * 2
    loss = losses.LDAM(COUNTS, **RAW)
    ids = np.full(6, 3)
    expected = oracles.each(
        lambda t, row: ldam(t, row, COUNTS, 0.5, 30.0), np.eye(4)[ids], z
    )
    np.testing.assert_allclose(loss(ids, z), expected, 1e-4)
    np.testing.assert_allclose(loss(np.eye(4)[ids], z), expected, 1e-4)


def test_ldam_agrees_with_torch_on_logits_shifted_by_hand():
    z, ids = cosines((12, 10)), np.arange(12) % 10
    shifted = z.copy()
    shifted[np.arange(12), ids] -= np.array(MARGINS, "float32")[ids]
    weights = np.linspace(0.1, 3, 10).astype("float32")
    theirs = torch.nn.functional.cross_entropy(
        30.0 * torch.tensor(shifted),
        torch.tensor(ids),
        weight=torch.tensor(weights),
        reduction="none",
    )
    loss = losses.LDAM(CIFAR, class_weights=weights.tolist(), **RAW)
    np.testing.assert_allclose(loss(ids, z), theirs.numpy(), 3e-3, 1e-5)


def test_ldam_has_the_published_margins():
    # One class out of two at a huge scale: the loss is scale * margin.
    loss = losses.LDAM(CIFAR, scale=1e4, **RAW)
    found = np.asarray(loss(np.arange(10), np.zeros((10, 10)))) / 1e4
    np.testing.assert_allclose(found, MARGINS, atol=3e-4)


def test_vector_scaling_has_the_published_stretches():
    loss = losses.VectorScaling(CIFAR, gamma=0.2, tau=0.0, **RAW)
    # A logit of 1e4 that is not the label's: the loss is Delta * 1e4.
    found = np.asarray(loss((np.arange(10) + 1) % 10, 1e4 * np.eye(10))) / 1e4
    np.testing.assert_allclose(found, DELTAS, atol=6e-4)
    assert np.round(found, 3).tolist() == pytest.approx(DELTAS, abs=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("tau", [0.0, 1.0, 1.7])
def test_vector_scaling_is_the_definition(gamma, tau):
    z, ids = 4 * cosines(), np.arange(12) % 4
    loss = losses.VectorScaling(COUNTS, gamma, tau, **RAW)
    for y, target in ((ids, np.eye(4)[ids]), (soft_labels(), soft_labels())):
        expected = oracles.each(
            lambda t, row: vector_scaling(t, row, COUNTS, gamma, tau),
            target,
            z,
        )
        np.testing.assert_allclose(loss(y, z), expected, 2e-5, 1e-6)


def test_vector_scaling_agrees_with_torch():
    z, ids = 4 * cosines(), np.arange(12) % 4
    n = np.array(COUNTS, float)
    scores = z * (n / n.max()) ** 0.3 + 1.2 * np.log(n / n.sum())
    theirs = torch.nn.functional.cross_entropy(
        torch.tensor(scores), torch.tensor(ids), reduction="none"
    )
    loss = losses.VectorScaling(COUNTS, 0.3, 1.2, **RAW)
    np.testing.assert_allclose(loss(ids, z), theirs.numpy(), 2e-5)


@pytest.mark.parametrize("tau", [0.0, 1.0, 1.7])
def test_vector_scaling_without_gamma_is_logit_adjusted(tau):
    z, ids = 4 * cosines(), np.arange(12) % 4
    scaled = losses.VectorScaling(COUNTS, 0.0, tau, **RAW)
    adjusted = losses.LogitAdjusted(COUNTS, tau, from_logits=True, **RAW)
    expected = ops.convert_to_numpy(adjusted(ids, z))
    np.testing.assert_allclose(scaled(ids, z), expected, 1e-6)


@pytest.mark.parametrize("gap", GAPS)
def test_a_confidently_wrong_sample_keeps_its_gradient(gap):
    z = np.array([[gap, 0.0, 0.0]], "float32")
    for y in (np.array([1]), np.eye(3)[[1]]):
        loss = losses.LDAM([9, 3, 3], scale=2.0)
        np.testing.assert_allclose(loss(y, z), 2 * (gap + 0.5), 1e-5)
        slope = gradient(lambda x, y=y: loss(y, x), z)  # noqa: B023
        np.testing.assert_allclose(slope, [[2, -2, 0]], atol=1e-4)
        loss = losses.VectorScaling([8, 1, 1], gamma=1.0)
        np.testing.assert_allclose(loss(y, z), gap * 1.0 + np.log(8), 1e-4)
        slope = gradient(lambda x, y=y: loss(y, x), z)  # noqa: B023
        np.testing.assert_allclose(slope, [[1, -0.125, 0]], atol=1e-4)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_finite(dtype):
    z = np.array([[1.0, -1.0, 0.3], [-1.0, 1.0, 1.0]], "float32")
    for loss in (
        losses.LDAM([9, 3, 1], dtype=dtype, **RAW),
        losses.VectorScaling([9, 3, 1], dtype=dtype, **RAW),
    ):
        found = loss(np.array([1, 2]), ops.cast(z, dtype))
        assert keras.backend.standardize_dtype(found.dtype) == dtype
        wide = type(loss).from_config({**loss.get_config(), "dtype": None})
        expected = ops.convert_to_numpy(wide(np.array([1, 2]), z))
        found = ops.convert_to_numpy(ops.cast(found, "float32"))
        np.testing.assert_allclose(found, expected, 1e-2)


def test_an_absent_class_has_the_largest_margin_and_changes_no_other():
    z, ids = cosines((6, 3)), np.array([0, 2] * 3)
    absent = losses.LDAM([90, 0, 10], absent="ignore", **RAW)
    twice = losses.LDAM([90, 10, 10], **RAW)
    expected = ops.convert_to_numpy(twice(ids, z))
    np.testing.assert_allclose(absent(ids, z), expected, 1e-6)
    found = losses.VectorScaling([90, 0, 10], absent="ignore", **RAW)(ids, z)
    prior = np.log([0.9, 0.01, 0.1])
    scores = np.array([1, 1 / 90, 1 / 9]) ** 0.2 * z + prior
    expected = oracles.each(
        lambda t, row: oracles.crossentropy(t, oracles.softmax(row)[0]),
        np.eye(3)[ids],
        scores,
    )
    np.testing.assert_allclose(found, expected, 2e-5)


X = np.random.default_rng(3).normal(size=(24, 5)).astype("float32")
Y = np.repeat([0, 1, 2], [16, 6, 2])


def model(loss):
    keras.utils.set_random_seed(0)
    head = keras_funcs.layers.CosineDense(3)
    made = keras.Sequential([keras.Input((5,)), head])
    made.compile(keras.optimizers.SGD(0.1), loss)
    return made


def fit(made, epochs, start=None):
    callbacks = [] if start is None else [DeferredReweighting(start)]
    return made.fit(
        X, Y, batch_size=12, epochs=epochs, shuffle=False, verbose=0,
        callbacks=callbacks,
    ).history["loss"]  # fmt: skip


def test_deferred_weights_of_ldam_hold_from_the_switch_on():
    counts = [16, 6, 2]
    weights = keras_funcs.class_weights(counts, "effective", 0.9999).tolist()
    plain = model(losses.LDAM(counts))
    wanted = fit(plain, 2)
    plain.compile(plain.optimizer, losses.LDAM(counts, class_weights=weights))
    wanted += fit(plain, 2)
    found = fit(model(losses.LDAM(counts, class_weights=weights)), 4, 0.5)
    np.testing.assert_allclose(found, wanted, 1e-6)
    never = fit(model(losses.LDAM(counts)), 4)
    np.testing.assert_allclose(found[:2], never[:2], 1e-6)
    assert abs(found[2] - never[2]) > 0.1


def test_ldam_without_weights_has_none_to_defer():
    made = model(losses.LDAM([16, 6, 2]))
    with pytest.raises(ValueError, match="DeferredReweighting needs a loss"):
        fit(made, 2, 0.5)


@pytest.mark.parametrize(
    "arguments",
    [
        {"class_counts": [5, 0]},
        {"class_counts": [5, -1]},
        {"max_margin": -0.1},
        {"max_margin": float("nan")},
        {"scale": 0.0},
        {"scale": "30"},
        {"class_weights": [1.0]},
        {"class_weights": [1.0, -1.0]},
        {"absent": "zero"},
    ],
)
def test_ldam_refuses(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        losses.LDAM(**{"class_counts": [5, 3], **arguments})


@pytest.mark.parametrize(
    "arguments",
    [
        {"class_counts": [5]},
        {"class_counts": [5, 0]},
        {"gamma": -0.1},
        {"gamma": True},
        {"tau": float("inf")},
        {"absent": None},
    ],
)
def test_vector_scaling_refuses(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        losses.VectorScaling(**{"class_counts": [5, 3], **arguments})


def test_losses_of_logits_know_no_from_logits():
    for loss in (losses.LDAM, losses.VectorScaling):
        with pytest.raises((TypeError, ValueError), match="from_logits"):
            loss([5, 3], from_logits=True)
        with pytest.raises(ValueError, match="`class_counts`.*3 classes"):
            loss([5, 3])(np.array([0]), np.zeros((1, 3)))
