"""Objectives of a search by name: metrics of logits, and of numbers."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras

from keras_funcs import metrics
from keras_funcs._core import checks
from keras_funcs._core.extras import require
from keras_funcs.search.spaces.tasks import task_of

Make = Callable[..., Any]


@dataclass(frozen=True)
class Measure:
    """A metric by name.

    Attributes:
        make: Function that returns a fresh metric or the name of Keras's.
        direction: `"max"` or `"min"`.
        by_class: Boolean. Whether there is one number for each class, so that
            one class can be chosen by.
    """

    make: Make
    direction: str = "max"
    by_class: bool = False


def _of(cls: Make, name: str) -> Make:
    return partial(cls, name=name, from_logits=True)


def _ranked(cls: Make, name: str) -> Measure:
    return Measure(_of(cls, name), by_class=True)


# The names are those in the logs, and those of `--objective`.
CLASSES: Mapping[str, Measure] = {
    "accuracy": Measure(lambda: "accuracy"),
    "balanced_accuracy": Measure(
        _of(metrics.BalancedAccuracy, "balanced_accuracy")
    ),
    "matthews_correlation": Measure(
        _of(metrics.MatthewsCorrelation, "matthews_correlation")
    ),
    "f1": _ranked(metrics.FScore, "f1"),
    "precision": _ranked(metrics.PrecisionScore, "precision"),
    "recall": _ranked(metrics.RecallScore, "recall"),
    "specificity": _ranked(metrics.SpecificityScore, "specificity"),
    "average_precision": _ranked(metrics.AveragePrecision, "average_precision"),
    "auroc": _ranked(metrics.AUROC, "auroc"),
    "kolmogorov_smirnov": _ranked(
        metrics.KolmogorovSmirnov, "kolmogorov_smirnov"
    ),
    "geometric_mean": Measure(
        _of(metrics.GeometricMeanScore, "geometric_mean")
    ),
    "worst_class_recall": Measure(
        _of(metrics.WorstClassRecall, "worst_class_recall")
    ),
    "cohen_kappa": Measure(_of(metrics.CohenKappa, "cohen_kappa")),
    "macro_mae": Measure(_of(metrics.MacroMAE, "macro_mae"), "min"),
    "brier_score": Measure(_of(metrics.BrierScore, "brier_score"), "min"),
    "expected_calibration_error": Measure(
        _of(metrics.ExpectedCalibrationError, "expected_calibration_error"),
        "min",
    ),
}
LABELS: Mapping[str, Measure] = {
    name: Measure(partial(cls, name=name, from_logits=True, **more))
    for name, cls, more in (
        ("hamming_score", metrics.HammingScore, {}),
        ("f1", metrics.FScore, {"multi_label": True}),
        ("average_precision", metrics.AveragePrecision, {"multi_label": True}),
        ("auroc", metrics.AUROC, {"multi_label": True}),
    )
}
VALUES: Mapping[str, Measure] = {
    "r2": Measure(partial(keras.metrics.R2Score, name="r2")),
    "mae": Measure(partial(keras.metrics.MeanAbsoluteError, name="mae"), "min"),
    "rmse": Measure(
        partial(keras.metrics.RootMeanSquaredError, name="rmse"), "min"
    ),
}
_BY_TARGETS = {"classes": CLASSES, "labels": LABELS, "values": VALUES}
# What every model is compiled with, beside the objective.
SHOWN: Mapping[str, tuple[str, ...]] = {
    "classes": ("accuracy", "balanced_accuracy", "matthews_correlation"),
    "labels": ("hamming_score", "f1"),
    "values": ("r2", "mae"),
}


def named(task: str) -> Mapping[str, Measure]:
    """The measures of a task by name."""
    return _BY_TARGETS[task_of(task).targets]


def objective(
    name: str,
    task: str,
    class_names: Sequence[str] = (),
    positive: str | None = None,
) -> tuple[Any, Make]:
    """Returns what to choose by, and a function that makes the metric.

    Args:
        name: String, one of `named(task)`.
        task: String, as of `search.space`.
        class_names: Sequence of strings.
        positive: String or None. The class whose number counts, of a measure
            that has one per class. Defaults to their mean.

    Returns:
        A `keras_tuner.Objective` and a function without arguments.

    Raises:
        ValueError: If there is no such measure or class, or the measure has
            no number per class.
    """
    known = named(task)
    measure = known[checks.one_of("objective", name, tuple(known))]
    shown, make = name, measure.make
    if positive is not None:
        checks.one_of("positive", positive, tuple(class_names))
        if not measure.by_class:
            takers = [key for key, item in known.items() if item.by_class]
            checks.invalid(
                "positive",
                f"no class beside the objective {name!r}; objectives of one "
                f"class: {', '.join(takers) or 'none for this task'}",
                positive,
            )
        names = list(class_names)
        make = partial(make, average=None, class_names=names)
        shown = f"{name}/{positive}"
    tuner = require("keras_tuner")
    return tuner.Objective(f"val_{shown}", measure.direction), make


def compiled(task: str, objective: Make | None = None) -> list[Any]:
    """Fresh metrics of a model: those shown for the task, and the objective.

    Args:
        task: String, as of `search.space`.
        objective: Function that makes the metric to choose by, or None.
    """
    makes = [named(task)[name].make for name in SHOWN[task_of(task).targets]]
    if objective is not None and objective not in makes:
        makes.append(objective)
    return [make() for make in makes]
