"""The engine of lanes: the seeds of a configuration, at once.

What cannot have lanes is named once, and left to the local engine.
"""

import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras

from keras_funcs.search.engines import logs
from keras_funcs.search.engines import outcomes
from keras_funcs.search.engines.local import Local
from keras_funcs.search.engines.vectorized.arrays import Split
from keras_funcs.search.engines.vectorized.groups import train
from keras_funcs.search.engines.vectorized.lanes import check_model
from keras_funcs.search.engines.vectorized.refusal import NotVectorizable
from keras_funcs.search.engines.vectorized.refusal import check_backend
from keras_funcs.search.engines.vectorized.results import LaneResult
from keras_funcs.search.jobs import Engine
from keras_funcs.search.jobs import Job
from keras_funcs.search.jobs import Outcome
from keras_funcs.search.plan import Plan
from keras_funcs.search.store import state
from keras_funcs.search.store.attempts import Attempts
from keras_funcs.search.training import data
from keras_funcs.search.training import fitting
from keras_funcs.search.tuner.hyperparameters import settings_of

# How often lanes of a configuration may end without a result, before its jobs
# are run one after the other, where each answers for itself.
MAX_STARTS = 3
PROGRAM, LANES = "program", "lanes"  # begin the names of such attempts
# The states in which lanes begin wait in the host's memory.
STATE_BYTES = 2**30


class Vectorized(Engine):
    """Trains the jobs of a configuration as lanes of one program.

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

    def run(
        self,
        blocks: Iterable[Sequence[Job]],
        done: Callable[[Outcome], None],
    ) -> None:
        for block in blocks:
            for jobs in self._programs(block):
                self._run(jobs, done)

    def _run(
        self, jobs: Sequence[Job], done: Callable[[Outcome], None]
    ) -> None:
        """Runs jobs of one configuration."""
        name, begin = jobs[0].name, time.monotonic()
        results = None
        # One lane alone would be compiled for nothing.
        if len(jobs) > 1 and self._may_start(name):
            results = self._attempt(LANES, name, self._train, jobs)
        if results is None:
            self._local.run([jobs], done)
            return
        seconds = (time.monotonic() - begin) / len(jobs)
        self._end(jobs, results, seconds, done)

    def _programs(self, block: Sequence[Job]) -> Iterator[Sequence[Job]]:
        """The jobs of a block by configuration, as many as the memory holds.

        The seeds of one configuration share a program for certain. In what two
        configurations differ may hide where no config shows it, such as in a
        closure of `build`.
        """
        groups: dict[str, list[Job]] = {}
        for job in block:
            groups.setdefault(job.name, []).append(job)
        possible = len(groups) < len(block) and self._is_possible()
        for name, jobs in groups.items():
            size = 1
            if possible and self._may_start(name):
                size = self._attempt(PROGRAM, name, self._lanes_at_once, jobs)
            size = size or len(jobs)
            for start in range(0, len(jobs), size):
                yield jobs[start : start + size]

    def _is_possible(self) -> bool:
        """Whether anything of this study can have lanes."""
        try:
            check_backend()
            if keras.distribution.distribution() is not None:
                raise NotVectorizable("several devices share each batch")
            for split in (
                self.plan.dataset.train,
                self.plan.dataset.validation,
            ):
                Split.of(split)
        except NotVectorizable as error:
            self._refuse(error.reason)
            return False
        return True

    def _may_start(self, name: str) -> bool:
        return name not in self._without and all(
            self.attempts.begun(f"{what} of {name}") < MAX_STARTS
            for what in (PROGRAM, LANES)
        )

    def _attempt(
        self,
        what: str,
        name: str,
        work: Callable[[Sequence[Job]], Any],
        jobs: Sequence[Job],
    ) -> Any:
        """What work makes of jobs; None where the local engine has to run them.

        That one tells of errors that have nothing to do with lanes.
        """
        found = None
        with self.attempts.of(f"{what} of {name}"):
            try:
                found = work(jobs)
            except NotVectorizable as error:
                self._refuse(error.reason)
            except Exception as error:
                state.check_disk(error, self.plan.directory)
                self._refuse(state.reason(error).split("\n")[0])
        if found is None:
            self._without.add(name)
        return found

    def _refuse(self, reason: str) -> None:
        if reason not in self._said:
            self._said.add(reason)
            self._say(f"Runs are made one after the other: {reason}.")

    def _build(self, hp: Any) -> Any:
        return fitting.build(self.plan.build, hp)

    def _lanes_at_once(self, jobs: Sequence[Job]) -> int | None:
        """How many lanes of a configuration may wait in the memory."""
        fitting.clear()
        try:
            model = self._build(settings_of(self.space, jobs[0].values))
        except Exception:
            return None  # the outcome of its first job
        check_model(model)
        variables = [*model.variables, *model.optimizer.variables]
        needed = sum(data.to_numpy(item).nbytes for item in variables)
        return max(STATE_BYTES // max(needed, 1), 1)

    def _train(self, jobs: Sequence[Job]) -> list[LaneResult]:
        plan = self.plan
        fitting.clear()
        return train(
            self._build,
            [settings_of(self.space, job.values) for job in jobs],
            [job.seed for job in jobs],
            train=plan.dataset.train,
            validation=plan.dataset.validation,
            objective=plan.objective,
            epochs=jobs[0].epochs,
            batch_size=plan.batch_size,
            patience=plan.patience,
            fill=data.is_filled(plan.dataset.train),
        )

    def _end(
        self,
        jobs: Sequence[Job],
        results: Sequence[LaneResult],
        seconds: float,
        done: Callable[[Outcome], None],
    ) -> None:
        """Scores the lanes, one after the other, in an ordinary model."""
        fitting.clear()
        hp = settings_of(self.space, jobs[0].values)
        program = fitting.Program(self.plan, hp)
        for job, result in zip(jobs, results, strict=True):
            done(self._outcome(job, program, result, seconds))

    def _outcome(
        self,
        job: Job,
        program: fitting.Program,
        result: LaneResult,
        seconds: float,
    ) -> Outcome:
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
