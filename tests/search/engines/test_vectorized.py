"""The vectorized engine tells of each job what the local one tells."""

import dataclasses
import pathlib
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_funcs.search import engines
from keras_funcs.search import jobs
from keras_funcs.search.engines.vectorized import engine
from keras_funcs.search.engines.vectorized import trainer
from keras_funcs.search.jobs import Job
from keras_funcs.search.report import results
from keras_funcs.search.store.attempts import Attempts
from keras_funcs.search.training import data
from keras_funcs.search.tuner import explorer
from tests.search.conftest import Listener
from tests.search.engines.killed import make

pytestmark = pytest.mark.backends("jax")

ROOT = pathlib.Path(__file__).parents[3]
ON_JAX = keras.config.backend() == "jax"


def build_kind(hp):
    kind = hp.Choice("kind", ["plain", "dropout", "eager", "broken"])
    rate = hp.Float("learning_rate", 1e-3, 1e30, default=0.1)
    if kind == "broken":
        raise ArithmeticError("no such model")
    inner = [keras.layers.Dropout(0.2)] if kind == "dropout" else []
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(4, "relu"), *inner,
         keras.layers.Dense(3)]
    )  # fmt: skip
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        keras.optimizers.SGD(rate),
        loss,
        metrics=["accuracy"],
        run_eagerly=kind == "eager",
    )
    return model


def run(name, plan, block):
    """The outcomes of an engine for a block, by job, and what it said."""
    said, found = [], {}
    space = explorer.explore(plan.build)
    plan.directory.mkdir(parents=True, exist_ok=True)

    def done(outcome):
        assert outcome.job.key not in found
        if outcome.save is not None:
            outcome.save(plan.directory / "last.keras")
        found[outcome.job.key] = outcome

    attempts = Attempts(plan.directory, plan.max_attempts)
    with attempts.watched():
        plan = dataclasses.replace(plan, engine=name)
        engines.make(plan, space, attempts, said.append).run([block], done)
    assert set(found) == {job.key for job in block}
    return found, said


def block_of(*settings, seeds=(0, 1), role=jobs.FINALIST):
    return [
        Job(f"{kind}-{rate:g}", role, {"kind": kind, "learning_rate": rate},
            seed, 3)
        for kind, rate in settings
        for seed in seeds
    ]  # fmt: skip


def check_same(found, expected):
    for key, outcome in expected.items():
        other = found[key]
        first = other.error.split("\n")[0]
        assert first == outcome.error.split("\n")[0]
        assert other.may_retry == outcome.may_retry
        assert other.epoch == outcome.epoch
        for name in ("logs", "metrics"):
            assert getattr(other, name) == pytest.approx(
                getattr(outcome, name), rel=1e-4, abs=1e-5
            )
        for name in ("validation", "score"):
            assert getattr(other, name) == pytest.approx(getattr(outcome, name))
        assert other.matrix == outcome.matrix
        assert (other.save is None) == (outcome.save is None)


@pytest.fixture
def plan_of(make_study, splits):
    def make(**changes):
        train, *others = splits
        # Neither are the batches of one size, nor are the samples equal.
        weights = np.linspace(0.5, 1.5, 28).astype("float32")
        train = (train[0][:28], train[1][:28], weights)
        return make_study(
            build=build_kind, train=train, epochs=3, batch_size=8, **changes
        ).plan

    return make


def test_each_outcome_is_that_of_the_local_engine(plan_of, tmp_path):
    block = block_of(
        ("plain", 0.1), ("plain", 0.2), ("plain", 1e30), ("dropout", 0.1),
        ("eager", 0.1), ("broken", 0.1),
    )  # fmt: skip
    local, said = run("local", plan_of(directory=tmp_path / "local"), block)
    assert not said
    plan = plan_of(directory=tmp_path / "lanes")
    found, said = run("vectorized", plan, block)
    check_same(found, local)
    (reason,) = said
    assert ("run_eagerly" if ON_JAX else "backend jax") in reason
    assert "not finite" in found["plain-1e+30 0"].error
    assert "no such model" in found["broken-0.1 0"].error
    assert not (plan.directory / "attempts.json").exists()
    assert keras.saving.load_model(plan.directory / "last.keras")


def test_data_sets_and_large_data(plan_of, monkeypatch, tmp_path):
    block = block_of(("plain", 0.1))
    monkeypatch.setattr(data, "FILL_BYTES", 0)
    local, _ = run("local", plan_of(directory=tmp_path / "local"), block)
    plan = plan_of(directory=tmp_path / "lanes")
    check_same(run("vectorized", plan, block)[0], local)

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            x, y, _ = plan.dataset.train
            return x[index * 8 :][:8], y[index * 8 :][:8]

    plan = plan_of(directory=tmp_path / "set")
    dataset = dataclasses.replace(plan.dataset, train=Batches())
    found, said = run(
        "vectorized", dataclasses.replace(plan, dataset=dataset), block
    )
    assert ("`Batches`" if ON_JAX else "backend jax") in said[0]
    assert all(not outcome.error for outcome in found.values())


def test_lanes_write_logs(plan_of, tmp_path):
    block = block_of(("plain", 0.1), ("plain", 1e30))
    told = {}
    for name in ("local", "vectorized"):
        plan = plan_of(directory=tmp_path / name, tensorboard=True)
        run(name, plan, block)
        told[name] = {
            path.parent.relative_to(plan.log_dir)
            for path in plan.log_dir.rglob("events*")
        }
    assert told["vectorized"] == told["local"]


def test_lanes_that_never_end_are_run_one_by_one(plan_of, monkeypatch):
    if not ON_JAX:
        return
    plan, block = plan_of(), block_of(("plain", 0.1))
    memories = []

    def train(self, *arguments, **options):
        memories.append(self.memory)
        raise KeyboardInterrupt if len(memories) == 1 else SystemExit

    monkeypatch.setattr(trainer.Trainer, "train", train)
    for _ in range(1 + engine.MAX_STARTS):
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            run("vectorized", plan, block)
    found, _ = run("vectorized", plan, block)
    assert len(memories) == 1 + engine.MAX_STARTS
    assert memories[:2] == [None, None] and memories[3] < memories[2]
    assert all(outcome.score is not None for outcome in found.values())


def test_states_that_are_large_wait_in_parts(plan_of, monkeypatch, tmp_path):
    if not ON_JAX:
        return
    block = block_of(("plain", 0.1), seeds=(0, 1, 2, 3, 4))
    local, _ = run("local", plan_of(directory=tmp_path / "local"), block)
    sizes, whole = [], trainer.Trainer.train

    def train(self, build, settings, *arguments, **options):
        sizes.append(len(settings))
        return whole(self, build, settings, *arguments, **options)

    monkeypatch.setattr(trainer.Trainer, "train", train)
    monkeypatch.setattr(engine, "STATE_BYTES", 400)
    found, _ = run("vectorized", plan_of(directory=tmp_path / "lanes"), block)
    check_same(found, local)
    assert sizes == [2, 2]


def test_a_study_in_lanes_that_is_killed_goes_on(tmp_path):
    """Its tables are those of a study that trained one run at a time."""
    if not ON_JAX:
        return
    killed = subprocess.run(
        [sys.executable, "-m", "tests.search.engines.killed",
         str(tmp_path / "lanes"), "final"],
        cwd=ROOT, timeout=600, capture_output=True, text=True,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-3000:]
    said = []
    hear = Listener(lambda kind, step: said.append((kind, step)))
    make(tmp_path / "lanes", "vectorized", hear).resume()
    assert not [text for kind, text in said if kind == "note"]
    make(tmp_path / "local", "local").run()
    found, expected = (
        results.read(tmp_path / name) for name in ("lanes", "local")
    )
    assert [c.name for c in found.configs] == [c.name for c in expected.configs]
    for config, other in zip(found.configs, expected.configs):
        assert sorted(config.runs) == [0, 1]
        assert config.scores() == pytest.approx(other.scores())
    assert found.best.name == expected.best.name
