"""The data that all lanes share, and the order in which each reads it."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_funcs.search.engines.vectorized.refusal import NotVectorizable
from keras_funcs.search.training.data import filled


@dataclass(frozen=True)
class Split:
    """`(x, y, weight)`, as arrays in the dtypes that `fit` would use."""

    parts: tuple[Any, Any, Any]

    @classmethod
    def of(cls, split: Any) -> "Split":
        """Reads a pair or a triple of arrays, or of structures of arrays.

        Raises:
            NotVectorizable: If the split is a data set or a generator.
        """
        if not isinstance(split, (tuple, list)) or len(split) not in (2, 3):
            raise NotVectorizable(
                f"the data are a `{type(split).__name__}`; lanes share arrays"
            )
        x, y, *rest = keras.tree.map_structure(_array, tuple(split))
        return cls((x, y, rest[0] if rest else None))

    @property
    def size(self) -> int:
        return len(keras.tree.flatten(self.parts)[0])

    def rows(self, index: Any) -> Any:
        """Some of the samples, with the structure of the whole."""
        return _map(lambda part: part[index], self.parts)

    def batches(self, size: int) -> tuple[Any, Any]:
        """All samples in order: stacked batches, and the smaller last one."""
        steps, rest = divmod(self.size, size)
        full = steps * size
        stacked = _map(
            lambda part: part[:full].reshape(steps, size, *part.shape[1:]),
            self.parts,
        )
        return stacked, self.rows(slice(full, None)) if rest else None


def _map(function: Any, parts: Any) -> Any:
    return keras.tree.map_structure(
        lambda part: None if part is None else function(part), parts
    )


def _array(part: Any) -> Any:
    if part is None:
        return None
    array = np.asarray(part)
    if array.dtype.kind not in "biuf" or not array.ndim:
        raise NotVectorizable(
            f"the data hold a `{type(part).__name__}` of {array.dtype}; lanes "
            "share arrays of numbers"
        )
    if array.dtype.kind == "f":
        return array.astype(keras.config.floatx(), copy=False)
    return array


class Order:
    """The order in which `fit` would read the samples, epoch by epoch.

    Args:
        seed: Integer. As given to `keras.utils.set_random_seed` before `fit`.
        total: Integer. The number of samples.
        size: Integer. The batch size.
        fill: Boolean. Whether the last batch is filled up with samples drawn
            at random.
    """

    def __init__(self, seed: int, total: int, size: int, fill: bool) -> None:
        self.size = size
        self._random = np.random.RandomState(seed)
        self._samples = filled(total, size, seed) if fill else np.arange(total)

    def next_epoch(self) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the full batches, `(steps, size)`, and of the rest."""
        total = len(self._samples)
        order = self._samples[self._random.permutation(total)].astype("int32")
        full = total - total % self.size
        return order[:full].reshape(-1, self.size), order[full:]
