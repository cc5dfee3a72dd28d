"""Weights of samples count for all their labels, and stay what they were."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import losses
from keras_funcs._core.masking import MaskCarrier

RANDOM = np.random.default_rng(0)
BATCH, CLASSES = 3, 4
LOGITS = {"from_logits": True}
# As wide as the batch: a weight for each sample would fit the columns as well.
Z = RANDOM.normal(0, 2, (BATCH, 2, BATCH, CLASSES)).astype("float32")
IDS = RANDOM.integers(0, CLASSES, Z.shape[:-1])
YES = RANDOM.integers(0, 2, Z.shape).astype("float32")
WEIGHTS = np.array([2.0, 0.0, 1.0], "float32")
OF_LABELS = [
    (losses.LogitAdjusted([9, 4, 2, 1], **LOGITS), IDS),
    (losses.CORAL(), IDS),
    (losses.BinaryFocal(**LOGITS), YES),
    (losses.Robust(), YES),
]
MASKED = [
    *OF_LABELS,
    (losses.Dice(**LOGITS), IDS),
    (losses.WeightedSum([losses.Dice(**LOGITS), OF_LABELS[0][0]]), IDS),
]


def named(case):
    return case[0].name if isinstance(case, tuple) else None


@pytest.mark.parametrize("case", OF_LABELS, ids=named)
@pytest.mark.parametrize("shape", [(BATCH,), (BATCH, 1), (BATCH, 1, 1)])
def test_a_sample_weight_is_that_of_all_its_labels(case, shape):
    loss, y = case
    each = [float(loss(y[i : i + 1], Z[i : i + 1])) for i in range(BATCH)]
    found = float(loss(y, Z, WEIGHTS.reshape(shape)))
    np.testing.assert_allclose(found, np.mean(WEIGHTS * each), 1e-5)


@pytest.mark.parametrize("case", MASKED, ids=named)
@pytest.mark.parametrize("shape", [(BATCH,), Z.shape[:-1]])
def test_weights_are_not_changed_by_a_mask(case, shape):
    loss, y = case
    mask = RANDOM.random(Z.shape[:-1]) < 0.5
    mask[:, 0, 0] = True
    z = MaskCarrier().attach(
        ops.convert_to_tensor(Z), ops.convert_to_tensor(mask)
    )
    weights = np.broadcast_to(
        WEIGHTS.reshape(-1, *[1] * (len(shape) - 1)), shape
    )
    held = ops.convert_to_tensor(weights.copy())
    values = [float(loss(y, z, held)) for _ in range(2)]
    assert values[0] == values[1]
    np.testing.assert_array_equal(ops.convert_to_numpy(held), weights)


def test_parts_of_keras_share_the_weights():
    part = keras.losses.SparseCategoricalCrossentropy(
        ignore_class=0, from_logits=True
    )
    held = ops.convert_to_tensor(np.ones(IDS.shape, "float32"))
    once = float(part(IDS, Z, np.ones(IDS.shape, "float32")))
    found = float(losses.WeightedSum([part, part])(IDS, Z, held))
    np.testing.assert_allclose(found, 2.0 * once, 1e-5)


def test_ignored_labels_leave_the_weights():
    loss = losses.SupervisedContrastive()
    x = MaskCarrier().attach(
        ops.convert_to_tensor(Z[:, 0, 0]),
        ops.convert_to_tensor(np.array([True, True, False])),
    )
    held = ops.convert_to_tensor(WEIGHTS.copy())
    loss(np.array([0, 0, 1]), x, held)
    np.testing.assert_array_equal(ops.convert_to_numpy(held), WEIGHTS)
