"""Writes the course of a training as TensorBoard runs."""

import os
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_funcs.inspect import figures
from keras_funcs.inspect.curves import activation_curves
from keras_funcs.inspect.curves import coefficients
from keras_funcs.inspect.curves import within
from keras_funcs.inspect.events import EventWriter

MAX_VECTOR = 1000  # scalars that one vector-valued metric may become


class Recorder:
    """Writes the runs `train` and `validation` below a folder.

    Args:
        log_dir: String or path. The folder.
    """

    def __init__(self, log_dir: str | os.PathLike[str]) -> None:
        self.log_dir = log_dir
        self._writers: dict[str, EventWriter] = {}
        self._start: dict[str, np.ndarray] = {}
        self._last: dict[str, tuple[int, np.ndarray]] = {}

    def writer(self, run: str) -> EventWriter:
        """The writer of a run, made when it is first asked for."""
        if run not in self._writers:
            path = os.path.join(self.log_dir, run)
            self._writers[run] = EventWriter(path)
        return self._writers[run]

    def scalars(
        self, run: str, values: Mapping[str, Any], step: int, form: str
    ) -> None:
        """Writes metrics under tags such as `"epoch_{}"`."""
        for name, value in flatten(values):
            self.writer(run).scalar(form.format(name), value, step)

    def weights(self, model: Any, step: int) -> None:
        """Writes a histogram of every weight."""
        for path, value in snapshot(model, trainable=False).items():
            self.writer("train").histogram(f"{path}/histogram", value, step)

    def updates(
        self, before: Mapping[str, np.ndarray], model: Any, step: int
    ) -> None:
        """Writes for each layer how far its weights went, over their length.

        Far below the other layers', a layer does not learn; near 1, it forgets
        all it was within one epoch.
        """
        moved: dict[str, float] = {}
        length: dict[str, float] = {}
        for path, now in snapshot(model).items():
            old = before.get(path)
            if old is None or old.shape != now.shape:
                continue
            layer = path.rpartition("/")[0] or path
            step_taken = np.linalg.norm(np.subtract(now, old, dtype=float))
            moved[layer] = np.hypot(moved.get(layer, 0.0), step_taken)
            length[layer] = np.hypot(
                length.get(layer, 0.0), np.linalg.norm(old.astype(float))
            )
        for layer, total in length.items():
            if total > 0:
                tag = f"update_to_weight/{layer}"
                self.writer("train").scalar(tag, moved[layer] / total, step)

    def remember_curves(self, model: Any) -> None:
        """Keeps the activations as they are before training."""
        for path, curve in activation_curves(model).items():
            self._start.setdefault(path, curve.y)

    def curves(self, model: Any, step: int) -> None:
        """Draws each trainable activation over what it was; writes its numbers.

        A coefficient becomes the scalar of its mean, and a histogram where it
        has channels.
        """
        writer = self.writer("train")
        for path, curve in activation_curves(model).items():
            earlier = {}
            if path in self._start:
                earlier["before training"] = self._start[path]
            if path in self._last:
                when, values = self._last[path]
                earlier[f"epoch {when}"] = values
            several = not np.array_equal(curve.low, curve.high)
            image = figures.activation_curve(
                curve.x,
                curve.y,
                curve.slope,
                f"{path}, epoch {step}",
                spread=(curve.low, curve.high) if several else None,
                earlier=earlier,
                label=f"epoch {step}",
            )
            writer.image(f"activation/{path}", image, step)
            self._last[path] = step, curve.y
        for path, value in coefficients(model).items():
            tag = f"activation/{path}"
            writer.scalar(tag, value.mean(dtype=float), step)
            if value.size > 1:
                writer.histogram(f"{tag}/histogram", value, step)

    def confusion(
        self, run: str, matrix: np.ndarray, names: Sequence[str], step: int
    ) -> None:
        """Draws a confusion matrix."""
        title = f"{run}, epoch {step}"
        image = figures.confusion_matrix(matrix, names, title=title)
        self.writer(run).image("confusion_matrix", image, step)

    def flush(self) -> None:
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        """Closes all files, even where one fails."""
        writers, self._writers = self._writers, {}
        error: Exception | None = None
        for writer in writers.values():
            try:
                writer.close()
            except OSError as failure:
                error = failure
        if error is not None:
            raise error


def flatten(values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Names and numbers of metrics; dicts and vectors give several."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            parts = {f"{name}/{key}": item for key, item in value.items()}
            yield from flatten(parts)
            continue
        array = np.asarray(
            ops.convert_to_numpy(value) if ops.is_tensor(value) else value
        )
        if array.dtype.kind not in "biuf":
            continue  # a callback may put text into the logs
        if array.size == 1:
            yield name, float(array.reshape(()))
        else:
            for index, item in enumerate(array.reshape(-1)[:MAX_VECTOR]):
                yield f"{name}/{index}", float(item)


def learning_rates(optimizer: Any) -> dict[str, float]:
    """The current learning rate, looked up inside wrappers."""
    while not hasattr(optimizer, "learning_rate"):
        for name in ("inner_optimizer", "inner"):
            if hasattr(optimizer, name):
                optimizer = getattr(optimizer, name)
                break
        else:
            return {}
    rate = ops.convert_to_numpy(ops.convert_to_tensor(optimizer.learning_rate))
    return {"learning_rate": float(rate)}


def snapshot(model: Any, trainable: bool = True) -> dict[str, np.ndarray]:
    """Copies of the weights by path."""
    weights = model.trainable_weights if trainable else model.weights
    found = {}
    for weight in weights:
        if "int" not in str(weight.dtype):  # counters and random seeds
            path = within(model, weight.path).replace(":", "_")
            found[path] = np.array(ops.convert_to_numpy(weight.value))
    return found
