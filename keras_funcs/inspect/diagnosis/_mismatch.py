"""Mismatches of labels, outputs, loss and metrics of one batch.

Most of them are silent in Keras: the number that comes out is the wrong one.
Losses and metrics are known by their traits; each check is a function from the
case to its findings.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from typing import NamedTuple

import keras
import numpy as np

from keras_funcs._core.traits import MetricTraits
from keras_funcs._core.traits import setting
from keras_funcs._core.traits import takes_logits
from keras_funcs._core.versions import release
from keras_funcs.inspect.diagnosis._labels import Reader
from keras_funcs.inspect.diagnosis._labels import has_argument
from keras_funcs.inspect.diagnosis._labels import reader
from keras_funcs.inspect.diagnosis._labels import shaped_as_ids
from keras_funcs.inspect.diagnosis._labels import squeezed
from keras_funcs.inspect.diagnosis._labels import title


class Finding(NamedTuple):
    """One thing to know: `severity` is `"error"`, `"warning"` or `"note"`."""

    severity: str
    message: str
    remedy: str


@dataclass(frozen=True)
class Case:
    """A compiled model of one output, and what it gave for a batch."""

    model: Any
    loss: Any
    metrics: tuple[Any, ...]
    labels: np.ndarray
    outputs: np.ndarray

    @cached_property
    def read(self) -> Reader | None:
        """The loss, if something is known of it."""
        return reader(self.loss, self.outputs.shape)

    @cached_property
    def metrics_read(self) -> tuple[Reader, ...]:
        """The metrics of which something is known."""
        found = [reader(metric, self.outputs.shape) for metric in self.metrics]
        return tuple(item for item in found if item is not None)

    @property
    def classes(self) -> int:
        return int(self.outputs.shape[-1]) if self.outputs.ndim > 1 else 1

    @property
    def are_ids(self) -> bool:
        """Whether the labels are one number where the outputs are several."""
        shapes = self.labels.shape, self.outputs.shape
        return self.classes > 1 and shaped_as_ids(*shapes)

    @property
    def in_unit(self) -> bool:
        return bool(
            np.all(self.outputs >= -1e-4) and np.all(self.outputs <= 1.0001)
        )

    @property
    def sum_to_one(self) -> bool:
        total = self.outputs.sum(axis=-1)
        return self.classes > 1 and bool(np.all(np.abs(total - 1) < 1e-2))

    @property
    def spread(self) -> str:
        return f"[{self.outputs.min():.3g}, {self.outputs.max():.3g}]"


def _finite(case: Case) -> Iterator[Finding]:
    if not np.all(np.isfinite(case.outputs)):
        yield Finding(
            "error",
            "The outputs are not all finite.",
            "Look for NaN in the inputs, and for a learning rate too high.",
        )
    if case.labels.dtype.kind == "f" and not np.all(np.isfinite(case.labels)):
        yield Finding(
            "error", "The labels are not all finite.", "Drop or fill them."
        )


def _one_output(case: Case) -> Iterator[Finding]:
    loss = case.read
    if case.classes == 1 and loss is not None and loss.targets == "classes":
        yield Finding(
            "error",
            f"`{loss.title}` on one output: a softmax over one class "
            "is always 1, and nothing is learned.",
            "Use a binary loss, or one output for each class.",
        )


def _label_form(case: Case) -> Iterator[Finding]:
    loss, labels, outputs = case.read, case.labels, case.outputs
    same = labels.shape == outputs.shape
    if loss is not None and loss.takes_ids and same and case.classes > 1:
        yield Finding(
            "error",
            f"`{loss.title}` takes class ids; the labels have the outputs' "
            f"shape {labels.shape}.",
            "Use a loss that takes one-hot labels, or np.argmax(y, axis=-1).",
        )
    elif loss is not None and loss.takes_rows and case.are_ids:
        yield Finding(
            "error",
            f"`{loss.title}` takes labels of the outputs' shape "
            f"{outputs.shape}; these are class ids of shape {labels.shape}.",
            "Use keras.utils.to_categorical(y), or a loss that takes ids.",
        )
    elif not (
        case.are_ids or squeezed(labels.shape) == squeezed(outputs.shape)
    ):
        known = loss is not None and loss.targets != "values"
        yield Finding(
            "error" if known else "warning",
            f"Labels of shape {labels.shape} meet outputs of shape "
            f"{outputs.shape} in `{title(case.loss)}`: they fail, or are "
            "broadcast.",
            "Give labels and outputs one shape.",
        )


def _label_range(case: Case) -> Iterator[Finding]:
    labels = case.labels
    if labels.dtype.kind not in "biuf":
        yield Finding(
            "error",
            f"The labels are of dtype {labels.dtype}.",
            "Number the classes, for instance with np.unique(y, "
            "return_inverse=True).",
        )
        return
    # The loss speaks for the metrics, which read the same labels.
    for item in (case.read, *case.metrics_read):
        bad = np.zeros(0) if item is None else item.invalid(labels)
        if item is None or not bad.size:
            continue
        classes = item.classes(labels)
        if classes:
            yield Finding(
                "error",
                f"Labels such as {bad[0]:g} are no class of {classes}; JAX "
                "takes them silently.",
                f"Number the classes 0 to {classes - 1}.",
            )
        else:
            counted = item.counted(labels)
            yield Finding(
                "error",
                f"`{item.title}` takes labels in [0, 1]; these are in "
                f"[{counted.min():g}, {counted.max():g}].",
                "Use 0 and 1, or a categorical loss for several classes.",
            )
        return


def _loss_scale(case: Case) -> Iterator[Finding]:
    loss = case.read
    logits = None if loss is None else takes_logits(loss.thing)
    if loss is None or logits is None:
        return
    exclusive = loss.targets == "classes" and case.classes > 1
    argument = has_argument(loss.thing, "from_logits")
    if not logits and not case.in_unit:
        yield Finding(
            "error",
            f"`{loss.title}` takes probabilities; the outputs are in "
            f"{case.spread}.",
            "Set from_logits=True in the loss, or end the model with "
            "a softmax or sigmoid."
            if argument
            else "End the model with a sigmoid or softmax.",
        )
    elif not logits and exclusive and not case.sum_to_one:
        yield Finding(
            "warning",
            f"`{loss.title}` takes probabilities that sum to 1; these "
            "outputs do not.",
            "End the model with a softmax, or use a binary loss for "
            "classes that do not exclude each other.",
        )
    elif (
        logits
        and case.in_unit
        and (
            case.sum_to_one
            if exclusive
            else _last_activation(case.model) == "sigmoid"
        )
    ):
        yield Finding(
            "warning",
            f"`{loss.title}` takes logits, and the outputs are "
            "probabilities already: it learns slowly and badly.",
            "Set from_logits=False, or drop the last activation."
            if argument
            else "Drop the last activation.",
        )


def _metric_scale(case: Case) -> Iterator[Finding]:
    if case.in_unit:
        return
    for item in case.metrics_read:
        traits = item.traits
        order = isinstance(traits, MetricTraits) and not traits.reads_size
        if order and case.classes > 1:
            continue
        if takes_logits(item.thing) is False:
            yield Finding(
                "error",
                f"Metric `{item.thing.name}` takes probabilities; the outputs "
                f"are logits in {case.spread}. Its value is wrong.",
                "Use a metric with from_logits=True, or end the model with a "
                "sigmoid or softmax.",
            )


def _metric_labels(case: Case) -> Iterator[Finding]:
    for item in case.metrics_read:
        name = item.thing.name
        if item.takes_rows and case.are_ids:
            yield Finding(
                "error",
                f"Metric `{name}` takes one-hot labels; of class ids "
                f"of shape {case.labels.shape} it gives a wrong number, "
                "or fails.",
                "Use one-hot labels, or a metric that takes class ids.",
            )
        elif item.takes_ids and case.labels.shape == case.outputs.shape:
            if case.classes > 1:
                yield Finding(
                    "error",
                    f"Metric `{name}` takes class ids; the labels have the "
                    f"outputs' shape {case.labels.shape}.",
                    "Use a metric that takes one-hot labels.",
                )
        if isinstance(item.thing, keras.metrics.FBetaScore):
            if case.classes == 1 and setting(item.thing, "threshold") is None:
                yield Finding(
                    "error",
                    f"Metric `{name}` without a threshold on one "
                    "output is the same whatever the model says.",
                    "Set threshold=0.5.",
                )
        if isinstance(item.thing, keras.metrics.MeanIoU):
            if case.classes > 1 and setting(item.thing, "sparse_y_pred"):
                yield Finding(
                    "error",
                    f"Metric `{name}` takes class ids as predictions; "
                    "the outputs are scores.",
                    "Set sparse_y_pred=False.",
                )


def _overlap(case: Case) -> Iterator[Finding]:
    loss = None if case.read is None else case.read.thing
    functions = (keras.losses.dice, keras.losses.tversky)
    classes = (keras.losses.Dice, keras.losses.Tversky)
    if not isinstance(loss, classes) and loss not in functions:
        return
    if setting(loss, "axis") is None:
        yield Finding(
            "note",
            f"`{title(loss)}` gives one number for a whole batch: "
            "sample weights and masks do nothing.",
            "Name the axes within a sample, such as axis=(1, 2, 3).",
        )
    alpha, beta = (setting(loss, name) for name in ("alpha", "beta"))
    if alpha != beta and release(keras.__version__) < (3, 16):
        yield Finding(
            "note",
            "In Keras up to 3.15 Tversky's `alpha` weighs false negatives, "
            "against its documentation.",
            "Swap alpha and beta where the documentation was followed.",
        )


def _class_weight(case: Case) -> Iterator[Finding]:
    rows = case.labels.ndim == 2 and case.labels.shape[-1] > 1
    if case.labels.ndim > 2:
        yield Finding(
            "note",
            f"fit(class_weight=...) does not take labels of shape "
            f"{case.labels.shape}.",
            "Use a loss that knows the classes, or sample_weight.",
        )
    elif rows and np.isin(case.labels, (0, 1)).all():
        if np.any(case.labels.sum(axis=-1) != 1):
            yield Finding(
                "note",
                "fit(class_weight=...) takes the first class of a row for "
                "its only one, and these rows have none or several.",
                "Use sample_weight, or a loss with a weight for each class.",
            )


CHECKS = (
    _finite,
    _one_output,
    _label_form,
    _label_range,
    _loss_scale,
    _metric_scale,
    _metric_labels,
    _overlap,
    _class_weight,
)


def _last_activation(model: Any) -> str:
    for layer in reversed(getattr(model, "layers", [])):
        activation = setting(layer, "activation")
        if activation is not None:
            return str(activation)
        if layer.weights:
            break
    return ""
