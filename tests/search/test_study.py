import collections
import dataclasses
import json
import math
import os
import signal
import subprocess
import sys

import keras
import keras_tuner
import numpy as np
import pandas as pd
import pytest
from conftest import build

from keras_funcs import search
from keras_funcs.search import results
from keras_funcs.search import state

HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.fixture(scope="module")
def finished(tmp_path_factory, splits):
    """One whole study, with logs, that the tests below only read."""
    directory = tmp_path_factory.mktemp("whole") / "study"
    events = []
    train, validation, test = splits
    study = search.Study(
        build,
        train,
        validation,
        test,
        objective="accuracy",
        oracle="random",
        max_trials=4,
        epochs=2,
        batch_size=15,
        seeds=3,
        finalists=2,
        directory=directory,
        strategy=None,
        class_names=["ant", "bee|wasp", "<b>cat</b>"],
        on_event=events.append,
        name="three kinds",
    ).run()
    return study, events, results.read(directory)


def test_the_first_trial_is_the_baseline(finished):
    study, _, found = finished
    assert dict(found.trials[0].values) == {
        "activation": "relu",
        "optimizer": "adam",
        "optimizer/adam/learning_rate": pytest.approx(1e-3),
        "loss": "sparse_categorical_crossentropy",
    }
    assert found.baseline.values == found.trials[0].values
    assert found.study["baseline"] == found.trials[0].values


def test_every_configuration_has_the_same_seeds(finished):
    _, _, found = finished
    assert [c.role for c in found.configs[:4]] == [
        "baseline",
        "finalist",
        "tuned",
        "finalist",
    ]
    tuned, base = found.tuned.values, found.baseline.values
    assert {n for n in base if tuned[n] != base[n]} == {
        "optimizer/adam/learning_rate"
    }
    for item in found.configs:
        assert sorted(item.runs) == found.study["seeds"] == [0, 1, 2]
    values = [json.dumps(c.values, sort_keys=True) for c in found.configs]
    assert len(set(values)) == len(values)


def test_scores_are_the_models_on_the_test_split(finished, splits):
    study, _, found = finished
    best = found.best
    run = max(best.runs.values(), key=lambda r: r["validation"])
    model = study.best_model()
    logs = model.evaluate(*splits[2], verbose=0, return_dict=True)
    assert logs["accuracy"] == pytest.approx(run["score"], abs=1e-6)
    matrix = np.array(run["matrix"])
    assert matrix.sum() == len(splits[2][1])
    assert np.trace(matrix) / matrix.sum() == pytest.approx(run["score"])
    validation = model.evaluate(*splits[1], verbose=0, return_dict=True)
    assert validation["accuracy"] == pytest.approx(run["validation"])


def test_leaderboard(finished):
    study, _, found = finished
    frame = study.leaderboard()
    assert len(frame) == 4 and frame["mean"].is_monotonic_decreasing
    row = frame[frame["config"] == "baseline"].iloc[0]
    assert math.isnan(row["difference"])
    for item in found.finalists:
        row = frame[frame["config"] == item.name].iloc[0]
        gain = item.mean() - found.baseline.mean()
        assert row["difference"] == pytest.approx(gain)
        assert row["low"] <= row["difference"] <= row["high"]


def test_the_report_and_its_files(finished):
    study, _, found = finished
    text = (study.directory / "report.md").read_text()
    for heading in (
        "# three kinds", "## Leaderboard", "## What each choice contributed",
        "## Classes", "## Search", "## How it was run",
    ):  # fmt: skip
        assert heading in text
    assert found.verdict in text
    assert "bee\\|wasp" in text and "&lt;b&gt;cat" in text
    assert "<b>" not in text
    for line in text.splitlines():
        if line.startswith("!["):
            path = study.directory / line.split("(")[1].rstrip(")")
            assert path.read_bytes().startswith(b"\x89PNG")
    assert (study.directory / "figures" / "confusion.png").exists()
    trials = pd.read_csv(study.directory / "trials.csv")
    assert list(trials["trial"]) == [t.name for t in found.trials]
    runs = pd.read_csv(study.directory / "finalists.csv")
    assert len(runs) == 3 * len(found.configs)
    for item in found.configs:
        mean = runs[runs["config"] == item.name]["test"].mean()
        assert mean == pytest.approx(item.mean())


def test_the_ablation_reverts_one_part_at_a_time(finished):
    _, _, found = finished
    winner, base = found.winner, found.baseline
    for item in found.ablations:
        part = item.reverted
        assert item.values[part] == base.values[part]
        kept = {k: v for k, v in winner.values.items()
                if not k.startswith(part)}  # fmt: skip
        assert {k: item.values[k] for k in kept} == kept


def test_events_tell_progress(finished):
    _, events, found = finished
    kinds = [event.kind for event in events]
    assert kinds[:3] == ["study_started", "search_started", "trial_started"]
    assert kinds.count("trial_started") == kinds.count("trial_ended") == 4
    assert kinds.count("run_ended") == 3 * len(found.configs)
    assert kinds[-1] == "study_ended"
    ended = [event for event in events if event.kind == "trial_ended"]
    assert [event.number for event in ended] == [1, 2, 3, 4]
    assert all(event.of == 4 and event.seconds_left >= 0 for event in ended)
    best = [event.best for event in ended]
    assert best == sorted(best)
    assert best[-1] == max(event.score for event in ended)


def test_a_tensorboard_run_for_each_trial_and_seed(finished):
    study, _, found = finished
    logs = study.directory / "logs"
    runs = {
        path.parent.relative_to(logs).as_posix()
        for path in logs.rglob("events*")
    }
    assert "." in runs  # the space
    for trial in found.trials:
        expected = {trial.name, f"{trial.name}/train",
                    f"{trial.name}/validation"}  # fmt: skip
        assert expected <= runs
    for item in found.configs:
        for seed in item.runs:
            assert f"finalists/{item.name}/seed_{seed}" in runs


def test_hparams_have_whole_domains_and_active_values(finished):
    from tensorboard.backend.event_processing import event_accumulator
    from tensorboard.plugins.hparams import plugin_data_pb2

    study, _, found = finished

    def data(run, tag):
        reader = event_accumulator.EventAccumulator(
            str(study.directory / "logs" / run)
        )
        reader.Reload()
        content = reader.SummaryMetadata(tag).plugin_data.content
        return plugin_data_pb2.HParamsPluginData.FromString(content)

    experiment = data(".", "_hparams_/experiment").experiment
    domains = {info.name: info for info in experiment.hparam_infos}
    values = domains["activation"].domain_discrete.values
    assert {value.string_value for value in values} == {"relu", "Swish"}
    interval = domains["optimizer/sgd/learning_rate"].domain_interval
    assert interval.max_value == 1.0
    for trial in found.trials:
        session = data(trial.name, "_hparams_/session_start_info")
        assert set(session.session_start_info.hparams) == set(trial.values)


def test_run_refuses_a_folder_that_holds_a_study(finished, make_study):
    study, _, _ = finished
    before = (study.directory / "study.json").read_bytes()
    with pytest.raises(ValueError, match="resume"):
        make_study(directory=study.directory).run()
    assert (study.directory / "study.json").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"epochs": 3}, r"epochs \(was 2, is 3\)"),
        ({"objective": "loss"}, "objective"),
        ({"seed": 4}, "seed"),
        ({"build": lambda hp: (hp.Int("n", 1, 3), build(hp))[1]}, "space"),
    ],
)
def test_resume_refuses_what_cannot_be_compared(
    finished, make_study, change, match
):
    study, _, _ = finished
    with pytest.raises(ValueError, match=match):
        make_study(directory=study.directory, **change).resume()


def test_resume_refuses_other_data(finished, make_study, splits):
    study, _, _ = finished
    (x, y), _, _ = splits
    with pytest.raises(ValueError, match="another .*train"):
        make_study(directory=study.directory, train=(x + 1, y)).resume()


def test_a_folder_with_other_files_is_refused(make_study, tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="notes.txt.*choose another"):
        make_study()
    assert os.listdir(tmp_path / "study") == ["notes.txt"]


def test_a_second_process_is_told(make_study, tmp_path):
    study = make_study()
    with state.Lock(tmp_path / "study"):
        with pytest.raises(RuntimeError, match="in use by process"):
            study.run()


class Stop:
    """A listener that ends the study at a given event."""

    def __init__(self, kind, number, error=KeyboardInterrupt):
        self.kind, self.number, self.error = kind, number, error

    def __call__(self, event):
        if (event.kind, event.number) == (self.kind, self.number):
            raise self.error


def test_ctrl_c_leaves_a_report_and_resume_goes_on(make_study, tmp_path):
    for stop in (
        Stop("trial_ended", 2),
        Stop("trial_started", 3),
        Stop("run_ended", 2),
    ):
        with pytest.raises(KeyboardInterrupt):
            make_study(on_event=stop).resume()
        text = (tmp_path / "study" / "report.md").read_text()
        assert "## Search" in text
    half = results.read(tmp_path / "study")
    assert len(half.trials) == 3 and len(half.configs[0].runs) == 2
    study = make_study().resume()
    found = results.read(study.directory)
    assert [t.status for t in found.trials] == ["COMPLETED"] * 3
    assert all(len(c.runs) == 2 for c in found.configs)
    whole = make_study(directory=tmp_path / "whole").run()
    expected = results.read(whole.directory)
    assert [t.score for t in found.trials] == [t.score for t in expected.trials]
    assert {c.name: c.scores() for c in found.configs} == {
        c.name: c.scores() for c in expected.configs
    }


def test_sigterm_is_like_ctrl_c(make_study, tmp_path):
    def listen(event):
        if (event.kind, event.number) == ("trial_ended", 2):
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        make_study(on_event=listen).run()
    assert signal.getsignal(signal.SIGTERM) is before
    assert (tmp_path / "study" / "report.md").exists()


def test_a_full_disk_is_one_line_and_resume_goes_on(
    make_study, tmp_path, monkeypatch
):
    real, calls = os.replace, []

    def replace(source, target):
        calls.append(target)
        if len(calls) > 25:
            raise OSError(28, "No space left on device")
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        with pytest.raises(OSError, match="Cannot write .*make room") as told:
            make_study().run()
    assert "\n" not in str(told.value)
    study = make_study().resume()
    found = results.read(study.directory)
    assert [t.status for t in found.trials] == ["COMPLETED"] * 3
    assert not list(study.directory.rglob(".writing-*"))


def test_a_larger_search_can_follow(make_study):
    make_study(max_trials=2, finalists=2, ablation=False).run()
    runs = []

    def listen(event):
        if event.kind == "run_ended":
            runs.append(event.label)

    study = make_study(
        max_trials=3, finalists=2, ablation=False, on_event=listen
    ).resume()
    assert not any(label.startswith("baseline,") for label in runs)
    assert 2 <= len(runs) <= 4  # the new finalist, and perhaps the tuned
    assert len(results.read(study.directory).trials) == 3
    found = results.read(study.directory)
    values = [dict(c.values) for c in found.configs]
    for trial in found.trials:
        assert dict(trial.values) in values
    with pytest.raises(ValueError, match="no .*best.keras|yet"):
        make_study(directory=study.directory / "none").best_model()


def failing(when):
    def build_or_fail(hp):
        model = build(hp)
        if when(hp):
            model.compile(
                keras.optimizers.SGD(float("inf")),
                model.loss,
                metrics=["accuracy"],
                run_eagerly=True,
            )
        return model

    return build_or_fail


def test_a_diverging_choice_fails_and_never_wins(make_study):
    study = make_study(
        build=failing(lambda hp: hp.get("optimizer") == "sgd"),
        max_trials=5,
        epochs=2,
        batch_size=15,
    ).run()
    found = results.read(study.directory)
    failed = found.failed()
    assert failed and all(t.values["optimizer"] == "sgd" for t in failed)
    assert found.winner.values["optimizer"] == "adam"
    text = (study.directory / "report.md").read_text()
    assert "## Failed" in text and "not finite" in text
    assert failed[0].name in text


def test_all_failing_is_a_clear_error(make_study, monkeypatch):
    def broken(self, *args, **kwargs):
        raise MemoryError("no memory for the kernel")

    from keras_funcs.search import training

    monkeypatch.setattr(training.Program, "fit", broken)
    study = make_study(max_trials=12)
    with pytest.raises(RuntimeError, match="All 5 trials failed.*no memory"):
        study.run()
    assert "no memory" in (study.directory / "report.md").read_text()


def test_a_seed_that_fails_is_reported(make_study, monkeypatch):
    from keras_funcs.search import training

    real = training.Program.fit

    def sometimes(self, seed, **kwargs):
        if seed == 1:
            raise training.NotFinite("the loss was not finite")
        return real(self, seed, **kwargs)

    monkeypatch.setattr(training.Program, "fit", sometimes)
    study = make_study(seeds=3, ablation=False).run()
    found = results.read(study.directory)
    assert all(len(c.scores()) == 2 for c in found.configs)
    assert all(c.pairs == 2 for c in found.comparisons.values())
    assert "seed 1" in (study.directory / "report.md").read_text()


def test_time_is_kept_for_the_final(make_study, monkeypatch):
    from keras_funcs.search import local

    ticks = iter(range(0, 100_000, 1))
    monkeypatch.setattr(
        local.Clock, "elapsed", property(lambda self: next(ticks))
    )
    study = make_study(max_trials=50, max_time=20.0).run()
    found = results.read(study.directory)
    assert 1 <= len(found.trials) < 50
    assert found.finalists or len(found.trials) == 1
    assert all(len(c.runs) == 2 for c in found.configs)


class Slow:
    """A clock on which a trial takes 10 s and a run of the final 1 s."""

    def __init__(self, monkeypatch):
        from keras_funcs.search import local
        from keras_funcs.search import training

        self.now, real = 0.0, training.Program.fit

        def fit(program, seed, **kwargs):
            run = real(program, seed, **kwargs)
            self.now += 10.0
            return dataclasses.replace(run, seconds=10.0, steady=10.0)

        monkeypatch.setattr(training.Program, "fit", fit)
        monkeypatch.setattr(
            local.Clock, "elapsed", property(lambda clock: self.now)
        )


@pytest.mark.parametrize(
    ("limit", "seeds", "roles"),
    [
        # Two trials, then what fits: each run takes 10 s.
        (60.0, 2, {"baseline": 1, "finalist": 1}),
        (85.0, 3, {"baseline": 1, "finalist": 1}),
        (115.0, 3, {"baseline": 1, "finalist": 1, "tuned": 1}),
    ],
)
def test_the_final_looks_at_the_clock(
    make_study, monkeypatch, limit, seeds, roles
):
    clock = Slow(monkeypatch)
    study = make_study(max_trials=2, max_time=limit, seeds=3, finalists=3).run()
    found = results.read(study.directory)
    assert clock.now <= limit
    counts = collections.Counter(c.role for c in found.configs)
    assert counts == roles
    assert all(len(c.runs) == seeds for c in found.configs)
    assert found.study["seeds"] == list(range(seeds))
    text = (study.directory / "report.md").read_text()
    assert "lack of time" in text


def test_too_short_for_a_comparison(make_study, monkeypatch):
    Slow(monkeypatch)
    study = make_study(max_trials=9, max_time=25.0, seeds=5).run()
    found = results.read(study.directory)
    assert [c.role for c in found.configs] == ["baseline"]
    assert "too short for one comparison; about 60 s" in found.verdict
    assert found.verdict in (study.directory / "report.md").read_text()
    assert study.best_model() is not None


def test_an_evaluation_that_fails_is_a_failed_run(make_study, monkeypatch):
    from keras_funcs.search import training

    real, calls = training.Program.evaluate, []

    def evaluate(self, split):
        calls.append(split)
        if len(calls) == 1:
            raise MemoryError("no memory for the test split")
        return real(self, split)

    monkeypatch.setattr(training.Program, "evaluate", evaluate)
    study = make_study(ablation=False).run()
    found = results.read(study.directory)
    assert "no memory" in found.baseline.runs[0]["error"]
    assert all(len(c.scores()) == 2 for c in found.finalists)
    assert "The baseline failed with 1 of 2 seeds" in found.verdict


def test_what_another_process_did_meanwhile_is_read(make_study, monkeypatch):
    from keras_funcs.search import runner

    first, second = make_study(), make_study()
    waiting = runner.Runner(second, lambda event: None)
    first.run()
    before = state.read_json(first.directory / "study.json")
    waiting.run()
    after = state.read_json(first.directory / "study.json")
    for name in ("environment", "finalists", "configs"):
        assert after[name] == before[name]
    assert after["seconds"] >= before["seconds"]
    other = make_study(directory=first.directory.parent / "new", epochs=2)
    late = runner.Runner(other, lambda event: None)
    other.directory = first.directory
    late.path = first.directory / "study.json"
    with pytest.raises(ValueError, match="epochs"):
        late.run()
    assert state.read_json(late.path) == after


def test_without_a_test_split_it_says_so(make_study):
    study = make_study(test=None, ablation=False).run()
    text = (study.directory / "report.md").read_text()
    assert "Give the study a test split" in text
    found = results.read(study.directory)
    for run in found.baseline.runs.values():
        assert run["score"] == pytest.approx(run["validation"])


def test_a_users_oracle(make_study):
    oracle = keras_tuner.oracles.RandomSearchOracle(max_trials=2, seed=3)
    study = make_study(oracle=oracle, max_trials=2, ablation=False).run()
    assert len(results.read(study.directory).trials) == 2


def test_hyperband_trains_by_its_budget(make_study):
    study = make_study(
        oracle="hyperband", epochs=4, max_trials=4, ablation=False
    ).run()
    found = results.read(study.directory)
    assert len(found.trials) == 4
    epochs = pd.read_json(
        study.directory / "search" / "trial_0" / "trial.json", typ="series"
    )["hyperparameters"]["values"]["tuner/epochs"]
    assert epochs == 2  # of 4: the first rung
    assert all(t.epoch < 2 for t in found.trials)
    assert "tuner/epochs" not in found.trials[0].values


def test_it_survives_kill_minus_nine(tmp_path):
    """Killed in search, final and ablation; the result is the same."""
    program = "import sys, test_study; test_study.killed(*sys.argv[1:])"
    for kind, number in (
        ("trial_ended", 2),
        ("run_ended", 3),
        ("", 0),
    ):
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "study"), kind,
             str(number)],
            cwd=HERE, capture_output=True, text=True, timeout=200,
        )  # fmt: skip
        assert done.returncode == (-signal.SIGKILL if kind else 0), done.stderr
    found = results.read(tmp_path / "study")
    assert [t.status for t in found.trials] == ["COMPLETED"] * 3
    assert all(sorted(c.runs) == [0, 1] for c in found.configs)
    assert (tmp_path / "study" / "best.keras").exists()
    assert not list((tmp_path / "study").rglob("*.damaged"))


def killed(directory, kind, number):
    from conftest import blobs

    def listen(event):
        if (event.kind, event.number) == (kind, int(number)):
            os.kill(os.getpid(), signal.SIGKILL)

    search.Study(
        build, blobs(0, 30), blobs(1, 30), blobs(2, 60),
        objective="accuracy", oracle="random", max_trials=3, epochs=2,
        batch_size=15, seeds=2, finalists=1, directory=directory,
        strategy=None, tensorboard=False, on_event=listen,
    ).resume()  # fmt: skip
