"""Faults that are found before the first trial, in one line with a remedy."""

import dataclasses
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import NoReturn

import keras
import numpy as np

from keras_funcs._core.labels import NUMBER_CLASSES
from keras_funcs.data import Dataset
from keras_funcs.inspect.diagnosis._labels import reader
from keras_funcs.inspect.diagnosis.model import MAX_SAMPLES
from keras_funcs.inspect.diagnosis.model import diagnose
from keras_funcs.inspect.recorder import flatten
from keras_funcs.search.plan import Plan
from keras_funcs.search.training import data
from keras_funcs.search.training import spreading


def check_data(dataset: Dataset) -> Dataset:
    """Checks what can be seen without a model.

    Returns:
        The data set, with lists, tensors and tables turned into arrays.

    Raises:
        ValueError: for data that are empty, of unequal length, not finite, or
            that can be read only once, and for splits that differ in shape.
    """
    found: dict[str, Any] = {}
    shapes = None
    for name, split in dataset.splits.items():
        if not isinstance(split, (tuple, list)):
            _check_data_set(name, split)
            continue
        if len(split) not in (2, 3):
            _fail(name, "a pair `(x, y)` or a data set", f"{len(split)} parts")
        parts = tuple(_arrays(name, part) for part in split)
        shapes = _check_arrays(name, parts[0], parts[1], shapes)
        found[name] = parts
    return dataclasses.replace(dataset, **found)


def check_model(model: Any, plan: Plan) -> dict[str, float]:
    """Runs one batch through the baseline's model.

    Returns:
        The metrics of that batch.

    Raises:
        ValueError: for labels that are no class of the model, a class with
            one sample, an objective that the model does not measure, and for
            whatever `keras_funcs.inspect.diagnose` calls an error.
    """
    for name, split in plan.dataset.splits.items():
        labels = data.parts_of(split)[1]
        if isinstance(labels, np.ndarray):
            _check_labels(name, labels, model)
    x, y = _batch(plan)
    for finding in diagnose(model, x, y):
        if finding.severity == "error":
            raise ValueError(f"{finding.message} {finding.remedy}")
    try:
        logs = model.test_on_batch(x, y, return_dict=True)
        model.train_on_batch(x, y)
    except Exception as error:
        _fail(
            "train",
            "labels that fit the model's loss and metrics "
            f"(labels {_shape(y)})",
            _one_line(error),
        )
    measured = dict(flatten(logs))
    name = plan.objective.name
    if name.removeprefix("val_") not in measured:
        known = ", ".join(f"val_{item}" for item in measured)
        _fail("objective", f"what the model measures: {known}", name)
    return measured


def _check_data_set(name: str, data: Any) -> None:
    if isinstance(data, Iterator):
        _fail(
            name,
            "a pair `(x, y)` or a data set; this one can be read only once, "
            "and a study reads its data for each epoch",
            type(data).__name__,
        )
    several = isinstance(data, (Iterable, keras.utils.PyDataset))
    # An array or a dict has no labels of its own.
    lacking = isinstance(data, (str, bytes, dict)) or hasattr(data, "shape")
    if not several or lacking:
        seen = data if isinstance(data, (str, bytes)) else type(data).__name__
        _fail(name, "a pair `(x, y)` or a data set", repr(seen))


def _arrays(name: str, part: Any) -> Any:
    """A structure of arrays, as `fit` takes it; numbers in lists are one."""
    if part is None or isinstance(part, np.ndarray):
        return part
    if isinstance(part, dict):
        return {key: _arrays(name, item) for key, item in part.items()}
    if isinstance(part, (list, tuple)) and any(
        getattr(item, "shape", ()) for item in part
    ):
        return type(part)(_arrays(name, item) for item in part)
    try:
        return data.to_numpy(part)
    except Exception as error:
        _fail(name, "arrays, or lists of equal lengths", _one_line(error))


def _check_arrays(name: str, x: Any, y: Any, shapes: Any) -> Any:
    inputs, labels = keras.tree.flatten(x), keras.tree.flatten(y)
    for item in labels:
        if getattr(item, "size", 0) and item.dtype.kind in "OSU":
            _fail(
                name,
                f"labels that are class ids; {NUMBER_CLASSES}",
                f"{item.reshape(-1)[:3].tolist()}",
            )
    for item in (*inputs, *labels):
        if not getattr(item, "shape", ()) or item.dtype.kind == "O":
            _fail(name, "a pair `(x, y)` of arrays", repr(item)[:60])
    if not inputs or not labels:
        _fail(name, "a pair `(x, y)` of arrays", "no arrays")
    for item in inputs:
        if len(item) == 0:
            _fail(name, "at least one sample", "no samples")
        if item.dtype.kind == "f" and not np.all(np.isfinite(item)):
            _fail(name, "finite inputs; fill in or drop what is missing", "NaN")
    for item in (*inputs, *labels):
        if len(item) != len(labels[0]) or len(item) != len(inputs[0]):
            _fail(
                name,
                "as many labels as samples",
                f"{len(item)} and {len(labels[0])}",
            )
    seen = [("N", *item.shape[1:]) for item in inputs]
    if shapes is not None and seen != shapes:
        _fail(
            name,
            f"inputs of shape {_listed(shapes)} as in `train`",
            _listed(seen),
        )
    return seen


def _batch(plan: Plan) -> tuple[Any, Any]:
    """The first samples, as many as the devices can share."""
    x, y, _ = data.parts_of(plan.dataset.train)
    if y is None:
        first = next(iter(data.batches(x)), None)
        if not isinstance(first, (tuple, list)) or len(first) < 2:
            _fail(
                "train",
                "batches `(x, y)`",
                "no batches" if first is None else type(first).__name__,
            )
        x, y = keras.tree.map_structure(data.to_numpy, (first[0], first[1]))
    size = min(plan.batch_size, MAX_SAMPLES, data.count(y))
    devices = spreading.replicas()
    size = max(size // devices, 1) * devices
    batch = keras.tree.map_structure(lambda array: array[:size], (x, y))
    return batch[0], batch[1]


def _check_labels(name: str, y: np.ndarray, model: Any) -> None:
    """Looks at all labels, where the loss says that they are classes."""
    shape = getattr(model, "output_shape", None)
    if not isinstance(shape, tuple) or y.dtype.kind not in "biu":
        return
    loss = reader(model.loss, (len(y), *shape[1:]))
    rows = y.ndim == len(shape) and y.shape[-1] == shape[-1] > 1
    if loss is None or rows:
        return
    classes = loss.classes(y) or 2 * (loss.targets == "labels")
    ids = loss.counted(y)
    if not classes or not ids.size:
        return
    if loss.invalid(y).size:
        _fail(
            name,
            f"labels from 0 to {classes - 1}, as the model has "
            f"{shape[-1]} outputs",
            f"labels from {ids.min():g} to {ids.max():g}",
        )
    if name == "train" and ids.size <= len(y):
        single = np.flatnonzero(np.bincount(ids.astype(np.int64)) == 1)
        if single.size:
            _fail(
                name,
                "two samples or more of each class; merge or drop such a class",
                f"class {single[0]} with 1",
            )


def _listed(shapes: Sequence[Any]) -> str:
    return ", ".join(str(shape) for shape in shapes)


def _shape(value: Any) -> str:
    return _listed([item.shape for item in keras.tree.flatten(value)])


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}"


def _fail(name: str, expected: str, received: str) -> NoReturn:
    raise ValueError(
        f"Invalid value for argument `{name}`. Expected {expected}. "
        f"Received: {received}"
    )
