"""Runs a search in child processes and kills each at a random moment."""

import json
import os
import pathlib
import random
import signal
import sys
import time

import test_durable

from keras_funcs.search import state

TRIALS = 12


def child(directory):
    def score(values):
        time.sleep(0.004)
        return values["x"]

    test_durable.make(directory, TRIALS, score=score, max_attempts=99).search()


def completed(directory):
    found = 0
    for path in pathlib.Path(directory).rglob("trial.json"):
        found += state.read_json(path)["status"] == "COMPLETED"
    return found


def main(directory):
    random.seed(0)
    kills, progress, wait = 0, [], 0.03
    while True:
        process = os.fork()
        if not process:
            try:
                child(directory)
                os._exit(0)
            except BaseException:
                import traceback

                traceback.print_exc()
                os._exit(1)
        # The first waits are short, so that the very beginning is hit too.
        time.sleep(random.uniform(0.0, wait))
        wait *= 1.1
        os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        progress.append(completed(directory))
        if os.WIFEXITED(status):
            if os.WEXITSTATUS(status):
                sys.exit("a child failed")
            break
        kills += 1
    print(json.dumps({"kills": kills, "completed": progress}))


if __name__ == "__main__":
    main(os.path.join(sys.argv[1], "parts"))
