"""A study read from its folder: what reports and leaderboards are made of.

Needs neither the data nor the model, nor KerasTuner.
"""

import math
import operator
import os
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from keras_funcs.search.jobs import ABLATION
from keras_funcs.search.jobs import ADJUSTED
from keras_funcs.search.jobs import BASELINE
from keras_funcs.search.jobs import ENSEMBLE
from keras_funcs.search.jobs import FINALIST
from keras_funcs.search.jobs import REFERENCE
from keras_funcs.search.jobs import THRESHOLD
from keras_funcs.search.jobs import TUNED
from keras_funcs.search.report import statistics
from keras_funcs.search.report.entries import Config
from keras_funcs.search.report.entries import Trial
from keras_funcs.search.report.entries import config
from keras_funcs.search.report.entries import trial
from keras_funcs.search.report.evidence import Evidence
from keras_funcs.search.store import files
from keras_funcs.search.store import records
from keras_funcs.search.store import state

BESIDE = (ADJUSTED, THRESHOLD, ENSEMBLE, REFERENCE)


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
    def where(self) -> str:
        """The data that the final is scored on: `test` or `validation`."""
        return "test" if self.study["tested"] else "validation"

    @property
    def baseline(self) -> Config | None:
        return next((c for c in self.configs if c.role == BASELINE), None)

    @property
    def tuned(self) -> Config | None:
        return next((c for c in self.configs if c.role == TUNED), None)

    @property
    def baselines(self) -> list[Config]:
        """The baseline, plain and tuned, as far as they were run."""
        return [c for c in (self.baseline, self.tuned) if c is not None]

    @property
    def beside(self) -> list[Config]:
        """The rows that no training run of the study made."""
        return [c for c in self.configs if c.role in BESIDE]

    @property
    def references(self) -> list[Config]:
        """The models of other packages."""
        return [c for c in self.configs if c.role == REFERENCE]

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
        others = [c for c in self.baselines if c is not base] + self.finalists
        found = [self.compare(item, base) for item in others]
        names = [item.name for item in others]
        return dict(zip(names, statistics.holm(found)))

    @cached_property
    def differences(self) -> dict[str, statistics.Comparison]:
        """The same, and of the rows beside the study; these are not adjusted.

        They are no finds of the search that could be due to chance.
        """
        if self.baseline is None:
            return {}
        rows = {c.name: self.compare(c, self.baseline) for c in self.beside}
        return {**self.comparisons, **rows}

    @property
    def beside_tuned(self) -> statistics.Comparison | None:
        """The winner against the tuned baseline, where both were run."""
        if self.winner is None or self.tuned is None:
            return None
        return self.compare(self.winner, self.tuned)

    @property
    def winner(self) -> Config | None:
        """The finalist that is best on validation; test has no say in it."""
        return self._best(self.finalists)

    @property
    def best(self) -> Config | None:
        """The best on validation data, baseline included."""
        return self._best([*self.baselines, *self.finalists])

    @property
    def recommended(self) -> Config | None:
        """The configuration to use: the baseline, unless it was beaten.

        What did best on validation data has the first say, then the winner of
        the search. On held-out data each has to be ahead of the plain
        baseline, too, and for certain if the baseline is the best on
        validation data.
        """
        base = self.baseline
        if base is None or not base.scores():
            return self.best
        for item in (self.best, self.winner):
            if item is None or item is base:
                continue
            found = self.comparisons[item.name]
            ahead = found.difference > 0 and not found.failed
            if found.better or (ahead and self.best is not base):
                return item
        return base

    @property
    def subject(self) -> Config | None:
        """The configuration to show: the recommended one or the winner."""
        item = self.recommended
        return self.winner if item is self.baseline else item

    @property
    def shipped(self) -> tuple[Config, int] | None:
        """The configuration and the seed of the model that is saved."""
        saved = self.study.get("shipped") or {}
        for item in self.configs:
            if item.name == saved.get("name") and saved["seed"] in item.runs:
                return item, saved["seed"]
        return None

    @property
    def verdict(self) -> str:
        """The conclusion, first on the choice by validation data."""
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
        if item.role in BESIDE:
            return item.label
        if item.role == BASELINE:
            return f"{item.label} (baseline)"
        if item.role == TUNED and self.baseline is not None:
            numbers = changes(item.values, self.baseline.values)
            return f"{item.label} (tuned baseline: {numbers})"
        return f"{item.label} ({item.name})"

    @cached_property
    def evidence(self) -> Evidence:
        """The predictions of the final."""
        splits = self.study.get("data", {}).get("splits", {})
        counts = splits.get("train", {}).get("classes")
        return Evidence(self.directory, counts, self.study.get("class_names"))

    def class_names(self, classes: int) -> list[str]:
        """The names of so many classes, or their numbers."""
        names = self.study.get("class_names")
        if names and len(names) == classes:
            return [str(name) for name in names]
        return [str(index) for index in range(classes)]

    def compare(self, item: Config, base: Config) -> statistics.Comparison:
        """Compares two configurations by the objective; positive is better."""
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
        """The contribution of each choice of the winner, from the ablations.

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
            rows.append((part, value, self.compare(winner, item)))
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
    larger = study["objective"]["direction"] == "max"
    trials = [
        trial(folder, operator.gt if larger else operator.lt)
        for folder in files.trial_folders(directory / files.SEARCH).values()
    ]
    configs = [
        config(files.runs_of(directory, name))
        for name in [*study["configs"], *study.get("beside", [])]
    ]
    return Results(
        directory,
        study,
        tuple(item for item in trials if item is not None),
        tuple(item for item in configs if item is not None),
    )


def changes(values: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """The differences, as `learning_rate 0.0065 instead of 0.001`."""
    return ", ".join(
        f"{name.rpartition('/')[2]} {short(value)} instead of "
        f"{short(before.get(name))}"
        for name, value in values.items()
        if value != before.get(name)
    )


def short(value: Any) -> str:
    """Four digits of a number, anything else as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
