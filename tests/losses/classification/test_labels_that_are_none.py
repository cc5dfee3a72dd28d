"""What is no label: NaN on every backend, and nothing under a mask."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import losses
from keras_funcs.losses import BinaryFocal
from keras_funcs.losses import WeightedCrossentropy

Z = np.array([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0]], "float32")
LOGITS = {"from_logits": True}
COUNTS = [3, 2, 1]
LOSSES = [
    losses.ActivePassive(**LOGITS),
    losses.Bootstrap(**LOGITS),
    losses.CORAL(),
    losses.CORN(),
    losses.CategoricalFocal(**LOGITS),
    losses.ClassBalanced(COUNTS, **LOGITS),
    losses.CostSensitive(1 - np.eye(3), **LOGITS),
    losses.FocalCalibration(**LOGITS),
    losses.GeneralizedCrossentropy(**LOGITS),
    losses.LDAM(COUNTS),
    losses.LabelAwareSmoothing(COUNTS, **LOGITS),
    losses.LogitAdjusted(COUNTS, **LOGITS),
    losses.MarginLabelSmoothing(**LOGITS),
    losses.Poly1(**LOGITS),
    losses.RankedProbability(**LOGITS),
    losses.SparsemaxLoss(),
    losses.SymmetricCrossentropy(**LOGITS),
    losses.VectorScaling(COUNTS),
    WeightedCrossentropy(**LOGITS),
]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
@pytest.mark.parametrize("wrong", [-1.0, 4.0, 0.7, float("nan")])
def test_an_id_that_is_no_class(loss, wrong):
    y = np.array([0.0, wrong], "float32")
    assert np.isnan(ops.convert_to_numpy(loss(y, Z)))


@pytest.mark.parametrize("wrong", [255.0, 2.0, -7.0, -0.5, float("nan")])
def test_a_binary_label_that_is_none(wrong):
    loss = BinaryFocal(from_logits=True, reduction=None)
    y = np.array([[1.0, 0.0], [wrong, 1.0]], "float32")
    found = ops.convert_to_numpy(loss(y, Z[:, :2]))
    assert np.isfinite(found[0]) and np.isnan(found[1])


def test_unknown_is_minus_one_only():
    loss = BinaryFocal(from_logits=True)
    known = loss(np.array([[1.0]]), np.array([[0.3]]))
    padded = loss(np.array([[1.0, -1.0]]), np.array([[0.3, 9.0]]))
    assert abs(float(known) - float(padded)) < 1e-6


def test_flat_binary_labels_are_samples():
    y, z = np.array([1.0, 0.0, 1.0]), np.array([0.5, 1.0, -2.0])
    loss = BinaryFocal(from_logits=True)
    weight = np.array([1.0, 2.0, 30.0])
    flat = float(loss(y, z, weight))
    column = float(loss(y[:, None], z[:, None], weight))
    assert abs(flat - column) < 1e-5


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_masked_positions_may_be_labelled_with_anything(loss):
    x = np.ones((2, 3, 3), "float32")
    x[0, 2] = 0.0
    masked = keras.layers.Masking()(ops.convert_to_tensor(x))
    y = np.array([[0, 1, -1], [2, 0, 1]])
    clean = np.array([[0, 1, 0], [2, 0, 1]])
    assert float(loss(y, masked)) == float(loss(clean, masked))
    assert np.isfinite(float(loss(y, masked)))


if keras.config.backend() == "jax":

    def test_no_tracer_outlives_its_trace():
        import jax

        loss = WeightedCrossentropy(from_logits=True, ignore_class=-1)
        y = np.array([0, -1])
        with jax.checking_leaks():
            found = jax.jit(lambda z: loss(y, z))(Z)
        assert np.isfinite(float(found))
