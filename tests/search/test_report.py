import csv
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from keras_funcs.search import progress
from keras_funcs.search.report import markdown
from keras_funcs.search.report import measures
from keras_funcs.search.report import recalls
from keras_funcs.search.report import results
from keras_funcs.search.report import statistics
from keras_funcs.search.report import tables
from keras_funcs.search.report import terminal
from keras_funcs.search.store import predictions
from keras_funcs.search.training.predictions import Predictions
from tests.search.report_folder import STUDY
from tests.search.report_folder import config
from tests.search.report_folder import trial


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


def test_recall_of_each_class_and_what_fell(folder):
    changed = recalls.changes(results.read(folder))
    assert [item.before for item in changed] == pytest.approx([0.8, 0.5])
    assert [item.after for item in changed] == pytest.approx([0.9, 0.9])
    worse = config("finalist", [0.3, 0.41, 0.34], [[10, 0], [9, 1]], loss="b")
    put_final(folder, "trial_0001", worse)
    found = results.read(folder)
    assert [item.fell for item in recalls.changes(found)] == [False, True]
    text = markdown.write(found).read_text()
    assert "| -0.4000 | – | fell, perhaps by chance, only 10 rows |" in text
    shown = terminal.summary(found, folder / "report.md", 61.0)
    assert shown.index("-0.4000") < shown.rindex("+0.2000")


def put_predictions(folder, name, right):
    """Three seeds, of whose 60 rows so many are right in each class."""
    y = np.repeat([0, 1], [40, 20])
    for seed in range(3):
        wrong = np.zeros(60, bool)
        wrong[: 40 - right[0] + seed] = wrong[40 : 60 - right[1]] = True
        z = np.where(wrong, 1 - y, y)[:, None] == np.arange(2)
        log_p = np.log(np.where(z, 0.8, 0.2)).astype("float32")
        matrix = measures.counts(y, log_p.argmax(1), 2)
        share = float(np.mean(np.diag(matrix) / matrix.sum(1)))
        path = folder / "finalists" / f"{name}.json"
        saved = json.loads(path.read_text())
        saved["runs"][str(seed)] |= {
            "matrix": matrix.tolist(), "score": share, "validation": share
        }  # fmt: skip
        path.write_text(json.dumps(saved))
        splits = (predictions.HELD_OUT, predictions.VALIDATION)
        found = dict.fromkeys(splits, Predictions(y, log_p))
        predictions.store(folder, name, seed, found)


def test_intervals_cover_the_rows_and_a_gain_shows_its_price(folder):
    study = json.loads((folder / "study.json").read_text())
    study["objective"] = {"name": "val_balanced_accuracy", "direction": "max"}
    (folder / "study.json").write_text(json.dumps(study))
    put_predictions(folder, "baseline", (36, 8))
    put_predictions(folder, "trial_0001", (24, 18))
    found = results.read(folder)
    compared = found.comparisons["trial_0001"]
    assert compared.rows == 60 and compared.difference == pytest.approx(0.1)
    alone = statistics.compare(found.winner.scores(), found.baseline.scores())
    assert not alone.p > 0 and compared.low < 0 < compared.high
    text = markdown.write(found).read_text()
    assert "the chance of which 60 rows are held out" in text
    assert "of a t test of the mean difference with the same chances" in text
    assert "| 0 | 40 | 0.8750 | 0.5750 | -0.3000 |" in text
    assert "| FELL |" in text and "is that of the rarer class, 1" in text
    shown, rows = tables.measures(found)
    titles = [item.short for item in shown]
    assert titles == ["accuracy", "Matthews", "macro F1", "AP", "AUROC"]
    by_name = {item.name: dict(zip(titles, values)) for item, values in rows}
    assert by_name["baseline"]["accuracy"] == pytest.approx(43 / 60)
    shown = terminal.summary(found, folder / "report.md", 61.0)
    assert "FELL" in shown and "macro F1" in shown


def test_rows_are_claimed_only_for_all_intervals(folder):
    study = json.loads((folder / "study.json").read_text())
    study["objective"] = {"name": "val_balanced_accuracy", "direction": "max"}
    study["configs"].append("trial_0002")
    (folder / "study.json").write_text(json.dumps(study))
    put_final(folder, "trial_0002", config("finalist", [0.3, 0.5, 0.4]))
    put_predictions(folder, "baseline", (36, 8))
    put_predictions(folder, "trial_0001", (24, 18))
    text = markdown.write(results.read(folder)).read_text()
    assert "Some of them, not all, cover the chance" in text
    assert "60 rows are held out" not in text


@pytest.mark.parametrize("unit", [1e-4, 1.0, 1e6])
def test_intervals_cover_the_rows_of_numbers_in_any_unit(folder, unit):
    study = json.loads((folder / "study.json").read_text())
    study["objective"] = {"name": "val_mae", "direction": "min"}
    (folder / "study.json").write_text(json.dumps(study))
    y = np.arange(8.0) * unit
    for name, role, error in (
        ("baseline", "baseline", 2.0),
        ("trial_0001", "finalist", 1.0),
    ):
        errors = unit * (error + np.arange(8) / 16)
        mean = float(errors.mean())
        # Metrics round: the share of float32, and more in sums.
        scores = [mean * (1 + share) for share in (0.0, 1e-4, -1e-4)]
        put_final(folder, name, config(role, scores))
        values = (y + errors).astype("float32")
        for seed in range(3):
            found = {predictions.HELD_OUT: Predictions(y, values)}
            predictions.store(folder, name, seed, found)
    found = results.read(folder)
    assert found.comparisons["trial_0001"].rows == 8
    mae = found.evidence.measure_of("mae")
    assert not mae.agrees(unit, 1.02 * unit, 5e-3)


def test_predictions_of_other_rows_are_not_stored(folder):
    labels, other = np.arange(3), np.arange(3)[::-1]
    values = np.zeros((3, 3), "float32")
    for number, rows in enumerate((labels, other, labels)):
        found = {predictions.HELD_OUT: Predictions(rows, values)}
        predictions.store(folder, "c", number, found)
    names = {path.name for path in (folder / "predictions").iterdir()}
    assert names == {"labels.npz", "c-seed_0.npz", "c-seed_2.npz"}
    (folder / "predictions" / "c-seed_0.npz").write_bytes(b"PK")
    with pytest.warns(UserWarning, match="c-seed_0.npz cannot be read"):
        assert predictions.read(folder / "predictions" / "c-seed_0.npz") is None


def test_the_report_is_made_of_the_folder_alone(folder):
    path = markdown.write(results.read(folder))
    text = path.read_text()
    assert "# kinds \\| &lt;script&gt;" in text
    assert "| trial_0002 | loss=c, rate=0.9 | Boom: a \\| b |" in text
    assert "| 1 | 10 | 0.5000 | 0.9000 | +0.4000 | – | only 10 rows |" in text
    assert "+0.2000" in text
    shown = terminal.summary(results.read(folder), path, 61.0)
    assert "loss: b: +0.1033" in shown and "1 min 1 s" in shown
    assert "1 of 3 trials failed" in shown


def test_a_study_without_its_final(folder):
    for path in (folder / "finalists").iterdir():
        path.unlink()
    found = results.read(folder)
    text = markdown.write(found).read_text()
    assert "The finalists were not run" in text
    assert "## Search" in text and "## Leaderboard" not in text


@pytest.mark.filterwarnings("ignore:.*is left out")
def test_a_damaged_file_is_left_out(folder):
    (folder / "search" / "trial_1" / "trial.json").write_text('{"trial_id"')
    (folder / "finalists" / "trial_0001.json").write_text("")
    found = results.read(folder)
    assert [t.name for t in found.trials] == ["trial_0000", "trial_0002"]
    assert [c.name for c in found.configs] == [
        "baseline",
        "trial_0001-without-loss",
    ]
    markdown.write(found)


def test_a_folder_without_a_study(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(ValueError, match="Expected a folder with a study"):
            results.read(path)


def put_final(folder, name, value):
    (folder / "finalists" / f"{name}.json").write_text(json.dumps(value))
    study = json.loads((folder / "study.json").read_text())
    study["configs"] = list(dict.fromkeys([*study["configs"], name]))
    (folder / "study.json").write_text(json.dumps(study))


def test_a_tuned_baseline_stands_beside_the_plain_one(folder):
    values = {"loss": "a", "loss/a/learning_rate": 0.01}
    put_final(
        folder, "tuned", config("tuned", [0.35, 0.42, 0.39], None, **values)
    )
    found = results.read(folder)
    assert set(found.comparisons) == {"tuned", "trial_0001"}
    assert found.winner.name == found.best.name == "trial_0001"
    assert found.beside_tuned.difference == pytest.approx(0.11 / 3)
    text = markdown.write(found).read_text()
    assert "(tuned baseline: learning_rate 0.01 instead of None)" in text
    assert "Against the baseline with tuned numbers" in found.verdict
    put_final(
        folder, "tuned", config("tuned", [0.2, 0.32, 0.24], None, **values)
    )
    found = results.read(folder)
    assert found.best.role == "tuned"
    assert found.verdict.startswith("tuned label (tuned baseline")


def test_without_a_tuned_baseline_the_report_says_so(folder):
    text = markdown.write(results.read(folder)).read_text()
    assert "The baseline has its default numbers" in text


def test_failed_seeds_neither_win_nor_hide(folder):
    broken = config("finalist", [0.1, 0.11, 0.1], None, loss="c")
    broken["runs"]["1"] = broken["runs"]["2"] = {"error": "diverged"}
    put_final(folder, "trial_0001", broken)
    found = results.read(folder)
    assert found.best.name == "baseline"
    assert "1 seeds" not in found.verdict
    assert "could not be compared: 2 of 3 seeds failed" in found.verdict
    whole = config("finalist", [0.5, 0.61, 0.53], None, loss="d")
    put_final(folder, "trial_0002", whole)
    found = results.read(folder)
    assert found.winner.name == "trial_0002"
    text = markdown.write(found).read_text()
    assert "1 of 3 |" in text and "| – | – | – |" in text


def test_numbers_of_the_same_choice_are_called_numbers(folder):
    rate = "loss/b/learning_rate"
    winner = config("finalist", [0.3, 0.41, 0.34], None, loss="b")
    winner["values"][rate] = 0.0065
    put_final(folder, "trial_0001", winner)
    plain = config("ablation", [0.4, 0.51, 0.44], None, "loss", loss="b")
    plain["values"][rate] = 0.001
    put_final(folder, "trial_0001-without-loss", plain)
    put_final(folder, "trial_0009-without-loss", plain)  # of another winner
    found = results.read(folder)
    ((part, value, gain),) = found.contributions()
    assert part == "loss"
    assert value == "its numbers (learning_rate 0.0065 instead of 0.001)"
    assert gain.difference == pytest.approx(0.1)
    assert (
        "filled up with training samples" in markdown.write(found).read_text()
    )


EVIL = "=x\x1b[31m[r](http://e.org)<b>`|half \udcff"


def test_untrusted_names_are_text_everywhere(folder):
    study = json.loads((folder / "study.json").read_text())
    study |= {"name": EVIL, "class_names": [EVIL, "-b"], "parts": [EVIL]}
    study["objective"]["name"] = f"val_{EVIL}"
    (folder / "study.json").write_text(json.dumps(study))
    path = folder / "search" / "trial_0" / "trial.json"
    path.write_text(json.dumps(trial(0, 0.5, **{EVIL: EVIL})))
    path = folder / "search" / "trial_2" / "trial.json"
    path.write_text(json.dumps(trial(2, None, "FAILED", EVIL, loss=EVIL)))
    winner = config("finalist", [0.3, 0.41, 0.34], [[9, 1], [1, 9]], loss="b")
    put_final(folder, "trial_0001", {**winner, "label": EVIL})
    put_final(
        folder,
        "trial_0001-without-loss",
        config("ablation", [0.4, 0.5, 0.46], None, EVIL, **{EVIL: "b"}),
    )
    found = results.read(folder)
    text = markdown.write(found).read_text("utf-8")
    assert all(line.isprintable() for line in text.splitlines())
    assert "\\[r\\](http\\://e.org)&lt;b&gt;" in text
    outside = re.sub(r"(?<!\\)`[^`]*`", "", text)  # of code, which is literal
    assert "<b>" not in outside and "[r]" not in outside
    for name in ("trials.csv", "finalists.csv"):
        with open(folder / name, encoding="utf-8", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert any(cell.startswith("'=x") for cell in cells)
        assert all(cell.isprintable() for cell in cells)
        assert not [cell for cell in cells if cell.startswith(tuple("=+@"))]
    shown = terminal.summary(found, folder / "report.md", 61.0)
    assert all(line.isprintable() for line in shown.splitlines())
    assert "[r](http://e.org)" in shown  # no markup of rich
    page = (folder / "report.html").read_text("utf-8")
    assert "[r](http://e.org)&lt;b&gt;" in page
    assert "<b>" not in page and "<a " not in page


class Page(HTMLParser):
    """Notes the elements of a page, and what it would load."""

    def __init__(self):
        super().__init__()
        self.tags, self.loads, self.ids = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.ids += [value for name, value in attributes if name == "id"]
        self.loads += [
            value for name, value in attributes
            if name in ("src", "href", "xlink:href") and value[0] != "#"
        ]  # fmt: skip


def test_one_page_holds_the_tables_and_the_figures(folder):
    study = json.loads((folder / "study.json").read_text())
    study["objective"] = {"name": "val_balanced_accuracy", "direction": "max"}
    (folder / "study.json").write_text(json.dumps(study))
    put_predictions(folder, "baseline", (36, 8))
    put_predictions(folder, "trial_0001", (30, 18))
    text = markdown.write(results.read(folder)).read_text()
    page = Page()
    page.feed((folder / "report.html").read_text("utf-8"))
    assert page.tags.count("table") == text.count("\n|---")
    assert page.tags.count("svg") == text.count("![") >= 4
    # A matrix is a picture within its figure.
    assert all(found.startswith("data:image/png") for found in page.loads)
    assert "script" not in page.tags
    assert len(set(page.ids)) == len(page.ids)
    assert "## Calibration" in text and "calibration.png" in text


def test_a_listener_of_the_terminal_gets_printable_lines(capsys):
    console = progress.Console(live=False)
    ended = progress.Step(1, 2, label=EVIL, message=EVIL)
    console.on_trial_end(ended)
    console.on_note(EVIL)
    shown = capsys.readouterr().out
    assert all(line.isprintable() for line in shown.splitlines())
