"""The search engine of one process: KerasTuner's loop over a study's trials.

Imported only where a search runs: it needs KerasTuner.
"""

import contextlib
import io
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.engine import base_tuner

from keras_funcs.search.engines import logs
from keras_funcs.search.report.results import trial_name
from keras_funcs.search.store import files
from keras_funcs.search.training import fitting
from keras_funcs.search.tuner.durable import DurableTuner

TRIAL_SEEDS = 1_000_000  # apart from the finalists' seeds
HOPELESS = 5  # failures, with nothing but failures, that end a search


class OutOfTime(Exception):
    """The time for the search is used up."""


class StudyTuner(DurableTuner, base_tuner.BaseTuner):
    """Trains each trial once and reports its best epoch.

    Args:
        oracle: A `keras_tuner.Oracle` that knows the whole space.
        settings: What all runs share.
        directory: Path. The study's folder.
        seed: Integer. The study's.
        log_dir: Path or None. The root of the TensorBoard runs.
        before: Function called before each trial is chosen; raises
            `OutOfTime` to end the search.
        started: Function called with each trial when it starts.
        ended: Function called with each trial when it has ended.
    """

    def __init__(
        self,
        oracle: Any,
        settings: fitting.Settings,
        directory: Path,
        seed: int,
        log_dir: Path | None,
        before: Callable[[], None],
        started: Callable[[Any], None],
        ended: Callable[[Any], None],
    ) -> None:
        self.settings = settings
        self.seed = seed
        self.log_dir = log_dir
        self._before = before
        self._started = started
        self._ended = ended
        # KerasTuner prints where it reloads from.
        with contextlib.redirect_stdout(io.StringIO()):
            super().__init__(
                oracle=oracle,
                directory=str(directory),
                project_name=files.SEARCH,
            )

    def pre_create_trial(self) -> None:
        self._before()
        trials = list(self.oracle.trials.values())
        failed = [t for t in trials if t.status == "FAILED"]
        if len(failed) == len(trials) >= HOPELESS:
            raise all_failed(failed)

    def on_trial_begin(self, trial: Any) -> None:
        self._started(trial)

    def on_trial_end(self, trial: Any) -> None:
        super().on_trial_end(trial)
        self._ended(self.oracle.get_trial(trial.trial_id))

    def _run_and_update_trial(self, trial: Any, *_: Any, **__: Any) -> None:
        run = self.run_trial(trial)
        self.oracle.update_trial(
            trial.trial_id,
            {**run.logs, "seconds": run.seconds, "steady": run.steady},
            step=run.epoch,
        )

    def run_trial(self, trial: Any, *_: Any, **__: Any) -> fitting.Run:
        hp = trial.hyperparameters
        # An attempt that was cut short may have reported already.
        known = self.oracle.get_trial(trial.trial_id)
        known.metrics = type(known.metrics)()
        fitting.clear()
        program = fitting.Program(self.settings, hp)
        number = int(trial.trial_id)
        name = trial_name(trial.trial_id)
        values = active(hp)
        folder = None if self.log_dir is None else self.log_dir / name
        try:
            with logs.run_log(folder, values, name) as callbacks:
                return program.fit(
                    TRIAL_SEEDS * (1 + self.seed) + number,
                    # Hyperband's budget; a promoted trial starts afresh, so
                    # that its result depends on nothing but its setting.
                    epochs=hp.values.get("tuner/epochs"),
                    callbacks=callbacks,
                )
        except fitting.NotFinite as error:
            raise keras_tuner.errors.FailedTrialError(str(error)) from error


def active(hp: Any) -> dict[str, Any]:
    """The values of a trial without the oracle's own entries."""
    return {
        name: value
        for name, value in hp.values.items()
        if not name.startswith("tuner/")
    }


def explore(build: fitting.Build) -> Any:
    """Finds the whole space, conditional parts included.

    `build` is called with each condition met once, as KerasTuner does.

    Returns:
        A `HyperParameters` whose values are the defaults: the baseline.
    """
    oracle = keras_tuner.oracles.RandomSearchOracle(
        objective=keras_tuner.Objective("loss", "min")
    )
    _Explorer(oracle, build).declare()
    return fitting.settings_of(oracle.get_space(), {})


class _Explorer(base_tuner.BaseTuner):
    """A tuner without files: only the part that explores the space."""

    def __init__(self, oracle: Any, build: fitting.Build) -> None:
        self.oracle = oracle
        self.hypermodel = types.SimpleNamespace(build=build)

    def declare(self) -> None:
        self._activate_all_conditions()


def all_failed(trials: list[Any]) -> RuntimeError:
    """The error of a search in which nothing worked."""
    trials = [trial for trial in trials if trial.status == "FAILED"]
    if not trials:
        return RuntimeError("The search ended without a trial.")
    first = (trials[0].message or "").split("\n")[0]
    return RuntimeError(
        f"All {len(trials)} trials failed. The first one: {first}"
    )


class Clock:
    """Time spent in a study, over all its sittings."""

    def __init__(self, before: float = 0.0) -> None:
        self.before = before
        self._begin = time.monotonic()

    @property
    def elapsed(self) -> float:
        return self.before + time.monotonic() - self._begin
