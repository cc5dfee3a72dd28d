import json

import numpy as np
import pytest

from keras_funcs.search import finalists
from keras_funcs.search import report
from keras_funcs.search import results
from keras_funcs.search import terminal

STUDY = {
    "version": 1,
    "name": "kinds | <script>",
    "environment": {"backend": "none"},
    "fingerprint": {"oracle": "random", "seed": 0},
    "objective": {"name": "val_loss", "direction": "min"},
    "baseline": {"loss": "a"},
    "parts": ["loss", "rate"],
    "configs": ["baseline", "trial_0001", "trial_0001-without-loss"],
    "seeds": [0, 1, 2],
    "epochs": 2,
    "batch_size": 4,
    "tested": True,
    "class_names": None,
    "max_trials": 3,
    "seconds": 61.0,
}


def trial(number, score, status="COMPLETED", message=None, **values):
    return {
        "trial_id": str(number),
        "hyperparameters": {"space": [], "values": values},
        "metrics": {"metrics": {}},
        "score": score,
        "best_step": 1,
        "status": status,
        "message": message,
    }


def config(role, scores, matrix=None, reverted="", **values):
    return {
        "role": role,
        "label": f"{role} label",
        "values": values,
        "reverted": reverted,
        "attempts": {},
        "runs": {
            str(seed): {
                "score": score,
                "validation": score,
                "epoch": 1,
                "seconds": 1.0,
                "metrics": {"loss": score},
                "matrix": matrix,
            }
            for seed, score in enumerate(scores)
        },
    }


@pytest.fixture
def folder(tmp_path):
    def put(name, value):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))

    put("study.json", STUDY)
    put("search/trial_0/trial.json", trial(0, 0.5, loss="a", rate=0.1))
    put("search/trial_1/trial.json", trial(1, 0.3, loss="b", rate=0.2))
    put(
        "search/trial_2/trial.json",
        trial(2, None, "FAILED", "Boom: a | b\nline 3", loss="c", rate=0.9),
    )
    put(
        "finalists/baseline.json",
        config("baseline", [0.5, 0.6, 0.55], [[8, 2], [5, 5]], loss="a"),
    )
    put(
        "finalists/trial_0001.json",
        config("finalist", [0.3, 0.41, 0.34], [[9, 1], [1, 9]], loss="b"),
    )
    put(
        "finalists/trial_0001-without-loss.json",
        config("ablation", [0.4, 0.5, 0.46], None, "loss", loss="a"),
    )
    return tmp_path


def test_numbers_of_a_loss_are_turned_round(folder):
    found = results.read(folder)
    compared = found.comparisons["trial_0001"]
    assert compared.difference == pytest.approx(0.2)  # smaller is better
    assert compared.better
    assert "finalist label (trial_0001) beat the baseline" in found.verdict
    assert found.best.name == "trial_0001"
    ((part, value, gain),) = found.contributions()
    assert (part, value) == ("loss", "b")
    assert gain.difference == pytest.approx((0.1 + 0.09 + 0.12) / 3)
    assert [t.name for t in found.ranked()] == ["trial_0001", "trial_0000"]
    assert found.effects() == [
        ("loss", "b", 1, 0.3, 0.3),
        ("loss", "a", 1, 0.5, 0.5),
    ]


def test_recall_adds_the_seeds(folder):
    found = results.read(folder)
    np.testing.assert_allclose(found.baseline.recalls, [0.8, 0.5])
    assert found.baseline.matrix.sum() == 60


def test_the_report_is_made_of_the_folder_alone(folder):
    path = report.write(results.read(folder))
    text = path.read_text()
    assert "# kinds \\| &lt;script&gt;" in text
    assert "| trial_0002 | loss=c, rate=0.9 | Boom: a \\| b |" in text
    assert "| 1 | 10 | 0.5000 | 0.9000 | +0.4000 |" in text
    assert "+0.2000" in text
    shown = terminal.summary(results.read(folder), path, 61.0)
    assert "loss = b: +0.1033" in shown and "1 min 1 s" in shown
    assert "1 of 3 trials failed" in shown


def test_a_study_without_its_final(folder):
    for path in (folder / "finalists").iterdir():
        path.unlink()
    found = results.read(folder)
    text = report.write(found).read_text()
    assert "The finalists were not run" in text
    assert "## Search" in text and "## Leaderboard" not in text


def test_a_damaged_file_is_left_out(folder):
    (folder / "search" / "trial_1" / "trial.json").write_text('{"trial_id"')
    (folder / "finalists" / "trial_0001.json").write_text("")
    found = results.read(folder)
    assert [t.name for t in found.trials] == ["trial_0000", "trial_0002"]
    assert [c.name for c in found.configs] == [
        "baseline",
        "trial_0001-without-loss",
    ]
    report.write(found)


def test_a_folder_without_a_study(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(ValueError, match="Expected a folder with a study"):
            results.read(path)


def test_finalists_are_distinct_and_not_the_baseline():
    def item(number, score, **values):
        return results.Trial(
            f"trial_{number}", values, "COMPLETED", score, 0, 1.0, ""
        )

    base = {"loss": "a", "rate": 0.1}
    found = results.Results(
        directory=None,
        study={**STUDY, "objective": {"name": "val_x", "direction": "max"}},
        trials=(
            item(0, 0.9, **base),
            item(1, 0.8, loss="b", rate=0.1),
            item(2, 0.8, loss="b", rate=0.1),  # promoted: the same setting
            item(3, 0.7, loss="b", rate=0.2, **{"loss/b/scheme": "x"}),
            item(4, 0.6, loss="c", rate=0.2),
            item(5, 0.5, loss="a", rate=0.3),
        ),
    )

    def names(count):
        return [p.name for p in finalists.select(found, base, count)]

    assert names(2) == ["baseline", "trial_1", "trial_4"]
    assert names(9) == [
        "baseline", "trial_1", "trial_4", "trial_3", "trial_5",
    ]  # fmt: skip
