"""The callback that writes what a training did to TensorBoard."""

import os
from collections.abc import Sequence
from typing import Any

import keras

from keras_funcs._core import checks
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import component


@component()
class TensorBoardInspector(Configurable, keras.callbacks.Callback):
    """Writes metrics, weights, learned activations and confusion matrices.

    Use it in place of `keras.callbacks.TensorBoard`, whose layout of runs and
    tags it keeps: it needs no TensorFlow, takes metrics that return several
    numbers, and draws trainable activations. It draws no graph and profiles
    nothing; use Keras's for these.

    The runs `train` and `validation` below `log_dir` hold `epoch_<metric>` and
    the learning rate; `<weight>/histogram`; `update_to_weight/<layer>`, the
    norm of a layer's update per epoch over that of its weights;
    `activation/<layer>`, a curve and its coefficients; and `confusion_matrix`.
    Training is not changed by a bit, and goes on if writing fails. Further
    calls of `fit` carry the step count on.

    Args:
        log_dir: String or path. The folder of this training alone.
        histogram_freq: Integer >= 0. Epochs between two histograms of weights
            and measured updates; 0 is never. Defaults to `1`.
        curve_freq: Integer >= 0. Epochs between two drawings of activations;
            each takes about a tenth of a second. Defaults to `1`.
        image_freq: Integer >= 0. Epochs between two confusion matrices; the
            last epoch's is drawn too. Defaults to `5`.
        validation_data: Pair `(x, y)` of arrays that the confusion matrix is
            measured on. None takes it from a metric with a method `matrix()`,
            such as `keras_funcs.metrics.ConfusionMatrix`, if the model has
            one. It is no part of the config. Defaults to `None`.
        class_names: List of strings. Names of the classes, or None for the
            metric's. Defaults to `None`.
        update_freq: `"epoch"`, `"batch"` or an integer >= 1: the batches
            between two writes of `batch_<metric>`. Defaults to `"epoch"`.

    Raises:
        ValueError: If an argument is invalid.
        ImportError: When training begins, if `tensorboard` or `matplotlib` is
            not installed.

    Example:

    >>> inspector = keras_funcs.callbacks.TensorBoardInspector("runs/demo")

    for `model.fit(x, y, validation_split=0.2, callbacks=[inspector])`, and
    then `tensorboard --logdir runs`.
    """

    unsaved = ("validation_data",)

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
        self.histogram_freq = _epochs("histogram_freq", histogram_freq)
        self.curve_freq = _epochs("curve_freq", curve_freq)
        self.image_freq = _epochs("image_freq", image_freq)
        self.validation_data = _pair(validation_data)
        self.class_names = _names(class_names)
        self.update_freq = _batches(update_freq)
        self._inspection: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        if self._inspection is None:
            self._inspection = _inspection_of(self)
        self._inspection.begin(self.model)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._inspection.begin_epoch(epoch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._inspection.end_batch(logs or {})

    def on_test_end(self, logs: Any = None) -> None:
        if self._inspection is not None:  # else called by `evaluate`
            self._inspection.end_test()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._inspection.end_epoch(logs or {})

    def on_train_end(self, logs: Any = None) -> None:
        self._inspection.end()


def _inspection_of(callback: TensorBoardInspector) -> Any:
    # Imported here: it draws on other kinds, which this one must not need.
    from keras_funcs.inspect.inspection import Inspection

    return Inspection(
        callback.log_dir,
        every={
            "histogram": callback.histogram_freq,
            "curve": callback.curve_freq,
            "image": callback.image_freq,
        },
        update_freq=callback.update_freq,
        validation_data=callback.validation_data,
        class_names=callback.class_names,
    )


def _epochs(name: str, value: Any) -> int:
    return checks.integer(name, value, at_least=0)


def _batches(update_freq: Any) -> Any:
    if isinstance(update_freq, str):
        return checks.one_of("update_freq", update_freq, ("epoch", "batch"))
    return checks.integer("update_freq", update_freq, at_least=1)


def _pair(data: Any) -> Any:
    if data is None:
        return None
    several = isinstance(data, (tuple, list))
    if several and len(data) == 2:
        return data
    seen = type(data).__name__ + (f" of {len(data)}" if several else "")
    raise ValueError(
        "Invalid value for argument `validation_data`. Expected a pair (x, y) "
        "of arrays; the matrix counts samples, without weights. "
        f"Received: {seen}"
    )


def _names(names: Any) -> list[str] | None:
    if names is None:
        return None
    if not isinstance(names, (list, tuple)) or len(names) < 2:
        checks.invalid("class_names", "2 or more names", names)
    return [str(name) for name in names]
