"""The splits of a study, as arrays or data sets, and as `fit` takes them."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_funcs.search.training import spreading

# Whole validation sets up to this size are one batch: one shape to compile.
VALIDATION_BATCH = 2048
# Training arrays up to this size are copied to fill their last batch.
FILL_BYTES = 2**28


def parts_of(split: Any) -> tuple[Any, Any, Any]:
    """`(x, y, weight)` of a split; of a data set x is the whole, y None."""
    if isinstance(split, (tuple, list)):
        x, y = split[0], split[1]
        return x, y, split[2] if len(split) > 2 else None
    return split, None, None


def count(part: Any) -> int:
    """The samples in an array, or in a structure of arrays."""
    return len(keras.tree.flatten(part)[0])


def batches(data: Any) -> Iterator[Any]:
    """The elements of a data set, once through."""
    if isinstance(data, keras.utils.PyDataset):
        # It has no end of iteration of its own.
        return (data[index] for index in range(data.num_batches or 0))
    return iter(data)


def to_numpy(value: Any) -> np.ndarray:
    """An array of whatever a data set yields."""
    if isinstance(value, np.ndarray):
        return value
    return np.asarray(keras.ops.convert_to_numpy(value))


def inputs(split: Any, batch_size: int, seed: int) -> dict[str, Any]:
    """The arguments of `fit` for the training data.

    The last batch of arrays is filled up with samples drawn at random: each
    further shape costs a compilation, longer than training on small data.
    """
    x, y, weight = parts_of(split)
    if y is None:
        return {"x": x}
    total = count(y)
    size = spreading.divisible(min(batch_size, total))
    if total % size and is_filled(split):
        order = filled(total, size, seed)
        x, y, weight = keras.tree.map_structure(
            lambda part: None if part is None else np.asarray(part)[order],
            (x, y, weight),
        )
    return {
        "x": x,
        "y": y,
        "sample_weight": weight,
        "batch_size": size,
        "shuffle": True,
    }


def is_filled(split: Any) -> bool:
    """Whether the last batch of a split is filled up, if it is smaller."""
    x, y, _ = parts_of(split)
    parts = keras.tree.flatten((x, y))
    if not all(isinstance(part, np.ndarray) for part in parts):
        return False
    # What several devices share is filled up whatever its size.
    several = spreading.replicas() > 1
    return several or sum(part.nbytes for part in parts) <= FILL_BYTES


def filled(total: int, size: int, seed: int) -> np.ndarray:
    """Indices of all samples, and of those drawn to fill the last batch."""
    missing = -total % size
    drawn = np.random.default_rng(seed).choice(
        total, missing, replace=missing > total
    )
    return np.concatenate([np.arange(total), drawn])


def validation(split: Any) -> dict[str, Any]:
    """The arguments of `fit` for the validation data."""
    x, y, weight = parts_of(split)
    if y is None:
        return {"validation_data": x}
    data = (x, y) if weight is None else (x, y, weight)
    return {
        "validation_data": data,
        "validation_batch_size": evaluation_batch(y),
    }


def evaluation_batch(y: Any) -> int:
    """The batch size for labels that are only evaluated."""
    return min(count(y), spreading.divisible(VALIDATION_BATCH))
