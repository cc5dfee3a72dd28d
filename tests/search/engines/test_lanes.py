"""Groups, and what becomes of lanes on their way."""

import math

import keras
import keras_tuner
import numpy as np
import pytest

import keras_funcs as kf
from keras_funcs.search.engines.vectorized import Configuration
from keras_funcs.search.engines.vectorized import Halving
from keras_funcs.search.engines.vectorized import Trainer
from keras_funcs.search.engines.vectorized import course
from keras_funcs.search.engines.vectorized.arrays import Order
from tests.search.engines.alone import BATCH
from tests.search.engines.alone import OBJECTIVE
from tests.search.engines.alone import TRAIN
from tests.search.engines.alone import VALIDATION
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

    # Weights, so that no two classes tie where only the bias is left.
    train = (*TRAIN, np.linspace(0.5, 1.5, len(TRAIN[0])).astype("float32"))
    results = train_lanes(build, [0.2, 1.0, 0.5], train=train)
    for place, rate in enumerate([0.2, 1.0, 0.5]):
        check_lane(results[place], fit_alone(build, rate, place, train))


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
    run = program.EpochProgram.run

    def counted(self, state, *others):
        sizes.append(len(state[0][0]))
        self.seconds = 0.0  # as if compiling took no time
        return run(self, state, *others)

    monkeypatch.setattr(program.EpochProgram, "run", counted)
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


def test_lanes_for_which_there_is_no_time_end_after_an_epoch(on_jax):
    if not on_jax:
        return
    trainer = Trainer(
        train=TRAIN, validation=VALIDATION, objective=OBJECTIVE,
        batch_size=BATCH, patience=99,
    )  # fmt: skip
    found = trainer.train(
        by_rate, [1e-6, 0.1, 1e-5], [1] * 3, epochs=3, seconds=1e-9
    )
    assert [result.stopped for result in found] == ["time", "epochs", "time"]
    assert [len(result.history) for result in found] == [1, 3, 1]


def test_rungs():
    # Of all lanes 1 epoch after the first, of a fourth the next 6, and so on.
    cost = course.relative_cost(Halving(2, 4), 40)
    assert cost == 1 + 6 / 4 + 24 / 16 + 8 / 64
    assert course.relative_cost(None, 40) == 39
    assert Halving(2, 3).rungs(30) == [2, 6, 18]
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


def test_halving_ranks_the_lanes_of_all_chunks(on_jax):
    if not on_jax:
        return
    rates = [1e-6, 1e-5, 0.1, 0.05]
    whole, split = (
        train_lanes(by_rate, rates, seeds=[1] * 4, memory=memory,
                    halving=Halving(1, 2))
        for memory in (None, 1)
    )  # fmt: skip
    assert [r.stopped for r in split] == [r.stopped for r in whole]
    assert [r.stopped for r in split[:2]] == ["halving"] * 2
    for one, other in zip(whole, split):
        assert math.isclose(one.score, other.score, rel_tol=1e-5)


def test_lanes_that_exceed_the_memory_are_halved(on_jax, monkeypatch):
    if not on_jax:
        return
    from keras_funcs.search.engines.vectorized import program

    rates, sizes = [1e-6, 1e-5, 0.05, 0.1], []
    run = program.EpochProgram.run

    def bounded(self, state, *others):
        sizes.append(len(state[0][0]))
        if sizes[-1] > 1:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        return run(self, state, *others)

    options = {"seeds": [1] * 4, "halving": Halving(1, 2)}
    whole = train_lanes(by_rate, rates, **options)
    monkeypatch.setattr(program.EpochProgram, "run", bounded)
    split = train_lanes(by_rate, rates, **options)
    assert sorted(set(sizes)) == [1, 2, 4]
    # A lane counts once in each ranking, in whatever block it trains.
    assert [r.stopped for r in split] == [r.stopped for r in whole]
    for one, other in zip(whole, split):
        assert math.isclose(one.score, other.score, rel_tol=1e-5)


def test_what_was_compiled_is_used_again(on_jax, monkeypatch):
    if not on_jax:
        return
    from keras_funcs.search.engines.vectorized import program

    traced = []
    trace = program.EpochProgram.trace

    def counted(self, arguments):
        traced.append(self)
        return trace(self, arguments)

    monkeypatch.setattr(program.EpochProgram, "trace", counted)
    trainer = Trainer(
        train=TRAIN, validation=VALIDATION, objective=OBJECTIVE,
        batch_size=BATCH, patience=99,
    )  # fmt: skip

    def build(value):
        return network(keras.optimizers.SGD(value, momentum=value))

    for rates in ([0.1, 0.3], [0.2, 0.7], [0.0, 0.0]):
        found = trainer.train(build, rates, [0, 1], epochs=2)
        check_lane(found[1], fit_alone(build, rates[1], 1, epochs=2))
    # `momentum` is asked whether it is 0: no lane of the first two has none.
    assert len(set(traced)) == len(traced) == 2


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


def test_a_metric_of_several_numbers_is_as_in_the_logs_of_fit(on_jax):
    if not on_jax:
        return
    metric = kf.metrics.FScore(
        average=None, class_names=["a", "b", "c"], from_logits=True, name="f1"
    )

    def build(hp):
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
        model.compile(
            keras.optimizers.SGD(hp.Float("rate", 0.01, 0.1)),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[type(metric).from_config(metric.get_config())],
        )
        return model

    settings = [keras_tuner.HyperParameters() for _ in range(2)]
    settings[1].values["rate"] = 0.05
    objective = keras_tuner.Objective("val_f1/b", "max")
    found = train_lanes(build, settings, objective=objective, epochs=1)
    assert all("val_f1/b" in result.logs for result in found)
