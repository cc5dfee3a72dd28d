"""Processes that are killed from outside, and some that crash."""

import json
import pathlib
import signal
import subprocess
import sys

from keras_funcs.search.report import results
from tests.search import test_durable

ROOT = pathlib.Path(__file__).parents[2]


def test_searches_that_are_killed_or_crash_go_on(tmp_path):
    """One process for all: it imports Keras once, and forks."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.search.killed", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=1200,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    kill_minus_nine_at_any_point_changes_nothing(told["random"], tmp_path)
    kills_from_outside_are_no_attempts(told["killed"])
    crashes_are_attempts_and_have_a_reason(told["crashed"])
    a_study_survives_kill_minus_nine(told["study"], tmp_path / "study")


def kill_minus_nine_at_any_point_changes_nothing(told, folder):
    """Killed again and again, the search ends as if it had never been."""
    # Eight sittings have fewer lines than the search, on any machine.
    assert told["kills"] >= 8
    assert len(set(told["completed"])) > 2  # in the middle of it, too
    assert told["completed"] == sorted(told["completed"])  # never backwards
    whole = test_durable.make(folder / "whole", 8)
    whole.search()
    parts = test_durable.make(folder / "parts", 8)
    assert test_durable.values_of(parts) == test_durable.values_of(whole)
    assert [t.score for t in parts.oracle.trials.values()] == [
        t.score for t in whole.oracle.trials.values()
    ]
    assert not list((folder / "parts").rglob("*.damaged"))


def kills_from_outside_are_no_attempts(told):
    assert told["statuses"] == [-signal.SIGKILL] * 5 + [0]
    assert told["status"] == "COMPLETED"


def crashes_are_attempts_and_have_a_reason(told):
    assert told["statuses"] == [-signal.SIGSEGV] * 3 + [0]
    assert told["status"] == "FAILED"
    assert "ended the process, 3 times" in told["message"]
    assert "Segmentation fault" in told["message"]


def a_study_survives_kill_minus_nine(statuses, folder):
    """Killed in search, final and ablation; nothing is lost."""
    assert statuses == [-signal.SIGKILL, -signal.SIGKILL, 0]
    found = results.read(folder)
    assert [t.status for t in found.trials] == ["COMPLETED"] * 3
    assert all(sorted(c.runs) == [0, 1] for c in found.configs)
    assert (folder / "best.keras").exists()
    assert not list(folder.rglob("*.damaged"))
    assert not list(folder.rglob("crash.log"))
