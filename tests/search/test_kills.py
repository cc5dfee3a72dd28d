"""Processes that are killed from outside, and some that crash."""

import json
import os
import signal
import subprocess
import sys

import pytest
import test_durable

from keras_funcs.search import results

HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """What `killed.py` tells, and the folder it worked in."""
    folder = tmp_path_factory.mktemp("killed")
    done = subprocess.run(
        [sys.executable, "killed.py", str(folder)],
        capture_output=True,
        text=True,
        timeout=1200,
        cwd=HERE,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1]), folder


def test_kill_minus_nine_at_any_point(killed, tmp_path):
    """Killed again and again, the search ends as if it had never been."""
    told, folder = killed
    assert told["random"]["kills"] >= 8
    progress = told["random"]["completed"]
    assert progress == sorted(progress)  # never backwards
    whole = test_durable.make(tmp_path, 8)
    whole.search()
    parts = test_durable.make(folder / "parts", 8)
    assert test_durable.values_of(parts) == test_durable.values_of(whole)
    assert [t.score for t in parts.oracle.trials.values()] == [
        t.score for t in whole.oracle.trials.values()
    ]
    assert not list((folder / "parts").rglob("*.damaged"))


def test_kills_from_outside_are_no_attempts(killed):
    told = killed[0]["killed"]
    assert told["statuses"] == [-signal.SIGKILL] * 5 + [0]
    assert told["status"] == "COMPLETED"


def test_crashes_are_attempts_and_the_report_says_of_what(killed):
    told = killed[0]["crashed"]
    assert told["statuses"] == [-signal.SIGSEGV] * 3 + [0]
    assert told["status"] == "FAILED"
    assert "ended the process, 3 times" in told["message"]
    assert "Segmentation fault" in told["message"]


def test_a_study_survives_kill_minus_nine(killed):
    """Killed in search, final and ablation; the result is the same."""
    told, folder = killed
    assert told["study"] == [-signal.SIGKILL, -signal.SIGKILL, 0]
    found = results.read(folder / "study")
    assert [t.status for t in found.trials] == ["COMPLETED"] * 3
    assert all(sorted(c.runs) == [0, 1] for c in found.configs)
    assert (folder / "study" / "best.keras").exists()
    assert not list((folder / "study").rglob("*.damaged"))
    assert not list((folder / "study").rglob("crash.log"))
