"""Whole studies: what they find, write and refuse."""

import json
import math
import os

import keras_tuner
import numpy as np
import pandas as pd
import pytest

from keras_funcs.search.report import results
from tests.search.conftest import Listener
from tests.search.conftest import build


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
    trained = [c for c in found.configs if c not in found.beside]
    values = [json.dumps(c.values, sort_keys=True) for c in trained]
    assert len(set(values)) == len(values)


def test_scores_are_the_models_on_the_test_split(finished, splits):
    study, _, found = finished
    best, seed = found.shipped
    assert best is found.recommended
    run = best.runs[seed]
    others = sorted(r["validation"] for r in best.runs.values())
    assert run["validation"] == others[1]  # of three
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
    # Plain and tuned baseline, two finalists, and what needs no run.
    assert len(frame) == 8 and frame["mean"].is_monotonic_decreasing
    assert {"logistic_regression", "baseline-adjusted"} < set(frame["config"])
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
    assert "| rows | 30 | 30 | 60 |" in text
    assert "figures/epochs.png" in text
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


def test_progress_hears_each_step(finished):
    _, heard, found = finished
    # On JAX a note says why there are no lanes.
    kinds = [kind for kind, _ in heard if kind != "note"]
    assert kinds[:3] == ["study_begin", "search_begin", "trial_begin"]
    assert kinds.count("trial_begin") == kinds.count("trial_end") == 4
    assert kinds.count("final_begin") == 2  # the finalists and the ablation
    trained = len(found.configs) - len(found.beside)
    assert kinds.count("run_end") == 3 * trained
    assert kinds[-1] == "study_end"
    ended = [step for kind, step in heard if kind == "trial_end"]
    assert [step.number for step in ended] == [1, 2, 3, 4]
    assert all(step.of == 4 and step.seconds_left >= 0 for step in ended)
    best = [step.best for step in ended]
    assert best == sorted(best)
    assert best[-1] == max(step.score for step in ended)


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
    for item in found.baselines + found.finalists + found.ablations:
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


@pytest.mark.usefixtures("untrained")
def test_a_larger_search_can_follow(make_study):
    make_study(trials=2, finalists=2, ablation=False).run()
    runs = []

    def hear(kind, step):
        if kind == "run_end":
            runs.append(step.label)

    study = make_study(
        trials=3, finalists=2, ablation=False, progress=Listener(hear)
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


def test_without_a_test_split_it_says_so(make_study):
    study = make_study(test=None, ablation=False).run()
    text = (study.directory / "report.md").read_text()
    assert "Give the study a test split" in text
    found = results.read(study.directory)
    for run in found.baseline.runs.values():
        assert run["score"] == pytest.approx(run["validation"])


@pytest.mark.usefixtures("untrained")
def test_a_users_oracle(make_study):
    oracle = keras_tuner.oracles.RandomSearchOracle(max_trials=2, seed=3)
    study = make_study(oracle=oracle, trials=2, ablation=False).run()
    assert len(results.read(study.directory).trials) == 2


def test_hyperband_trains_by_its_budget(make_study):
    study = make_study(
        oracle="hyperband", epochs=4, trials=2, ablation=False
    ).run()
    found = results.read(study.directory)
    assert len(found.trials) == 2
    epochs = pd.read_json(
        study.directory / "search" / "trial_0" / "trial.json", typ="series"
    )["hyperparameters"]["values"]["tuner/epochs"]
    assert epochs == 2  # of 4: the first rung
    assert all(t.epoch < 2 for t in found.trials)
    assert "tuner/epochs" not in found.trials[0].values
