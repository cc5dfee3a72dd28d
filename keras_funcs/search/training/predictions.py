"""A model's predictions for the rows of a split, in one form for all models."""

from typing import Any
from typing import NamedTuple

import keras
import numpy as np

from keras_funcs._core.confusion import confusion_counts
from keras_funcs._core.traits import LossTraits
from keras_funcs._core.traits import setting
from keras_funcs._core.traits import takes_logits
from keras_funcs._core.traits import traits_of
from keras_funcs.inspect.confusion import all_losses
from keras_funcs.inspect.confusion import reading
from keras_funcs.inspect.diagnosis._labels import reader

TINY = float(np.finfo("float32").tiny)


class Predictions(NamedTuple):
    """Labels of rows, and what a model makes of these rows.

    Attributes:
        labels: Class ids, int64 `(N,)`; or numbers, float64 `(N,)`.
        values: Of classes, log-probabilities, float32 `(N, C)`; of numbers,
            predicted ones, float32 `(N,)`.
    """

    labels: np.ndarray
    values: np.ndarray

    @property
    def are_classes(self) -> bool:
        return self.values.ndim == 2


def classes_of(model: Any, shape: tuple[int, ...], numbers: bool) -> int:
    """The number of classes that a model tells apart; 0 if it gives numbers.

    Args:
        model: A compiled model. Its loss decides, not the type of the labels.
        shape: Tuple of integers. Of its outputs.
        numbers: Boolean. Whether single outputs are numbers if nothing is
            known of the loss.
    """
    read = reader(all_losses(model)[0], shape)
    single = len(shape) == 1 or shape[-1] == 1
    unknown = numbers and single
    if unknown if read is None else read.targets == "values":
        return 0
    return 2 if single else shape[-1]


def of_model(
    model: Any, y: Any, outputs: Any, numbers: bool = False
) -> Predictions | None:
    """Reads the outputs of a model as its loss and metrics do.

    Args:
        model: A compiled model.
        y: Labels of N rows.
        outputs: The model's outputs for them.
        numbers: Boolean. As for `classes_of`.

    Returns:
        The predictions; None for anything but one class or one number per row,
        and for labels that do not all count.
    """
    y, outputs = np.asarray(y), np.asarray(outputs)
    if outputs.ndim not in (1, 2) or len(y) != len(outputs):
        return None
    if not classes_of(model, outputs.shape, numbers):
        return _of_values(y, outputs)
    matrix = confusion_counts(y, outputs, **reading(model))
    if matrix is None or matrix.sum() != len(y):
        return None
    ids = y.argmax(1) if y.shape == outputs.shape[:1] + (len(matrix),) else y
    return Predictions(
        ids.reshape(-1).astype(np.int64),
        read_outputs(outputs, all_losses(model)[0]).astype(np.float32),
    )


def read_outputs(outputs: np.ndarray, loss: Any) -> np.ndarray:
    """Log-probabilities that a model's outputs mean, as its loss reads them.

    Args:
        outputs: `(N, ..., C)`; `(N,)` or `(N, 1)` for two classes.
        loss: The loss of the model, or its name.

    Returns:
        `(N, ..., C)`, of labels of which several may hold each by itself.
    """
    if isinstance(loss, str):
        loss = keras.losses.get(loss)
    traits = traits_of(loss, LossTraits) or LossTraits()
    if traits.cosines:
        outputs = outputs * setting(loss, "scale")
    logits = takes_logits(loss)
    if traits.targets != "labels" or outputs.shape[1:] in ((), (1,)):
        return log_probabilities(outputs, logits)
    yes = log_probabilities(outputs[..., None], logits)[..., 1]
    return np.asarray(yes)


def log_probabilities(scores: np.ndarray, logits: bool | None) -> np.ndarray:
    """Log-probabilities of the classes on the last axis of scores.

    Args:
        scores: Logits or probabilities `(N, ..., C)`; `(N,)` or `(N, ..., 1)`
            of class 1 of two.
        logits: Boolean, or None to tell by the scores.
    """
    scores = scores.astype(np.float64)
    if scores.ndim == 1:
        scores = scores[:, None]
    single = scores.shape[-1] == 1
    if logits is None:
        shares = np.all((scores >= 0) & (scores <= 1))
        logits = not (shares and (single or np.allclose(scores.sum(-1), 1)))
    if not logits:
        if single:
            scores = np.concatenate([1 - scores, scores], axis=-1)
        return np.log(np.maximum(scores, TINY))
    if single:
        scores = np.concatenate([np.zeros_like(scores), scores], axis=-1)
    return normalized(scores)


def normalized(logits: np.ndarray) -> np.ndarray:
    """Log-softmax over the last axis."""
    shifted = logits - logits.max(-1, keepdims=True)
    total = np.log(np.exp(shifted).sum(-1, keepdims=True))
    return np.asarray(shifted - total)


def _of_values(y: np.ndarray, outputs: np.ndarray) -> Predictions | None:
    if y.size != len(y) or outputs.size != len(y):
        return None
    return Predictions(
        y.reshape(-1).astype(np.float64),
        outputs.reshape(-1).astype(np.float32),
    )
