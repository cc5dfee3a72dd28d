"""The confusion matrix of a model, from its metrics or from data."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_funcs.metrics import ConfusionMatrix

BATCH = 256


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


def counted(model: Any) -> tuple[np.ndarray, list[str]] | None:
    """What a metric of the model has counted since its last reset.

    Returns:
        `(C, C)` counts and the classes' names, or None where no metric has a
        method `matrix()` or nothing was counted.
    """
    for metric in all_metrics(model):
        if callable(getattr(metric, "matrix", None)):
            matrix = np.asarray(metric.matrix())
            if matrix.sum() > 0:
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
        As `counted`; None where there are no data.
    """
    from_logits = any(
        getattr(loss, "from_logits", False) for loss in all_losses(model)
    )
    metric = ConfusionMatrix(from_logits=from_logits)
    x, y = data[:2]
    for start in range(0, len(y), BATCH):
        part = slice(start, start + BATCH)
        # `predict` would draw from torch's random numbers, and so change the
        # training that it is called from.
        outputs = model.predict_on_batch(
            keras.tree.map_structure(lambda array, part=part: array[part], x)
        )
        metric.update_state(y[part], outputs)
    matrix = metric.matrix()
    return (matrix, metric.names()) if matrix.sum() > 0 else None
