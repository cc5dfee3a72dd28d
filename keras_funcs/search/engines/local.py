"""The engine of one process: one job after the other, by Keras's `fit`."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from keras_funcs.search.engines import logs
from keras_funcs.search.engines import outcomes
from keras_funcs.search.jobs import Engine
from keras_funcs.search.jobs import Job
from keras_funcs.search.jobs import Outcome
from keras_funcs.search.plan import Plan
from keras_funcs.search.store.attempts import Attempts
from keras_funcs.search.training import fitting
from keras_funcs.search.tuner.hyperparameters import settings_of


class Local(Engine):
    """Trains each job alone, in this process.

    Args:
        plan: The `Plan` of the study.
        space: `HyperParameters`, the whole of it.
        attempts: The `Attempts` of the study, watched.
    """

    def __init__(self, plan: Plan, space: Any, attempts: Attempts) -> None:
        self.plan = plan
        self.space = space
        self.attempts = attempts
        # Whose program is kept: a job's name and values.
        self._of: tuple[str, dict[str, Any]] | None = None
        self._program: Any = None

    def run(
        self,
        blocks: Iterable[Sequence[Job]],
        done: Callable[[Outcome], None],
    ) -> None:
        for block in blocks:
            for job in block:
                done(self._outcome(job))

    def _outcome(self, job: Job) -> Outcome:
        why = self.attempts.given_up(job.key)
        if why:
            return Outcome(job, error=why, may_retry=False)
        program = self._compiled(job)
        with self.attempts.of(job.key):
            outcome = attempt(self.plan, program, job)
        if outcome.error:  # of the program, perhaps: another one next time
            self._of = None
        return outcome

    def _compiled(self, job: Job) -> fitting.Program:
        """The program of a job; the seeds of a configuration share one."""
        of = job.name, dict(job.values)
        if self._of != of:
            self._of, self._program = of, None
            fitting.clear()
            hp = settings_of(self.space, job.values)
            self._program = fitting.Program(self.plan, hp)
        program: fitting.Program = self._program
        return program


def attempt(plan: Plan, program: fitting.Program, job: Job) -> Outcome:
    """Trains a job, and says what became of it; see `outcomes.of_error`."""
    try:
        with logs.of_job(plan, job) as callbacks:
            run = program.fit(job.seed, epochs=job.epochs, callbacks=callbacks)
        return outcomes.of_run(plan, job, program, run)
    except Exception as error:
        return outcomes.of_error(plan, job, error)
