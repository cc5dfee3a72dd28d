"""The contract between a study and whoever trains its jobs."""

import dataclasses
import json

import pytest

from keras_funcs.search import engines
from keras_funcs.search import jobs
from keras_funcs.search.engines import local
from keras_funcs.search.report import results
from keras_funcs.search.store import state
from keras_funcs.search.store.attempts import Attempts
from keras_funcs.search.training import fitting
from keras_funcs.search.tuner import explorer
from keras_funcs.search.tuner.hyperparameters import settings_of
from keras_funcs.search.tuner.settings import draw
from tests.search import conftest
from tests.search.conftest import Untrained
from tests.search.conftest import at

pytestmark = pytest.mark.usefixtures("untrained")


class Together(jobs.Engine):
    """Makes an attempt at a whole block, and ends it from behind."""

    block = 3

    def __init__(self, plan, space, attempts, say):
        self.plan, self.space, self.attempts = plan, space, attempts
        self.blocks = []

    def run(self, blocks, done):
        for block in blocks:
            self.blocks.append([(job.role, job.key) for job in block])
            with self.attempts.of(*(job.key for job in block)):
                outcomes = [self.outcome(job) for job in block]
            for outcome in reversed(outcomes):
                done(outcome)

    def outcome(self, job):
        program = Untrained(self.plan, settings_of(self.space, job.values))
        return local.attempt(self.plan, program, job)


@pytest.fixture
def together(monkeypatch):
    """Lets studies run blocks; gives all blocks they have run."""
    made = []

    def make(*arguments):
        made.append(Together(*arguments))
        return made[-1]

    monkeypatch.setattr(engines, "make", make)
    return lambda: [block for engine in made for block in engine.blocks]


def test_an_engine_that_runs_blocks(make_study, together):
    study = make_study(trials=7, finalists=2, seeds=3).run()
    blocks = together()
    sizes = [len(b) for b in blocks if b[0][0] == jobs.TRIAL]
    assert sizes == [3, 3, 1]
    # The final is known at once, and so is the ablation.
    final, *ablation = [b for b in blocks if b[0][0] != jobs.TRIAL]
    assert len(final) == 3 * 4 and len(ablation) <= 1
    assert {role for role, _ in final} == {
        jobs.BASELINE, jobs.TUNED, jobs.FINALIST,
    }  # fmt: skip
    found = results.read(study.directory)
    assert [t.status for t in found.trials] == ["COMPLETED"] * 7
    assert all(sorted(c.runs) == [0, 1, 2] for c in found.configs)


def test_blocks_that_are_stopped_go_on(make_study, together, tmp_path):
    def stop():
        raise KeyboardInterrupt

    whole = make_study(directory=tmp_path / "whole", trials=6).run()
    for step in (("trial_begin", 5), ("trial_end", 4), ("run_end", 2)):
        with pytest.raises(KeyboardInterrupt):
            make_study(trials=6, progress=at(*step, stop)).resume()
    parts = make_study(trials=6).resume()
    expected, found = map(results.read, (whole.directory, parts.directory))
    assert [t.score for t in found.trials] == [t.score for t in expected.trials]
    assert [c.scores() for c in found.configs] == [
        c.scores() for c in expected.configs
    ]


def test_with_a_budget_one_configuration_at_a_time(make_study, together):
    make_study(trials=4, finalists=2, budget=1000.0).run()
    final = [b for b in together() if b[0][0] != jobs.TRIAL]
    assert len(final) > 3
    for block in final:
        names = {key.rpartition(" ")[0] for _, key in block}
        assert len(names) == 1 and len(block) == 2


def test_a_build_function_sees_what_the_oracle_says(make_study):
    told = []

    def build(hp):
        told.append(hp.values.get("tuner/epochs"))
        return conftest.build(hp)

    class Building(Untrained):
        def __init__(self, plan, hp):
            super().__init__(plan, hp)
            plan.build(hp)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "Program", Building)
        study = make_study(
            build=build, oracle="hyperband", epochs=9, trials=2
        ).run()
    assert {1, None} <= set(told)
    values = [trial.values for trial in results.read(study.directory).trials]
    assert not any(name.startswith("tuner/") for v in values for name in v)


def test_a_crash_is_counted_for_all_of_a_block(tmp_path):
    class Crash(BaseException):
        pass

    for number in range(1, 4):
        attempts = Attempts(tmp_path, at_most=3)
        with pytest.raises(Crash), attempts.watched():
            assert not attempts.given_up("a")
            with attempts.of("a", "b"):
                raise Crash
        saved = state.read_json(tmp_path / "attempts.json")
        assert saved["crashed"] == {"a": number, "b": number}
        assert saved["begun"] == saved["crashed"]
    with Attempts(tmp_path, at_most=3).watched() as attempts:
        assert "3 times" in attempts.given_up("b")
        assert not attempts.given_up("c")


def test_a_crash_is_counted_once(tmp_path):
    """Even if the process that counts it is killed before it goes on."""
    log = b"a\n1234\nFatal Python error: Segmentation fault\n"
    for _ in range(2):
        (tmp_path / "crash.log").write_bytes(log)
        attempts = Attempts(tmp_path, at_most=3)
        with attempts.watched():
            assert attempts._crashed["a"] == 1
            with attempts.of("b"):
                pass
        saved = state.read_json(tmp_path / "attempts.json")
        assert saved["crashed"] == {"a": 1} and not saved["begun"]


def test_a_full_disk_is_nobodys_fault(tmp_path):
    attempts = Attempts(tmp_path, at_most=3)
    with pytest.raises(OSError, match="full"), attempts.watched():
        with attempts.of("a"):
            raise OSError("full")
    assert not (tmp_path / "attempts.json").exists()


def test_a_study_of_the_first_version_goes_on(make_study, together):
    """It counted attempts in the files of the oracle and of the finalists."""
    study = make_study().run()
    (study.directory / "search" / "tuner0.json").write_text("{}")
    for path in (
        study.directory / "search" / "oracle.json",
        *(study.directory / "finalists").glob("*.json"),
    ):
        counts = {"attempts": {"0": 1}, "crashes": {}}
        path.write_text(json.dumps({**json.loads(path.read_bytes()), **counts}))
    before = results.read(study.directory)
    ran = len(together())
    study.report()
    make_study().resume()
    assert len(together()) == ran  # nothing is trained again
    after = results.read(study.directory)
    assert after.trials == before.trials
    assert [c.runs for c in after.configs] == [c.runs for c in before.configs]


def test_a_trial_that_is_trained_alone_is_stored_with_its_setting(make_study):
    plan = make_study().plan
    plan.directory.mkdir(parents=True)
    space = explorer.explore(plan.build)
    settings = draw(space, space.values, 3, 0)[1:]
    job = jobs.Job("trial_0000", jobs.TRIAL, settings[0], 0, 1, settings)
    other = dataclasses.replace(job, values=settings[1], settings=())
    found = []
    with Attempts(plan.directory, at_most=3).watched() as attempts:
        engine = local.Local(plan, space, attempts)
        engine.run([[job], [other]], found.append)
    (tried,) = found[0].tried
    assert tried.values == settings[0] != settings[1]
    assert tried.score == found[0].validation != found[1].validation
    assert found[1].tried == ()
