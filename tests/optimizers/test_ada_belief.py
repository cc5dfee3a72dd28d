"""AdaBelief against its paper and optax."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from keras_funcs import optimizers
from tests.optimizers import transcriptions as paper

CLOSE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-8},
        {"beta_1": 0.5},
        {"epsilon": 1e-3},
    ],
)
def test_fifty_steps_are_the_papers(arguments):
    grads = paper.gradients(50)
    wanted = paper.transcribe(lambda: paper.AdaBelief(**arguments), grads, 0.01)
    found = paper.run(optimizers.AdaBelief(0.01, **arguments), grads)
    np.testing.assert_allclose(found, wanted, **CLOSE)


def test_fifty_steps_are_optaxs():
    grads = paper.gradients(50)
    theirs = optax.adabelief(0.01)
    w = jnp.asarray(paper.START)
    state = theirs.init(w)
    for row in grads:
        update, state = theirs.update(jnp.asarray(row), state)
        w = w + update
    found = paper.run(optimizers.AdaBelief(0.01), grads)[-1]
    np.testing.assert_allclose(found, np.asarray(w), 1e-4)


def test_the_step_grows_where_gradients_come_as_expected():
    steady = np.full((50, 1), 0.3, "float32")
    shaken = steady * np.where(np.arange(50) % 2, 3, -1)[:, None]
    start = np.zeros(1, "float32")
    far = paper.run(optimizers.AdaBelief(0.01), steady, start)[-1, 0]
    near = paper.run(
        optimizers.AdaBelief(0.01), shaken.astype("float32"), start
    )[-1, 0]
    assert far < near < 0
    adam = -0.01 * 50
    assert far < 1.5 * adam


def test_gradients_of_0_move_nothing():
    found = paper.run(optimizers.AdaBelief(0.1), np.zeros((3, 4), "float32"))
    np.testing.assert_array_equal(found[-1], paper.START)


@pytest.mark.parametrize(
    "arguments",
    [
        {"learning_rate": -1e-3},
        {"learning_rate": float("nan")},
        {"beta_1": 1.0},
        {"beta_1": -0.1},
        {"beta_2": 1.0},
        {"beta_2": "0.9"},
        {"epsilon": 0.0},
        {"epsilon": None},
        {"weight_decay": -0.1},
    ],
)
def test_bad_arguments_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        optimizers.AdaBelief(**arguments)
