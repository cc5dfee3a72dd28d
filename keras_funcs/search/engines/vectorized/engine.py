"""The engine of lanes: a trial's settings or a final's runs, at once.

What cannot have lanes is named once, and left to the local engine.
"""

import dataclasses
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from keras_funcs.search.engines import logs
from keras_funcs.search.engines import outcomes
from keras_funcs.search.engines.local import Local
from keras_funcs.search.engines.vectorized import memory
from keras_funcs.search.engines.vectorized.course import Halving
from keras_funcs.search.engines.vectorized.refusal import NotVectorizable
from keras_funcs.search.engines.vectorized.results import LaneResult
from keras_funcs.search.engines.vectorized.trainer import Trainer
from keras_funcs.search.jobs import Engine
from keras_funcs.search.jobs import Job
from keras_funcs.search.jobs import Outcome
from keras_funcs.search.jobs import Tried
from keras_funcs.search.jobs import best_of
from keras_funcs.search.plan import Plan
from keras_funcs.search.store import state
from keras_funcs.search.store.attempts import Attempts
from keras_funcs.search.training import data
from keras_funcs.search.training import fitting
from keras_funcs.search.tuner.hyperparameters import settings_of
from keras_funcs.search.tuner.settings import draw

# How often lanes may end without a result, each time with half the memory,
# before their jobs are run one after the other, where each answers for itself.
MAX_STARTS = 3
LANES = "lanes of"  # begins the name of such an attempt
# The states in which lanes begin wait in the host's memory.
STATE_BYTES = 2**30
# One of four settings goes on after an eighth of the epochs, and after half.
RUNGS, FACTOR = 8, 4


class Vectorized(Engine):
    """Trains jobs as lanes of one program each.

    Args:
        plan: The `Plan` of the study.
        space: `HyperParameters`, the whole of it.
        attempts: The `Attempts` of the study, watched.
        say: Function called with a line on what has no lanes.
    """

    def __init__(
        self,
        plan: Plan,
        space: Any,
        attempts: Attempts,
        say: Callable[[str], None],
    ) -> None:
        self.plan = plan
        self.space = space
        self.attempts = attempts
        self._say = say
        self._said: set[str] = set()
        self._without: set[str] = set()  # configurations that have no lanes
        self._local = Local(plan, space, attempts)
        self._trainer: Trainer | None = None

    def run(
        self,
        blocks: Iterable[Sequence[Job]],
        done: Callable[[Outcome], None],
    ) -> None:
        for block in blocks:
            for job in block:
                if job.settings:
                    self._search(job, done)
            for jobs in self._programs([j for j in block if not j.settings]):
                self._run(jobs, done)

    # A trial of the search: all its settings.

    def _search(self, job: Job, done: Callable[[Outcome], None]) -> None:
        why = self.attempts.given_up(job.key)
        if why:
            return done(Outcome(job, error=why, may_retry=False))
        begin = time.monotonic()
        seeds = [job.seed] * len(job.settings)
        first = max(job.epochs // RUNGS, 1)
        halving = Halving(first, FACTOR) if len(seeds) > 1 else None
        results = self._lanes([job.name], job, job.settings, seeds, halving)
        if results is None or not any(map(_has_lane, results)):
            self._without.add(job.name)
            return self._local.run([[job]], done)
        seconds = time.monotonic() - begin
        with self.attempts.of(job.key):
            try:
                outcome = self._best(job, results, seconds)
            except Exception as error:
                outcome = outcomes.of_error(self.plan, job, error)
        done(outcome)

    def _best(
        self,
        job: Job,
        results: Sequence[LaneResult | NotVectorizable],
        seconds: float,
    ) -> Outcome:
        """The outcome of a trial: the best of its settings."""
        pairs = zip(job.settings, results, strict=True)
        tried = [_tried(values, result) for values, result in pairs]
        place = best_of(tried, self.plan.objective.better_than)
        if place is None:
            raise fitting.NotFinite(tried[0].message)
        best: Any = results[place]
        run = dataclasses.replace(job, values=job.settings[place])
        logs.replay(self.plan, run, best.history, best.epoch, None)
        return Outcome(
            job,
            validation=best.score,
            epoch=best.epoch,
            logs=best.logs,
            seconds=seconds,
            steady=min(self.trainer.lane_seconds, seconds),
            alone=min(self.trainer.alone_seconds, seconds),
            tried=tried,
        )

    # Runs of the final.

    def _programs(self, block: Sequence[Job]) -> Iterator[Sequence[Job]]:
        """The jobs of a block by program, as many as the memory holds."""
        names: dict[str, list[Job]] = {}
        for job in block:
            names.setdefault(job.name, []).append(job)
        programs: dict[str, list[Job]] = {}
        sizes: dict[str, int] = {}
        for name, jobs in names.items():
            key, size = name, 1
            # One lane alone would be compiled for nothing.
            if len(jobs) > 1 and self._may_start(name):
                key, size = self._program(jobs[0])
            programs.setdefault(key, []).extend(jobs)
            sizes[key] = size
        for key, jobs in programs.items():
            for start in range(0, len(jobs), sizes[key]):
                yield jobs[start : start + sizes[key]]

    def _program(self, job: Job) -> tuple[str, int]:
        """The signature of a job's program, and how many such jobs may wait."""
        try:
            hp = settings_of(self.space, job.values)
            key, size = self.trainer.program_of(self._build, hp)
        except NotVectorizable as error:
            self._refuse(error)
        except Exception:
            pass  # the outcome of the job
        else:
            return key, max(STATE_BYTES // max(size, 1), 1)
        self._without.add(job.name)
        return job.name, 1

    def _run(
        self, jobs: Sequence[Job], done: Callable[[Outcome], None]
    ) -> None:
        """Runs jobs of one program."""
        names = list(dict.fromkeys(job.name for job in jobs))
        results: Any = None
        begin = time.monotonic()
        if len(jobs) > 1 and all(map(self._may_start, names)):
            settings = [job.values for job in jobs]
            seeds = [job.seed for job in jobs]
            results = self._lanes(names, jobs[0], settings, seeds, None)
        if results is None:
            return self._local.run([jobs], done)
        seconds = (time.monotonic() - begin) / len(jobs)
        program, name = None, ""
        for job, result in zip(jobs, results, strict=True):
            if isinstance(result, NotVectorizable):
                self._refuse(result)
                self._local.run([[job]], done)
                continue
            if program is None or job.name != name:
                fitting.clear()
                hp = settings_of(self.space, job.values)
                program, name = fitting.Program(self.plan, hp), job.name
            done(self._outcome(job, program, result, seconds))

    def _outcome(
        self,
        job: Job,
        program: fitting.Program,
        result: LaneResult,
        seconds: float,
    ) -> Outcome:
        """Scores a lane in an ordinary model."""
        why = self.attempts.given_up(job.key)
        if why:
            return Outcome(job, error=why, may_retry=False)
        with self.attempts.of(job.key):
            try:
                return self._scored(job, program, result, seconds)
            except Exception as error:
                return outcomes.of_error(self.plan, job, error)

    def _scored(
        self,
        job: Job,
        program: fitting.Program,
        result: LaneResult,
        seconds: float,
    ) -> Outcome:
        if result.weights is not None:
            program.load(result.weights)
        epoch = result.epoch
        logs.replay(self.plan, job, result.history, epoch, program.model)
        if result.score is None:
            raise fitting.NotFinite(result.reason)
        name = self.plan.objective.name
        history = tuple(float(item[name]) for item in result.history)
        run = fitting.Run(
            result.score, epoch, result.logs, seconds, seconds, history
        )
        return outcomes.of_run(self.plan, job, program, run)

    # Both.

    @property
    def trainer(self) -> Trainer:
        """The `Trainer` of the study, with all that it has compiled.

        Raises:
            NotVectorizable: If nothing of this study can have lanes.
        """
        if self._trainer is None:
            self._trainer = trainer_of(self.plan)
        return self._trainer

    def _lanes(
        self,
        names: Sequence[str],
        job: Job,
        settings: Sequence[Mapping[str, Any]],
        seeds: Sequence[int],
        halving: Halving | None,
    ) -> list[LaneResult | NotVectorizable] | None:
        """The results of lanes; None where the local engine has to run them.

        That one tells of errors that have nothing to do with lanes.
        """
        if not all(map(self._may_start, names)):
            return None
        keys = [f"{LANES} {name}" for name in names]
        starts = max(map(self.attempts.begun, keys))
        fitting.clear()
        with self.attempts.of(*keys):
            try:
                # A process that was killed may have wanted too much.
                self.trainer.memory = (
                    memory.usable() >> starts if starts else None
                )
                results = self.trainer.train(
                    self._build,
                    [settings_of(self.space, values) for values in settings],
                    seeds,
                    epochs=job.epochs,
                    halving=halving,
                    seconds=job.seconds,
                )
            except Exception as error:
                state.check_disk(error, self.plan.directory)
                self._refuse(error)
                self._without.update(names)
                return None
        if not any(map(_has_lane, results)):
            self._refuse(results[0])
        return results

    def _may_start(self, name: str) -> bool:
        begun = self.attempts.begun(f"{LANES} {name}")
        return name not in self._without and begun < MAX_STARTS

    def _refuse(self, error: Any) -> None:
        told = isinstance(error, NotVectorizable)
        reason = error.reason if told else state.reason(error).split("\n")[0]
        if reason not in self._said:
            self._said.add(reason)
            self._say(f"Runs are made one after the other: {reason}.")

    def _build(self, hp: Any) -> Any:
        return fitting.build(self.plan.build, hp)


def trainer_of(plan: Plan) -> Trainer:
    """The `Trainer` of a study.

    Raises:
        NotVectorizable: If nothing of this study can have lanes.
    """
    if keras.distribution.distribution() is not None:
        raise NotVectorizable("several devices share each batch")
    return Trainer(
        train=plan.dataset.train,
        validation=plan.dataset.validation,
        objective=plan.objective,
        batch_size=plan.batch_size,
        patience=plan.patience,
        fill=data.is_filled(plan.dataset.train),
    )


def obstacle(plan: Plan, space: Any) -> str:
    """Why the baseline of a study can have no lanes, or `""`."""
    try:
        settings = draw(space, space.values, 2, plan.seed)
        trainer_of(plan).probe(
            lambda hp: fitting.build(plan.build, hp),
            [settings_of(space, values) for values in settings],
        )
    except NotVectorizable as error:
        return error.reason
    return ""


def _has_lane(result: LaneResult | NotVectorizable) -> bool:
    return not isinstance(result, NotVectorizable)


def _tried(
    values: Mapping[str, Any], result: LaneResult | NotVectorizable
) -> Tried:
    if isinstance(result, NotVectorizable):
        return Tried(values, None, 0, 0, "failed", result.reason)
    return Tried(
        values,
        result.score,
        max(result.epoch, 0),
        len(result.history),
        result.stopped,
        result.reason or "",
    )
