"""A study read from its folder: what reports and leaderboards are made of.

Needs neither the data nor the model, nor KerasTuner.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from keras_funcs.search import state
from keras_funcs.search import statistics

STUDY = "study.json"
FINALISTS = "finalists"
BASELINE = "baseline"


@dataclass(frozen=True)
class Trial:
    """One trial of the search; `score` is None where it failed."""

    name: str
    values: Mapping[str, Any]
    status: str
    score: float | None
    epoch: int
    seconds: float | None
    message: str


@dataclass(frozen=True)
class Config:
    """A configuration trained over several seeds.

    Attributes:
        name: String. `"baseline"`, a trial's name, or for an ablation that
            name and what was put back.
        role: String. `"baseline"`, `"finalist"` or `"ablation"`.
        label: String. Its choices in a few words.
        values: Mapping. Its hyper-parameters.
        reverted: String. Of an ablation, the part put back.
        runs: Mapping from seed to what was stored for it.
    """

    name: str
    role: str
    label: str
    values: Mapping[str, Any]
    reverted: str
    runs: Mapping[int, Mapping[str, Any]]

    def scores(self, key: str = "score") -> dict[int, float]:
        """From seed to `"score"` (test) or `"validation"`."""
        return {
            seed: float(run[key])
            for seed, run in self.runs.items()
            if run.get(key) is not None and math.isfinite(run[key])
        }

    def mean(self, key: str = "score") -> float:
        found = list(self.scores(key).values())
        return float(np.mean(found)) if found else math.nan

    def deviation(self, key: str = "score") -> float:
        found = list(self.scores(key).values())
        return float(np.std(found, ddof=1)) if len(found) > 1 else math.nan

    @property
    def matrix(self) -> np.ndarray | None:
        """The confusion matrices of all seeds, added."""
        found = [
            run["matrix"] for run in self.runs.values() if run.get("matrix")
        ]
        return np.sum(found, axis=0) if found else None

    @property
    def recalls(self) -> np.ndarray | None:
        """Recall of each class, all seeds together."""
        matrix = self.matrix
        if matrix is None:
            return None
        totals = matrix.sum(1)
        return np.where(
            totals > 0, np.diag(matrix) / np.maximum(totals, 1), np.nan
        )


@dataclass(frozen=True)
class Results:
    """Everything a study's folder tells.

    Attributes:
        directory: Path. The folder.
        study: Mapping. The content of `study.json`.
        trials: Tuple of `Trial`, in the order of the search.
        configs: Tuple of `Config`, in the order they were run.
    """

    directory: Path
    study: Mapping[str, Any]
    trials: tuple[Trial, ...] = ()
    configs: tuple[Config, ...] = field(default=())

    @property
    def sign(self) -> int:
        return 1 if self.study["objective"]["direction"] == "max" else -1

    @property
    def metric(self) -> str:
        return str(self.study["objective"]["name"]).removeprefix("val_")

    @property
    def baseline(self) -> Config | None:
        return next((c for c in self.configs if c.role == BASELINE), None)

    @property
    def finalists(self) -> list[Config]:
        return [c for c in self.configs if c.role == "finalist"]

    @property
    def ablations(self) -> list[Config]:
        return [c for c in self.configs if c.role == "ablation"]

    @cached_property
    def comparisons(self) -> dict[str, statistics.Comparison]:
        """Each finalist against the baseline, adjusted for their number."""
        if self.baseline is None:
            return {}
        base = self.baseline.scores()
        found = [
            statistics.compare(item.scores(), base, self.sign)
            for item in self.finalists
        ]
        names = [item.name for item in self.finalists]
        return dict(zip(names, statistics.holm(found)))

    @property
    def winner(self) -> Config | None:
        """The finalist that is best on validation; test has no say in it."""
        return _best(self.finalists, self.sign)

    @property
    def best(self) -> Config | None:
        """The best on validation, baseline included: whose model is saved."""
        ranked = [*([self.baseline] if self.baseline else []), *self.finalists]
        return _best(ranked, self.sign)

    @property
    def verdict(self) -> str:
        labels = {item.name: item for item in self.finalists}
        named = {
            f"{labels[name].label} ({name})": comparison
            for name, comparison in self.comparisons.items()
        }
        if not named:
            return "The finalists were not run; nothing is concluded."
        seeds = max(item.pairs for item in named.values())
        where = "" if self.study["tested"] else " (on validation data)"
        return statistics.verdict(named, self.metric + where, seeds)

    def ranked(self) -> list[Trial]:
        """The trials from the best to the worst, failed ones left out."""
        done = [item for item in self.trials if item.score is not None]
        return sorted(done, key=lambda t: -self.sign * (t.score or 0.0))

    def failed(self) -> list[Trial]:
        return [item for item in self.trials if item.status == "FAILED"]

    def effects(self) -> list[tuple[str, str, int, float, float]]:
        """Part, its value, number of trials, mean and best objective.

        Only for parts with few values: what a search's own trials say about
        a choice, everything else mixed.
        """
        rows = []
        done = self.ranked()
        for part in self.study["parts"]:
            groups: dict[str, list[float]] = {}
            for item in done:
                if isinstance(item.values.get(part), (str, bool)):
                    groups.setdefault(str(item.values[part]), []).append(
                        float(item.score or 0.0)
                    )
            for value, scores in sorted(
                groups.items(), key=lambda g: -self.sign * np.mean(g[1])
            ):
                best = max(scores, key=lambda s: self.sign * s)
                rows.append(
                    (part, value, len(scores), float(np.mean(scores)), best)
                )
        return rows

    def contributions(self) -> list[tuple[str, str, statistics.Comparison]]:
        """What each choice of the winner adds: with it against without it.

        Returns:
            Part, the winner's value of it, and the comparison of the winner
            with itself when that part is put back to the baseline's.
        """
        winner = self.winner
        if winner is None:
            return []
        return [
            (
                item.reverted,
                str(winner.values.get(item.reverted)),
                statistics.compare(winner.scores(), item.scores(), self.sign),
            )
            for item in self.ablations
        ]


def read(directory: str | os.PathLike[str]) -> Results:
    """Reads a study's folder; what is damaged in it is left out.

    Raises:
        ValueError: where the folder holds no study.
    """
    directory = Path(directory)
    try:
        study = state.read_json(directory / STUDY)
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(
            "Invalid value for argument `directory`. Expected a folder with "
            f"a study (a file {STUDY}). Received: {directory}"
        ) from None
    files = sorted(
        (directory / "search").glob("trial_*/trial.json"),
        key=lambda path: int(path.parent.name.removeprefix("trial_")),
    )
    trials = [_trial(path) for path in files]
    folder = directory / FINALISTS
    configs = [
        item
        for item in (
            config(folder / f"{name}.json") for name in study["configs"]
        )
        if item is not None
    ]
    return Results(
        directory, study, tuple(t for t in trials if t), tuple(configs)
    )


def config(path: Path) -> Config | None:
    """Reads the runs of one configuration; None where there are none yet."""
    try:
        saved = state.read_json(path)
        return Config(
            name=path.stem,
            role=saved["role"],
            label=saved["label"],
            values=saved["values"],
            reverted=saved["reverted"],
            runs={int(seed): run for seed, run in saved["runs"].items()},
        )
    except (FileNotFoundError, state.Damaged, KeyError, TypeError):
        return None


def _trial(path: Path) -> Trial | None:
    try:
        saved = state.read_json(path)
        score = saved["score"]
        completed = saved["status"] == "COMPLETED"
        seconds = saved["metrics"]["metrics"].get("seconds")
        return Trial(
            name=f"trial_{int(saved['trial_id']):04d}",
            values={
                name: value
                for name, value in saved["hyperparameters"]["values"].items()
                if not name.startswith("tuner/")
            },
            status=saved["status"],
            score=float(score) if completed else None,
            epoch=int(saved["best_step"] or 0),
            seconds=(
                float(seconds["observations"][0]["value"][0])
                if seconds
                else None
            ),
            message=(saved["message"] or "").split("\n")[0],
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def _best(configs: list[Config], sign: int) -> Config | None:
    scored = [c for c in configs if math.isfinite(c.mean("validation"))]
    return max(scored, key=lambda c: sign * c.mean("validation"), default=None)
