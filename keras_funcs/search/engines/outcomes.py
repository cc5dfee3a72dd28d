"""Outcomes of jobs, from a run that ended or an error that ended it."""

from typing import Any

from keras_funcs._core.confusion import confusion_counts
from keras_funcs.inspect.confusion import reading
from keras_funcs.search.jobs import Job
from keras_funcs.search.jobs import Outcome
from keras_funcs.search.jobs import Tried
from keras_funcs.search.plan import Plan
from keras_funcs.search.store import predictions
from keras_funcs.search.store import state
from keras_funcs.search.training import fitting
from keras_funcs.search.training.predictions import of_model


def of_run(
    plan: Plan, job: Job, program: fitting.Program, run: fitting.Run
) -> Outcome:
    """The outcome of a run; a job of the final is scored on held-out data.

    Args:
        plan: The `Plan` of the study.
        job: The `Job`.
        program: `fitting.Program` with the weights of the best epoch.
        run: `fitting.Run`, what came out of it.
    """
    held_out = {} if job.is_trial else _scores(plan, program)
    # One of a trial's settings was trained, which need not be the oracle's.
    alone = Tried(
        job.values, run.score, run.epoch, len(run.history), run.stopped
    )
    return Outcome(
        job,
        validation=run.score,
        epoch=run.epoch,
        logs=run.logs,
        seconds=run.seconds,
        steady=run.steady,
        history=run.history,
        save=program.model.save,
        tried=[alone] if job.settings else (),
        **held_out,
    )


def of_error(plan: Plan, job: Job, error: Exception) -> Outcome:
    """The outcome of a job that failed; the study goes on without it.

    Raises:
        OSError: If the disk is full.
        keras_tuner.errors.FatalError: If that is the error: `build` raises it
            to end the study.
    """
    import keras_tuner

    state.check_disk(error, plan.directory)
    if isinstance(error, keras_tuner.errors.FatalError):
        raise error
    hopeless = (fitting.NotFinite, keras_tuner.errors.FailedTrialError)
    return Outcome(
        job,
        error=state.reason(error),
        may_retry=not isinstance(error, hopeless),
    )


def _scores(plan: Plan, program: fitting.Program) -> dict[str, Any]:
    metrics = program.evaluate(plan.held_out)
    predicted = program.predict(plan.held_out)
    matrix = None
    found: dict[str, Any] = {}
    if predicted is not None:
        given = reading(program.model)
        matrix = confusion_counts(*predicted, **given)
        numbers = plan.dataset.is_regression
        found[predictions.HELD_OUT] = of_model(
            program.model, *predicted, numbers
        )
        if plan.dataset.test is not None:
            predicted = program.predict(plan.dataset.validation)
        if predicted is not None:
            found[predictions.VALIDATION] = of_model(
                program.model, *predicted, numbers
            )
    return {
        "score": metrics[plan.objective.name.removeprefix("val_")],
        "metrics": metrics,
        "matrix": None if matrix is None else matrix.tolist(),
        "predictions": {} if None in found.values() else found,
    }
