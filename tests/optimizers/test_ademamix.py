"""AdEMAMix against its paper, optax and Adam."""

import math

import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest
from keras import ops

from keras_funcs import optimizers
from keras_funcs.optimizers.ademamix import _ramps
from tests.optimizers import transcriptions as paper

CLOSE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"beta_1": 0.8, "beta_2": 0.95, "beta_3": 0.99, "alpha": 2.0},
        {"warmup_steps": 30},
        {"warmup_steps": 1},
        {"warmup_steps": 1000, "beta_3": 0.999, "alpha": 8.0},
        {"epsilon": 1e-3},
    ],
)
def test_fifty_steps_are_the_papers(arguments):
    grads = paper.gradients(50)
    wanted = paper.transcribe(lambda: paper.AdEMAMix(**arguments), grads, 0.01)
    found = paper.run(optimizers.AdEMAMix(0.01, **arguments), grads)
    np.testing.assert_allclose(found, wanted, **CLOSE)


@pytest.mark.parametrize("alpha", [2.0, 5.0])
def test_fifty_steps_are_optaxs(alpha):
    grads = paper.gradients(50)
    theirs = optax.contrib.ademamix(0.01, b3=0.999, alpha=alpha)
    w = jnp.asarray(paper.START)
    state = theirs.init(w)
    for row in grads:
        update, state = theirs.update(jnp.asarray(row), state, w)
        w = w + update
    ours = optimizers.AdEMAMix(0.01, beta_3=0.999, alpha=alpha)
    found = paper.run(ours, grads)[-1]
    np.testing.assert_allclose(found, np.asarray(w), 1e-4)


def test_alpha_0_is_adam():
    grads = paper.gradients(50)
    ours = paper.run(optimizers.AdEMAMix(0.01, alpha=0.0), grads)
    theirs = optax.adam(0.01)
    w = jnp.asarray(paper.START)
    state = theirs.init(w)
    for row in grads:
        update, state = theirs.update(jnp.asarray(row), state)
        w = w + update
    np.testing.assert_allclose(ours[-1], np.asarray(w), 1e-4)
    # Keras's corrections, 1 - 0.999**t in float32, are right to 4 digits.
    adam = paper.run(keras.optimizers.Adam(0.01, epsilon=1e-8), grads)
    np.testing.assert_allclose(ours, adam, 1e-3)


def test_ramps_begin_at_0_and_beta_1_and_end_at_their_values():
    optimizer = optimizers.AdEMAMix(
        beta_1=0.9, beta_3=0.9999, alpha=5.0, warmup_steps=100
    )
    literal = paper.AdEMAMix(0.9, 0.999, 0.9999, 5.0, 100)
    for t in (1, 10, 50, 99, 100, 101, 5000):
        alpha, forget = _ramps(optimizer, ops.convert_to_tensor(float(t)))
        wanted_alpha, beta_3 = literal.schedules(t)
        np.testing.assert_allclose(float(alpha), wanted_alpha, 1e-6)
        np.testing.assert_allclose(float(forget), 1 - beta_3, 1e-5)
    alpha, forget = _ramps(optimizer, ops.convert_to_tensor(0.0))
    assert float(alpha) == 0 and abs(float(forget) - 0.1) < 1e-6
    # Half the way is half the half-life.
    _, forget = _ramps(optimizer, ops.convert_to_tensor(50.0))
    life = math.log(0.5) / math.log1p(-float(forget))
    ends = [math.log(0.5) / math.log(beta) for beta in (0.9, 0.9999)]
    np.testing.assert_allclose(life, sum(ends) / 2, 1e-4)


def test_it_remembers_a_gradient_that_adam_has_forgotten():
    grads = np.zeros((50, 1), "float32")
    grads[0] = 1.0
    start = np.zeros(1, "float32")
    path = paper.run(
        optimizers.AdEMAMix(0.01, beta_3=0.9999, alpha=5.0), grads, start
    )
    adam = paper.run(keras.optimizers.Adam(0.01), grads, start)
    wanted = paper.transcribe(
        lambda: paper.AdEMAMix(beta_3=0.9999, alpha=5.0), grads, 0.01, start
    )
    np.testing.assert_allclose(path, wanted, 1e-4, 1e-7)
    assert path[-1] - path[-2] < 0.01 * (adam[-1] - adam[-2]) < 0


@pytest.mark.parametrize(
    "arguments",
    [
        {"learning_rate": -1},
        {"beta_1": 0.0},
        {"beta_1": 1.0},
        {"beta_2": -0.1},
        {"beta_3": 0.0},
        {"beta_3": 1.0},
        {"alpha": -1.0},
        {"alpha": [5.0]},
        {"warmup_steps": 0},
        {"warmup_steps": 10.0},
        {"epsilon": 0.0},
    ],
)
def test_bad_arguments_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        optimizers.AdEMAMix(**arguments)
