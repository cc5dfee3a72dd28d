"""Rows of a report that no training run of the study makes.

The reference models of other packages; the plain baseline with its log prior
subtracted, and with a threshold chosen on validation data; and the seeds of
the winner together. They are stored as the runs of the final are.
"""

import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_funcs.search import jobs
from keras_funcs.search import reference
from keras_funcs.search.plan import Plan
from keras_funcs.search.report import measures
from keras_funcs.search.report.entries import Config
from keras_funcs.search.report.results import Results
from keras_funcs.search.store import predictions
from keras_funcs.search.store.runs import Runs
from keras_funcs.search.training.predictions import Predictions
from keras_funcs.search.training.predictions import normalized
from keras_funcs.search.training.scoring import Scorer

HELD_OUT, VALIDATION = predictions.HELD_OUT, predictions.VALIDATION
SHARE = 0.1  # of the time of a study that all references may take
SECONDS = 60.0  # the same where no time is set
THRESHOLDS = 200  # that are compared, at most

Both = Mapping[str, Predictions]  # of the held-out and the validation rows


class Beside:
    """Makes and stores the rows of one study.

    Args:
        plan: The `Plan` of the study.
        runs: `Runs` to store them with.
        scorer: Function that makes a `Scorer`, called if there is a row.
        seeds: List of integers.
    """

    def __init__(
        self,
        plan: Plan,
        runs: Runs,
        scorer: Callable[[], Scorer],
        seeds: list[int],
    ) -> None:
        self.plan = plan
        self.runs = runs
        self.seeds = seeds
        self._make_scorer = scorer
        self._scorer: Scorer | None = None

    def references(self) -> Iterable[str]:
        """Fits what is not stored; yields the name of each when it is.

        Of what depends on a seed, fewer seeds are fitted if they take long.

        Raises:
            reference.Unsuitable: If the data are not for such models.
        """
        budget = self.plan.budget
        limit = SECONDS if budget is None else SHARE * budget
        end = time.monotonic() + limit
        for item in reference.references(self.plan.dataset.train):
            fixed = not item.is_random
            self._enter(item.name, jobs.REFERENCE, item.label, fixed)
            for seed in self.runs.missing(item.name, self.seeds):
                if fixed and seed != self.seeds[0]:
                    self.runs.repeat(item.name, self.seeds[0], seed)
                elif seed == self.seeds[0] or time.monotonic() < end:
                    self._fit(item, seed)
            yield item.name

    def _fit(self, item: reference.Reference, seed: int) -> None:
        begin = time.monotonic()
        try:
            estimator = reference.fit(item, self.plan.dataset.train, seed)
            found = {
                name: reference.predict(estimator, split, self._classes())
                for name, split in self._splits().items()
            }
        except Exception as error:  # another package's: anything
            self.runs.fail(item.name, seed, f"{type(error).__name__}: {error}")
            return
        self._add(item.name, seed, found, time.monotonic() - begin)

    def derived(self, found: Results) -> list[str]:
        """Rows made of stored predictions; their names."""
        names = []
        base, winner = found.baseline, found.winner
        if base is not None:
            names += self._of_baseline(found, base)
        if winner is not None:
            names += self._ensemble(found, winner)
        return names

    def _of_baseline(self, found: Results, base: Config) -> list[str]:
        runs = self._stored(found, base)
        if not runs or not next(iter(runs.values()))[HELD_OUT].are_classes:
            return []
        labels = {
            jobs.ADJUSTED: "the baseline minus its log prior",
            jobs.THRESHOLD: "the baseline with a threshold of validation data",
        }
        classes = next(iter(runs.values()))[HELD_OUT].values.shape[1]
        counts = np.bincount(self._train_labels(), minlength=classes)
        if not counts.all():
            del labels[jobs.ADJUSTED]
        if classes != 2:
            del labels[jobs.THRESHOLD]
        names = []
        for role, label in labels.items():
            name = f"{base.name}-{role}"
            self._enter(name, role, label, False)
            for seed in self.runs.missing(name, runs):
                both = runs[seed]
                if role == jobs.ADJUSTED:
                    # log p - log prior, normalized
                    shift = -np.log(counts / counts.sum())
                else:
                    shift = self._threshold(found, both[VALIDATION])
                shifted = {
                    split: Predictions(p.labels, _shifted(p.values, shift))
                    for split, p in both.items()
                }
                self._add(name, seed, shifted)
            names.append(name)
        return names

    def _threshold(self, found: Results, of: Predictions) -> np.ndarray:
        """What to add to log-probabilities, so that the best threshold is 0."""
        odds = (of.values[:, 1] - of.values[:, 0]).astype(np.float64)
        levels = np.unique(odds)
        cuts = np.append((levels[1:] + levels[:-1]) / 2, 0.0)
        if len(cuts) > THRESHOLDS:
            cuts = np.quantile(cuts, np.linspace(0, 1, THRESHOLDS))
        name = found.evidence.known_as(found.metric)
        function = measures.OF_COUNTS.get(
            name or "", measures.OF_COUNTS["balanced_accuracy"]
        )
        scores = [
            function(
                measures.counts(of.labels, (odds > cut).astype(int), 2).astype(
                    np.float64
                )
            )[0]
            for cut in cuts
        ]
        return np.array([0.0, -cuts[int(np.argmax(scores))]])

    def _ensemble(self, found: Results, winner: Config) -> list[str]:
        runs = self._stored(found, winner)
        if len(runs) < 2:
            return []
        name = f"{winner.name}-{jobs.ENSEMBLE}"
        label = f"mean of {len(runs)} seeds of {winner.label}"
        self._enter(name, jobs.ENSEMBLE, label, True)
        mean = {
            split: Predictions(
                next(iter(runs.values()))[split].labels,
                _mean([both[split] for both in runs.values()]),
            )
            for split in self._splits()
        }
        first, *rest = self.seeds
        self._add(name, first, mean)
        for seed in rest:
            self.runs.repeat(name, first, seed)
        return [name]

    def _stored(self, found: Results, item: Config) -> dict[int, Both]:
        """From seed to the stored predictions of a configuration."""
        if not all(isinstance(s, tuple) for s in self._splits().values()):
            return {}  # nothing to score with
        evidence = found.evidence
        by_split = {
            split: evidence.predictions(item, split) for split in self._splits()
        }
        seeds = [
            seed
            for seed in self.seeds
            if all(seed in runs for runs in by_split.values())
        ]
        return {
            seed: {
                split: Predictions(evidence.labels[split], runs[seed])
                for split, runs in by_split.items()
            }
            for seed in seeds
        }

    def _splits(self) -> dict[str, Any]:
        return {
            HELD_OUT: self.plan.held_out,
            VALIDATION: self.plan.dataset.validation,
        }

    def _train_labels(self) -> np.ndarray:
        return reference.rows_of(self.plan.dataset.train)[1]

    def _classes(self) -> int:
        labels = self._train_labels()
        if labels.dtype.kind not in "iu":
            return 0
        names = self.plan.class_names
        return len(names) if names else int(labels.max()) + 1

    def _enter(self, name: str, role: str, label: str, fixed: bool) -> None:
        facts = {"role": role, "label": label, "values": {}, "reverted": ""}
        self.runs.enter(name, {**facts, "fixed": fixed})

    def _add(
        self, name: str, seed: int, found: Both, seconds: float | None = None
    ) -> None:
        """Scores and stores one run of a row."""
        if self._scorer is None:
            self._scorer = self._make_scorer()
        metric = self.plan.objective.name.removeprefix("val_")
        scores = {
            split: self._scorer.score(self._splits()[split], item)
            for split, item in found.items()
        }
        held_out = found[HELD_OUT]
        matrix = None
        if held_out.are_classes:
            chosen = held_out.values.argmax(1)
            classes = held_out.values.shape[1]
            matrix = measures.counts(held_out.labels, chosen, classes).tolist()
        job = jobs.Job(name, "", {}, seed, 0)
        self.runs.add(
            jobs.Outcome(
                job,
                validation=scores[VALIDATION].get(metric),
                score=scores[HELD_OUT].get(metric),
                seconds=seconds,
                metrics=scores[HELD_OUT],
                matrix=matrix,
                predictions=found,
            )
        )


def _shifted(values: np.ndarray, shift: np.ndarray) -> np.ndarray:
    return normalized(values + shift).astype(np.float32)


def _mean(found: list[Predictions]) -> np.ndarray:
    """The mean prediction: of classes, the log of the mean probability."""
    values = np.stack([item.values for item in found]).astype(np.float64)
    if not found[0].are_classes:
        return values.mean(0).astype(np.float32)
    return np.log(np.maximum(np.exp(values).mean(0), 1e-38)).astype(np.float32)
