"""The search as a source of jobs: an oracle that is asked, and told.

It needs KerasTuner.
"""

import json
import os
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_funcs.search.jobs import TRIAL
from keras_funcs.search.jobs import Job
from keras_funcs.search.jobs import Outcome
from keras_funcs.search.jobs import Tried
from keras_funcs.search.jobs import best_of
from keras_funcs.search.plan import Plan
from keras_funcs.search.store import files
from keras_funcs.search.store import settings as stored
from keras_funcs.search.store import state
from keras_funcs.search.tuner import durable
from keras_funcs.search.tuner import hyperparameters
from keras_funcs.search.tuner import oracles
from keras_funcs.search.tuner import settings
from keras_funcs.search.tuner.hardened import harden
from keras_funcs.search.tuner.portfolio import first

SHARE = 0.1  # of the time, that a trial takes at most if it can choose
HOPELESS = 5  # failures, with nothing but failures, that end a search


class Trials:
    """The trials of a study, those of earlier sittings included.

    Args:
        plan: The `Plan` of the study.
        space: `HyperParameters`, the whole of it.
        baseline: Mapping. The values of the first trial.
    """

    def __init__(
        self, plan: Plan, space: Any, baseline: Mapping[str, Any]
    ) -> None:
        self.plan = plan
        self.space = space
        self._several = plan.settings > 1
        begun = first(plan.build, space)
        if plan.oracle == "grid":  # whose trials follow from the one before
            begun = []
        # The best bet comes before the baseline, which the final runs anyway.
        begun = [values for values in begun if values != dict(baseline)]
        begun = [*begun[:1], dict(baseline), *begun[1:]]
        searched = space.copy()
        # Of each combination that is met first, the setting to begin with.
        self._starts: dict[str, Mapping[str, Any]] = {}
        if self._several:
            searched = settings.combinations(space)
            for values in begun:
                key = hyperparameters.key(
                    settings.combination_of(space, values)
                )
                self._starts.setdefault(key, values)
            begun = [json.loads(key) for key in self._starts]
        self.oracle: Any = harden(
            oracles.make(
                plan.oracle,
                plan.objective,
                plan.trials,
                plan.epochs,
                searched,
                plan.seed,
            ),
            begun,
            # The others have an order of their own.
            self._several and plan.oracle in ("bayesian", "random"),
        )
        folder = plan.directory / files.SEARCH
        state.claim(folder, durable.PROJECT_MARKS)
        self.oracle._set_project_dir(os.fspath(plan.directory), files.SEARCH)
        if any((folder / name).exists() for name in durable.PROJECT_MARKS):
            self.oracle.reload()
        self.oracle.save()
        self._ids: dict[str, str] = {}  # of the trials that are running

    def blocks(
        self, size: int, is_over: Callable[[], bool]
    ) -> Iterator[list[Job]]:
        """Asks the oracle for trials until there are none.

        Args:
            size: Integer >= 1. How many trials at once, where the oracle can
                choose the next without the score of the last.
            is_over: Function that ends the search; called before each block.

        Raises:
            RuntimeError: If nothing but failures came out.
        """
        while not is_over():
            trials = list(self._ask(size))
            if not trials:
                return
            yield [self._job(trial) for trial in trials]

    def _ask(self, size: int) -> Iterator[Any]:
        failed = self.failed()
        if len(failed) == len(self.oracle.trials) >= HOPELESS:
            raise self.all_failed()
        for number in range(size):
            # One name at the oracle holds one trial.
            trial = self.oracle.create_trial(f"tuner{number}")
            if trial.status != "RUNNING":
                return  # no further one, or not before these have ended
            yield trial

    def _job(self, trial: Any) -> Job:
        values = trial.hyperparameters.values
        several = self._settings(trial)
        name = files.trial_name(trial.trial_id)
        self._ids[name] = trial.trial_id
        return Job(
            name,
            TRIAL,
            several[0] if several else dict(values),
            self.plan.trial_seed(int(trial.trial_id)),
            # A promoted trial starts afresh, so that its result depends on
            # nothing but its setting.
            hyperparameters.epochs(values) or self.plan.epochs,
            several,
            None if self.plan.budget is None else SHARE * self.plan.budget,
        )

    def _settings(self, trial: Any) -> list[dict[str, Any]]:
        """The settings of a trial, if it may have several."""
        if not self._several:
            return []
        values = trial.hyperparameters.values
        key = hyperparameters.key(values)
        return settings.draw(
            self.space,
            {**values, **self._starts.get(key, {})},
            self.plan.settings,
            self.plan.trial_seed(int(trial.trial_id)),
            self._best_of(key),
        )

    def _best_of(self, key: str) -> Mapping[str, Any] | None:
        """The best setting of a combination that was met before."""
        tried: list[Tried] = []
        for trial in self.oracle.trials.values():
            same = hyperparameters.key(trial.hyperparameters.values) == key
            if same and trial.status == "COMPLETED":
                tried += stored.read(self._folder(trial), move=True)
        place = best_of(tried, self.plan.objective.better_than)
        return None if place is None else tried[place].values

    def _folder(self, trial: Any) -> Path:
        root = self.plan.directory / files.SEARCH
        return files.trial_folder(root, trial.trial_id)

    def end(self, outcome: Outcome) -> Any:
        """Stores what became of a trial; returns KerasTuner's record of it."""
        trial = self.oracle.get_trial(self._ids.pop(outcome.job.name))
        if outcome.tried:
            stored.write(self._folder(trial), outcome.tried)
        if outcome.error:
            trial.status = "INVALID" if outcome.may_retry else "FAILED"
            trial.message = outcome.error
        else:
            self._report(trial, outcome)
        self.oracle.end_trial(trial)
        self.oracle.save()
        return trial

    def _report(self, trial: Any, outcome: Outcome) -> None:
        # An attempt that was cut short may have reported already.
        trial.metrics = type(trial.metrics)()
        metrics = {
            **outcome.logs,
            "seconds": outcome.seconds,
            "steady": outcome.steady,
            "alone": outcome.alone,
        }
        known = {k: v for k, v in metrics.items() if v is not None}
        try:
            self.oracle.update_trial(
                trial.trial_id, known, step=outcome.epoch or 0
            )
            trial.status = "COMPLETED"
        except (ValueError, ArithmeticError) as error:
            trial.status, trial.message = "INVALID", state.reason(error)

    @property
    def ended(self) -> int:
        """How many trials have ended."""
        return len(self.oracle.end_order)

    def best(self) -> float | None:
        """The best objective so far."""
        trials = self.oracle.get_best_trials(1)
        done = trials and trials[0].status == "COMPLETED"
        return float(trials[0].score) if done else None

    def failed(self) -> list[Any]:
        return [t for t in self.oracle.trials.values() if t.status == "FAILED"]

    def all_failed(self) -> RuntimeError:
        """The error of a search in which nothing worked."""
        failed = self.failed()
        if not failed:
            return RuntimeError("The search ended without a trial.")
        first = (failed[0].message or "").split("\n")[0]
        return RuntimeError(
            f"All {len(failed)} trials failed. The first one: {first}"
        )

    def timings(self) -> list[tuple[float, float, float]]:
        """Of each completed trial what it took.

        The whole, one of its settings alone, and that without compiling.
        """
        found = []
        for trial in self.oracle.trials.values():
            seconds = _metric(trial, "seconds")
            if trial.status == "COMPLETED" and seconds is not None:
                steady = _metric(trial, "steady")
                alone = _metric(trial, "alone")
                alone = seconds if alone is None else alone
                steady = alone if steady is None else steady
                found.append((seconds, alone, steady))
        return found


def _metric(trial: Any, name: str) -> float | None:
    if not trial.metrics.exists(name):
        return None
    found = trial.metrics.get_history(name)
    return float(found[0].value[0]) if found else None
