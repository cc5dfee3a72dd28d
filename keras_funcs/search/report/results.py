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

from keras_funcs.search.jobs import ABLATION
from keras_funcs.search.jobs import BASELINE
from keras_funcs.search.jobs import FINALIST
from keras_funcs.search.jobs import TUNED
from keras_funcs.search.report import statistics
from keras_funcs.search.report.evidence import Evidence
from keras_funcs.search.store import files
from keras_funcs.search.store import records
from keras_funcs.search.store import state


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
        role: String. `"baseline"`, `"tuned"` (the baseline's choices with
            numbers from the search), `"finalist"` or `"ablation"`.
        label: String. Its choices in a few words.
        values: Mapping. Its hyper-parameters.
        reverted: String. Of an ablation, the part put back.
        runs: Mapping from seed to what was stored for it.
        fixed: Boolean. Whether it is the same for all seeds.
    """

    name: str
    role: str
    label: str
    values: Mapping[str, Any]
    reverted: str
    runs: Mapping[int, Mapping[str, Any]]
    fixed: bool = False

    def of_seed(self, seed: int) -> int:
        """The seed whose files a run has: of what is fixed, the first one."""
        return min(self.runs) if self.fixed else seed

    def scores(self, key: str = "score") -> dict[int, float]:
        """From seed to `"score"` (test) or `"validation"`."""
        return {
            seed: float(run[key])
            for seed, run in self.runs.items()
            if run.get(key) is not None and math.isfinite(run[key])
        }

    @property
    def failed(self) -> int:
        """How many seeds gave no result."""
        return len(self.runs) - len(self.scores())

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

    def recall_by_seed(self) -> dict[int, np.ndarray]:
        """From seed to the recall of each class; NaN of one without labels."""
        found = {}
        for seed, run in self.runs.items():
            if run.get("matrix"):
                matrix = np.asarray(run["matrix"], dtype=np.float64)
                totals = matrix.sum(1)
                right = np.diag(matrix) / np.maximum(totals, 1)
                found[seed] = np.where(totals > 0, right, np.nan)
        return found


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
    def tuned(self) -> Config | None:
        return next((c for c in self.configs if c.role == TUNED), None)

    @property
    def references(self) -> list[Config]:
        """The baseline, plain and tuned, as far as they were run."""
        return [c for c in (self.baseline, self.tuned) if c is not None]

    @property
    def finalists(self) -> list[Config]:
        return [c for c in self.configs if c.role == FINALIST]

    @property
    def ablations(self) -> list[Config]:
        return [c for c in self.configs if c.role == ABLATION]

    @cached_property
    def comparisons(self) -> dict[str, statistics.Comparison]:
        """Each against the plain baseline, adjusted for their number."""
        if self.baseline is None:
            return {}
        base = self.baseline
        others = [c for c in self.references if c is not base] + self.finalists
        found = [self._compare(item, base) for item in others]
        names = [item.name for item in others]
        return dict(zip(names, statistics.holm(found)))

    @property
    def beside_tuned(self) -> statistics.Comparison | None:
        """The winner against the tuned baseline, where both were run."""
        if self.winner is None or self.tuned is None:
            return None
        return self._compare(self.winner, self.tuned)

    @property
    def winner(self) -> Config | None:
        """The finalist that is best on validation; test has no say in it."""
        return self._best(self.finalists)

    @property
    def best(self) -> Config | None:
        """The best on validation, baseline included: whose model is saved."""
        return self._best([*self.references, *self.finalists])

    @property
    def verdict(self) -> str:
        """What is concluded: first of what was chosen on validation data."""
        base, best, winner = self.baseline, self.best, self.winner
        needed = self.study.get("seconds_needed")
        if base is not None and winner is None and needed:
            return (
                "The time was too short for one comparison; about "
                f"{math.ceil(needed)} s are needed."
            )
        if base is None or best is None or winner is None:
            return "The finalists were not run; nothing is concluded."
        lead = winner if best is base else best
        order = sorted(
            (c for c in self.configs if c.name in self.comparisons),
            key=lambda c: c is not lead,
        )
        named = {self.title(c): self.comparisons[c.name] for c in order}
        where = "" if self.study["tested"] else " (on validation data)"
        seeds = len(self.study["seeds"])
        text = statistics.verdict(named, self.metric + where, seeds)
        if best is base:
            text += " On validation data the baseline itself did best."
        if base.failed:
            text += f" The baseline failed with {base.failed} of {seeds} seeds."
        tuned = self.beside_tuned
        if tuned is not None and lead is winner and tuned.pairs > 1:
            text += (
                " Against the baseline with tuned numbers "
                f"{self.title(winner)} differs by {statistics.interval(tuned)}."
            )
        return text

    def title(self, item: Config) -> str:
        """A configuration's label, and which one it is."""
        if item.role == BASELINE:
            return f"{item.label} (baseline)"
        if item.role == TUNED and self.baseline is not None:
            numbers = changes(item.values, self.baseline.values)
            return f"{item.label} (tuned baseline: {numbers})"
        return f"{item.label} ({item.name})"

    @cached_property
    def evidence(self) -> Evidence:
        """The predictions of the final."""
        return Evidence(self.directory)

    def class_names(self, classes: int) -> list[str]:
        """The names of so many classes, or their numbers."""
        names = self.study.get("class_names")
        if names and len(names) == classes:
            return [str(name) for name in names]
        return [str(index) for index in range(classes)]

    def _compare(self, item: Config, base: Config) -> statistics.Comparison:
        return statistics.compare(
            item.scores(),
            base.scores(),
            self.sign,
            failed=item.failed,
            sampling=self.evidence.sampling(self.metric, item, base),
        )

    def _best(self, configs: list[Config]) -> Config | None:
        """Of those with a result for every seed, while there are any."""
        scored = [c for c in configs if math.isfinite(c.mean("validation"))]
        seeds = set(self.study["seeds"])
        whole = [c for c in scored if seeds <= set(c.scores())]
        return max(
            whole or scored,
            key=lambda c: self.sign * c.mean("validation"),
            default=None,
        )

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
            Part, the winner's value of it (or, where that is the baseline's
            too, its numbers that differ), and the comparison of the winner
            with itself when that part is put back to the baseline's.
        """
        winner = self.winner
        if winner is None:
            return []
        rows = []
        for item in self.ablations:
            part = item.reverted
            # An earlier winner's may lie beside those of this one.
            if not item.name.startswith(f"{winner.name}-without-"):
                continue
            value = str(winner.values.get(part))
            if winner.values.get(part) == item.values.get(part):
                value = f"its numbers ({changes(winner.values, item.values)})"
            rows.append((part, value, self._compare(winner, item)))
        return rows


def read(directory: str | os.PathLike[str]) -> Results:
    """Reads a study's folder; what is damaged in it is left out, with a notice.

    Raises:
        ValueError: where the folder holds no study, or no whole file of it.
    """
    directory = Path(directory)
    if not state.is_study(directory):
        raise ValueError(
            "Invalid value for argument `directory`. Expected a folder with "
            f"a study (its file {files.STUDY}). Received: {directory}"
        )
    # Another process may be at work here: nothing is renamed.
    study = records.read_study(directory, move=False)
    if study is None:
        raise ValueError(
            f"The study in {directory} has no whole {files.STUDY}; "
            "`resume()` makes it again."
        )
    trials = [
        records.read(folder / files.TRIAL, records.TRIAL, False, _trial)
        for folder in files.trial_folders(directory / files.SEARCH).values()
    ]
    configs = [
        config(files.runs_of(directory, name)) for name in study["configs"]
    ]
    return Results(
        directory,
        study,
        tuple(item for item in trials if item is not None),
        tuple(item for item in configs if item is not None),
    )


def config(path: Path) -> Config | None:
    """Reads the runs of one configuration; None where there are none yet."""
    found: Config | None = records.read(
        path,
        records.RUNS,
        False,
        lambda saved: Config(
            name=path.stem,
            role=saved["role"],
            label=saved["label"],
            values=saved["values"],
            reverted=saved["reverted"],
            runs={int(seed): run for seed, run in saved["runs"].items()},
            fixed=saved.get("fixed", False),
        ),
    )
    return found


def _trial(saved: Mapping[str, Any]) -> Trial:
    score = saved["score"] if saved["status"] == "COMPLETED" else None
    seconds = saved["metrics"]["metrics"].get("seconds", {})
    observed = seconds.get("observations")
    return Trial(
        name=files.trial_name(saved["trial_id"]),
        values={
            name: value
            for name, value in saved["hyperparameters"]["values"].items()
            if not name.startswith("tuner/")
        },
        status=saved["status"],
        score=None if score is None else float(score),
        epoch=int(saved["best_step"] or 0),
        seconds=float(observed[0]["value"][0]) if observed else None,
        message=(saved["message"] or "").split("\n")[0],
    )


def changes(values: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """What differs, as `learning_rate 0.0065 instead of 0.001`."""
    return ", ".join(
        f"{name.rpartition('/')[2]} {short(value)} instead of "
        f"{short(before.get(name))}"
        for name, value in values.items()
        if value != before.get(name)
    )


def short(value: Any) -> str:
    """Four digits of a number, anything else as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
