"""The README does what it says: every block and every command is run."""

import os
import re
import runpy
import shlex
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

import keras_funcs_cli as cli
from tools import readme_tables

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


COMMANDS = [
    line
    for block in blocks("sh")
    for line in block.splitlines()
    if line and not line.startswith("#")
]


# The study's and the command's numbers in small; the code is the README's.
IN_SMALL = {
    "trials=3, epochs=3, ": "trials=2, epochs=1, ",
    "search.Final(seeds=5)": "search.Final(seeds=2)",
    "--time 1m": "--time 1s --trials 2 --epochs 1",
}


def in_small(text: str) -> str:
    for written, small in IN_SMALL.items():
        text = text.replace(written, small)
    return text


def test_numbers_to_shrink_are_there() -> None:
    assert all(README.count(written) == 1 for written in IN_SMALL)


def write_table(folder: Path) -> None:
    """The user's table."""
    rng = np.random.default_rng(0)
    age, city = rng.normal(40, 10, 300), rng.integers(0, 3, 300)
    label = (age + 12 * (city == 1) + rng.normal(0, 6, 300) > 52).astype(int)
    rows = zip(age.round(1), np.array(["Ulm", "Jena", "Kiel"])[city], label)
    table = "\n".join(["age,city,label", *(f"{a},{c},{y}" for a, c, y in rows)])
    (folder / "my.csv").write_text(table + "\n", encoding="utf-8")


def test_python_blocks_and_commands(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In one process, and in this order: commands show what the code wrote."""
    monkeypatch.chdir(tmp_path)
    # What a command sets for its process is taken back.
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    for name in ("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS"):
        monkeypatch.setenv(name, os.environ.get(name, "1"))
    write_table(tmp_path)
    script = tmp_path / "readme.py"
    script.write_text(in_small("\n".join(blocks("python"))), encoding="utf-8")
    runpy.run_path(str(script), run_name="__main__")
    out = capsys.readouterr().out
    scores = re.search(r"'balanced_accuracy': ([\d.]+)", out)
    assert scores and float(scores[1]) > 0.6
    ours, core = re.findall(r"^([\d.]+) ([\d.]+)$", out, re.MULTILINE)[-1]
    assert float(ours) == pytest.approx(20.0, abs=1e-3)
    assert float(core) == pytest.approx(16.118, abs=1e-2)
    for command in COMMANDS:
        words = shlex.split(in_small(command))
        if words[0] == "tensorboard":
            assert serves(words, tmp_path)
        elif words[0] == "keras-funcs" and words[1:] != ["tune", "digits"]:
            done = CliRunner().invoke(cli.app, words[1:])
            assert done.exit_code == 0, f"{command}: {done.output[-2000:]}"
            assert done.stdout.strip()
    keras.utils.clear_session()


@pytest.mark.parametrize("command", COMMANDS)
def test_command_is_one_that_runs(command: str) -> None:
    words = shlex.split(command)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    if words[0] == "make":
        # The run of CI is made of these.
        assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE)
        ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
        assert re.search(rf"^{command}$", ci, re.MULTILINE)
    elif words == ["keras-funcs", "tune", "digits"]:
        # What `make demo` runs, and so does CI.
        assert f"{command} --out" in makefile
    else:
        assert words[0] in ("keras-funcs", "tensorboard")


def serves(words: list[str], folder: Path) -> bool:
    process = subprocess.Popen(
        [sys.executable, "-m", "tensorboard.main", *words[1:], "--port", "0"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 120
        assert process.stderr is not None
        while time.monotonic() < deadline:
            line = process.stderr.readline()
            if "http://" in line:
                return True
            if not line and process.poll() is not None:
                return False
    finally:
        process.terminate()
        process.wait(timeout=30)
        if process.stderr:
            process.stderr.close()
    return False


def test_tables_are_fresh() -> None:
    assert readme_tables.fill(README) == README, "run `make readme`"


def test_tables_name_everything() -> None:
    from keras_funcs._core.component import registered

    for entry in registered():
        assert f"| `{entry.name}` |" in README


def test_code_stands_on_the_first_screen() -> None:
    lines = README.splitlines()
    assert lines.index("```python") < 25
    assert any("load_model" in line for line in lines[:30])
