"""WarmupStableDecay, step by step."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs.optimizers.schedules import WarmupStableDecay

SHAPES = {
    "sqrt": lambda p: 1 - math.sqrt(p),
    "linear": lambda p: 1 - p,
    "cosine": lambda p: (1 + math.cos(math.pi * p)) / 2,
    "square": lambda p: 1 - p * p,
}


def literal(step, plateau, warmup, stable, decay, shape, ratio):
    if step < warmup:
        return plateau * (step + 1) / warmup
    if step <= warmup + stable:
        return plateau
    if step >= warmup + stable + decay:
        return plateau * ratio
    p = (step - warmup - stable) / decay
    return plateau * (ratio + (1 - ratio) * SHAPES[shape](p))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "warmup, stable, decay, ratio",
    [(10, 30, 10, 0.0), (0, 5, 7, 0.1), (4, 0, 3, 1.0), (0, 0, 1, 0.5)],
)
def test_every_step(shape, warmup, stable, decay, ratio):
    schedule = WarmupStableDecay(0.3, warmup, stable, decay, shape, ratio)
    end = warmup + stable + decay
    for step in range(end + 3):
        wanted = literal(step, 0.3, warmup, stable, decay, shape, ratio)
        found = float(schedule(ops.convert_to_tensor(step, "int32")))
        np.testing.assert_allclose(found, wanted, 1e-5, 1e-7, err_msg=str(step))


def test_late_steps_keep_the_last_rate():
    schedule = WarmupStableDecay(1.0, 10, 10, 10, final_ratio=0.25)
    assert float(schedule(10**9)) == 0.25


def test_an_optimizer_follows_it():
    schedule = WarmupStableDecay(1.0, 2, 1, 2, "linear")
    optimizer = keras.optimizers.SGD(schedule)
    weight, path = keras.Variable(0.0), [0.0]
    for _ in range(6):
        optimizer.apply([ops.ones(())], [weight])
        path.append(float(ops.convert_to_numpy(weight.value)))
    wanted = [-0.5, -1, -1, -1, -0.5, 0]
    np.testing.assert_allclose(np.diff(path), wanted, atol=1e-6)


@pytest.mark.parametrize(
    "arguments",
    [
        {"learning_rate": -1.0},
        {"learning_rate": "auto"},
        {"warmup_steps": -1},
        {"warmup_steps": 1.5},
        {"stable_steps": -1},
        {"decay_steps": 0},
        {"shape": "step"},
        {"final_ratio": 1.1},
        {"final_ratio": -0.1},
    ],
)
def test_bad_arguments_are_refused(arguments):
    (name,) = arguments
    valid = {
        "learning_rate": 0.1,
        "warmup_steps": 1,
        "stable_steps": 1,
        "decay_steps": 1,
    }
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        WarmupStableDecay(**{**valid, **arguments})
