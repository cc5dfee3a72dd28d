"""TensorBoard logs of a study: one run for each trial and each seed."""

import contextlib
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from keras_funcs.search.jobs import ABLATION
from keras_funcs.search.jobs import Job
from keras_funcs.search.plan import Plan
from keras_funcs.search.spaces import structure
from keras_funcs.search.store import files
from keras_funcs.search.training import data
from keras_funcs.search.tuner.hyperparameters import chosen


def describe_space(directory: Path, space: Any, metric: str) -> None:
    """Writes the whole space once, at the root of all runs.

    The sessions below hold only what is active in them; without this the
    HParams table would guess each domain from the values it happens to see.
    """
    from keras_funcs.inspect.events import EventWriter

    if directory.exists() and any(directory.glob("events*")):
        return
    with EventWriter(str(directory)) as writer:
        writer.hparams_config(
            structure.domains(space),
            [("validation", f"epoch_{name}") for name in (metric, "loss")],
        )


class RunLog(keras.callbacks.Callback):
    """Writes one run: its setting, its scalars by epoch, and how it ended."""

    def __init__(
        self,
        log_dir: Path,
        values: Mapping[str, Any],
        group: str,
        scalars: bool,
    ) -> None:
        super().__init__()
        self.log_dir = log_dir
        self.values = values
        self.group = group
        self.scalars = scalars
        self._writers: dict[str, Any] = {}

    def on_train_begin(self, logs: Any = None) -> None:
        self._writer("").hparams(dict(self.values), group=self.group)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        # The runs and tags of Keras's own callback.
        for name, value in (logs or {}).items() if self.scalars else ():
            run = "validation" if name.startswith("val_") else "train"
            tag = f"epoch_{name.removeprefix('val_')}"
            self._writer(run).scalar(tag, value, epoch)

    def close(self, failed: bool = False) -> None:
        """Ends the session; a second call does nothing."""
        writers, self._writers = self._writers, {}
        if writers:
            writers[""].hparams_end("failure" if failed else "success")
        for writer in writers.values():
            writer.close()

    def _writer(self, run: str) -> Any:
        from keras_funcs.inspect.events import EventWriter

        if run not in self._writers:
            self._writers[run] = EventWriter(str(self.log_dir / run))
        return self._writers[run]


@contextlib.contextmanager
def of_job(plan: Plan, job: Job) -> Any:
    """The callbacks that log a job, closed whatever happens.

    Of each finalist the first seed has histograms, learned curves and
    confusion matrices, too. If an earlier attempt has left its log, the next
    one goes beside it.
    """
    if plan.log_dir is None:
        yield []
        return
    inspect = _is_inspected(plan, job)
    log = _run_log(plan, job, scalars=not inspect)
    callbacks: list[Any] = [log]
    if inspect:
        from keras_funcs.callbacks import TensorBoardInspector

        callbacks.append(
            TensorBoardInspector(
                str(log.log_dir),
                histogram_freq=5,
                curve_freq=10,
                image_freq=20,
                **_inspected(plan),
            )
        )
    failed = True
    try:
        yield callbacks
        failed = False
    finally:
        log.close(failed)


def replay(
    plan: Plan,
    job: Job,
    history: Sequence[Mapping[str, float]],
    epoch: int,
    model: Any,
) -> None:
    """Logs a run that was not watched while it went on.

    Where `of_job` has histograms, learned curves and confusion matrices of
    several epochs, there are those of the best one.

    Args:
        plan: The `Plan` of the study.
        job: The `Job`.
        history: Sequence of mappings. All metrics, by epoch.
        epoch: Integer. The best one, from 0; -1 if none counted.
        model: The model with the weights of that epoch.
    """
    if plan.log_dir is None:
        return
    log = _run_log(plan, job, scalars=True)
    failed = True
    try:
        log.on_train_begin()
        for number, logs in enumerate(history):
            log.on_epoch_end(number, logs)
        if epoch >= 0 and _is_inspected(plan, job):
            _picture(plan, log.log_dir, model, epoch)
        failed = epoch < 0
    finally:
        log.close(failed)


def _picture(plan: Plan, log_dir: Path, model: Any, epoch: int) -> None:
    from keras_funcs.inspect import confusion
    from keras_funcs.inspect.recorder import Recorder

    recorder = Recorder(log_dir)
    try:
        recorder.weights(model, epoch)
        recorder.curves(model, epoch)
        samples = _inspected(plan).get("validation_data")
        found = samples and confusion.measured(model, samples)
        if found:
            matrix, names = found
            names = plan.class_names or names
            recorder.confusion("validation", matrix, names, epoch)
    finally:
        recorder.close()


def _is_inspected(plan: Plan, job: Job) -> bool:
    final = not job.is_trial and job.role != ABLATION
    return final and job.seed == plan.seeds[0]


def _run_log(plan: Plan, job: Job, scalars: bool) -> RunLog:
    seed = None if job.is_trial else job.seed
    root: Any = plan.log_dir
    log_dir = files.unused_log(files.log_of(root, job.name, seed))
    # Runs of one group repeat one setting.
    group = job.name if job.is_trial else f"{files.FINALISTS}/{job.name}"
    return RunLog(log_dir, chosen(job.values), group, scalars)


def _inspected(plan: Plan) -> dict[str, Any]:
    """The samples to inspect by; none of a data set."""
    x, y, _ = data.parts_of(plan.dataset.validation)
    if y is None:
        return {}
    return {"validation_data": (x, y), "class_names": plan.class_names}
