"""Runs searches and a study in child processes that are killed, or crash.

One import of Keras serves them all: each child is a fork of this process.
"""

import faulthandler
import json
import os
import pathlib
import random
import signal
import sys
import time

import conftest
import pytest
import test_durable

from keras_funcs import search
from keras_funcs.data import Dataset
from keras_funcs.search.store import state
from keras_funcs.search.training import fitting
from keras_funcs.search.training import preflight

TRIALS = 8


def child(function, *arguments, wait=None, steps=None):
    """Runs a function in a fork; gives its status.

    It is killed from outside after a while, and at the latest at a step.
    """
    process = os.fork()
    if not process:
        try:
            if steps is not None:
                kill_at_step(steps)
            function(*arguments)
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
    if wait is not None:
        time.sleep(wait)
        os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at_step(number):
    """Ends this process before that call which makes a write durable."""
    left = iter(range(number))

    def counted(call):
        def step(*arguments):
            if next(left, None) is None:
                kill()
            return call(*arguments)

        return step

    os.fsync, os.replace = counted(os.fsync), counted(os.replace)


def synthetic(directory, score, trials=TRIALS):
    test_durable.make(directory, trials, score=score).search()


def slow(values):
    time.sleep(0.004)
    return values["x"]


def completed(directory):
    found = 0
    for path in pathlib.Path(directory).rglob("trial.json"):
        found += state.read_json(path)["status"] == "COMPLETED"
    return found


def at_random(directory):
    """Killed again and again until it is through.

    The moment is random. The limit on the steps makes the kills as many on a
    fast machine, where a moment is a long time, as on a slow one.
    """
    random.seed(0)
    kills, progress, wait, steps = 0, [], 0.05, 6.0
    while True:
        # The first sittings are short, so that the very beginning is hit too.
        status = child(
            synthetic,
            directory,
            slow,
            wait=random.uniform(0.0, wait),
            steps=random.randint(0, round(steps)),
        )
        wait, steps = 1.15 * wait, 1.15 * steps
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
    last = child(synthetic, directory, slow, 2)
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
