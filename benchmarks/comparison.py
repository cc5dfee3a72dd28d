"""Methods side by side on real data: paired seeds, and tables of differences.

Runs are kept in a CSV file, so that an interrupted benchmark goes on where it
was. The tables say how far each method is from the baseline, with the standard
error of the paired difference.
"""

import argparse
import csv
import sys
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import Protocol

import keras
import numpy as np
import pandas as pd
from longtail_data import Problem
from longtail_data import draw

import keras_funcs as kf

FEW = 3  # the rarest classes
FIELDS = ("problem", "method", "seed", "balanced", "few", "calibration")


class Method(Protocol):
    """Whatever can be told from the others by its name."""

    @property
    def name(self) -> str: ...


class Trainer:
    """One compiled model of a method, set back to a new start for each seed.

    A benchmark says in a subclass what the network of a method is. The program
    depends on the class counts only, which all seeds share.
    """

    rate = 3e-3

    def __init__(self, problem: Problem, method: Any) -> None:
        self.problem, self.method = problem, method
        self.counts = [int(n) for n in problem.counts]
        self.shape = draw(problem, 0).train[0].shape[1:]
        self.inner = self.network()
        steps = problem.epochs * -(-sum(self.counts) // problem.batch)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, steps, warmup_target=self.rate, warmup_steps=steps // 10
        )
        optimizer = keras.optimizers.Adam(rate)
        self.model = self.compiled(optimizer)
        optimizer.build(self.model.trainable_variables)
        self.state = [*self.model.variables, *optimizer.variables]
        self.start = [keras.ops.convert_to_numpy(v) for v in self.state]

    def network(self) -> keras.Model:
        """New, with random weights."""
        raise NotImplementedError

    def compiled(self, optimizer: keras.optimizers.Optimizer) -> keras.Model:
        """The network, ready to train."""
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.inner.compile(optimizer, loss)
        return self.inner

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """What has to happen during training."""
        return []

    def score(self, y: np.ndarray, logits: np.ndarray) -> dict[str, float]:
        """What stands in the file."""
        return scores(y, logits)

    def run(self, seed: int) -> dict[str, float]:
        """Trains from the seed's weights on the seed's data; the scores."""
        for variable, value in zip(self.state, self.start):
            variable.assign(value)
        keras.utils.set_random_seed(seed)
        self.inner.set_weights(self.network().get_weights())
        task = draw(self.problem, seed)
        self.model.fit(
            *task.train,
            batch_size=self.problem.batch,
            epochs=self.problem.epochs,
            callbacks=self.callbacks(),
            verbose=0,
        )
        x, y = task.test
        return self.score(y, self.inner.predict(x, batch_size=500, verbose=0))


def main(
    problems: Mapping[str, Problem],
    methods: Sequence[Method],
    trainer: type[Trainer],
    out: str,
) -> None:
    """The command: measures what is missing and prints all tables.

    The first method is what the others are compared with.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("problems", nargs="*", default=list(problems))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="", help="part of a method's name")
    parser.add_argument("--out", type=Path, default=Path(out))
    given = parser.parse_args()
    first, *others = methods
    chosen = [first, *(m for m in others if given.only in m.name)]
    for name in given.problems:
        measure(problems[name], chosen, trainer, given.seeds, given.out)
        print(table(problems[name], given.out, first.name) + "\n")
    print(summary(given.out, first.name))


def measure(
    problem: Problem,
    methods: Sequence[Method],
    trainer: type[Trainer],
    seeds: int,
    path: Path,
) -> None:
    """Runs what the file does not have yet."""
    rows = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=FIELDS)
    done = {(r.problem, r.method, r.seed) for r in rows.itertuples()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if not file.tell():
            writer.writeheader()
        for number, method in enumerate(methods, 1):
            ready = None
            for seed in range(seeds):
                if (problem.name, method.name, seed) in done:
                    continue
                ready = ready or trainer(problem, method)
                found = ready.run(seed)
                row = dict(problem=problem.name, method=method.name, seed=seed)
                writer.writerow({**row, **found})
                file.flush()
                print(
                    f"{problem.name} {number}/{len(methods)} {method.name}, "
                    f"seed {seed}: {found['balanced']:.1f}",
                    file=sys.stderr,
                )


def table(problem: Problem, path: Path, baseline: str) -> str:
    """The methods in order, as Markdown."""
    rows = pd.read_csv(path)
    rows = rows[rows.problem == problem.name]
    wide = rows.pivot(index="seed", columns="method", values="balanced")
    against = wide.sub(wide[baseline], axis=0)
    means: Any = rows.groupby("method")[["few", "calibration"]].mean()
    lines = [
        f"{problem.name}: n = {problem.counts[0]} to {problem.counts[-1]}, "
        f"{problem.epochs} epochs, {len(wide)} seeds "
        f"[{keras.config.backend()}]",
        "",
        "| Method | Balanced accuracy | Rarest 3 | Calibration error "
        f"| Over {baseline} |",
        "|---|---|---|---|---|",
    ]
    for name in wide.mean().sort_values(ascending=False).index:
        error = against[name].std(ddof=1) / np.sqrt(len(against))
        difference = f"{against[name].mean():+.2f} ± {error:.2f}"
        lines.append(
            f"| {name} | {wide[name].mean():.2f} ± {wide[name].std():.1f} "
            f"| {means.few[name]:.1f} | {means.calibration[name]:.1f} "
            f"| {'' if name == baseline else difference} |"
        )
    return "\n".join(lines)


def summary(path: Path, baseline: str) -> str:
    """The differences to the baseline on all problems, as Markdown."""
    rows = pd.read_csv(path)
    cells, gains = {}, {}
    for name, part in rows.groupby("problem", sort=False):
        wide = part.pivot(index="seed", columns="method", values="balanced")
        against = wide.sub(wide[baseline], axis=0).drop(columns=baseline)
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


def scores(y: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    """Balanced accuracy, recall of the rarest, calibration error; percent."""
    found = logits.argmax(-1)
    recall = np.array([(found[y == c] == c).mean() for c in range(10)])
    error = kf.metrics.ExpectedCalibrationError(from_logits=True)
    error.update_state(y, logits)
    return {
        "balanced": 100 * recall.mean(),
        "few": 100 * recall[-FEW:].mean(),
        "calibration": 100 * float(error.result()),
    }
