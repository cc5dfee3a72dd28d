"""Many settings of one program at once against one `fit` after another.

    python benchmarks/vectorized.py
    python benchmarks/vectorized.py --settings 1 16 64 --epochs 20 --fits 2

The study's own model for the long-tailed digits, with drawn learning rates,
weight decays and loss parameters, on JAX. Every row is a fresh process, its
imports left out and its compilation included. A bare `fit` takes as long for
one setting as for another: the sum of many is the mean of `--fits` of them,
each compiled anew as `fit` does, times their number.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

import timing  # noqa: F401  first: it chooses the backend

import keras  # isort: skip

import keras_funcs as kf
from keras_funcs import search
from keras_funcs.search.engines import vectorized
from keras_funcs.search.tuner import explorer
from keras_funcs.search.tuner.hyperparameters import settings_of
from keras_funcs.search.tuner.settings import draw

BATCH = 32
CHOICES = {
    "activation": ["relu"],
    "optimizer": ["adamw"],
    "loss": ["CategoricalFocal"],
    "regularizer": ["l2"],
}


def drawn(build: Any, number: int) -> list[Any]:
    """Settings with numbers drawn from the space."""
    space = explorer.explore(build)
    settings = draw(space, space.values, number, 0)
    return [settings_of(space, values) for values in settings]


def measure(lanes: int, fits: int, epochs: int) -> dict[str, float]:
    """Seconds and peak memory of this process for one row of the table."""
    data = kf.data.digits_longtail()
    build = search.classifier(data, choices=CHOICES)
    settings = drawn(build, lanes or fits)
    keras.utils.set_random_seed(0)  # imports TensorFlow where it is installed
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, processor = time.perf_counter(), time.process_time()
    if lanes:
        vectorized.train(
            build,
            settings,
            range(lanes),
            train=data.train,
            validation=data.validation,
            objective=search.objective("balanced_accuracy"),
            epochs=epochs,
            batch_size=BATCH,
            patience=epochs,
        )
    for setting in [] if lanes else settings:
        build(setting).fit(
            *data.train,
            validation_data=data.validation,
            batch_size=BATCH,
            validation_batch_size=len(data.validation[0]),
            epochs=epochs,
            verbose=0,
        )
    return {
        "seconds": time.perf_counter() - start,
        "processor": time.process_time() - processor,
        "megabytes": (
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        )
        / 1024,
    }


def in_fresh_process(lanes: int, fits: int, epochs: int) -> dict[str, float]:
    arguments = ["--row", str(lanes), str(fits), "--epochs", str(epochs)]
    done = subprocess.run(
        [sys.executable, __file__, *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--settings", type=int, nargs="+", default=[1, 16, 64, 256]
    )
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--fits", type=int, default=3)
    parser.add_argument("--row", type=int, nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.row:
        print(json.dumps(measure(*chosen.row, chosen.epochs)))
        return
    # The fits surround the lanes: a drift of the machine's load hits both.
    bare = [in_fresh_process(0, chosen.fits, chosen.epochs)]
    rows = {
        lanes: in_fresh_process(lanes, 0, chosen.epochs)
        for lanes in chosen.settings
    }
    bare.append(in_fresh_process(0, chosen.fits, chosen.epochs))
    one = {
        name: statistics.mean(item[name] for item in bare) / chosen.fits
        for name in ("seconds", "processor")
    }
    print(
        f"\nDigits MLP, {chosen.epochs} epochs; a bare fit: "
        f"{one['seconds']:.2f} s, {one['processor']:.2f} s of processor\n"
        "  settings  seconds  trials/s  x bare fits  by processor time"
        "  MB a setting"
    )
    for lanes, row in rows.items():
        print(
            f"  {lanes:8d} {row['seconds']:8.2f} "
            f"{lanes / row['seconds']:9.2f} "
            f"{lanes * one['seconds'] / row['seconds']:11.1f}x "
            f"{lanes * one['processor'] / row['processor']:17.1f}x "
            f"{row['megabytes'] / lanes:13.2f}"
        )


if __name__ == "__main__":
    main()
