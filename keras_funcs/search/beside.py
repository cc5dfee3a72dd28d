"""Rows of a report that no training run of the study makes.

The reference models of other packages; the plain baseline with its log prior
subtracted, and with a threshold chosen on validation data; and the seeds of
the winner together. They are stored as the runs of the final are.
"""

import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from keras_funcs.search import jobs
from keras_funcs.search import reference
from keras_funcs.search.plan import Plan
from keras_funcs.search.report import measures
from keras_funcs.search.report.entries import Config
from keras_funcs.search.report.results import Results
from keras_funcs.search.store import predictions
from keras_funcs.search.store.attempts import Attempts
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
        attempts: `Attempts` of the study, watched.
    """

    def __init__(
        self,
        plan: Plan,
        runs: Runs,
        scorer: Callable[[], Scorer],
        seeds: list[int],
        attempts: Attempts,
    ) -> None:
        self.plan = plan
        self.runs = runs
        self.seeds = seeds
        self.attempts = attempts
        self._make_scorer = scorer

    @cached_property
    def _scorer(self) -> Scorer:
        return self._make_scorer()

    def references(self) -> Iterable[str]:
        """Fits what is not stored; yields the name of each when it is.

        None begins after their share of the time, and of what depends on a
        seed fewer seeds are fitted.

        Raises:
            reference.LeftOut: If the data are not for such models; or, after
                all others are fitted, if there was no time for some.
        """
        train = self.plan.dataset.train
        for split in (train, *self._splits().values()):
            reference.features_of(split)
        try:
            classes = self._scorer.classes
        except Exception as error:  # of a model in which nobody looked so far
            raise reference.LeftOut(_reason(error)) from error
        for split in (train, *self._splits().values()):
            reference.labels_of(split, classes)
        budget = self.plan.budget
        limit = SECONDS if budget is None else SHARE * budget
        end = time.monotonic() + limit
        left = []
        for item in reference.references(train, classes):
            fixed = not item.is_random
            missing = self.runs.missing(item.name, self.seeds)
            if self.seeds[0] in missing and time.monotonic() >= end:
                left.append(item.name)
                continue
            self._enter(item.name, jobs.REFERENCE, item.label, fixed)
            for seed in missing:
                if fixed and seed != self.seeds[0]:
                    self.runs.repeat(item.name, self.seeds[0], seed)
                elif seed == self.seeds[0] or time.monotonic() < end:
                    self._fit(item, seed)
            yield item.name
        if left:
            raise reference.LeftOut(f"{', '.join(left)} for lack of time")

    def _fit(self, item: reference.Reference, seed: int) -> None:
        key = f"reference {item.name} {seed}"
        # Not as often as a trial: a study can do without.
        begun = self.attempts.begun(key)
        if begun >= self.plan.max_attempts:
            reason = f"The process ended while it was fitted, {begun} times."
            self.runs.fail(item.name, seed, reason)
            return
        begin = time.monotonic()
        with self.attempts.of(key):
            found = self._predicted(item, seed)
            if found is not None:
                self._add(item.name, seed, found, time.monotonic() - begin)

    def _predicted(self, item: reference.Reference, seed: int) -> Both | None:
        classes = self._scorer.classes
        try:
            estimator = reference.fit(
                item, self.plan.dataset.train, seed, classes
            )
            return {
                name: reference.predict(estimator, split, classes)
                for name, split in self._splits().items()
            }
        except Exception as error:  # another package's: anything
            self.runs.fail(item.name, seed, _reason(error))
            return None

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
        counts = self._train_counts(classes)
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
        """The shift of log-probabilities that puts the best threshold at 0."""
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

    def _train_counts(self, classes: int) -> np.ndarray:
        """The training rows of each class; none if they are not known."""
        try:
            labels = reference.labels_of(self.plan.dataset.train, classes)
        except reference.LeftOut:
            return np.zeros(classes, np.int64)
        return np.bincount(labels, minlength=classes)

    def _enter(self, name: str, role: str, label: str, fixed: bool) -> None:
        facts = {"role": role, "label": label, "values": {}, "reverted": ""}
        self.runs.enter(name, {**facts, "fixed": fixed})

    def _add(
        self, name: str, seed: int, found: Both, seconds: float | None = None
    ) -> None:
        """Scores and stores one run of a row, or why it has no score."""
        metric = self.plan.objective.name.removeprefix("val_")
        try:
            scores = {
                split: self._scorer.score(self._splits()[split], item)
                for split, item in found.items()
            }
        except Exception as error:  # of metrics that take only a model's own
            self.runs.fail(name, seed, _reason(error))
            return
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


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _shifted(values: np.ndarray, shift: np.ndarray) -> np.ndarray:
    return normalized(values + shift).astype(np.float32)


def _mean(found: list[Predictions]) -> np.ndarray:
    """The mean prediction: of classes, the log of the mean probability."""
    values = np.stack([item.values for item in found]).astype(np.float64)
    if not found[0].are_classes:
        return values.mean(0).astype(np.float32)
    return np.log(np.maximum(np.exp(values).mean(0), 1e-38)).astype(np.float32)
