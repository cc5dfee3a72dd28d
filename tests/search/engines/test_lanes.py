"""Groups, and what becomes of lanes on their way."""

import math

import keras
import numpy as np
import pytest

import keras_funcs as kf
from keras_funcs.search.engines.vectorized import Configuration
from keras_funcs.search.engines.vectorized import Halving
from keras_funcs.search.engines.vectorized.arrays import Order
from tests.search.engines.alone import check_lane
from tests.search.engines.alone import fit_alone
from tests.search.engines.alone import train_lanes
from tests.search.engines.test_equality import network

pytestmark = pytest.mark.backends("jax")


def by_rate(value):
    return network(keras.optimizers.SGD(value))


def configuration(model):
    model.optimizer.build(model.trainable_variables)
    return Configuration.of(model)


def test_floats_and_generated_names_do_not_tell_models_apart():
    first, second = (configuration(by_rate(value)) for value in (0.1, 0.2))
    assert first.signature == second.signature
    rates = [
        [v for k, v in item.floats.items() if k.endswith("learning_rate")]
        for item in (first, second)
    ]
    np.testing.assert_allclose(rates, [[0.1], [0.2]], rtol=1e-6)


@pytest.mark.parametrize(
    "other",
    [
        lambda: network(keras.optimizers.Adam(0.1)),
        lambda: network(keras.optimizers.SGD(0.1, nesterov=True, momentum=0.5)),
        lambda: network(keras.optimizers.SGD(0.1), activation="tanh"),
        lambda: network(
            keras.optimizers.SGD(0.1), hidden=[keras.layers.Dense(3)]
        ),
        lambda: network(
            keras.optimizers.SGD(0.1), kf.losses.CategoricalFocal()
        ),
    ],
)
def test_everything_else_tells_models_apart(other):
    plain = configuration(by_rate(0.1))
    assert configuration(other()).signature != plain.signature


def test_settings_of_several_programs_keep_their_order(on_jax):
    if not on_jax:
        return

    def build(setting):
        activation, rate = setting
        return network(keras.optimizers.SGD(rate), activation=activation)

    settings = [("relu", 0.1), ("tanh", 0.1), ("relu", 0.3), ("tanh", 0.3)]
    results = train_lanes(build, settings)
    assert [result.seed for result in results] == [0, 1, 2, 3]
    check_lane(results[1], fit_alone(build, settings[1], 1))
    check_lane(results[2], fit_alone(build, settings[2], 2))


def test_a_diverged_lane_leaves_its_neighbours_alone(on_jax):
    if not on_jax:
        return

    def build(value):
        penalty = keras.regularizers.L2(0.01)
        return network(keras.optimizers.SGD(value), regularizer=penalty)

    sane, broken = train_lanes(build, [0.01, 1e30], seeds=[3, 3])
    check_lane(sane, fit_alone(build, 0.01, 3))
    assert broken.score is None and broken.weights is None
    assert broken.epoch == -1 and broken.stopped == "not finite"
    assert "val_loss" in broken.reason and len(broken.history) < 4


def test_lanes_that_python_tells_apart_are_trained_apart(on_jax):
    """`Dropout` takes a rate of 1 for another program than any other."""
    if not on_jax:
        return

    def build(value):
        return network(hidden=[keras.layers.Dropout(value)])

    results = train_lanes(build, [0.2, 1.0, 0.5])
    check_lane(results[0], fit_alone(build, 0.2, 0))
    check_lane(results[1], fit_alone(build, 1.0, 1))
    check_lane(results[2], fit_alone(build, 0.5, 2))


def test_patience(on_jax):
    if not on_jax:
        return
    results = train_lanes(by_rate, [0.0, 0.05], epochs=6, patience=2)
    stuck, learning = results
    assert stuck.stopped == "patience"
    assert stuck.epoch == 0 and len(stuck.history) == 3
    assert learning.stopped == "epochs" and len(learning.history) == 6
    check_lane(learning, fit_alone(by_rate, 0.05, 1, epochs=6))


def test_halving_and_compaction(on_jax, monkeypatch):
    if not on_jax:
        return
    from keras_funcs.search.engines.vectorized import program

    sizes = []
    run = program.Program.run

    def counted(self, state, *others):
        sizes.append(len(state[0][0]))
        self.seconds = 0.0  # as if compiling took no time
        return run(self, state, *others)

    monkeypatch.setattr(program.Program, "run", counted)
    rates = [1e-6, 0.03, 1e-5, 0.1, 1e-4]
    results = train_lanes(by_rate, rates, epochs=5, halving=Halving(1, 2))
    assert sizes == [5, 2, 1, 1, 1]
    epochs = [len(result.history) for result in results]
    assert sorted(epochs) == [1, 1, 1, 2, 5]
    best = int(np.argmax(epochs))
    assert rates[best] in (0.03, 0.1) and results[best].stopped == "epochs"
    check_lane(results[best], fit_alone(by_rate, rates[best], best, epochs=5))
    for number in (0, 2):
        early = results[number]
        assert early.stopped == "halving"
        alone = fit_alone(by_rate, rates[number], number, epochs=5)
        check_lane(early, alone[: len(early.history)])


def test_rungs():
    rungs = [n for n in range(1, 30) if Halving(2, 3).is_rung(n)]
    assert rungs == [2, 6, 18]
    with pytest.raises(ValueError, match="`factor`. Expected an int"):
        Halving(1, 1)


def test_little_memory_splits_the_lanes(on_jax):
    if not on_jax:
        return
    rates = [0.01, 0.02, 0.05]
    whole = train_lanes(by_rate, rates)
    split = train_lanes(by_rate, rates, memory=1)
    for one, other in zip(whole, split):
        assert math.isclose(one.score, other.score, rel_tol=1e-5)


def test_an_unfilled_last_batch(on_jax):
    if not on_jax:
        return
    orders = [Order(7, 10, 4, fill) for fill in (False, True)]
    (batches, rest), (filled, nothing) = (o.next_epoch() for o in orders)
    assert batches.shape == (2, 4) and len(rest) == 2
    assert filled.shape == (3, 4) and len(nothing) == 0
    seen = np.concatenate([batches.reshape(-1), rest])
    assert sorted(seen) == list(range(10))
    result = train_lanes(by_rate, [0.1], fill=False)[0]
    assert len(result.history) == 4 and np.isfinite(result.score)


def test_an_unknown_objective(on_jax):
    if not on_jax:
        return
    import keras_tuner

    unknown = keras_tuner.Objective("val_auc", "max")
    with pytest.raises(ValueError, match="'val_accuracy', 'val_loss'"):
        train_lanes(by_rate, [0.1], objective=unknown)
