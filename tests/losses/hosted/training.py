"""Small models and losses that learn, for the tests of LossModel."""

import keras
import numpy as np
from keras import ops

from keras_funcs.losses import AdaptiveRobust
from keras_funcs.losses import AutoBalanced
from keras_funcs.losses import UncertaintyWeighted

RANDOM = np.random.default_rng(0)
COUNTS = [24, 6, 2]
IDS = np.repeat([0, 1, 2], COUNTS)[RANDOM.permutation(32)]
X = RANDOM.normal(0, 1, (32, 4)).astype("float32")
X[:, 0] += IDS
Y = (X @ RANDOM.normal(size=(4, 3)) + 0.1).astype("float32")
WEIGHTS = RANDOM.uniform(0.5, 2, 32).astype("float32")

LEARN = {
    "uncertainty": (lambda: UncertaintyWeighted(["mse", "mae"]), Y),
    "robust": (lambda: AdaptiveRobust(units=3), Y),
    "balanced": (lambda: AutoBalanced(COUNTS), IDS),
}


def net(seed=0):
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(5, "tanh"), layers.Dense(3)]
    )


def adam():
    return keras.optimizers.Adam(0.05)


def fit(model, y, epochs=2, **arguments):
    """Batches in order, so that two runs are one."""
    return model.fit(
        X,
        y,
        epochs=epochs,
        batch_size=8,
        shuffle=False,
        verbose=0,
        **arguments,
    ).history


def values(variables):
    return [ops.convert_to_numpy(variable) for variable in variables]


def assert_same(left, right):
    assert len(left) == len(right)
    for here, there in zip(left, right):
        np.testing.assert_array_equal(here, there)
