"""Regression losses against the papers, other packages, and their limits."""

from decimal import Decimal
from decimal import getcontext

import keras
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops
from sklearn.metrics import mean_pinball_loss

from keras_funcs import losses
from keras_funcs._core.masking import MaskCarrier
from keras_funcs.losses._robust import rho
from tests.derivatives import gradient
from tests.losses import oracles
from tests.losses.oracles import Real

few = settings(max_examples=6, deadline=None, derandomize=True)
SHAPES = (-1e6, -8.0, -2.0, -1e-3, -1e-7, 0.0, 1e-8, 1e-3, 0.5, 1.0, 1.5, 1.99,
          2.0 - 1e-6, 2.0, 2.0 + 1e-4, 2.5, 4.0)  # fmt: skip
RESIDUALS = (0.0, 1e-6, -1e-3, 0.1, -1.0, 3.0, -30.0, 1e4)


def exact(*numbers):
    """Decimal numbers, with 50 digits for what is made of them."""
    getcontext().prec = 50
    return [
        item if isinstance(item, Decimal) else Decimal(float(item))
        for item in numbers
    ]


def barron(residual, alpha, scale):
    """Barron (2019), eq. 13, as the cases that it is written in."""
    residual, alpha, scale = exact(residual, alpha, scale)
    square = (residual / scale) ** 2
    if alpha == 2:
        return square / 2
    if alpha == 0:
        return (square / 2 + 1).ln()
    b = abs(alpha - 2)
    return b / alpha * ((square / b + 1) ** (alpha / 2) - 1)


def slope_of(function, at):
    """A derivative from a difference in the 20th digit."""
    (at,) = exact(at)
    step = Decimal(10) ** -20
    return float((function(at + step) - function(at - step)) / (2 * step))


def pairs(shape=(12, 3), seed=0):
    random = np.random.default_rng(seed)
    return (random.normal(0, 2, shape).astype("float32") for _ in range(2))


@pytest.mark.parametrize("scale", [0.5, 2.0])
@pytest.mark.parametrize("alpha", SHAPES)
def test_rho_is_the_definition_for_every_shape(alpha, scale):
    x = np.array(RESIDUALS, "float32")
    alpha = np.float32(alpha)
    found = rho(ops.convert_to_tensor(x), alpha, scale)
    expected = [float(barron(item, alpha, scale)) for item in x]
    np.testing.assert_allclose(found, expected, 1e-5, 1e-20)
    slope = gradient(lambda t: ops.sum(rho(t, alpha, scale)), x)
    expected = [slope_of(lambda r: barron(r, alpha, scale), item) for item in x]
    np.testing.assert_allclose(slope, expected, 5e-4, 1e-9)


def test_rho_has_finite_gradients_for_shapes_that_are_tensors():
    x = np.array(RESIDUALS, "float32")
    for alpha in SHAPES:
        found = gradient(
            lambda t, a, c: ops.sum(rho(t, a, c)),
            x,
            np.float32(alpha),
            np.float32(0.7),
        )
        assert all(np.isfinite(item).all() for item in found), alpha


@pytest.mark.parametrize("alpha", [-2.0, 1e-4, 0.7, 1.0, 1.9, 3.0])
def test_gradients_for_shape_and_scale(alpha):
    x = np.array([0.3, -1.0, 2.0, 30.0], "float32")
    _, by_shape, by_scale = gradient(
        lambda t, a, c: ops.sum(rho(t, a, c)),
        x,
        np.float32(alpha),
        np.float32(0.7),
    )
    expected = slope_of(
        lambda a: sum(barron(item, a, np.float32(0.7)) for item in x),
        np.float32(alpha),
    )
    np.testing.assert_allclose(by_shape, expected, 1e-4)
    expected = slope_of(
        lambda c: sum(barron(item, np.float32(alpha), c) for item in x),
        np.float32(0.7),
    )
    np.testing.assert_allclose(by_scale, expected, 1e-4)


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_the_named_losses_are_among_its_shapes(scale):
    y, p = pairs()
    x = (p - y).astype(float) / scale
    for alpha, expected in (
        (2.0, x**2 / 2),
        (1.0, np.sqrt(x**2 + 1) - 1),  # Charbonnier
        (0.0, np.log(x**2 / 2 + 1)),  # Cauchy
        (-2.0, 2 * x**2 / (x**2 + 4)),  # Geman-McClure
        (-1e6, 1 - np.exp(-(x**2) / 2)),  # Welsch
    ):
        loss = losses.Robust(alpha, scale, reduction="none")
        np.testing.assert_allclose(loss(y, p), expected.mean(-1), 2e-5)


def test_robust_and_other_packages():
    y, p = pairs()
    theirs = keras.losses.MeanSquaredError()
    expected = ops.convert_to_numpy(theirs(y, p)) / 2
    np.testing.assert_allclose(losses.Robust(2.0)(y, p), expected, 1e-5)
    squares = torch.nn.functional.mse_loss(
        torch.tensor(p), torch.tensor(y), reduction="none"
    )
    expected = torch.log1p(squares / 2).mean(-1).numpy()
    loss = losses.Robust(0.0, reduction="none")
    np.testing.assert_allclose(loss(y, p), expected, 1e-5)


def test_outliers_pull_as_the_shape_says():
    y, p = np.zeros((1, 1)), np.array([[1e4]], "float32")
    for alpha, expected in ((2.0, 1e4), (1.0, 1.0), (0.0, 2e-4)):
        loss = losses.Robust(alpha)
        slope = gradient(lambda t, f=loss: f(y, t), p)
        np.testing.assert_allclose(slope, [[expected]], 1e-3)


def test_pinball_is_the_definition():
    y, p = pairs()
    for quantile in (0.05, 0.5, 0.8):
        loss = losses.Pinball(quantile, reduction="none")
        expected = oracles.each(
            lambda t, s, q=quantile: np.mean(
                [q * (a - b) if a >= b else (1 - q) * (b - a)
                 for a, b in zip(t, s)]
            ),
            y,
            p,
        )  # fmt: skip
        np.testing.assert_allclose(loss(y, p), expected, 1e-5)


def test_pinball_is_that_of_scikit_learn():
    y, p = pairs((40, 3))
    for quantile in (0.05, 0.5, 0.8):
        expected = mean_pinball_loss(y, p, alpha=quantile)
        np.testing.assert_allclose(
            losses.Pinball(quantile)(y, p), expected, 1e-5
        )
    quantiles = [0.1, 0.5, 0.9]
    loss = losses.Pinball(quantiles)
    expected = np.mean(
        [
            mean_pinball_loss(y[:, 0], p[:, i], alpha=q)
            for i, q in enumerate(quantiles)
        ]
    )
    for form in (y[:, 0], y[:, :1]):
        np.testing.assert_allclose(loss(form, p), expected, 1e-5)


def test_the_best_constant_is_the_quantile():
    y = np.random.default_rng(0).gamma(2.0, size=(999, 1)).astype("float32")
    quantiles = [0.1, 0.5, 0.9]
    best = np.quantile(y, quantiles)
    loss = losses.Pinball(quantiles)
    value = float(loss(y, np.tile(best, (999, 1))))
    for shift in (-0.05, 0.05):
        for i in range(3):
            moved = best + shift * np.eye(3)[i]
            assert float(loss(y, np.tile(moved, (999, 1)))) > value


def test_pinball_of_many_targets_and_quantiles():
    random = np.random.default_rng(0)
    y = random.normal(size=(2, 4)).astype("float32")
    p = random.normal(size=(2, 4, 3)).astype("float32")
    quantiles = [0.2, 0.5, 0.7]
    loss = losses.Pinball(quantiles, reduction="none")
    expected = np.zeros((2, 4))
    for i, j, k in np.ndindex(2, 4, 3):
        error = y[i, j] - p[i, j, k]
        expected[i, j] += max(quantiles[k] * error, (quantiles[k] - 1) * error)
    for form in (y, y[..., None]):
        np.testing.assert_allclose(loss(form, p), expected / 3, 1e-5)


LOSSES = [
    losses.Robust(0.5, 2.0, reduction="none"),
    losses.Pinball(0.3, reduction="none"),
]


@few
@given(st.integers(0, 10**6))
def test_shifts_orders_and_batches(seed):
    y, p = pairs((6, 2), seed)
    random = np.random.default_rng(seed)
    order = random.permutation(6)
    for loss in LOSSES:
        expected = ops.convert_to_numpy(loss(y, p))
        moved = loss(y + np.float32(3), p + np.float32(3))
        np.testing.assert_allclose(moved, expected, 1e-3, 1e-5)
        moved = loss(y[order, ::-1], p[order, ::-1])
        np.testing.assert_allclose(moved, expected[order], 1e-5)
        part = loss(y[:1], p[:1])
        np.testing.assert_allclose(part, expected[:1], 1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_finite(dtype):
    y, p = np.zeros((1, 2)), np.array([[250.0, -6e4]])
    for loss in (losses.Robust(1.0, dtype=dtype), losses.Pinball(dtype=dtype)):
        value = ops.cast(loss(y, ops.cast(p, dtype)), "float32")
        assert np.isfinite(float(value))


@pytest.mark.parametrize(
    "values, outputs",
    [((4,), (4, 3)), ((4, 1), (4, 3)), ((1, 3), (4, 3)), ((3,), (4,))],
)
def test_shapes_that_do_not_fit_are_refused(values, outputs):
    for loss in LOSSES:
        with pytest.raises(ValueError, match="Invalid shape of `y_true`"):
            loss(np.zeros(values), np.zeros(outputs))


@pytest.mark.parametrize(
    "values, outputs, name",
    [
        ((4, 2), (4, 2), "y_true"),
        ((5,), (4, 2), "y_true"),
        ((1,), (4, 2), "y_true"),
        ((4, 1), (4, 3), "y_pred"),
        ((4,), (4,), "y_pred"),
    ],
)
def test_quantiles_take_one_number_for_all(values, outputs, name):
    loss = losses.Pinball([0.1, 0.9])
    with pytest.raises(ValueError, match=f"Invalid shape of `{name}`"):
        loss(np.zeros(values), np.zeros(outputs))


@pytest.mark.parametrize(
    "loss, name, value",
    [
        (losses.Robust, "alpha", float("-inf")),
        (losses.Robust, "alpha", 1e3),
        (losses.Robust, "scale", 0.0),
        (losses.Pinball, "quantiles", 0.0),
        (losses.Pinball, "quantiles", [0.5, 1.0]),
        (losses.Pinball, "quantiles", []),
        (losses.Pinball, "quantiles", "0.5"),
        (losses.Pinball, "quantiles", [[0.5]]),
    ],
)
def test_bad_arguments(loss, name, value):
    with pytest.raises(ValueError, match=f"for argument `{name}`. Expected"):
        loss(**{name: value})


def balanced_mse(y, p, sigma, counts):
    """Ren et al. (2022), eq. 10, times 2 sigma**2."""
    found = np.zeros(len(y))
    width = 2 * Real(sigma) ** 2
    for i in np.flatnonzero(counts):
        near = {
            j: np.exp(
                -sum((Real(a) - Real(b)) ** 2 for a, b in zip(p[i], y[j]))
                / width
            )
            for j in np.flatnonzero(counts)
        }
        found[i] = -width * np.log(near[i] / sum(near.values()))
    return found


@pytest.mark.parametrize("sigma", [0.3, 1.0, 5.0])
def test_balanced_mse_is_the_definition(sigma):
    y, p = pairs((9, 2))
    loss = losses.BalancedMSE(sigma, reduction="none")
    expected = balanced_mse(y, p, sigma, np.ones(9, bool))
    np.testing.assert_allclose(loss(y, p), expected, 1e-4, 1e-6)
    keep = np.arange(9) % 3 > 0
    expected = balanced_mse(y, p, sigma, keep)
    hidden = np.where(keep[:, None], p, np.nan)
    scores, mask = map(ops.convert_to_tensor, (hidden, keep))
    y[~keep] = np.nan
    found = loss(y, MaskCarrier().attach(scores, mask))
    np.testing.assert_allclose(found, expected, 1e-4, 1e-6)


def test_balanced_mse_is_a_crossentropy_of_torch():
    y, p = pairs((9, 1))
    t, s = torch.tensor(y), torch.tensor(p)
    expected = 2 * torch.nn.functional.cross_entropy(
        -((s - t.T) ** 2) / 2, torch.arange(9)
    )
    loss = losses.BalancedMSE()
    for form in ((y, p), (y[:, 0], p), (y, p[:, 0]), (y[:, 0], p[:, 0])):
        np.testing.assert_allclose(loss(*form), float(expected), 1e-5)


def test_balanced_mse_with_a_small_sigma_compares_with_the_nearest_label():
    y, p = pairs((9, 1))
    squares = (p - y.T) ** 2
    expected = np.diag(squares) - squares.min(-1)
    loss = losses.BalancedMSE(1e-3, reduction="none")
    np.testing.assert_allclose(loss(y, p), expected, 1e-3, 1e-4)


def test_balanced_mse_extremes():
    y, p = np.array([[0.0], [1.0]]), np.array([[1e4], [-1e4]], "float32")
    loss = losses.BalancedMSE(reduction="sum")
    np.testing.assert_allclose(loss(y, p), 4e4, 1e-3)
    slope = gradient(lambda t: loss(y, t), p)
    np.testing.assert_allclose(slope, [[2], [-2]], 1e-3)
    assert float(loss(y[:1], p[:1])) == 0.0
    same = np.ones((3, 1))
    assert not gradient(lambda t: loss(same, t), np.zeros((3, 1))).any()


def test_balanced_mse_refuses():
    loss = losses.BalancedMSE()
    for values, outputs in (((4,), (4, 3)), ((1, 3), (4, 3)), ((3,), (4,))):
        with pytest.raises(ValueError, match="Invalid shape of `y_true`"):
            loss(np.zeros(values), np.zeros(outputs))
    with pytest.raises(ValueError, match="Invalid shape of `y_pred`"):
        loss(np.zeros((2, 3, 4)), np.zeros((2, 3, 4)))
    with pytest.raises(ValueError, match="for argument `sigma`. Expected"):
        losses.BalancedMSE(0.0)
