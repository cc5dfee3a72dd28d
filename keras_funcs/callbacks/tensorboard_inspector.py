"""The callback that writes what a training did to TensorBoard."""

import contextlib
import importlib.util
import os
import warnings
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_funcs._core import checks
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import component
from keras_funcs._core.typing import Config


@component()
class TensorBoardInspector(Configurable, keras.callbacks.Callback):
    """Writes metrics, weights, learned activations and confusion matrices.

    Use it in place of `keras.callbacks.TensorBoard`, whose layout of runs and
    tags it keeps: it needs no TensorFlow, takes metrics that return several
    numbers, and shows what trainable activations have become. It draws no
    graph and profiles nothing; use Keras's for these.

    In the runs `train` and `validation` below `log_dir`: `epoch_<metric>` and
    the learning rate; `<weight>/histogram`; `update_to_weight/<layer>`, how
    far an epoch moved a layer's weights over their length;
    `activation/<layer>`, the curve as an image and its coefficients; and
    `confusion_matrix`. Training is not changed by a bit, and goes on where
    writing fails. A further `fit` carries the step count on.

    Args:
        log_dir: String or path. The folder of this training; one folder for
            each.
        histogram_freq: Integer >= 0. Every how many epochs weights are written
            and their update measured; 0 is never. Defaults to `1`.
        curve_freq: Integer >= 0. Every how many epochs activations are drawn;
            each takes about a tenth of a second. Defaults to `1`.
        image_freq: Integer >= 0. Every how many epochs the confusion matrix is
            drawn; also drawn after the last. Defaults to `5`.
        validation_data: Pair `(x, y)` of arrays that the confusion matrix is
            measured on. None takes it from a metric with a method `matrix()`,
            such as `keras_funcs.metrics.ConfusionMatrix`, where the model has
            one. It is no part of the config. Defaults to `None`.
        class_names: List of strings. Names of the classes, or None for the
            metric's. Defaults to `None`.
        update_freq: `"epoch"`, `"batch"` or an integer >= 1: every how many
            batches metrics are written as `batch_<metric>` as well. Defaults
            to `"epoch"`.

    Raises:
        ValueError: for arguments out of range.
        ImportError: at the begin of training, where `tensorboard` or
            `matplotlib` is not installed.

    Example:

    >>> inspector = keras_funcs.callbacks.TensorBoardInspector("runs/demo")

    for `model.fit(x, y, validation_split=0.2, callbacks=[inspector])`, and
    then `tensorboard --logdir runs`.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        histogram_freq: int = 1,
        curve_freq: int = 1,
        image_freq: int = 5,
        validation_data: Any = None,
        class_names: Sequence[str] | None = None,
        update_freq: str | int = "epoch",
    ) -> None:
        super().__init__()
        if not isinstance(log_dir, (str, os.PathLike)) or not str(log_dir):
            checks.invalid("log_dir", "the path of a folder", log_dir)
        self.log_dir = os.fspath(log_dir)
        for name, value in (
            ("histogram_freq", histogram_freq),
            ("curve_freq", curve_freq),
            ("image_freq", image_freq),
        ):
            setattr(self, name, checks.integer(name, value, at_least=0))
        if validation_data is not None and (
            not isinstance(validation_data, (tuple, list))
            or len(validation_data) != 2
        ):
            seen = type(validation_data).__name__
            if isinstance(validation_data, (tuple, list)):
                seen += f" of {len(validation_data)}"
            raise ValueError(
                "Invalid value for argument `validation_data`. Expected a "
                "pair (x, y) of arrays; the matrix counts samples, without "
                f"weights. Received: {seen}"
            )
        self.validation_data = validation_data
        if class_names is not None:
            several = isinstance(class_names, (list, tuple))
            if not several or len(class_names) < 2:
                checks.invalid("class_names", "2 or more names", class_names)
            class_names = [str(name) for name in class_names]
        self.class_names = class_names
        if isinstance(update_freq, str):
            checks.one_of("update_freq", update_freq, ("epoch", "batch"))
        else:
            checks.integer("update_freq", update_freq, at_least=1)
        self.update_freq = update_freq
        self._recorder: Any = None
        self._training = False
        self._failed = False
        self._batch = 0
        self._step = -1  # the last epoch written; further fits go on from it
        self._offset: int | None = None
        self._before: dict[str, np.ndarray] = {}
        self._pending = ""  # the run whose latest matrix is not drawn yet

    def get_config(self) -> Config:
        return {
            "log_dir": self.log_dir,
            "histogram_freq": self.histogram_freq,
            "curve_freq": self.curve_freq,
            "image_freq": self.image_freq,
            "validation_data": None,  # data is no configuration
            "class_names": self.class_names,
            "update_freq": self.update_freq,
        }

    def on_train_begin(self, logs: Any = None) -> None:
        for package in ("tensorboard", "matplotlib"):
            if importlib.util.find_spec(package) is None:
                raise ImportError(
                    f"TensorBoardInspector needs the package `{package}`. "
                    'Install it with: pip install "keras-funcs[tune]"'
                )
        self._training, self._failed, self._offset = True, False, None
        self._safely(self._open)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if self._offset is None:
            self._offset = max(0, self._step + 1 - epoch)
        self._step = epoch + self._offset
        self._safely(self._keep_weights)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._batch += 1
        freq = 1 if self.update_freq == "batch" else self.update_freq
        if isinstance(freq, int) and self._batch % freq == 0:
            self._safely(self._write_batch, dict(logs or {}))

    def on_test_end(self, logs: Any = None) -> None:
        # The metrics hold the validation's counts now, and only now.
        if self._training and self.validation_data is None:
            self._safely(self._draw_confusion, "validation")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._safely(self._write_epoch, dict(logs or {}))

    def on_train_end(self, logs: Any = None) -> None:
        if self._pending:
            self._safely(self._draw_confusion, self._pending, True)
        self._training, self._before = False, {}
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            self._safely(recorder.flush)
            # What cannot be written was reported above; the files are closed
            # in any case.
            with contextlib.suppress(OSError):
                recorder.close()

    def _open(self) -> None:
        # Imported here: it draws on other kinds, which this one must not need.
        from keras_funcs.inspect.recorder import Recorder

        if self._recorder is not None:  # of a training that was broken off
            self._recorder.close()
        self._recorder = Recorder(self.log_dir)
        if self.curve_freq:
            self._recorder.remember_curves(self.model)

    def _keep_weights(self) -> None:
        from keras_funcs.inspect.recorder import snapshot

        self._before = snapshot(self.model) if self._due("histogram") else {}

    def _write_batch(self, logs: dict[str, Any]) -> None:
        self._recorder.scalars("train", logs, self._batch, "batch_{}")

    def _write_epoch(self, logs: dict[str, Any]) -> None:
        from keras_funcs.inspect.recorder import learning_rates

        recorder, step = self._recorder, self._step
        tested = {
            name.removeprefix("val_"): value
            for name, value in logs.items()
            if name.startswith("val_")
        }
        trained = {k: v for k, v in logs.items() if not k.startswith("val_")}
        trained.update(learning_rates(self.model.optimizer))
        recorder.scalars("train", trained, step, "epoch_{}")
        recorder.scalars("validation", tested, step, "epoch_{}")
        if self._due("histogram"):
            recorder.weights(self.model, step)
            recorder.updates(self._before, self.model, step)
        if self._due("curve"):
            recorder.curves(self.model, step)
        if self.validation_data is not None:
            self._draw_confusion("validation")
        elif not tested:
            self._draw_confusion("train")
        recorder.flush()

    def _draw_confusion(self, run: str, now: bool = False) -> None:
        from keras_funcs.inspect import confusion

        if not self.image_freq:
            return
        if not now and not self._due("image"):
            self._pending = run
            return
        self._pending = ""
        if self.validation_data is None:
            found = confusion.counted(self.model)
        else:
            found = confusion.measured(self.model, self.validation_data)
        if found is not None:
            matrix, names = found
            names = self.class_names or names
            self._recorder.confusion(run, matrix, names, self._step)

    def _due(self, what: str) -> bool:
        freq = getattr(self, f"{what}_freq")
        return bool(freq) and self._step % freq == 0

    def _safely(self, write: Callable[..., None], *args: Any) -> None:
        """A full disk must not cost the training."""
        if self._failed:
            return
        try:
            write(*args)
        except Exception as error:
            self._failed = True
            warnings.warn(
                f"TensorBoardInspector stops writing to {self.log_dir!r}; "
                f"training goes on. {type(error).__name__}: {error}",
                stacklevel=2,
            )
