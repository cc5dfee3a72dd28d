"""The engine of lanes: the jobs of a block that share a program, at once.

What cannot have lanes is named once, and left to the local engine.
"""

import time
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras

from keras_funcs.search.engines import logs
from keras_funcs.search.engines import outcomes
from keras_funcs.search.engines.jobs import Engine
from keras_funcs.search.engines.jobs import Job
from keras_funcs.search.engines.jobs import Outcome
from keras_funcs.search.engines.local import Local
from keras_funcs.search.engines.vectorized.arrays import Split
from keras_funcs.search.engines.vectorized.configs import Configuration
from keras_funcs.search.engines.vectorized.groups import train
from keras_funcs.search.engines.vectorized.lanes import check_model
from keras_funcs.search.engines.vectorized.refusal import NotVectorizable
from keras_funcs.search.engines.vectorized.refusal import check_backend
from keras_funcs.search.engines.vectorized.results import LaneResult
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
    """Trains the jobs that share a program as lanes of one.

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
        """Runs jobs that seem to share a program."""
        groups = _by_name(jobs)
        # One lane alone would be compiled for nothing.
        if len(jobs) == 1 or not self._may_start(groups):
            self._local.run(groups.values(), done)
            return
        begin = time.monotonic()
        results = self._attempt(LANES, groups, self._train, jobs)
        if results is not None:
            seconds = (time.monotonic() - begin) / len(jobs)
            self._end(jobs, results, seconds, done)
            return
        # Of several configurations it may be one only that has no lanes.
        for group in groups.values():
            if len(groups) > 1:
                self._run(group, done)
            else:
                self._local.run([group], done)

    def _programs(self, block: Sequence[Job]) -> Iterator[list[Job]]:
        """The jobs of a block by program, as many as the memory holds."""
        groups = _by_name(block)
        if len(groups) == len(block) or not self._is_possible():
            yield from groups.values()
            return
        found: dict[Any, list[Job]] = {}
        sizes: dict[Any, int] = {}
        for name, jobs in groups.items():
            read = None
            if self._may_start([name]):
                read = self._attempt(PROGRAM, [name], self._read, jobs)
            signature, size = read or (None, 1)
            key = name if signature is None else (signature, jobs[0].epochs)
            found.setdefault(key, []).extend(jobs)
            sizes[key] = size
        for key, jobs in found.items():
            for start in range(0, len(jobs), sizes[key]):
                yield jobs[start : start + sizes[key]]

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

    def _may_start(self, names: Iterable[str]) -> bool:
        return all(
            name not in self._without
            and all(
                self.attempts.begun(f"{what} of {name}") < MAX_STARTS
                for what in (PROGRAM, LANES)
            )
            for name in names
        )

    def _attempt(
        self,
        what: str,
        names: Collection[str],
        work: Callable[[Sequence[Job]], Any],
        jobs: Sequence[Job],
    ) -> Any:
        """What work makes of jobs; None where the local engine has to run them.

        That one tells of errors that have nothing to do with lanes.
        """
        found = None
        with self.attempts.of(*(f"{what} of {name}" for name in names)):
            try:
                found = work(jobs)
            except NotVectorizable as error:
                self._refuse(error.reason)
            except Exception as error:
                state.check_disk(error, self.plan.directory)
                self._refuse(state.reason(error).split("\n")[0])
        if found is None and len(names) == 1:
            self._without.update(names)
        return found

    def _refuse(self, reason: str) -> None:
        if reason not in self._said:
            self._said.add(reason)
            self._say(f"Runs are made one after the other: {reason}.")

    def _build(self, hp: Any) -> Any:
        return fitting.build(self.plan.build, hp)

    def _read(self, jobs: Sequence[Job]) -> tuple[str, int] | None:
        """The program of a configuration, and how many lanes may wait."""
        fitting.clear()
        try:
            model = self._build(settings_of(self.space, jobs[0].values))
        except Exception:
            return None  # the outcome of its first job
        check_model(model)
        variables = [*model.variables, *model.optimizer.variables]
        needed = sum(data.to_numpy(item).nbytes for item in variables)
        size = max(STATE_BYTES // max(needed, 1), 1)
        return Configuration.of(model).signature, size

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
        """Scores each lane in an ordinary model, one per configuration."""
        found = {job.key: result for job, result in zip(jobs, results)}
        for group in _by_name(jobs).values():
            fitting.clear()
            hp = settings_of(self.space, group[0].values)
            program = fitting.Program(self.plan, hp)
            for job in group:
                done(self._outcome(job, program, found[job.key], seconds))

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
        run = fitting.Run(result.score, epoch, result.logs, seconds, seconds)
        return outcomes.of_run(self.plan, job, program, run)


def _by_name(jobs: Iterable[Job]) -> dict[str, list[Job]]:
    """The jobs of each configuration."""
    found: dict[str, list[Job]] = {}
    for job in jobs:
        found.setdefault(job.name, []).append(job)
    return found
