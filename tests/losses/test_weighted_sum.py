"""WeightedSum against loops over its parts, and what it refuses."""

import copy
import json

import keras
import numpy as np
import pytest
from keras import ops

import keras_funcs
from keras_funcs._core.masking import MaskCarrier
from keras_funcs.losses import CategoricalFocal
from keras_funcs.losses import LogitAdjusted
from keras_funcs.losses import WeightedCrossentropy
from keras_funcs.losses import WeightedSum
from tests.derivatives import gradient
from tests.losses import oracles

RANDOM = np.random.default_rng(0)
BATCH, SIDE, CLASSES = 3, 2, 4
IDS = RANDOM.integers(0, CLASSES, (BATCH, SIDE, SIDE))
LOGITS = RANDOM.normal(0, 2, (BATCH, SIDE, SIDE, CLASSES)).astype("float32")
COUNTS = [50, 20, 7, 3]
REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight")


@keras.saving.register_keras_serializable("tests")
class Region(keras.losses.Loss):
    """One value a sample, as overlap losses have it."""

    traits = keras_funcs.LossTraits(unit="sample")

    def call(self, y_true, y_pred):
        ids = ops.one_hot(ops.cast(y_true, "int32"), CLASSES)
        return ops.mean(ops.square(ids - ops.softmax(y_pred)), axis=(1, 2, 3))


@keras.saving.register_keras_serializable("tests")
def halved(y_true, y_pred):
    return 0.5 * ops.mean(ops.square(y_true - y_pred), axis=-1)


def pixels():
    """The cross-entropy of every pixel, in loops."""
    found = np.zeros(IDS.shape)
    for where in np.ndindex(IDS.shape):
        p, _ = oracles.softmax(LOGITS[where])
        found[where] = -np.log(p[IDS[where]])
    return found


def regions():
    found = np.zeros(BATCH)
    for b in range(BATCH):
        squares = []
        for i, j in np.ndindex(SIDE, SIDE):
            p, _ = oracles.softmax(LOGITS[b, i, j])
            for c in range(CLASSES):
                squares.append((float(IDS[b, i, j] == c) - float(p[c])) ** 2)
        found[b] = np.mean(squares)
    return found


def both(**arguments):
    return WeightedSum(
        [WeightedCrossentropy(from_logits=True), Region()], **arguments
    )


def reduce(values, weights, reduction):
    total = (values * weights).sum()
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight":
        return total / weights.sum()
    return total / values.size


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_pixels_and_samples_are_reduced_apart(reduction):
    loss = both(weights=[0.3, 2.0], reduction=reduction)
    wanted = 0.3 * reduce(pixels(), np.ones(IDS.shape), reduction)
    wanted += 2.0 * reduce(regions(), np.ones(BATCH), reduction)
    np.testing.assert_allclose(loss(IDS, LOGITS), wanted, 1e-5)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_a_sample_weight_counts_for_all_pixels(reduction):
    weights = np.array([2.0, 0.0, 0.5], "float32")
    wanted = reduce(regions(), weights, reduction)
    each = np.broadcast_to(weights[:, None, None], IDS.shape)
    wanted += reduce(pixels(), each, reduction)
    loss = both(reduction=reduction)
    np.testing.assert_allclose(loss(IDS, LOGITS, weights), wanted, 1e-5)


def test_a_batch_as_wide_as_the_image_is_not_broadcast():
    ids, logits = IDS[:SIDE], LOGITS[:SIDE]
    weights = np.array([1.0, 0.0], "float32")
    loss = WeightedSum([WeightedCrossentropy(from_logits=True)])
    wanted = pixels()[0].sum() / (2 * SIDE * SIDE)
    np.testing.assert_allclose(loss(ids, logits, weights), wanted, 1e-5)


def test_values_of_one_shape_are_added_unreduced():
    loss = WeightedSum(
        [
            WeightedCrossentropy(from_logits=True),
            LogitAdjusted(COUNTS, from_logits=True, reduction="none"),
        ],
        [1.0, 0.25],
        reduction="none",
    )
    weights = RANDOM.uniform(0, 2, IDS.shape).astype("float32")
    adjusted = np.zeros(IDS.shape)
    for where in np.ndindex(IDS.shape):
        prior = np.log(np.array(COUNTS) / sum(COUNTS))
        p, _ = oracles.softmax(LOGITS[where] + prior)
        adjusted[where] = -np.log(p[IDS[where]])
    wanted = (pixels() + 0.25 * adjusted) * weights
    np.testing.assert_allclose(loss(IDS, LOGITS, weights), wanted, 1e-5)


def test_one_part_is_that_part():
    part = CategoricalFocal(gamma=1.5, from_logits=True)
    for weights in (None, [1.0]):
        loss = WeightedSum([part], weights)
        np.testing.assert_array_equal(loss(IDS, LOGITS), part(IDS, LOGITS))


def test_masked_labels_do_not_count():
    mask = RANDOM.random((BATCH, SIDE)) < 0.5
    mask[0] = True
    ids, logits = IDS[..., 0].copy(), LOGITS[:, :, 0]
    wanted = pixels()[..., 0][mask].mean() * 1.5
    ids[~mask] = 77  # padding may be labelled with anything
    masked = MaskCarrier().attach(
        ops.convert_to_tensor(logits), ops.convert_to_tensor(mask)
    )
    part = WeightedCrossentropy(from_logits=True)
    loss = WeightedSum([part, part], [1.0, 0.5])
    np.testing.assert_allclose(loss(ids, masked), wanted, 1e-5)


def test_gradient_is_the_sum_of_gradients():
    parts = [WeightedCrossentropy(from_logits=True), Region()]
    whole = gradient(lambda z: WeightedSum(parts, [0.3, 2.0])(IDS, z), LOGITS)
    apart = [gradient(lambda z, p=p: p(IDS, z), LOGITS) for p in parts]
    np.testing.assert_allclose(
        whole, 0.3 * apart[0] + 2.0 * apart[1], 1e-5, 1e-8
    )


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("mse", keras.losses.MeanSquaredError()),
        ("MeanAbsoluteError", keras.losses.MeanAbsoluteError()),
        (keras.losses.mean_squared_error, keras.losses.MeanSquaredError()),
    ],
)
@pytest.mark.parametrize("shapes", [((5, 1), (5, 1)), ((5,), (5, 1))])
def test_names_and_functions(named, meant, shapes):
    y, z = (RANDOM.normal(size=shape).astype("float32") for shape in shapes)
    weights = RANDOM.uniform(0, 2, 5).astype("float32")
    for loss in (WeightedSum([named]), revived(WeightedSum([named]))):
        np.testing.assert_allclose(
            loss(y, z, weights), meant(y, z, weights), 1e-6
        )


def test_a_function_of_the_user():
    y, z = RANDOM.normal(size=(2, 5, 3)).astype("float32")
    loss = revived(WeightedSum([halved, "mse"], [2.0, 1.0]))
    wanted = 2 * np.mean((y - z) ** 2)
    np.testing.assert_allclose(loss(y, z), wanted, 1e-5)


def revived(loss):
    text = json.dumps(keras.saving.serialize_keras_object(loss))
    found = keras.saving.deserialize_keras_object(json.loads(text))
    assert found.get_config() == loss.get_config()
    return found


def test_nested_losses_are_saved_whole():
    inner = WeightedSum(
        [CategoricalFocal(gamma=0.5, from_logits=True), Region()], [1.0, 3.0]
    )
    loss = WeightedSum(
        [inner, LogitAdjusted(COUNTS, tau=0.7, from_logits=True)], [0.5, 2.0]
    )
    for found in (revived(loss), copy.deepcopy(loss)):
        np.testing.assert_allclose(found(IDS, LOGITS), loss(IDS, LOGITS), 1e-6)
    parts = WeightedSum([inner, Region()])
    np.testing.assert_allclose(
        parts(IDS, LOGITS), inner(IDS, LOGITS) + Region()(IDS, LOGITS), 1e-6
    )


def test_a_model_comes_back_with_it(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(CLASSES)])
    loss = WeightedSum(
        [LogitAdjusted(COUNTS, from_logits=True), halved], [1.0, 0.5]
    )
    model.compile("sgd", loss)
    x = RANDOM.normal(size=(8, 4)).astype("float32")
    y = np.eye(CLASSES, dtype="float32")[RANDOM.integers(0, CLASSES, 8)]
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.loss.get_config() == loss.get_config()
    np.testing.assert_allclose(
        loaded.evaluate(x, y, verbose=0), model.evaluate(x, y, verbose=0), 1e-6
    )


def test_weights_are_read_at_each_call():
    loss = both()
    loss.weights = [0.0, 1.0]
    np.testing.assert_allclose(loss(IDS, LOGITS), regions().mean(), 1e-5)
    loss.weights = None
    wanted = regions().mean() + pixels().mean()
    np.testing.assert_allclose(loss(IDS, LOGITS), wanted, 1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_of_the_result_only(dtype):
    loss = WeightedSum([WeightedCrossentropy(from_logits=True)], dtype=dtype)
    found = loss(IDS, LOGITS)
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    assert loss.get_config()["dtype"] == dtype
    np.testing.assert_allclose(
        ops.cast(found, "float32"), pixels().mean(), 1e-2
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"losses": []}, "`losses`. Expected a list of at least one"),
        ({"losses": "mse"}, "`losses`. Expected a list of at least one"),
        ({"losses": ["no_such_loss"]}, "`losses`. Expected losses: each"),
        ({"losses": [None]}, "`losses`. Expected losses: each"),
        ({"losses": [3]}, "`losses`. Expected losses: each"),
        ({"losses": [keras.layers.Dense(3)]}, "`losses`. Expected losses"),
        ({"losses": ["mse"], "weights": [1.0, 2.0]}, "a list of 1 finite"),
        ({"losses": ["mse"], "weights": [-1.0]}, "each >= 0"),
        ({"losses": ["mse"], "weights": [float("nan")]}, "`weights`"),
        ({"losses": ["mse"], "weights": 1.0}, "`weights`"),
        (
            {"losses": [keras.losses.MeanSquaredError(reduction="sum")]},
            "`losses`. Expected losses with `reduction='sum_over_batch_size'",
        ),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError) as error:
        WeightedSum(**arguments)
    assert message in str(error.value)


def test_assigned_weights_are_checked():
    loss = both()
    with pytest.raises(ValueError, match="argument `weights`"):
        loss.weights = [1.0]
    assert loss.weights is None


def test_values_of_several_shapes_have_no_sum():
    with pytest.raises(ValueError, match="argument `reduction`"):
        both(reduction="none")(IDS, LOGITS)
