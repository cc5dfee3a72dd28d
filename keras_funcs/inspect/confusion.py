"""The confusion matrix of a model, from its metrics or from data."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_funcs._core.confusion import confusion_counts
from keras_funcs._core.traits import setting
from keras_funcs._core.traits import takes_logits

BATCH = 256
# The arguments of a metric that decide the matrix.
ARGUMENTS = ("from_logits", "threshold", "ignore_class")


def all_metrics(model: Any) -> Iterator[Any]:
    """The metrics of a compiled model, those inside containers as well."""
    waiting = list(model.metrics)
    while waiting:
        metric = waiting.pop(0)
        waiting = list(getattr(metric, "metrics", [])) + waiting
        yield metric


def all_losses(model: Any) -> list[Any]:
    """The losses that a model was compiled with, by output."""
    loss = getattr(model, "loss", None)
    if isinstance(loss, dict):
        loss = list(loss.values())
    return list(loss) if isinstance(loss, (list, tuple)) else [loss]


def reading(model: Any) -> dict[str, Any]:
    """The arguments of `confusion_counts` that a compiled model decides.

    Those of its confusion matrix or another metric that has one; else of its
    loss. So there is one matrix of a model, whoever counts it.
    """
    for metric in (*_with_matrix(model), *_to_be_built(model)):
        return {name: setting(metric, name) for name in ARGUMENTS}
    for loss in all_losses(model):
        if isinstance(loss, str):
            loss = keras.losses.get(loss)
        logits, ignored = takes_logits(loss), setting(loss, "ignore_class")
        return {"from_logits": bool(logits), "ignore_class": ignored}
    return {}


def counted(model: Any) -> tuple[np.ndarray, list[str]] | None:
    """The counts of a metric of the model since its last reset.

    Returns:
        `(C, C)` counts and the classes' names, or None where no metric has a
        method `matrix()` or nothing was counted.
    """
    for metric in _with_matrix(model):
        matrix = np.asarray(metric.matrix())
        if matrix.ndim == 2 and matrix.sum() > 0:
            names = getattr(metric, "names", None)
            numbers = [str(index) for index in range(len(matrix))]
            return matrix, list(names()) if callable(names) else numbers
    return None


def measured(model: Any, data: Any) -> tuple[np.ndarray, list[str]] | None:
    """Counts the predictions of a model on labelled data.

    Args:
        model: A compiled model with one output.
        data: `(x, y)` arrays; `x` may be nested.

    Returns:
        As `counted`; None where there are no data, or the labels no classes.
    """
    x, y = data[:2]
    given, total = reading(model), None
    for start in range(0, len(y), BATCH):
        part = slice(start, start + BATCH)
        # `predict` would draw from torch's random numbers, and so change the
        # training that it is called from.
        outputs = model.predict_on_batch(
            keras.tree.map_structure(lambda array, part=part: array[part], x)
        )
        matrix = confusion_counts(y[part], outputs, **given)
        if matrix is None:
            return None
        total = matrix if total is None else total + matrix
    if total is None or not total.sum():
        return None
    return total, _names(model, len(total))


def _names(model: Any, classes: int) -> list[str]:
    for metric in (*_with_matrix(model), *_to_be_built(model)):
        names = setting(metric, "class_names")
        if names and len(names) == classes:
            return list(names)
    return [str(index) for index in range(classes)]


def _with_matrix(model: Any) -> Iterator[Any]:
    for metric in all_metrics(model):
        if callable(getattr(metric, "matrix", None)):
            yield metric


def _to_be_built(model: Any) -> Iterator[Any]:
    """The same of a model that has seen no labels: Keras hides its metrics."""
    try:
        config = model.get_compile_config() or {}
        metrics = keras.saving.deserialize_keras_object(config.get("metrics"))
    except (TypeError, ValueError, NotImplementedError):
        return
    for metric in keras.tree.flatten(metrics):
        if callable(getattr(metric, "matrix", None)):
            yield metric
