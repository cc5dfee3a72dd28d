"""Runs searches and a study in child processes that are killed, or crash.

One import of Keras serves them all: each child is a fork of this process.
"""

import contextlib
import faulthandler
import json
import os
import pathlib
import random
import re
import signal
import sys

import pytest

from keras_funcs import search
from keras_funcs.data import Dataset
from keras_funcs.search.store import state
from keras_funcs.search.training import fitting
from keras_funcs.search.training import preflight
from tests.search import conftest
from tests.search import test_durable

TRIALS = 8
OURS = re.compile(r"keras_(funcs|tuner)[/\\]")


def child(function, *arguments, lines=None):
    """Runs a function in a fork, killed at a line; gives its status."""
    process = os.fork()
    if not process:
        try:
            with counted(lines):
                function(*arguments)
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


@contextlib.contextmanager
def counted(limit=None):
    """Counts the lines of a search as they run; the limit is the last one.

    What is on the disk changes between two lines, and a line is the same
    moment on a fast machine and on a slow one.
    """
    count = 0

    def trace(frame, event, _):
        nonlocal count
        if not OURS.search(frame.f_code.co_filename):
            return None
        count += event == "line"
        if count == limit:
            kill()
        return trace

    sys.settrace(trace)
    try:
        yield lambda: count
    finally:
        sys.settrace(None)


def synthetic(directory, score, trials=TRIALS):
    test_durable.make(directory, trials, score=score).search()


def score_of(values):
    return values["x"]


def completed(directory):
    found = 0
    for path in pathlib.Path(directory).rglob("trial.json"):
        found += state.read_json(path)["status"] == "COMPLETED"
    return found


def at_random(directory):
    """Killed again and again until it is through."""
    random.seed(0)
    with counted() as lines:
        synthetic(f"{directory}-counted", score_of)
    kills, progress, limit = 0, [], lines() / 20
    while True:
        # The first sittings are short, so that the very beginning is hit too.
        line = random.randint(1, round(limit))
        status = child(synthetic, directory, score_of, lines=line)
        limit *= 1.15
        progress.append(completed(directory))
        if status == 0:
            return {"kills": kills, "completed": progress}
        if status != -signal.SIGKILL:
            sys.exit("a child failed")
        kills += 1


def baseline(directory, end, times):
    """The first trial ends its process, several times; then it does not."""

    def score(values):
        end()

    statuses = [
        child(synthetic, directory, score, 2) for _ in range(times)
    ]  # fmt: skip
    last = child(synthetic, directory, score_of, 2)
    path = next(pathlib.Path(directory).rglob("trial_0/trial.json"))
    trial = state.read_json(path)
    return {
        "statuses": [*statuses, last],
        "status": trial["status"],
        "message": trial["message"],
    }


def study(directory, kind, number):
    patch = pytest.MonkeyPatch()
    patch.setattr(fitting, "Program", conftest.Untrained)
    patch.setattr(preflight, "check_model", lambda *_: None)
    conftest.without_pictures(patch)
    search.Study(
        conftest.build,
        Dataset.of(*map(conftest.blobs, (0, 1, 2), (30, 30, 60))),
        objective="accuracy", directory=directory, trials=3, epochs=1,
        batch_size=30, final=search.Final(seeds=2, finalists=1),
        oracle="random", strategy=None, tensorboard=False,
        progress=conftest.at(kind, number, kill),
    ).resume()  # fmt: skip


def main(directory):
    def path(name):
        return os.path.join(directory, name)

    told = {
        "random": at_random(path("parts")),
        "killed": baseline(path("killed"), kill, 5),
        "crashed": baseline(path("crashed"), faulthandler._sigsegv, 3),
        # In search, final and ablation; the last one is let through.
        "study": [
            child(study, path("study"), *event)
            for event in [("trial_end", 2), ("run_end", 3), ("", 0)]
        ],
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
