"""Every example and study runs as a user would run it.

The studies only in small: `make demo` runs the larger one whole, for minutes.
"""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(ROOT.glob("examples/*.py"))
STUDIES = sorted(ROOT.glob("tuning/*.py"))
SMALL = ["--trials", "1", "--epochs", "1", "--seeds", "2"]


def each(scripts: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "script", scripts, ids=lambda path: path.stem
    )


def run(script: Path, folder: Path | str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, script, *options],
        cwd=folder,
        env={**os.environ, "PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@cache
def output_of(script: Path) -> str:
    with TemporaryDirectory() as folder:
        return run(script, folder)


@each(EXAMPLES)
def test_runs_and_says_something(script: Path) -> None:
    assert output_of(script).strip()


@each(STUDIES)
def test_a_study_ends_with_its_leaderboard(
    script: Path, tmp_path: Path
) -> None:
    shown = run(script, tmp_path, *SMALL, "--directory", "here")
    assert "baseline" in shown
    assert (tmp_path / "here" / "report.md").exists()


@each([*EXAMPLES, *STUDIES])
def test_is_short_and_in_cells(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert len(text.splitlines()) < (80 if script in STUDIES else 120)
    assert re.search(r"^# %%", text, re.MULTILINE)
    assert text.startswith('"""')


def test_there_are_enough() -> None:
    assert len(STUDIES) >= 2
    assert len(EXAMPLES) >= 3


def test_a_saved_model_scores_the_same() -> None:
    text = output_of(ROOT / "examples" / "01_first_model.py")
    pairs = re.findall(r"([\d.]+)   after loading ([\d.]+)", text)
    assert pairs and all(before == after for before, after in pairs)


def test_snake_goes_on_with_the_wave_and_relu_does_not() -> None:
    text = output_of(ROOT / "examples" / "02_learned_curve.py")
    errors = dict(re.findall(r"(relu|snake) .*: ([\d.]+)", text))
    assert float(errors["snake"]) < 0.5 * float(errors["relu"])


def test_logit_adjustment_finds_more_of_the_rarest() -> None:
    text = output_of(ROOT / "examples" / "03_unequal_classes.py")
    rarest = {
        line[:18].strip(): float(line.split()[-1])
        for line in text.splitlines()
        if line.startswith(("cross-entropy", "logit adjustment"))
    }
    assert rarest["logit adjustment"] > rarest["cross-entropy"]


def test_a_trained_slope_is_ahead_on_the_steep_wave() -> None:
    text = output_of(ROOT / "examples" / "04_burgers.py")
    errors = dict(re.findall(r"^(.+?) +relative error ([\d.]+)", text, re.M))
    plain = float(errors["tanh"])
    assert float(errors["tanh, trained slope"]) < 0.8 * plain
    assert "drawn to runs/burgers.png" in text
