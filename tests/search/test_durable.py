import collections
import json
import math
import os

import keras_tuner
import pytest
from keras_tuner.engine import base_tuner

from keras_funcs import search
from keras_funcs.search.store import attempts
from keras_funcs.search.store import files
from keras_funcs.search.store import state
from keras_funcs.search.tuner import hardened
from keras_funcs.search.tuner import hyperparameters
from keras_funcs.search.tuner import oracles


class Synthetic(search.DurableTuner, base_tuner.BaseTuner):
    """A search without training: the score is a function of the values."""

    ran = None
    score = staticmethod(lambda values: values["x"])

    def run_trial(self, trial, *args, **kwargs):
        self.ran.append(trial.trial_id)
        return {"val_score": self.score(trial.hyperparameters.values)}


def space():
    hp = keras_tuner.HyperParameters()
    hp.Float("x", 0.0, 1.0, default=0.25)
    hp.Choice("kind", ["a", "b"])
    with hp.conditional_scope("kind", ["b"]):
        hp.Float("kind/b/y", 0.0, 1.0)
    return hp


def make(directory, trials=5, kind="random", score=None, first=(), at_most=3):
    oracle = oracles.make(
        kind,
        keras_tuner.Objective("val_score", "max"),
        trials,
        4,
        space(),
        seed=0,
    )
    hardened.harden(oracle, first)
    tuner = Synthetic(oracle=oracle, directory=str(directory), project_name="p")
    tuner.ran, tuner.max_attempts = [], at_most
    if score is not None:
        tuner.score = score
    return tuner


def values_of(tuner):
    return {
        key: dict(trial.hyperparameters.values)
        for key, trial in tuner.oracle.trials.items()
    }


@pytest.mark.parametrize("kind", oracles.ORACLES)
def test_the_first_trials_are_given(tmp_path, kind):
    first = [
        {"x": 0.125, "kind": "a"},
        {"x": 0.75, "kind": "b", "kind/b/y": 1.0},
    ]
    if kind == "grid":  # each of its trials follows from the one before
        del first[1]
    tuner = make(tmp_path, kind=kind, first=first)
    tuner.search()
    begun = [hyperparameters.chosen(v) for v in values_of(tuner).values()]
    assert begun[: len(first)] == first
    assert len(tuner.oracle.trials) == 5


@pytest.mark.parametrize("kind", ["random", "bayesian", "grid"])
def test_interrupted_is_like_uninterrupted(tmp_path, kind):
    whole = make(tmp_path / "whole", 8, kind)
    whole.search()

    def stopping(after):
        def score(values):
            stopping.left -= 1
            if stopping.left == 0:
                raise KeyboardInterrupt
            return values["x"]

        stopping.left = after
        return score

    for after in (1, 3, 4):
        with pytest.raises(KeyboardInterrupt):
            make(
                tmp_path / "parts", 8, kind, stopping(after), at_most=1
            ).search()
    parts = make(tmp_path / "parts", 8, kind)
    parts.search()
    assert values_of(parts) == values_of(whole)
    assert all(
        trial.status == "COMPLETED" for trial in parts.oracle.trials.values()
    )


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_no_number_never_wins_and_never_stops(tmp_path, bad):
    tuner = make(tmp_path, 6, score=lambda v: bad if v["x"] > 0.2 else v["x"])
    tuner.search()
    statuses = collections.Counter(
        trial.status for trial in tuner.oracle.trials.values()
    )
    assert statuses["FAILED"] >= 3 and len(tuner.oracle.trials) == 6
    best = tuner.oracle.get_best_trials(1)[0]
    assert best.status == "COMPLETED" and math.isfinite(best.score)
    failed = [t for t in tuner.oracle.trials.values() if t.status == "FAILED"]
    assert all("not a number" in trial.message for trial in failed)


def test_an_error_is_one_line_with_its_place_below(tmp_path):
    def score(values):
        raise ValueError("the kernel\nis too large")

    tuner = make(tmp_path, 1, score=score)
    tuner.search()
    first, *rest = tuner.oracle.trials["0"].message.split("\n")
    assert first == "ValueError: the kernel is too large"
    assert "in score" in "".join(rest)


def test_a_full_disk_ends_the_search_and_loses_nothing(tmp_path, monkeypatch):
    tuner = make(tmp_path, 6)
    real, writes = os.fsync, []

    def fsync(descriptor):
        writes.append(descriptor)
        if len(writes) == 20:
            raise OSError(28, "No space left on device")
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(OSError, match="Cannot write .*make room"):
            tuner.search()
    again = make(tmp_path, 6)
    done = [t.status for t in again.oracle.trials.values()]
    assert 1 <= done.count("COMPLETED") < 6
    again.search()
    assert [t.status for t in again.oracle.trials.values()] == ["COMPLETED"] * 6


def test_a_trial_that_ends_the_process_is_not_repeated_for_ever(tmp_path):
    class Killed(BaseException):
        pass

    def score(values):
        raise Killed

    for attempt in range(1, 4):
        tuner = make(tmp_path, 2, score=score)
        with pytest.raises(Killed):
            tuner.search()
        assert tuner.ran == ["0"]
        saved = state.read_json(tmp_path / "p" / "attempts.json")
        assert saved == {"begun": {"0": attempt}, "crashed": {"0": attempt}}
    tuner = make(tmp_path, 2)
    tuner.search()
    assert tuner.ran == ["1"]
    assert tuner.oracle.trials["0"].status == "FAILED"
    assert "3 times" in tuner.oracle.trials["0"].message


@pytest.mark.parametrize("step", [1, 7])
@pytest.mark.parametrize("name", ["oracle.json", "trial_1/trial.json",
                                  "tuner0.json"])  # fmt: skip
@pytest.mark.filterwarnings("ignore:.*(moved to|is lost)")
def test_a_truncated_file_is_put_aside(tmp_path, name, step):
    make(tmp_path, 4).search()
    path = tmp_path / "p" / name
    whole = path.read_bytes()
    ends = range(0, len(whole), max(1, len(whole) // 3 - step))
    for end in ends:
        path.write_bytes(whole[:end])
        tuner = make(tmp_path, 4)
        statuses = [t.status for t in tuner.oracle.trials.values()]
        lost = 1 if name.startswith("trial") else 0
        assert list(tuner.oracle.trials) == ["0", "1", "2", "3"]
        assert statuses.count("COMPLETED") == 4 - lost
        assert statuses.count("FAILED") == lost
        tuner.search()
        assert tuner.ran == []  # nothing is trained again
        path.write_bytes(whole)
    larger = make(tmp_path, 6)
    larger.search()
    assert larger.ran == ["4", "5"]


@pytest.mark.filterwarnings("ignore:.*moved to")
def test_without_both_generations_the_trials_are_enough(tmp_path):
    first = make(tmp_path, 4)
    first.search()
    for name in ("oracle.json", f"oracle.json{files.PREVIOUS}"):
        (tmp_path / "p" / name).write_text("{")
    tuner = make(tmp_path, 6)
    assert values_of(tuner) == values_of(first)
    tuner.search()
    assert tuner.ran == ["4", "5"]
    tried = [json.dumps(v, sort_keys=True) for v in values_of(tuner).values()]
    assert len(set(tried)) == 6


def test_a_missing_trial_counts_and_is_told(tmp_path):
    make(tmp_path, 4).search()
    (tmp_path / "p" / "trial_2" / "trial.json").unlink()
    with pytest.warns(UserWarning, match="trial 2 is lost"):
        tuner = make(tmp_path, 5)
    assert tuner.oracle.trials["2"].status == "FAILED"
    tuner.search()
    assert tuner.ran == ["4"]


def test_between_the_two_files_of_a_trials_end(tmp_path):
    """The trial's own file says it ended, the oracle's that it runs."""
    tuner = make(tmp_path, 3)
    path = tmp_path / "p" / "oracle.json"
    kept = []
    save = type(tuner.oracle).save

    def spy(self):
        save(self)
        kept.append(path.read_bytes())

    type(tuner.oracle).save = spy
    try:
        tuner.search()
    finally:
        type(tuner.oracle).save = save
    running = [text for text in kept if json.loads(text)["ongoing_trials"]]
    path.write_bytes(running[-1])
    again = make(tmp_path, 3)
    assert again.oracle._retry_queue == []
    again.search()
    assert again.ran == []


def test_a_folder_of_others_is_refused(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "photo.png").write_text("x")
    with pytest.raises(ValueError, match="photo.png"):
        make(tmp_path)
    assert os.listdir(tmp_path / "p") == ["photo.png"]


def test_overwrite_is_refused(tmp_path):
    (tmp_path / "keep").write_text("x")
    with pytest.raises(ValueError, match="nothing is ever deleted"):
        Synthetic(
            oracle=make(tmp_path / "other").oracle,
            directory=str(tmp_path),
            project_name=".",
            overwrite=True,
        )
    assert (tmp_path / "keep").exists()


def test_two_processes_do_not_share_a_folder(tmp_path):
    tuner = make(tmp_path)
    with state.Lock(tuner.project_dir):
        with pytest.raises(RuntimeError, match="in use by process"):
            tuner.search()
    assert tuner.ran == []


def test_it_hardens_keras_tuners_own_tuners(tmp_path):
    class Bayesian(search.DurableTuner, keras_tuner.BayesianOptimization):
        def run_trial(self, trial, *args, **kwargs):
            return trial.hyperparameters.values["x"]

    def tuner():
        return Bayesian(
            hypermodel=lambda hp: hp.Float("x", 0.0, 1.0),
            objective=keras_tuner.Objective("loss", "min"),
            max_trials=4,
            directory=str(tmp_path),
            project_name="p",
        )

    made = tuner()
    assert isinstance(made.oracle, hardened.DurableOracle)
    assert isinstance(
        made.oracle, keras_tuner.oracles.BayesianOptimizationOracle
    )
    made.oracle.verbose = 0
    made.search()
    assert len(tuner().oracle.trials) == 4


def test_tensorboard_runs_are_apart_on_every_backend(tmp_path):
    class Logger:
        log_dir = "runs"

    class TensorBoardLike(Logger):
        pass

    tuner = make(tmp_path, 2)
    tuner.search()
    seen = set()
    for trial in tuner.oracle.trials.values():
        for execution in (0, 1):
            callback = TensorBoardLike()
            tuner._configure_tensorboard_dir([callback], trial, execution)
            seen.add(callback.log_dir)
    assert len(seen) == 4
    assert os.path.join("runs", "trial_0001", "execution_0") in seen


def test_two_kills_in_a_row_at_a_trial_s_birth(tmp_path):
    """The first leaves it in the oracle's file alone, the next reads that."""
    whole = make(tmp_path / "whole")
    whole.search()
    parts = make(tmp_path / "parts")
    born = parts.oracle.create_trial("tuner0")
    os.remove(parts.oracle._trial_file(born.trial_id))
    make(tmp_path / "parts")  # killed once it has read what is there
    parts = make(tmp_path / "parts")
    parts.search()
    assert values_of(parts) == values_of(whole)


def test_an_error_with_half_a_character_does_not_end_resumes(tmp_path):
    def score(values):
        raise ValueError("bad \udcff \x1b[31m")

    for trials in (2, 3):
        tuner = make(tmp_path, trials, score=score)
        tuner.search()
    messages = [t.message for t in make(tmp_path).oracle.trials.values()]
    assert [m.split("\n")[0] for m in messages] == [
        "ValueError: bad _ _[31m"
    ] * 3


def test_starts_without_a_word_have_an_end(tmp_path):
    """A trial that needs too much memory is killed for ever."""
    for begun in (attempts.MAX_STARTS - 1, attempts.MAX_STARTS):
        folder = tmp_path / str(begun)
        make(folder, 1).oracle.create_trial("tuner0")
        state.write_json(
            folder / "p" / "attempts.json",
            {"begun": {"0": begun}, "crashed": {}},
        )
        tuner = make(folder, 1)
        tuner.search()
        trial = tuner.oracle.trials["0"]
        given_up = begun == attempts.MAX_STARTS
        assert trial.status == ("FAILED" if given_up else "COMPLETED")
    assert "killed from outside, 25 times" in trial.message


def test_attempts_that_ended_leave_no_file(tmp_path):
    def interrupt(values):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, 2, score=interrupt).search()
    make(tmp_path, 2).search()
    names = os.listdir(tmp_path / "p")
    assert "attempts.json" not in names and "crash.log" not in names
