"""When a training is inspected, and what is written each time."""

import contextlib
import functools
import importlib.util
import warnings
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_funcs.inspect import confusion
from keras_funcs.inspect.recorder import Recorder
from keras_funcs.inspect.recorder import learning_rates
from keras_funcs.inspect.recorder import snapshot

PACKAGES = ("tensorboard", "matplotlib")
Logs = Mapping[str, Any]
Step = Callable[..., None]


def _guarded(step: Step) -> Step:
    """Makes a step warn once instead of raising: a full disk costs no training.

    After a failure, the steps of this training do nothing.
    """

    @functools.wraps(step)
    def run(self: "Inspection", *args: Any) -> None:
        if self.failed:
            return
        try:
            step(self, *args)
        except Exception as error:
            self.failed = True
            warnings.warn(
                f"TensorBoardInspector stops writing to {self.log_dir!r}; "
                f"training goes on. {type(error).__name__}: {error}",
                stacklevel=3,
            )

    return run


class Inspection:
    """Writes what the trainings of one callback did, one after another.

    Args:
        log_dir: String. The folder.
        every: Mapping from `"histogram"`, `"curve"` and `"image"` to the
            number of epochs between two of them; 0 is never.
        update_freq: `"epoch"`, `"batch"` or the number of batches between two
            writes of metrics.
        validation_data: Pair `(x, y)` that the confusion matrix is measured
            on, or None for the counts of a metric.
        class_names: Names of the classes, or None for the metric's.

    Raises:
        ImportError: If a package that it draws or writes with is missing.
    """

    def __init__(
        self,
        log_dir: str,
        every: Mapping[str, int],
        update_freq: str | int,
        validation_data: tuple[Any, Any] | None,
        class_names: Sequence[str] | None,
    ) -> None:
        for package in PACKAGES:
            if importlib.util.find_spec(package) is None:
                raise ImportError(
                    f"TensorBoardInspector needs the package `{package}`. "
                    'Install it with: pip install "keras-funcs[tune]"'
                )
        self.log_dir = log_dir
        self.every = every
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.validation_data = validation_data
        self.class_names = class_names
        self.failed = False
        self._model: Any = None  # while it trains
        self._recorder: Any = None
        self._batch = 0
        self._step = -1  # the last epoch written; further fits go on from it
        self._offset: int | None = None
        self._before: dict[str, np.ndarray] = {}
        self._pending = ""  # the run whose latest matrix is not drawn yet

    def begin(self, model: Any) -> None:
        self._model, self._offset, self.failed = model, None, False
        self._open()

    @_guarded
    def _open(self) -> None:
        if self._recorder is not None:  # of a training that was broken off
            self._recorder.close()
        self._recorder = Recorder(self.log_dir)
        if self.every["curve"]:
            self._recorder.remember_curves(self._model)

    def begin_epoch(self, epoch: int) -> None:
        if self._offset is None:
            self._offset = max(0, self._step + 1 - epoch)
        self._step = epoch + self._offset
        self._keep_weights()

    @_guarded
    def _keep_weights(self) -> None:
        due = self._is_due("histogram")
        self._before = snapshot(self._model) if due else {}

    def end_batch(self, logs: Logs) -> None:
        self._batch += 1
        if isinstance(self.update_freq, int):
            if self._batch % self.update_freq == 0:
                self._write_batch(logs)

    @_guarded
    def _write_batch(self, logs: Logs) -> None:
        self._recorder.scalars("train", logs, self._batch, "batch_{}")

    @_guarded
    def end_test(self) -> None:
        # The metrics hold the validation's counts now, and only now.
        if self._model is not None and self.validation_data is None:
            self._draw_confusion("validation")

    @_guarded
    def end_epoch(self, logs: Logs) -> None:
        recorder, step = self._recorder, self._step
        tested = {
            name.removeprefix("val_"): value
            for name, value in logs.items()
            if name.startswith("val_")
        }
        trained = {k: v for k, v in logs.items() if not k.startswith("val_")}
        trained.update(learning_rates(self._model.optimizer))
        recorder.scalars("train", trained, step, "epoch_{}")
        recorder.scalars("validation", tested, step, "epoch_{}")
        if self._is_due("histogram"):
            recorder.weights(self._model, step)
            recorder.updates(self._before, self._model, step)
        if self._is_due("curve"):
            recorder.curves(self._model, step)
        if self.validation_data is not None:
            self._draw_confusion("validation")
        elif not tested:
            self._draw_confusion("train")
        recorder.flush()

    def end(self) -> None:
        self._finish()
        self._model, self._before = None, {}
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            # What cannot be written was reported above; the files are closed
            # in any case.
            with contextlib.suppress(OSError):
                recorder.close()

    @_guarded
    def _finish(self) -> None:
        if self._pending:
            self._draw_confusion(self._pending, now=True)
        self._recorder.flush()

    def _draw_confusion(self, run: str, now: bool = False) -> None:
        if not self.every["image"]:
            return
        if not now and not self._is_due("image"):
            self._pending = run
            return
        self._pending = ""
        if self.validation_data is None:
            found = confusion.counted(self._model)
        else:
            found = confusion.measured(self._model, self.validation_data)
        if found is not None:
            matrix, own = found
            names = self.class_names or own
            self._recorder.confusion(run, matrix, names, self._step)

    def _is_due(self, view: str) -> bool:
        every = self.every[view]
        return every > 0 and self._step % every == 0
