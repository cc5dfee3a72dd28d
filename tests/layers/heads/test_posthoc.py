"""Prior adjustment and temperature against SciPy and Torch's L-BFGS."""

import math

import keras
import numpy as np
import pytest
import scipy.optimize
import scipy.special
import scipy.stats
from keras import ops

from keras_funcs import layers

COUNTS = [900, 90, 10]


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 3, shape).astype("float32")


def run(layer, x, **mode):
    return ops.convert_to_numpy(layer(x, **mode))


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(5, 3), (2, 4, 3)])
def test_adjustment_is_bayes_rule(tau, shape):
    z = draw(*shape)
    p = scipy.special.softmax(z.astype("float64"), -1)
    prior = np.array(COUNTS) / 1000
    layer = layers.LogitAdjustment(COUNTS, tau, from_logits=True)
    expected = z - tau * np.log(prior)
    np.testing.assert_allclose(run(layer, z), expected, 1e-5, 1e-6)
    odds = p / prior**tau
    expected = odds / odds.sum(-1, keepdims=True)
    layer = layers.LogitAdjustment(COUNTS, tau)
    np.testing.assert_allclose(run(layer, p), expected, 1e-4, 1e-6)


def test_training_passes_the_inputs_on():
    p = scipy.special.softmax(draw(5, 3), -1)
    layer = layers.LogitAdjustment(COUNTS)
    np.testing.assert_array_equal(run(layer, p, training=True), p)
    assert (run(layer, p) != p).any()


def test_impossible_classes_stay_impossible():
    p = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], "float32")
    found = run(layers.LogitAdjustment(COUNTS), p)
    np.testing.assert_allclose(found, p, atol=1e-6)


def test_one_model_trains_plainly_and_predicts_for_balanced_error():
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    y = np.repeat([0, 1], [380, 20])
    x = (random.normal(0, 1, 400) + 1.5 * y)[:, None].astype("float32")
    model = keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Dense(2),
            layers.LogitAdjustment([380, 20], from_logits=True),
        ]
    )
    cross = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.1), cross)
    model.fit(x, y, epochs=30, batch_size=100, verbose=0)
    found = ops.convert_to_numpy(model(x)).argmax(-1)
    plain = ops.convert_to_numpy(model.layers[0](x)).argmax(-1)
    recalls = [(guess[y == 1] == 1).mean() for guess in (found, plain)]
    assert recalls[0] > 0.6 and recalls[0] > recalls[1] + 0.2
    # Where equal variances meet: halfway between the means.
    edge = x[found == 1].min()
    assert abs(edge - 0.75) < 0.3


@pytest.mark.parametrize(
    "arguments",
    [
        {"class_counts": [5, 0]},
        {"class_counts": "abc"},
        {"tau": -1.0},
        {"from_logits": 1},
    ],
)
def test_bad_arguments_of_the_adjustment_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        layers.LogitAdjustment(**{"class_counts": COUNTS, **arguments})


def test_counts_of_other_classes_are_refused():
    with pytest.raises(ValueError, match="argument `class_counts`.*4 classes"):
        layers.LogitAdjustment(COUNTS)(draw(2, 4))


def overconfident(samples=600, classes=4, seed=0):
    """Logits three times too large for the labels that they give."""
    random = np.random.default_rng(seed)
    z = random.normal(0, 1.5, (samples, classes))
    p = scipy.special.softmax(z, -1)
    y = np.array([random.choice(classes, p=row) for row in p])
    return (3 * z).astype("float32"), y


def nll(z, y, temperature):
    log_p = scipy.special.log_softmax(z.astype("float64") / temperature, -1)
    return -np.take_along_axis(log_p, y[:, None], -1).mean()


def test_calibration_finds_what_scipy_finds():
    z, y = overconfident()
    wanted = scipy.optimize.minimize_scalar(
        lambda s: nll(z, y, math.exp(s)),
        bounds=(-4, 4),
        method="bounded",
        options={"xatol": 1e-10},
    )
    layer = layers.TemperatureScaling(from_logits=True)
    report = layer.calibrate(z, y)
    np.testing.assert_allclose(report["temperature"], math.exp(wanted.x), 1e-6)
    np.testing.assert_allclose(report["nll_after"], wanted.fun, 1e-9)
    np.testing.assert_allclose(report["nll_before"], nll(z, y, 1), 1e-9)
    assert 2.5 < report["temperature"] < 3.5
    assert report["ece_after"] < 0.05 < report["ece_before"]
    found = run(layer, z)
    np.testing.assert_allclose(found, z / report["temperature"], 1e-5, 1e-6)


def test_calibration_finds_what_torch_finds():
    import torch

    z, y = overconfident(seed=3)
    temperature = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    given, ids = torch.tensor(z, dtype=torch.float64), torch.tensor(y)
    solver = torch.optim.LBFGS(
        [temperature],
        max_iter=500,
        tolerance_grad=1e-12,
        tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )

    def closure():
        solver.zero_grad()
        loss = torch.nn.functional.cross_entropy(given / temperature, ids)
        loss.backward()
        return loss

    solver.step(closure)
    report = layers.TemperatureScaling(from_logits=True).calibrate(z, y)
    np.testing.assert_allclose(
        report["temperature"], float(temperature.detach()), 1e-6
    )


def test_the_calibration_error_is_the_definition():
    z, y = overconfident()
    p = scipy.special.softmax(z.astype("float64"), -1)
    sure, right = p.max(-1), p.argmax(-1) == y
    expected = 0.0
    for b in range(15):
        within = (sure >= b / 15) & ((sure < (b + 1) / 15) | (b == 14))
        if within.any():
            gap = abs(sure[within].mean() - right[within].mean())
            expected += within.mean() * gap
    report = layers.TemperatureScaling(from_logits=True).calibrate(z, y)
    np.testing.assert_allclose(report["ece_before"], expected, 1e-6)


def test_forms_of_labels_and_of_outputs_agree():
    z, y = overconfident()
    p = scipy.special.softmax(z.astype("float64"), -1)
    rows = np.eye(4)[y]
    logits = layers.TemperatureScaling(from_logits=True)
    shares = layers.TemperatureScaling()
    wanted = logits.calibrate(z, y)["temperature"]
    for given, labels in (
        (z, y[:, None]),
        (z, rows),
        (z.reshape(100, 6, 4), y.reshape(100, 6)),
        (ops.convert_to_tensor(z), ops.convert_to_tensor(y)),
    ):
        found = layers.TemperatureScaling(True).calibrate(given, labels)
        np.testing.assert_allclose(found["temperature"], wanted, 1e-6)
    found = shares.calibrate(p.astype("float32"), y)["temperature"]
    np.testing.assert_allclose(found, wanted, 1e-4)
    expected = scipy.special.softmax(z / wanted, -1)
    np.testing.assert_allclose(run(shares, p), expected, 1e-3, 1e-5)


def test_one_output_is_one_of_two_classes():
    z, y = overconfident(classes=2)
    wanted = layers.TemperatureScaling(True).calibrate(z, y)
    one = (z[:, 1:] - z[:, :1]).astype("float32")
    p = scipy.special.expit(one)
    for from_logits, given in ((True, one), (False, p)):
        for labels in (y, y[:, None]):
            layer = layers.TemperatureScaling(from_logits)
            report = layer.calibrate(given, labels)
            for key, value in wanted.items():
                np.testing.assert_allclose(report[key], value, 1e-3, 1e-4)
    expected = scipy.special.expit(one / wanted["temperature"])
    # What float32 rounds to 1 has lost its logit.
    inside = (p > 1e-3) & (p < 1 - 1e-3)
    found = run(layer, p)
    np.testing.assert_allclose(found[inside], expected[inside], 1e-3, 1e-4)
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_data_without_a_best_temperature_end_at_the_bounds():
    z = np.array([[2.0, 0.0], [0.0, 2.0]])
    for y, wanted in (([0, 1], 0.01), ([1, 0], 100.0), ([0, 0], 100.0)):
        layer = layers.TemperatureScaling(from_logits=True)
        report = layer.calibrate(z, np.array(y))
        np.testing.assert_allclose(report["temperature"], wanted, 1e-6)
        assert np.isfinite(list(report.values())).all()
    z, y = overconfident()
    report = layer.calibrate(1e4 * z, y)
    assert np.isfinite(list(report.values())).all()


def test_training_leaves_the_temperature_alone_and_files_keep_it(tmp_path):
    z, y = overconfident(64)
    scaling = layers.TemperatureScaling(from_logits=True)
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(4), scaling]
    )
    report = scaling.calibrate(model.layers[0](z), y)
    cross = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", cross)
    model.fit(z, y, epochs=2, verbose=0)
    assert len(model.trainable_variables) == 2
    held = math.exp(float(ops.convert_to_numpy(scaling.log_temperature)))
    np.testing.assert_allclose(held, report["temperature"], 1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(run(loaded, z), run(model, z))


def test_a_trainable_temperature_trains():
    z, y = overconfident()
    scaling = layers.TemperatureScaling(from_logits=True, trainable=True)
    model = keras.Sequential([keras.Input((4,)), scaling])
    cross = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), cross)
    model.fit(z, y, epochs=40, batch_size=200, verbose=0)
    held = math.exp(float(ops.convert_to_numpy(scaling.log_temperature)))
    wanted = layers.TemperatureScaling(True).calibrate(z, y)["temperature"]
    np.testing.assert_allclose(held, wanted, 0.05)


@pytest.mark.parametrize(
    "arguments",
    [{"temperature": 0.0}, {"from_logits": "yes"}, {"trainable": 1}],
)
def test_bad_arguments_of_the_temperature_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        layers.TemperatureScaling(**arguments)


@pytest.mark.parametrize(
    "x, y, name",
    [
        (np.zeros((3, 4)), np.array([0, 1, 4]), "y"),
        (np.zeros((3, 4)), np.array([0, 1, -1]), "y"),
        (np.zeros((3, 4)), np.array([0, 1, 0.5]), "y"),
        (np.zeros((3, 4)), np.array([0, 1]), "y"),
        (np.zeros((3, 4)), np.zeros((3, 4)), "y"),
        (np.full((3, 4), np.nan), np.array([0, 1, 2]), "inputs"),
        (np.zeros(3), np.array([0, 1, 2]), "inputs"),
        (np.zeros((0, 3)), np.zeros(0), "inputs"),
    ],
)
def test_bad_data_are_refused(x, y, name):
    layer = layers.TemperatureScaling(from_logits=True)
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        layer.calibrate(x, y)


def test_logits_are_no_probabilities():
    with pytest.raises(ValueError, match="probabilities"):
        layers.TemperatureScaling().calibrate(draw(3, 4), np.array([0, 1, 2]))
