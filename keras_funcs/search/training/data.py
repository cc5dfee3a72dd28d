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
    # What several devices share is filled up whatever its size.
    must = spreading.replicas() > 1
    size = spreading.divisible(min(batch_size, total))
    missing = -total % size
    parts = keras.tree.flatten((x, y))
    plain = all(isinstance(part, np.ndarray) for part in parts)
    small = sum(part.nbytes for part in parts) <= FILL_BYTES if plain else False
    if missing and plain and (small or must):
        drawn = np.random.default_rng(seed).choice(
            total, missing, replace=missing > total
        )
        order = np.concatenate([np.arange(total), drawn])
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
