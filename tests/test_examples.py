"""Every example and study does what it says.

In one process: only the studies in small, which `make demo` runs whole.
"""

import contextlib
import io
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(ROOT.glob("examples/*.py"))
STUDIES = sorted(ROOT.glob("tuning/*.py"))
SMALL = ["--trials", "1", "--epochs", "1", "--seeds", "2"]


def each(scripts: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "script", scripts, ids=lambda path: path.stem
    )


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """Runs a script in an empty folder; gives what it prints."""
    monkeypatch.chdir(tmp_path)

    def started(script: Path, *options: str) -> str:
        monkeypatch.setattr(sys, "argv", [str(script), *options])
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            runpy.run_path(str(script), run_name="__main__")
        return out.getvalue()

    yield started
    keras.utils.clear_session()


def a_saved_model_scores_the_same(text: str) -> None:
    pairs = re.findall(r"([\d.]+)   after loading ([\d.]+)", text)
    assert pairs and all(before == after for before, after in pairs)


def snake_goes_on_with_the_wave_and_relu_does_not(text: str) -> None:
    errors = dict(re.findall(r"(relu|snake) .*: ([\d.]+)", text))
    assert float(errors["snake"]) < 0.5 * float(errors["relu"])


def logit_adjustment_finds_more_of_the_rarest(text: str) -> None:
    rarest = {
        line[:18].strip(): float(line.split()[-1])
        for line in text.splitlines()
        if line.startswith(("cross-entropy", "logit adjustment"))
    }
    assert rarest["logit adjustment"] > rarest["cross-entropy"]


def a_trained_slope_is_ahead_on_the_steep_wave(text: str) -> None:
    errors = dict(re.findall(r"^(.+?) +relative error ([\d.]+)", text, re.M))
    plain = float(errors["tanh"])
    assert float(errors["tanh, trained slope"]) < 0.8 * plain
    assert "drawn to runs/burgers.png" in text


SHOWN = {
    "01_first_model": a_saved_model_scores_the_same,
    "02_learned_curve": snake_goes_on_with_the_wave_and_relu_does_not,
    "03_unequal_classes": logit_adjustment_finds_more_of_the_rarest,
    "04_burgers": a_trained_slope_is_ahead_on_the_steep_wave,
}


@each(EXAMPLES)
def test_an_example_shows_what_it_says(
    script: Path, run: Callable[..., str]
) -> None:
    SHOWN[script.stem](run(script))


@each(STUDIES)
def test_a_study_ends_with_its_leaderboard(
    script: Path, run: Callable[..., str]
) -> None:
    shown = run(script, *SMALL, "--directory", "here")
    assert "baseline" in shown
    assert Path("here", "report.md").exists()


@each([*EXAMPLES, *STUDIES])
def test_is_short_and_in_cells(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert len(text.splitlines()) < (80 if script in STUDIES else 120)
    assert re.search(r"^# %%", text, re.MULTILINE)
    assert text.startswith('"""')


def test_there_are_enough() -> None:
    assert len(STUDIES) >= 2
    assert len(EXAMPLES) >= 3
