"""Losses and metrics are one graph for Torch's compiler."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_funcs as kf

IDS = np.arange(8) % 4
LOGITS = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
COUNTS = [40, 20, 10, 5]
LOSSES = [
    kf.losses.CategoricalFocal(from_logits=True),
    kf.losses.Dice(from_logits=True),
    kf.losses.LogitAdjusted(COUNTS, from_logits=True),
    kf.losses.WeightedCrossentropy(class_counts=COUNTS, from_logits=True),
]


def in_one_graph(function):
    """The function compiled; a second graph would raise. Elsewhere jitted."""
    if keras.config.backend() == "torch":
        import torch

        return torch.compile(function, backend="eager", fullgraph=True)
    return kf._core.backend.active().compiled(function)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_a_loss_is_one_graph(loss):
    y, p = ops.convert_to_tensor(IDS), ops.convert_to_tensor(LOGITS)
    found = in_one_graph(lambda y, p: loss(y, p))(y, p)
    np.testing.assert_allclose(
        ops.convert_to_numpy(found), ops.convert_to_numpy(loss(y, p)), 1e-5
    )


@pytest.mark.parametrize("name", ["BalancedAccuracy", "AUROC", "ShotRecall"])
def test_a_metric_is_one_graph(name):
    given = {"class_counts": COUNTS} if name == "ShotRecall" else {}
    metric = getattr(kf.metrics, name)(**given)
    y, p = ops.convert_to_tensor(IDS), ops.softmax(LOGITS)
    metric.update_state(y, p)
    expected = [ops.convert_to_numpy(v) for v in metric.variables]
    metric.reset_state()
    state = [ops.convert_to_tensor(v) for v in metric.variables]

    def update(y, p, *state):
        return metric.stateless_update_state(list(state), y, p)

    found = in_one_graph(update)(y, p, *state)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(one), other, 1e-6)
