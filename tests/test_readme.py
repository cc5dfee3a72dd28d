"""The README does what it says: every block and every command is run."""

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

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


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the user's table, after the README's Python has run."""
    folder = tmp_path_factory.mktemp("readme")
    rng = np.random.default_rng(0)
    age, city = rng.normal(40, 10, 300), rng.integers(0, 3, 300)
    label = (age + 12 * (city == 1) + rng.normal(0, 6, 300) > 52).astype(int)
    rows = zip(age.round(1), np.array(["Ulm", "Jena", "Kiel"])[city], label)
    table = "\n".join(["age,city,label", *(f"{a},{c},{y}" for a, c, y in rows)])
    (folder / "my.csv").write_text(table + "\n", encoding="utf-8")
    script = "\n".join(blocks("python"))
    done = run([sys.executable, "-c", script], folder)
    assert done.returncode == 0, done.stderr[-3000:]
    (folder / "python.out").write_text(done.stdout, encoding="utf-8")
    return folder


def run(command: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )


def test_python_blocks(workplace: Path) -> None:
    out = (workplace / "python.out").read_text(encoding="utf-8")
    scores = re.search(r"'balanced_accuracy': ([\d.]+)", out)
    assert scores and float(scores[1]) > 0.6
    ours, core = re.findall(r"^([\d.]+) ([\d.]+)$", out, re.MULTILINE)[-1]
    assert float(ours) == pytest.approx(20.0, abs=1e-3)
    assert float(core) == pytest.approx(16.118, abs=1e-2)


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command: str, workplace: Path) -> None:
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
    elif words[0] == "tensorboard":
        assert serves(words, workplace)
    else:
        done = run(words, workplace)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        assert done.stdout.strip()


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
