"""The traits of Keras's own losses and metrics, by class and by function.

An argument such as `from_logits` is read from an object's `get_config()`; what
stands here holds without it.
"""

import inspect
import re
from collections.abc import Mapping
from functools import cache
from types import FunctionType
from typing import Any

import keras

from keras_funcs._core.traits import LossTraits
from keras_funcs._core.traits import MetricTraits
from keras_funcs._core.traits import Traits

_L, _M = keras.losses, keras.metrics

_VALUES = LossTraits()
_LABELS = LossTraits(targets="labels", scores="probabilities")
_REGION = LossTraits(targets="labels", scores="probabilities", unit="batch")
_IDS = LossTraits(targets="classes", forms="ids", scores="probabilities")
_ROWS = LossTraits(targets="classes", forms="rows", scores="probabilities")

LOSSES: Mapping[Any, Traits] = {
    _L.MeanSquaredError: _VALUES,
    _L.mean_squared_error: _VALUES,
    _L.MeanAbsoluteError: _VALUES,
    _L.mean_absolute_error: _VALUES,
    _L.MeanAbsolutePercentageError: _VALUES,
    _L.mean_absolute_percentage_error: _VALUES,
    _L.MeanSquaredLogarithmicError: _VALUES,
    _L.mean_squared_logarithmic_error: _VALUES,
    _L.Huber: _VALUES,
    _L.huber: _VALUES,
    _L.LogCosh: _VALUES,
    _L.log_cosh: _VALUES,
    _L.BinaryCrossentropy: _LABELS,
    _L.binary_crossentropy: _LABELS,
    _L.BinaryFocalCrossentropy: _LABELS,
    _L.binary_focal_crossentropy: _LABELS,
    _L.Dice: _REGION,
    _L.dice: _REGION,
    _L.Tversky: _REGION,
    _L.tversky: _REGION,
    _L.SparseCategoricalCrossentropy: _IDS,
    _L.sparse_categorical_crossentropy: _IDS,
    _L.CategoricalGeneralizedCrossEntropy: _IDS,
    _L.categorical_generalized_cross_entropy: _IDS,
    _L.CategoricalCrossentropy: _ROWS,
    _L.categorical_crossentropy: _ROWS,
    _L.CategoricalFocalCrossentropy: _ROWS,
    _L.categorical_focal_crossentropy: _ROWS,
    _L.KLDivergence: _ROWS,
    _L.kl_divergence: _ROWS,
    _L.CategoricalHinge: LossTraits(targets="classes", forms="rows"),
    _L.categorical_hinge: LossTraits(targets="classes", forms="rows"),
}


def _metric(direction: str, targets: str = "values", **more: Any) -> Traits:
    return MetricTraits(direction=direction, targets=targets, **more)


_SCORED = {"scores": "probabilities"}
_RANKED = {"reads_size": False}
_ERROR = _metric("min")
_AGREEMENT = _metric("max")
_RATE = _metric("max", "labels", **_SCORED)
_COUNT = _metric("min", "labels", **_SCORED)
_OF_IDS = _metric("max", "classes", forms="ids", **_RANKED)
_OF_ROWS = _metric("max", "classes", forms="rows", **_RANKED)

METRICS: Mapping[Any, Traits] = {
    _M.MeanSquaredError: _ERROR,
    _M.RootMeanSquaredError: _ERROR,
    _M.MeanAbsoluteError: _ERROR,
    _M.MeanAbsolutePercentageError: _ERROR,
    _M.MeanSquaredLogarithmicError: _ERROR,
    _M.LogCoshError: _ERROR,
    _M.Poisson: _ERROR,
    _M.Hinge: _ERROR,
    _M.SquaredHinge: _ERROR,
    _M.CategoricalHinge: _ERROR,
    _M.KLDivergence: _ERROR,
    _M.R2Score: _AGREEMENT,
    _M.CosineSimilarity: _AGREEMENT,
    _M.PearsonCorrelation: _AGREEMENT,
    _M.pearson_correlation: _AGREEMENT,
    _M.ConcordanceCorrelation: _AGREEMENT,
    _M.concordance_correlation: _AGREEMENT,
    _M.Accuracy: _AGREEMENT,
    _M.BinaryCrossentropy: _COUNT,
    _M.FalsePositives: _COUNT,
    _M.FalseNegatives: _COUNT,
    _M.TruePositives: _RATE,
    _M.TrueNegatives: _RATE,
    _M.BinaryAccuracy: _RATE,
    _M.binary_accuracy: _RATE,
    _M.BinaryIoU: _RATE,
    _M.AUC: _RATE,
    _M.Precision: _RATE,
    _M.Recall: _RATE,
    _M.F1Score: _RATE,
    _M.FBetaScore: _RATE,
    _M.PrecisionAtRecall: _RATE,
    _M.RecallAtPrecision: _RATE,
    _M.SensitivityAtSpecificity: _RATE,
    _M.SpecificityAtSensitivity: _RATE,
    _M.CategoricalCrossentropy: _metric(
        "min", "classes", forms="rows", **_SCORED
    ),
    _M.SparseCategoricalCrossentropy: _metric(
        "min", "classes", forms="ids", **_SCORED
    ),
    _M.CategoricalAccuracy: _OF_ROWS,
    _M.categorical_accuracy: _OF_ROWS,
    _M.TopKCategoricalAccuracy: _OF_ROWS,
    _M.top_k_categorical_accuracy: _OF_ROWS,
    _M.OneHotIoU: _OF_ROWS,
    _M.OneHotMeanIoU: _OF_ROWS,
    _M.SparseCategoricalAccuracy: _OF_IDS,
    _M.sparse_categorical_accuracy: _OF_IDS,
    _M.SparseTopKCategoricalAccuracy: _OF_IDS,
    _M.sparse_top_k_categorical_accuracy: _OF_IDS,
    _M.IoU: _AGREEMENT,
    _M.MeanIoU: _AGREEMENT,
}


@cache
def names(metrics: bool) -> Mapping[str, Any]:
    """Keras's losses or metrics by the names they have in logs and files.

    A loss can stand in for a metric; of two with one name, the metric counts.
    """
    found: dict[str, Any] = {}
    for item in (*LOSSES, *(METRICS if metrics else ())):
        for name in names_of(item):
            found[name] = item
    return found


def names_of(thing: Any) -> set[str]:
    """The names of a class, Keras's or the pack's, or of a function."""
    if not isinstance(thing, type):
        return {thing.__name__}
    parameters = inspect.signature(thing).parameters
    default = parameters["name"].default if "name" in parameters else None
    # As Keras makes a name of a class: "AUC" is one word.
    words = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", thing.__name__)
    words = re.sub("([a-z])([A-Z])", r"\1_\2", words).lower()
    found = {thing.__name__, words}
    return found | {default} if isinstance(default, str) else found


def known(thing: Any, kind: type[Traits]) -> Traits | None:
    """The traits of an object, class or function of Keras, or None.

    A loss that stands in for a metric is better when smaller.
    """
    if type(thing) is _M.MeanMetricWrapper:
        # Of metrics by name such as "accuracy", Keras keeps a function.
        config = thing.get_config()["fn"]
        thing = keras.saving.deserialize_keras_object(config)
    if not isinstance(thing, (type, FunctionType)):
        thing = type(thing)
    tables = (METRICS, LOSSES) if kind is MetricTraits else (LOSSES,)
    for table in tables:
        for item in getattr(thing, "__mro__", (thing,)):
            found = table.get(item)
            if isinstance(found, LossTraits) and kind is MetricTraits:
                return MetricTraits(
                    "min", found.targets, found.forms, found.scores
                )
            if found is not None:
                return found
    return None
