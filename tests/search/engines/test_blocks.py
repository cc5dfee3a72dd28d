"""A study whose trials are blocks of settings, trained as lanes."""

import pathlib
import signal
import subprocess
import sys

import pytest

from keras_funcs.search.report import results
from keras_funcs.search.store import state
from keras_funcs.search.training import fitting
from keras_funcs.search.tuner import explorer
from keras_funcs.search.tuner.hyperparameters import settings_of
from tests.search.conftest import Listener
from tests.search.engines.killed import make
from tests.search.engines.killed import make_blocks

pytestmark = pytest.mark.backends("jax")

ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture(scope="module")
def blocks(tmp_path_factory):
    """The study, what it said, and its results."""
    said = []

    def hear(kind, step):
        if kind == "note":
            said.append(step)

    directory = tmp_path_factory.mktemp("blocks") / "study"
    study = make_blocks(directory, Listener(hear)).run()
    return study, said, results.read(directory)


def test_all_settings_are_trials(blocks):
    study, said, found = blocks
    assert found.study["engine"] == "vectorized"
    assert found.study["settings"] == 4 and len(found.study["seeds"]) == 2
    (reason,) = said
    assert "one after the other" in reason and "run_eagerly" in reason
    kinds = [trial.values["kind"] for trial in found.trials]
    assert kinds[0] == "plain" and set(kinds[:3]) == {"plain", "tanh", "eager"}
    for trial in found.trials:
        lanes = trial.values["kind"] != "eager"
        assert len(trial.settings) == (4 if lanes else 1)
        if lanes:
            best = min(trial.settings, key=lambda tried: tried.score)
            assert (trial.score, trial.values) == (best.score, best.values)
            stopped = [tried.stopped for tried in trial.settings]
            assert stopped.count("epochs") == 1  # of four
    assert found.trials[0].settings[0].values["learning_rate"] == 0.1
    table = study.trials()
    assert len(table) == sum(max(len(t.settings), 1) for t in found.trials)


def test_the_best_combination_is_met_again_around_its_best(blocks):
    _, _, found = blocks
    *first, again = found.trials
    (before,) = [t for t in first if t.values["kind"] == again.values["kind"]]
    assert before is found.ranked()[0] or before is found.ranked()[1]
    if before.settings:
        assert again.settings[0].values == before.values
    assert again.score <= max(t.score for t in first)


def test_the_baseline_is_tuned_with_as_many_settings(blocks):
    _, _, found = blocks
    plain = [t for t in found.ranked() if t.values["kind"] == "plain"]
    assert found.tuned.values == plain[0].values


def test_a_setting_is_the_same_run_alone(blocks):
    study, _, found = blocks
    space = explorer.explore(study.plan.build)
    trial = found.trials[0]
    hp = settings_of(space, trial.values)
    run = fitting.Program(study.plan, hp).fit(study.plan.trial_seed(0))
    assert run.score == pytest.approx(trial.score, rel=1e-4)
    assert run.epoch == trial.epoch


def test_each_block_has_the_log_of_its_best(blocks):
    study, _, found = blocks
    for trial in found.trials:
        folder = study.plan.log_dir / trial.name
        runs = {path.parent.name for path in folder.rglob("events*")}
        assert runs == {trial.name, "train", "validation"}


def test_a_search_that_is_killed_goes_on_at_its_block(blocks, tmp_path):
    _, _, expected = blocks
    killed = subprocess.run(
        [sys.executable, "-m", "tests.search.engines.killed", str(tmp_path),
         "search"],
        cwd=ROOT, timeout=600, capture_output=True, text=True,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-3000:]
    make_blocks(tmp_path).resume()
    found = results.read(tmp_path)
    for trial, other in zip(found.trials, expected.trials, strict=True):
        assert [t.score for t in trial.settings] == [
            t.score for t in other.settings
        ]
    assert found.best.name == expected.best.name


def test_another_number_of_settings_is_another_study(blocks, tmp_path):
    study, _, _ = blocks
    with pytest.raises(ValueError, match=r"settings \(was 4, is 1\)"):
        make(study.directory, "local", objective="loss").resume()
    old = state.read_json(study.directory / "study.json")
    assert old["fingerprint"]["settings"] == 4
