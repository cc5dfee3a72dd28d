"""TensorBoard logs of a study: one run for each trial and each seed."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from keras_funcs.search.engines.jobs import ABLATION
from keras_funcs.search.engines.jobs import Job
from keras_funcs.search.plan import Plan
from keras_funcs.search.spaces import structure
from keras_funcs.search.store import files
from keras_funcs.search.training import data


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
    seed = None if job.is_trial else job.seed
    log_dir = files.unused_log(files.log_of(plan.log_dir, job.name, seed))
    inspect = (
        not job.is_trial and job.role != ABLATION and seed == plan.seeds[0]
    )
    # Runs of one group repeat one setting.
    group = job.name if job.is_trial else f"{files.FINALISTS}/{job.name}"
    log = RunLog(log_dir, job.values, group, scalars=not inspect)
    callbacks: list[Any] = [log]
    if inspect:
        from keras_funcs.callbacks import TensorBoardInspector

        callbacks.append(
            TensorBoardInspector(
                str(log_dir),
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


def _inspected(plan: Plan) -> dict[str, Any]:
    """The samples to inspect by; none of a data set."""
    x, y, _ = data.parts_of(plan.dataset.validation)
    if y is None:
        return {}
    return {"validation_data": (x, y), "class_names": plan.class_names}
