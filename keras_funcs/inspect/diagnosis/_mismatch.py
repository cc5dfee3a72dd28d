"""Where labels, outputs, loss and metrics of one batch do not fit together.

Most of it is silent in Keras: a number comes out, and it is the wrong one. The
tables say which loss and which metric is meant for what; each check is a
function from the case to its findings.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from typing import NamedTuple

import keras
import numpy as np

# Names are folded: lower case, without underscores.
SPARSE_LOSSES = {"sparsecategoricalcrossentropy"}
ONE_HOT_LOSSES = {
    "categoricalcrossentropy",
    "categoricalfocalcrossentropy",
    "kldivergence",
    "categoricalhinge",
}
BINARY_LOSSES = {"binarycrossentropy", "binaryfocalcrossentropy", "binaryfocal"}
# These take class ids and one-hot labels alike.
EITHER_LOSSES = {"categoricalfocal", "logitadjusted", "weightedcrossentropy"}
OVERLAP_LOSSES = {"dice", "tversky"}
CLASS_LOSSES = SPARSE_LOSSES | ONE_HOT_LOSSES | EITHER_LOSSES

ONE_HOT_METRICS = {
    "auc",
    "precision",
    "recall",
    "f1score",
    "fbetascore",
    "precisionatrecall",
    "recallatprecision",
    "sensitivityatspecificity",
    "specificityatsensitivity",
    "categoricalaccuracy",
    "categoricalcrossentropy",
    "topkcategoricalaccuracy",
    "binaryaccuracy",
}
PROBABILITY_METRICS = {
    "auc",
    "precision",
    "recall",
    "f1score",
    "fbetascore",
    "precisionatrecall",
    "recallatprecision",
    "sensitivityatspecificity",
    "specificityatsensitivity",
    "binaryaccuracy",
    "binarycrossentropy",
    "binaryiou",
    "categoricalcrossentropy",
    "sparsecategoricalcrossentropy",
}
# Of one output they read a threshold; of several, only the order.
THRESHOLD_METRICS = {
    "balancedaccuracy",
    "confusionmatrix",
    "matthewscorrelation",
}


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

    @property
    def loss_name(self) -> str:
        return fold(self.loss)

    @property
    def classes(self) -> int:
        return int(self.outputs.shape[-1]) if self.outputs.ndim > 1 else 1

    @property
    def are_ids(self) -> bool:
        """Whether the labels are one number where the outputs are several."""
        ids = self.outputs.shape[:-1]
        return self.classes > 1 and self.labels.shape in (ids, (*ids, 1))

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
    if case.classes == 1 and case.loss_name in CLASS_LOSSES:
        yield Finding(
            "error",
            f"`{_title(case.loss)}` on one output: a softmax over one class "
            "is always 1, and nothing is learned.",
            "Use a binary loss, or one output for each class.",
        )


def _label_form(case: Case) -> Iterator[Finding]:
    name, labels, outputs = _title(case.loss), case.labels, case.outputs
    same = labels.shape == outputs.shape
    if case.loss_name in SPARSE_LOSSES and same and case.classes > 1:
        yield Finding(
            "error",
            f"`{name}` takes class ids; the labels have the outputs' shape "
            f"{labels.shape}.",
            "Use CategoricalCrossentropy, or np.argmax(y, axis=-1).",
        )
    needs_rows = case.loss_name in (
        ONE_HOT_LOSSES | BINARY_LOSSES | OVERLAP_LOSSES
    )
    if needs_rows and case.are_ids:
        yield Finding(
            "error",
            f"`{name}` takes labels of the outputs' shape {outputs.shape}; "
            f"these are class ids of shape {labels.shape}.",
            "Use keras.utils.to_categorical(y), or a loss that takes ids.",
        )
    elif not (
        case.loss_name in CLASS_LOSSES
        or same
        or case.are_ids
        or _squeezed(labels) == _squeezed(outputs)
    ):
        yield Finding(
            "error" if needs_rows else "warning",
            f"Labels of shape {labels.shape} meet outputs of shape "
            f"{outputs.shape} in `{name}`: they fail, or are broadcast.",
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
    ids = labels.astype(np.float64)
    ids = ids[np.isfinite(ids)]
    if case.loss_name in SPARSE_LOSSES | EITHER_LOSSES and case.are_ids:
        ignored = getattr(case.loss, "ignore_class", None)
        bad = (ids < 0) | (ids >= case.classes) | (ids != np.floor(ids))
        if ignored is not None:
            bad &= ids != ignored
        if bad.any():
            yield Finding(
                "error",
                f"Labels such as {ids[bad][0]:g} are no class of "
                f"{case.classes}; JAX takes them silently.",
                f"Number the classes 0 to {case.classes - 1}.",
            )
    shares = ONE_HOT_LOSSES | BINARY_LOSSES | OVERLAP_LOSSES
    if case.loss_name == "binaryfocal":
        ids = ids[ids != -1]  # unknown
    if case.loss_name in shares and np.any((ids < 0) | (ids > 1)):
        if (
            not case.are_ids
            and getattr(case.loss, "ignore_class", None) is None
        ):
            yield Finding(
                "error",
                f"`{_title(case.loss)}` takes labels in [0, 1]; these are in "
                f"[{ids.min():g}, {ids.max():g}].",
                "Use 0 and 1, or a categorical loss for several classes.",
            )


def _loss_scale(case: Case) -> Iterator[Finding]:
    known = CLASS_LOSSES | BINARY_LOSSES | OVERLAP_LOSSES
    if case.loss_name not in known or case.loss_name == "categoricalhinge":
        return
    name = _title(case.loss)
    if not getattr(case.loss, "from_logits", False):
        if not case.in_unit:
            overlap = case.loss_name in OVERLAP_LOSSES
            yield Finding(
                "error",
                f"`{name}` takes probabilities; the outputs are in "
                f"{case.spread}.",
                "End the model with a sigmoid or softmax."
                if overlap
                else "Set from_logits=True in the loss, or end the model with "
                "a softmax or sigmoid.",
            )
        elif case.loss_name in CLASS_LOSSES and case.classes > 1:
            if not case.sum_to_one:
                yield Finding(
                    "warning",
                    f"`{name}` takes probabilities that sum to 1; these "
                    "outputs do not.",
                    "End the model with a softmax, or use a binary loss for "
                    "classes that do not exclude each other.",
                )
    elif case.in_unit and (
        case.sum_to_one
        if case.loss_name in CLASS_LOSSES
        else _last_activation(case.model) == "sigmoid"
    ):
        yield Finding(
            "warning",
            f"`{name}` has from_logits=True, and the outputs are "
            "probabilities already: it learns slowly and badly.",
            "Set from_logits=False, or drop the last activation.",
        )


def _metric_scale(case: Case) -> Iterator[Finding]:
    if case.in_unit:
        return
    for metric in case.metrics:
        name = fold(metric)
        reads = name in PROBABILITY_METRICS or (
            name in THRESHOLD_METRICS and case.classes == 1
        )
        # Keras keeps the flag of its wrapped metrics and of AUC elsewhere.
        flags = (
            getattr(metric, "from_logits", False),
            getattr(metric, "_from_logits", False),
            getattr(metric, "_fn_kwargs", {}).get("from_logits", False),
        )
        if reads and not any(flags):
            yield Finding(
                "error",
                f"Metric `{metric.name}` takes probabilities; the outputs "
                f"are logits in {case.spread}. Its value is wrong.",
                "Use a metric with from_logits=True, or end the model with a "
                "sigmoid or softmax.",
            )


def _metric_labels(case: Case) -> Iterator[Finding]:
    for metric in case.metrics:
        name = fold(metric)
        if name in ONE_HOT_METRICS and case.are_ids:
            yield Finding(
                "error",
                f"Metric `{metric.name}` takes one-hot labels; of class ids "
                f"of shape {case.labels.shape} it gives a wrong number, "
                "or fails.",
                "Use one-hot labels, or a metric that takes class ids.",
            )
        if name in ("f1score", "fbetascore") and case.classes == 1:
            if metric.threshold is None:
                yield Finding(
                    "error",
                    f"Metric `{metric.name}` without a threshold on one "
                    "output is the same whatever the model says.",
                    "Set threshold=0.5.",
                )
        if name == "meaniou" and getattr(metric, "sparse_y_pred", False):
            if case.classes > 1:
                yield Finding(
                    "error",
                    f"Metric `{metric.name}` takes class ids as predictions; "
                    "the outputs are scores.",
                    "Set sparse_y_pred=False.",
                )


def _overlap(case: Case) -> Iterator[Finding]:
    if (
        case.loss_name in OVERLAP_LOSSES
        and getattr(case.loss, "axis", None) is None
    ):
        yield Finding(
            "note",
            f"`{_title(case.loss)}` gives one number for a whole batch: "
            "sample weights and masks do nothing.",
            "Name the axes within a sample, such as axis=(1, 2, 3).",
        )
    alpha, beta = (getattr(case.loss, name, 0.5) for name in ("alpha", "beta"))
    if case.loss_name == "tversky" and alpha != beta:
        yield Finding(
            "note",
            "In Keras up to 3.15.1 Tversky's `alpha` weighs false negatives, "
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


def fold(thing: Any) -> str:
    """A loss's or metric's name as in the tables: class, function or string."""
    return _title(thing).replace("_", "").lower()


def _title(thing: Any) -> str:
    if isinstance(thing, str):
        try:
            thing = keras.losses.get(thing)
        except ValueError:
            return str(thing)
    return getattr(thing, "__name__", type(thing).__name__)


def _squeezed(array: np.ndarray) -> tuple[int, ...]:
    shape = array.shape
    return shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape


def _last_activation(model: Any) -> str:
    for layer in reversed(getattr(model, "layers", [])):
        activation = getattr(layer, "activation", None)
        if activation is not None:
            return fold(activation)
        if layer.weights:
            break
    return ""
