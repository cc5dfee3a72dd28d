"""AdaptiveRobust: a density, by quadrature, and what it learns of data."""

import keras
import numpy as np
import pytest
import torch
from keras import ops
from scipy import stats
from scipy.integrate import quad

from keras_funcs.losses import AdaptiveRobust
from keras_funcs.losses import LossModel
from keras_funcs.losses.hosted._partition import log_partition
from keras_funcs.losses.hosted._partition import partition_table
from tests.derivatives import gradient

RANDOM = np.random.default_rng(0)
ALPHAS = [0.0011, 0.01, 0.1, 0.5, 1.0, 1.5, 1.9, 1.99, 1.9989]


def general(x, alpha, scale):
    """Barron's formula (1), as it is printed."""
    x, alpha, scale = map(np.longdouble, (x, alpha, scale))
    b = abs(alpha - 2)
    return float(b / alpha * (((x / scale) ** 2 / b + 1) ** (alpha / 2) - 1))


def integral(function):
    """Over all numbers, of an even function with tails like 1 / x**2."""

    def tail(t):
        return function(np.exp(t)) * np.exp(t)

    precise = {"epsabs": 1e-13, "epsrel": 1e-12, "limit": 500}
    parts = [quad(function, 0, 1, **precise)]
    for low, high in ((0, 5), (5, 15), (15, 50)):
        parts.append(quad(tail, low, high, **precise))
    return 2 * sum(value for value, _ in parts)


def log_z(alpha):
    return log_partition(alpha, partition_table())


@pytest.mark.parametrize("alpha", ALPHAS)
def test_log_partition_is_the_integral(alpha):
    wanted = np.log(integral(lambda x: np.exp(-general(x, alpha, 1.0))))
    for dtype, tolerance in (("float64", 1e-9), ("float32", 1e-6)):
        if dtype == "float64" and keras.backend.backend() == "jax":
            continue  # which has none unless the process asks for it
        found = log_z(ops.convert_to_tensor([alpha], dtype=dtype))
        assert ops.convert_to_numpy(found)[0] == pytest.approx(
            wanted, abs=tolerance
        )


def test_log_partition_between_all_knots():
    """By the trapezoidal rule, which for such functions is as exact."""
    share = 1 / (1 + np.exp(-np.linspace(-7.55, 7.55, 1733)))
    alpha = np.clip(2 * share, 0.001, 1.999)[:, None]
    t, step = np.linspace(-4.2, 4.2, 601, retstep=True)
    x = np.sinh(np.pi / 2 * np.sinh(t))
    slope = np.pi / 2 * np.cosh(t) * np.cosh(np.pi / 2 * np.sinh(t))
    b = 2 - alpha
    rho = b / alpha * np.expm1(alpha / 2 * np.log1p(x**2 / b))
    wanted = np.log(step * (np.exp(-rho) * slope).sum(-1))
    found = log_z(ops.convert_to_tensor(alpha[:, 0], dtype="float32"))
    found = ops.convert_to_numpy(found)
    # The exact value at what float32 makes of alpha.
    np.testing.assert_allclose(found, wanted, 0, 1e-6)


def test_gradient_of_log_partition():
    alpha = np.linspace(0.05, 1.95, 39).astype("float32")
    found = gradient(lambda a: ops.sum(log_z(a)), alpha)
    h = 1e-5

    def exact(a):
        return np.log(integral(lambda x: np.exp(-general(x, a, 1.0))))

    for index in range(0, 39, 6):
        a = float(alpha[index])
        wanted = (exact(a + h) - exact(a - h)) / (2 * h)
        assert found[index] == pytest.approx(wanted, abs=2e-5)


@pytest.mark.parametrize("alpha", [0.05, 1.0, 1.95])
@pytest.mark.parametrize("scale", [0.01, 1.0, 40.0])
def test_values(alpha, scale):
    z = np.log(integral(lambda x: np.exp(-general(x, alpha, 1.0))))
    residuals = [-30.0, -1.0, -1e-3, 0.0, 0.2, 5.0, 1e4]
    wanted = [general(r, alpha, scale) + np.log(scale) + z for r in residuals]
    found = each(AdaptiveRobust(alpha, scale), residuals)
    np.testing.assert_allclose(found, wanted, 2e-5, 1e-5)


@pytest.mark.parametrize(("alpha", "scale"), [(0.3, 2.0), (1.6, 0.5)])
def test_it_is_a_density(alpha, scale):
    loss = AdaptiveRobust(alpha, scale)
    x = np.sinh(np.linspace(-16, 16, 4001))  # up to 4.4 million
    density = np.exp(-each(loss, x))
    assert np.trapezoid(density, x) == pytest.approx(1.0, abs=1e-3)


def each(loss, residuals):
    x = ops.convert_to_tensor(np.asarray(residuals, "float32")[:, None])
    return ops.convert_to_numpy(loss.inner.each(x, ops.zeros_like(x)))[:, 0]


def test_limits_are_the_normal_and_the_cauchy_distribution():
    x = np.linspace(-4, 4, 33)
    found = each(AdaptiveRobust(1.99899, 0.7), x)
    np.testing.assert_allclose(found, -stats.norm(0, 0.7).logpdf(x), 0.01)
    found = each(AdaptiveRobust(0.00101, 0.7), x)
    wanted = -stats.cauchy(0, 0.7 * np.sqrt(2)).logpdf(x)
    np.testing.assert_allclose(found, wanted, 0, 0.01)


def test_reduction_is_that_of_keras():
    y, z = RANDOM.normal(size=(2, 5, 3)).astype("float32")
    weights = RANDOM.uniform(0, 2, 5).astype("float32")
    values = AdaptiveRobust().inner.each(
        ops.convert_to_tensor(y), ops.convert_to_tensor(z)
    )
    values = ops.convert_to_numpy(values).mean(-1) * weights
    for reduction, wanted in (
        ("sum_over_batch_size", values.sum() / 5),
        ("sum", values.sum()),
        ("mean_with_sample_weight", values.sum() / weights.sum()),
    ):
        loss = AdaptiveRobust(reduction=reduction)
        found = ops.convert_to_numpy(loss.compute(y, z, weights))
        np.testing.assert_allclose(found, wanted, 1e-5)


def test_each_unit_has_its_own():
    loss = AdaptiveRobust(units=2)
    shared = AdaptiveRobust()
    assert [v.shape for v in loss.trainable_variables] == [(2,), (2,)]
    assert [v.shape for v in shared.trainable_variables] == [(), ()]
    y = RANDOM.normal(size=(4, 2)).astype("float32")
    found, wanted = (
        ops.convert_to_numpy(item.compute(y, 0 * y)) for item in (loss, shared)
    )
    np.testing.assert_allclose(found, wanted, 1e-6)
    with pytest.raises(ValueError, match="argument `units`"):
        loss.compute(y[:, :1], y[:, :1])


@pytest.mark.parametrize("alpha", [0.0011, 1.0, 1.9989])
@pytest.mark.parametrize("scale", [1.1e-5, 1.0, 1e5])
def test_it_begins_as_told(alpha, scale):
    loss = AdaptiveRobust(alpha, scale)
    assert float(loss.learned_alpha) == pytest.approx(alpha, rel=1e-3)
    assert float(loss.learned_scale) == pytest.approx(scale, rel=1e-3)


def learned(data):
    """The parameters for residuals of a network that cannot learn."""
    loss = AdaptiveRobust(scale=2.0)
    inner = keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Dense(1, kernel_initializer="zeros", trainable=False),
        ]
    )
    model = LossModel(inner, loss)
    model.compile(keras.optimizers.Adam(0.1))
    y = np.asarray(data, "float32")[:, None]
    model.fit(0 * y, y, batch_size=len(y), epochs=200, verbose=0)
    return float(loss.learned_alpha), float(loss.learned_scale)


def test_it_learns_what_noise_there_is():
    share = (np.arange(400) + 0.5) / 400
    alpha, scale = learned(stats.norm(0, 0.5).ppf(share))
    assert alpha > 1.8
    assert scale == pytest.approx(0.5, rel=0.1)
    alpha, scale = learned(stats.cauchy(0, 0.5).ppf(share))
    assert alpha < 0.2
    assert scale == pytest.approx(0.5 / np.sqrt(2), rel=0.1)


@pytest.mark.parametrize(
    ("alpha", "scale"), [(0.0011, 1.0), (1.0, 1e-4), (1.9989, 1e-4)]
)
def test_extremes_are_finite(alpha, scale):
    loss = AdaptiveRobust(alpha, scale)
    x = np.array([[0.0], [1e-30], [-1e4], [1e10]], "float32")
    value = ops.convert_to_numpy(loss.compute(0 * x, x))
    assert np.isfinite(value)
    slope = gradient(lambda z: loss.compute(0 * x[:3], z), x[:3])
    assert np.isfinite(slope).all()
    assert slope[2] < 0
    for dtype in ("float16", "bfloat16"):
        half = ops.cast(x[:3], dtype)
        value = ops.convert_to_numpy(loss.compute(0 * x[:3], half))
        assert np.isfinite(value)


def test_gradients_of_the_parameters_are_slopes():
    """Against central differences of the printed formula."""
    y = RANDOM.normal(size=(20, 1)).astype("float32") * 3

    def value(alpha, scale):
        z = np.log(integral(lambda x: np.exp(-general(x, alpha, 1.0))))
        return np.mean([general(r, alpha, scale) for r in y[:, 0]]) + (
            np.log(scale) + z
        )

    h = 1e-4
    for alpha, scale in ((0.4, 0.8), (1.7, 2.0)):
        loss = AdaptiveRobust(alpha, scale)
        before = [ops.convert_to_numpy(v) for v in loss.trainable_variables]
        model = LossModel(still(), loss)
        model.compile(keras.optimizers.SGD(1.0))
        model.fit(0 * y, y, batch_size=20, verbose=0)
        after = [ops.convert_to_numpy(v) for v in loss.trainable_variables]
        share = (alpha - 0.001) / 1.998
        slopes = (
            (value(alpha + h, scale) - value(alpha - h, scale))
            / (2 * h)
            * (1.998 * share * (1 - share)),
            (value(alpha, scale + h) - value(alpha, scale - h))
            / (2 * h)
            * -np.expm1(1e-5 - scale),
        )
        for wanted, here, there in zip(slopes, before, after):
            assert here - there == pytest.approx(wanted, rel=1e-3, abs=1e-5)


def still():
    zeros = keras.layers.Dense(1, kernel_initializer="zeros", trainable=False)
    return keras.Sequential([keras.Input((1,)), zeros])


def test_near_two_with_torch():
    """The normal likelihood of an independent package."""
    x = torch.linspace(-1, 1, 9)
    wanted = torch.nn.functional.gaussian_nll_loss(
        x, torch.zeros(9), torch.ones(9), full=True, reduction="none"
    )
    found = each(AdaptiveRobust(1.99899), x.numpy())
    np.testing.assert_allclose(found, wanted, 0, 5e-3)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"alpha": 0.001}, "alpha"),
        ({"alpha": 2.0}, "alpha"),
        ({"alpha": "1"}, "alpha"),
        ({"scale": 1e-5}, "scale"),
        ({"scale": float("inf")}, "scale"),
        ({"min_scale": 0.0}, "min_scale"),
        ({"units": 0}, "units"),
        ({"units": 2.0}, "units"),
        ({"units": 10**9}, "units"),
        ({"reduction": "none"}, "reduction"),
    ],
)
def test_bad_arguments(arguments, name):
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        AdaptiveRobust(**arguments)


def test_shapes_are_not_broadcast():
    y = np.zeros((4, 2), "float32")
    with pytest.raises(ValueError, match="Invalid shape of `y_true`"):
        AdaptiveRobust().compute(y[:, :1], y)
