import json
import os

import keras
import numpy as np
import pandas as pd
import pytest

from keras_funcs import search
from tests.command.calls import call
from tests.command.calls import isolate
from tests.command.calls import mistake

# Keras's, when it saves an optimizer on JAX.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    isolate(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study of a small table, run once by the command."""
    folder = tmp_path_factory.mktemp("study")
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 2))
    table = pd.DataFrame(x, columns=["a", "b"])
    table["kind"] = random.choice(["u", "v"], 60)
    table["y"] = np.where(x[:, 0] > 0.5, "high", "low")
    table.to_csv(folder / "small.csv")
    arguments = [
        "tune", str(folder / "small.csv"), "--target", "y", "--drop", "b",
        "--trials", "1", "--epochs", "1", "--seeds", "2",
        "--out", str(folder / "out"),
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", keras.backend.backend())
        for name in ("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS"):
            patch.setenv(name, os.environ.get(name, "1"))
        result = call(*arguments)
    return folder, arguments, result


def test_tune_says_where_everything_is(study):
    folder, _, result = study
    for name in ("report.md", "best.keras", "preprocessing.json"):
        assert (folder / "out" / name).is_file()
        assert str(folder / "out" / name) in result.stdout
    assert f"tensorboard --logdir {folder / 'out' / 'logs'}" in result.stdout
    assert f"Backend: {keras.backend.backend()}" in result.stderr
    assert "Backend:" not in result.stdout


def test_what_tune_leaves_predicts_on_new_rows(study):
    folder, _, _ = study
    found = search.load(folder / "out")
    assert found.preprocessing.columns == ("a", "kind")
    assert found.class_names == ("high", "low")
    new = {"a": [1.0, None], "kind": ["u", "w"]}
    with pytest.warns(UserWarning, match="kind: 'w' in 1 rows"):
        shares = found.predict_proba(new)
    np.testing.assert_allclose(shares.sum(-1), 1.0, rtol=1e-6)
    assert len(found.predict(found.read(folder / "small.csv"))) == 60


def test_predict_writes_a_line_per_row(study):
    folder, _, _ = study
    rows = pd.DataFrame({"kind": ["u", "w", "v"], "a": [1.0, 2.0, -1.0]})
    rows.to_csv("new.csv", index=False)
    arguments = ["predict", str(folder / "out"), "new.csv"]
    result = call(*arguments, "--out", "found.csv")
    found = pd.read_csv("found.csv")
    assert list(found) == [
        "prediction",
        "probability of high",
        "probability of low",
    ]
    assert len(found) == 3 and set(found["prediction"]) <= {"high", "low"}
    assert "'w' in 1 rows" in result.stderr
    assert result.stdout.startswith("3 rows  found.csv")
    result = call(*arguments, "--out", "found.csv", "--json")
    assert json.loads(result.stdout)["rows"] == 3
    for out in ("new.csv", "found.txt"):
        assert out in mistake(*arguments, "--out", out)
    rows[["kind"]].to_csv("few.csv", index=False)
    said = mistake("predict", arguments[1], "few.csv", "--out", "found.csv")
    assert "['a']" in said
    assert "study" in mistake("predict", ".", "new.csv", "--out", "found.csv")


def test_tune_and_its_report_say_how_columns_were_read(study):
    folder, _, result = study
    report = (folder / "out" / "report.md").read_text()
    for name, kind, reason in (
        ("small.csv", "file", "separator ',', encoding UTF-8"),
        ("y", "target", "2 classes: high, low"),
        ("kind", "categories", "2 distinct"),
        ("b", "left out", "as asked for"),
    ):
        assert f"| {name} | {kind} | {reason} |" in report
        assert f"{name:<10}  {kind:<10}  {reason}" in result.stdout
    assert "--numeric" in result.stdout
    assert "| Unnamed: 0 | left out | first column without a name" in report


def test_a_preprocessing_of_an_older_version_goes_on(study):
    path = study[0] / "out" / "preprocessing.json"
    before = path.read_bytes()
    old = json.loads(before) | {"format": 1}
    for key in ("reading", "decisions"):
        del old[key]
    path.write_text(json.dumps(old))
    try:
        call(*study[1])
        assert json.loads(path.read_text())["format"] == 1
    finally:
        path.write_bytes(before)


def test_tune_again_goes_on_and_json_is_alone_on_standard_output(study):
    folder, arguments, _ = study
    result = call(*arguments, "--json")
    found = json.loads(result.stdout)
    assert found["objective"] == "balanced_accuracy"
    assert found["configurations"][0]["role"] == "baseline"
    assert len(found["configurations"][0]["runs"]) == 2
    assert found["files"]["model"] == str(folder / "out" / "best.keras")
    assert "trial  1" not in result.output


def test_another_study_in_the_same_folder_is_refused(study):
    folder, arguments, _ = study
    before = (folder / "out" / "study.json").read_bytes()
    assert "epochs (was 1, is 2)" in mistake(*arguments, "--epochs", "2")
    assert (folder / "out" / "study.json").read_bytes() == before


def test_a_preprocessing_that_differs_is_refused_and_kept(study):
    path = study[0] / "out" / "preprocessing.json"
    before = path.read_bytes()
    path.write_text("{}")
    try:
        assert "begun with other columns" in mistake(*study[1])
        assert path.read_text() == "{}"
    finally:
        path.write_bytes(before)


def test_report(study):
    folder, _, _ = study
    (folder / "out" / "report.md").unlink()
    text = call("report", str(folder / "out")).stdout
    assert (folder / "out" / "report.md").is_file()
    assert "best.keras" in text
    found = json.loads(call("report", str(folder / "out"), "--json").stdout)
    assert found["trials"] == 1


def test_interrupted(monkeypatch, tmp_path):
    from keras_funcs import search

    trials = tmp_path / "runs" / "digits" / "search"

    real = search.table

    def table(dataset, choices, metrics):
        build = real(dataset, choices={"network": ["4"]}, metrics=metrics)

        def stopped(hp):
            if len([*trials.glob("trial_*")]) == 2:
                raise KeyboardInterrupt
            return build(hp)

        return stopped

    monkeypatch.setattr(search, "table", table)
    result = call("tune", "digits", "--trials", "3", "--epochs", "1", code=130)
    assert "goes on where this one stopped" in result.stdout
    assert "Traceback" not in result.output
    folder = tmp_path / "runs" / "digits"
    assert (folder / "report.md").is_file()
    assert (folder / "preprocessing.json").is_file()


def test_doctor(study):
    folder, _, _ = study
    text = call("doctor", str(folder / "out" / "best.keras")).stdout
    assert f"keras           {keras.__version__}" in text
    assert f"backend         {keras.backend.backend()}" in text
    assert "ok       every object of it is registered" in text
    found = json.loads(call("doctor", "--json").stdout)
    assert found["findings"] == [{"level": "ok", "message": "nothing is wrong"}]
    assert "cpu" in found["facts"]["devices"].lower()
