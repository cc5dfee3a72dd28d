"""Which losses help on long-tailed data, and by how much.

    KERAS_BACKEND=jax python benchmarks/longtail.py [digits mnist fashion]

Every method trains on the same data, from the same weights, with the same
budget, for each of the seeds; the table says how far each is from
cross-entropy, with the standard error of the paired difference. Runs are kept
in a CSV file, so that an interrupted benchmark goes on where it was.
"""

import argparse
import csv
import sys
from pathlib import Path
from typing import Any

import timing  # noqa: F401, first: it chooses the backend

import keras  # isort: skip
import numpy as np
import pandas as pd
from longtail_data import PROBLEMS
from longtail_data import Problem
from longtail_data import draw
from longtail_methods import BASELINE
from longtail_methods import Method
from longtail_methods import callbacks
from longtail_methods import methods
from longtail_methods import network

import keras_funcs as kf

FEW = 3  # the rarest classes
FIELDS = ("problem", "method", "seed", "balanced", "few", "calibration")


class Trainer:
    """One compiled model of a method, set back to a new start for each seed.

    The program depends on the class counts only, which all seeds share.
    """

    def __init__(self, problem: Problem, method: Method) -> None:
        self.problem, self.method = problem, method
        self.counts = [int(n) for n in problem.counts]
        self.shape = draw(problem, 0).train[0].shape[1:]
        self.inner = self.model = network(method, self.shape)
        loss = method.loss(self.counts)
        steps = problem.epochs * -(-sum(self.counts) // problem.batch)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, steps, warmup_target=3e-3, warmup_steps=steps // 10
        )
        optimizer = keras.optimizers.Adam(rate)
        if method.hosted:
            self.model = kf.losses.LossModel(self.inner, loss)
            self.model.compile(optimizer)
        else:
            self.model.compile(optimizer, loss)
        optimizer.build(self.model.trainable_variables)
        self.state = [*self.model.variables, *optimizer.variables]
        self.start = [keras.ops.convert_to_numpy(v) for v in self.state]

    def run(self, seed: int) -> dict[str, float]:
        """Trains from the seed's weights on the seed's data; the scores."""
        for variable, value in zip(self.state, self.start):
            variable.assign(value)
        keras.utils.set_random_seed(seed)
        self.inner.set_weights(network(self.method, self.shape).get_weights())
        task = draw(self.problem, seed)
        self.model.fit(
            *task.train,
            batch_size=self.problem.batch,
            epochs=self.problem.epochs,
            callbacks=callbacks(self.method),
            verbose=0,
        )
        x, y = task.test
        return self.score(y, self.inner.predict(x, batch_size=500, verbose=0))

    def score(self, y: np.ndarray, logits: np.ndarray) -> dict[str, float]:
        """Balanced accuracy, recall of the rarest, calibration error."""
        # A loss of cosines multiplies them itself.
        logits = logits * getattr(self.model.loss, "scale", 1.0)
        if self.method.adjusts:
            logits = logits - np.log(np.divide(self.counts, sum(self.counts)))
        recall = np.array(
            [(logits[y == c].argmax(-1) == c).mean() for c in range(10)]
        )
        error = kf.metrics.ExpectedCalibrationError(from_logits=True)
        error.update_state(y, logits)
        return {
            "balanced": 100 * recall.mean(),
            "few": 100 * recall[-FEW:].mean(),
            "calibration": 100 * float(error.result()),
        }


def measure(problem: Problem, seeds: int, path: Path, only: str) -> None:
    """Runs what the file does not have yet."""
    rows = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=FIELDS)
    done = {(r.problem, r.method, r.seed) for r in rows.itertuples()}
    chosen = [m for m in methods() if only in m.name]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if not done:
            writer.writeheader()
        for number, method in enumerate(chosen, 1):
            trainer = None
            for seed in range(seeds):
                if (problem.name, method.name, seed) in done:
                    continue
                trainer = trainer or Trainer(problem, method)
                found = trainer.run(seed)
                row = dict(problem=problem.name, method=method.name, seed=seed)
                writer.writerow({**row, **found})
                file.flush()
                print(
                    f"{problem.name} {number}/{len(chosen)} {method.name}, "
                    f"seed {seed}: {found['balanced']:.1f}",
                    file=sys.stderr,
                )


def table(problem: Problem, path: Path) -> str:
    """The methods in order, as Markdown."""
    rows = pd.read_csv(path)
    rows = rows[rows.problem == problem.name]
    wide = rows.pivot(index="seed", columns="method", values="balanced")
    against = wide.sub(wide[BASELINE], axis=0)
    means: Any = rows.groupby("method")[["few", "calibration"]].mean()
    lines = [
        f"{problem.name}: n = {problem.counts[0]} to {problem.counts[-1]}, "
        f"{problem.epochs} epochs, {len(wide)} seeds "
        f"[{keras.config.backend()}]",
        "",
        "| Method | Balanced accuracy | Rarest 3 | Calibration error "
        "| Over cross-entropy |",
        "|---|---|---|---|---|",
    ]
    for name in wide.mean().sort_values(ascending=False).index:
        error = against[name].std(ddof=1) / np.sqrt(len(against))
        difference = f"{against[name].mean():+.2f} ± {error:.2f}"
        lines.append(
            f"| {name} | {wide[name].mean():.2f} ± {wide[name].std():.1f} "
            f"| {means.few[name]:.1f} | {means.calibration[name]:.1f} "
            f"| {'' if name == BASELINE else difference} |"
        )
    return "\n".join(lines)


def summary(path: Path) -> str:
    """The differences to cross-entropy on all problems, as Markdown."""
    rows = pd.read_csv(path)
    cells, gains = {}, {}
    for name, part in rows.groupby("problem", sort=False):
        wide = part.pivot(index="seed", columns="method", values="balanced")
        against = wide.sub(wide[BASELINE], axis=0).drop(columns=BASELINE)
        error = against.std(ddof=1) / np.sqrt(len(against))
        gains[name] = against.mean()
        cells[name] = {
            method: f"{gain:+.1f} ± {error[method]:.1f}"
            for method, gain in gains[name].items()
        }
    order = pd.DataFrame(gains).mean(axis=1).sort_values(ascending=False)
    lines = [
        f"| Method | {' | '.join(cells)} |",
        "|---|" + "---|" * len(cells),
    ]
    for method in order.index:
        found = [column.get(method, "") for column in cells.values()]
        lines.append(f"| {method} | {' | '.join(found)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("problems", nargs="*", default=list(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="", help="part of a method's name")
    parser.add_argument("--out", default="runs/longtail.csv")
    given = parser.parse_args()
    for name in given.problems:
        measure(PROBLEMS[name], given.seeds, Path(given.out), given.only)
        print(table(PROBLEMS[name], Path(given.out)) + "\n")
    print(summary(Path(given.out)))
