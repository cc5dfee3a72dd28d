"""Trials per second of a search: lanes against KerasTuner's RandomSearch.

    python benchmarks/search.py
    python benchmarks/search.py --settings 64 --epochs 20 --trials 2

The study's own model for the long-tailed digits, with drawn learning rates,
weight decays and loss parameters, the same number of epochs for all. Every row
is a fresh process; its imports are left out, its compilation is included.
KerasTuner runs `--trials` trials, one after the other as it does, and its rate
is theirs. Rows of lanes stand before and after: a drift of the machine's load
hits both. `halved` stops the worse settings early, as a study does: its
trials are not all as long.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import timing  # noqa: F401  first: it chooses the backend

import keras  # isort: skip
import keras_tuner

import keras_funcs as kf
from keras_funcs import search

BATCH = 32
CHOICES = {
    "activation": ["relu"],
    "optimizer": ["adamw"],
    "loss": ["CategoricalFocal"],
    "regularizer": ["l2"],
}
# Name of a row, its backend, and whether KerasTuner runs it.
ROWS = (
    ("lanes", "jax", False),
    ("RandomSearch on JAX", "jax", True),
    ("RandomSearch on TensorFlow", "tensorflow", True),
    ("lanes again", "jax", False),
    ("lanes, halved", "jax", False),
)


def lanes(build: Any, data: Any, chosen: argparse.Namespace) -> int:
    """Trains settings as lanes; returns how many."""
    from keras_funcs.search.engines import vectorized
    from keras_funcs.search.tuner import explorer
    from keras_funcs.search.tuner.hyperparameters import settings_of
    from keras_funcs.search.tuner.settings import draw

    space = explorer.explore(build)
    drawn = draw(space, space.values, chosen.settings, 0)
    halved = chosen.row.endswith("halved")
    results = vectorized.train(
        build,
        [settings_of(space, values) for values in drawn],
        [0] * len(drawn),
        train=data.train,
        validation=data.validation,
        objective=search.objective("balanced_accuracy"),
        epochs=chosen.epochs,
        batch_size=BATCH,
        patience=chosen.epochs,
        halving=vectorized.Halving(max(chosen.epochs // 8, 1), 4)
        if halved
        else None,
    )
    return len(results)


def random_search(build: Any, data: Any, chosen: argparse.Namespace) -> int:
    """Runs KerasTuner's own tuner; returns how many trials it ran."""
    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.RandomSearch(
            build,
            objective=search.objective("balanced_accuracy"),
            max_trials=chosen.trials,
            directory=folder,
            seed=1,
        )
        tuner.search(
            *data.train,
            validation_data=data.validation,
            validation_batch_size=len(data.validation[0]),
            batch_size=BATCH,
            epochs=chosen.epochs,
            verbose=0,
        )
        return len(tuner.oracle.trials)


def measure(chosen: argparse.Namespace) -> dict[str, float]:
    """Seconds of this process and trials for one row of the table."""
    data = kf.data.digits_longtail()
    build = search.classifier(data, choices=CHOICES)
    tuned = {name: by_tuner for name, _, by_tuner in ROWS}
    keras.utils.set_random_seed(0)  # imports TensorFlow where it is installed
    run = random_search if tuned[chosen.row] else lanes
    start, processor = time.perf_counter(), time.process_time()
    trials = run(build, data, chosen)
    return {
        "trials": trials,
        "seconds": time.perf_counter() - start,
        "processor": time.process_time() - processor,
    }


def in_fresh_process(row: str, backend: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, *sys.argv, "--row", row],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "KERAS_BACKEND": backend},
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--row", default="", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.row:
        print(json.dumps(measure(chosen)))
        return
    rates: dict[str, dict[str, float]] = {}
    print(f"Digits MLP, {chosen.epochs} epochs")
    print(
        "  row                          trials  seconds  trials/s  by processor"
    )
    for name, backend, _ in ROWS:
        found = in_fresh_process(name, backend)
        rates[name] = {
            of: found["trials"] / found[of] for of in ("seconds", "processor")
        }
        print(
            f"  {name:28s} {found['trials']:6.0f} {found['seconds']:8.2f} "
            f"{rates[name]['seconds']:9.3f} {rates[name]['processor']:13.3f}",
            flush=True,
        )
    whole = {
        of: statistics.mean(
            rates[name][of] for name in ("lanes", "lanes again")
        )
        for of in ("seconds", "processor")
    }
    for name, _, by_tuner in ROWS:
        if by_tuner:
            ratios = [whole[of] / rates[name][of] for of in whole]
            print(
                f"lanes / {name}: {ratios[0]:.1f} x by the clock, "
                f"{ratios[1]:.1f} x by processor time"
            )


if __name__ == "__main__":
    main()
