"""What is wrong before the first trial: said in one line, with what to do."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_funcs.search import training

# Keras's metrics and losses that read their input as probabilities, unless
# they have `from_logits=True`.
PROBABILITIES = (
    keras.metrics.AUC,
    keras.metrics.Precision,
    keras.metrics.Recall,
    keras.metrics.PrecisionAtRecall,
    keras.metrics.RecallAtPrecision,
    keras.metrics.SensitivityAtSpecificity,
    keras.metrics.SpecificityAtSensitivity,
    keras.metrics.TruePositives,
    keras.metrics.TrueNegatives,
    keras.metrics.FalsePositives,
    keras.metrics.FalseNegatives,
    keras.metrics.KLDivergence,
)


def check_data(
    train: Any, validation: Any, test: Any, class_names: Sequence[str] | None
) -> None:
    """Checks what can be seen without a model.

    Raises:
        ValueError: for data that are empty, of unequal length, not finite, or
            whose splits differ in shape.
    """
    shape = None
    for name, split in (
        ("train", train),
        ("validation", validation),
        ("test", test),
    ):
        if split is None and name == "test":
            continue
        if isinstance(split, (tuple, list)) and len(split) not in (2, 3):
            _fail(name, "a pair `(x, y)` or a data set", f"{len(split)} parts")
        x, y, _ = training.parts_of(split)
        if y is None or not hasattr(x, "shape") or not hasattr(y, "shape"):
            if x is None or isinstance(x, (str, bytes)):
                _fail(name, "a pair `(x, y)` or a data set", repr(x))
            continue
        if len(x) == 0:
            _fail(name, "at least one sample", "no samples")
        if len(x) != len(y):
            _fail(name, "as many labels as samples", f"{len(x)} and {len(y)}")
        if x.dtype.kind == "f" and not np.all(np.isfinite(x)):
            _fail(name, "finite inputs; fill in or drop what is missing", "NaN")
        if shape is not None and x.shape[1:] != shape:
            _fail(
                name,
                f"inputs of shape {('N', *shape)} as in `train`",
                f"{('N', *x.shape[1:])}",
            )
        shape = x.shape[1:]


def check_model(
    model: Any, settings: training.Settings, test: Any = None
) -> dict[str, float]:
    """Runs one batch through the baseline's model.

    Returns:
        The metrics of that batch.

    Raises:
        ValueError: for labels that are no class of the model, inputs that do
            not fit it, a class with one sample, probabilities and logits
            mixed up, or an objective that the model does not measure.
    """
    x, y, _ = training.parts_of(settings.train)
    arrays = y is not None and hasattr(y, "shape")
    if not arrays:
        first = next(training.batches(x))
        x, y = first[0], training.to_numpy(first[1])
    batch = x[: settings.batch_size], y[: settings.batch_size]
    try:
        outputs = training.to_numpy(model.predict_on_batch(batch[0]))
    except Exception as error:
        _fail(
            "train",
            f"inputs that fit the model, which takes {model.input_shape}",
            f"{_one_line(error)} (inputs of shape {_shape(batch[0])})",
        )
    if arrays:
        names = ("train", "validation", "test")
        for name, split in zip(
            names, (settings.train, settings.validation, test)
        ):
            labels = None if split is None else training.parts_of(split)[1]
            if labels is not None:
                _check_labels(name, np.asarray(labels), outputs, model)
    _check_scale(model, outputs)
    try:
        logs = model.test_on_batch(*batch, return_dict=True)
        model.train_on_batch(*batch)
    except Exception as error:
        _fail(
            "train",
            "labels that fit the model's loss and metrics "
            f"(outputs {outputs.shape}, labels {_shape(batch[1])})",
            _one_line(error),
        )
    name = settings.objective.name
    if name.removeprefix("val_") not in logs:
        known = ", ".join(f"val_{item}" for item in logs)
        _fail("objective", f"what the model measures: {known}", name)
    return {key: float(value) for key, value in logs.items()}


def _check_labels(
    name: str, y: np.ndarray, outputs: np.ndarray, model: Any
) -> None:
    classes = outputs.shape[-1]
    loss = type(model.loss).__name__ if model.loss is not None else ""
    ids = y.dtype.kind in "iu" and (y.ndim == 1 or y.shape[-1] == 1)
    if not ids or outputs.ndim != 2 or "Error" in loss:
        return
    if classes == 1:
        classes = 2
    low, high = int(y.min()), int(y.max())
    if low < 0 or high >= classes:
        _fail(
            name,
            f"labels from 0 to {classes - 1}, as the model has "
            f"{outputs.shape[-1]} outputs",
            f"labels from {low} to {high}",
        )
    if name == "train":
        counts = np.bincount(y.reshape(-1).astype(int), minlength=classes)
        single = np.flatnonzero(counts < 2)
        if single.size:
            _fail(
                name,
                "two samples or more of each class; merge or drop such a class",
                f"class {single[0]} with {counts[single[0]]}",
            )


def _check_scale(model: Any, outputs: np.ndarray) -> None:
    """Logits where probabilities are expected give numbers without meaning."""
    if outputs.size == 0 or not np.all(np.isfinite(outputs)):
        return
    low, high = float(outputs.min()), float(outputs.max())
    if low >= 0 and high <= 1:
        return
    seen = f"outputs from {low:.2f} to {high:.2f}, which are logits"
    loss = model.loss
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", "")
    logits = _from_logits(loss)
    if logits is False or name.endswith("crossentropy"):
        _fail(
            "build",
            "a loss with `from_logits=True`, or a last layer with softmax or "
            "sigmoid",
            f"{name or type(loss).__name__} with {seen}",
        )
    for metric in _metrics(model):
        if isinstance(metric, PROBABILITIES) and not _from_logits(metric):
            _fail(
                "build",
                f"probabilities for the metric `{metric.name}`: give it "
                "`from_logits=True` or a threshold for logits where it has "
                "one, or take a metric that reads logits, such as "
                "`keras_funcs.metrics.BalancedAccuracy`",
                seen,
            )


def _metrics(model: Any) -> list[Any]:
    found: list[Any] = []
    for item in model.metrics:
        found.extend(getattr(item, "metrics", None) or [item])
    # Before the first batch Keras has only what was given to `compile`.
    config = model.get_compile_config() or {}
    for item in config.get("metrics") or []:
        if isinstance(item, dict):
            found.append(keras.saving.deserialize_keras_object(item))
        elif isinstance(item, str):
            metric = keras.metrics.get(item)
            found.append(metric)
    return found


def _from_logits(item: Any) -> bool | None:
    if isinstance(item, str) or not hasattr(item, "get_config"):
        return None
    value = item.get_config().get("from_logits")
    if value is None and getattr(item, "thresholds", None) is not None:
        given = getattr(item, "init_thresholds", None)
        return given == 0 or given == [0] or given == [0.0]
    return None if value is None else bool(value)


def _shape(value: Any) -> Any:
    return tuple(getattr(value, "shape", ()))


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}"


def _fail(name: str, expected: str, received: str) -> None:
    raise ValueError(
        f"Invalid value for argument `{name}`. Expected {expected}. "
        f"Received: {received}"
    )
