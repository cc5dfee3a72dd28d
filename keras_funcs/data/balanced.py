"""Batches in which rare classes are met more often."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_funcs._core import checks

SCHEDULES = {"balanced": 0.0, "square_root": 0.5}


class ClassBalanced(keras.utils.PyDataset):
    """Draws the class of each sample first, and then a sample of that class.

    For long-tailed data, instead of class weights: each batch has samples of
    rare classes, and no gradient is larger than another. Rare samples are
    repeated often, so that a network may learn them by heart.

    An epoch has as many batches as the data; samples are drawn with
    replacement. Use it for training alone.

    Formula:
    ```python
    p[c] = n[c] ** q / sum(n ** q)  # of class c with n[c] samples
    ```

    Args:
        data: Pair `(x, y)` or triple `(x, y, sample_weight)` of arrays, where
            x may be nested; or a data set of such batches (a
            `keras.utils.PyDataset`, `tf.data.Dataset`, Torch `DataLoader` or
            another iterable), which is read into memory once.
        schedule: `"balanced"` (q = 0: all classes alike), `"square_root"`
            (q = 0.5), or a function of the epoch, from 0, to q in [0, 1]; q = 1
            is the data's own distribution.
        batch_size: Integer >= 1. Defaults to `32`.
        seed: Integer >= 0. Defaults to `0`.
        **kwargs: `workers` and others of `keras.utils.PyDataset`.

    Raises:
        ValueError: If an argument is invalid, or labels are no classes.

    Example:

    >>> x, y = np.zeros((100, 3)), np.repeat([0, 1], [90, 10])
    >>> batches = keras_funcs.data.ClassBalanced((x, y), batch_size=50)
    >>> len(batches), batches[0][0].shape
    (2, (50, 3))

    Reference:
        Kang et al. (2020), ICLR, arXiv:1910.09217
    """

    def __init__(
        self,
        data: Any,
        schedule: str | Callable[[int], float] = "balanced",
        batch_size: int = 32,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(schedule):
            checks.one_of("schedule", schedule, tuple(SCHEDULES))
        self.schedule = schedule
        self.batch_size = checks.integer("batch_size", batch_size, at_least=1)
        self.seed = checks.integer("seed", seed, at_least=0)
        self.epoch = 0
        self._parts = _arrays(data)
        ids = _class_ids(self._parts[1])
        self._size = len(ids)
        # Classes without samples cannot be drawn.
        self._members = [np.flatnonzero(ids == c) for c in np.unique(ids)]

    def __len__(self) -> int:
        return -(-self._size // self.batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        # By place, not by order: workers may ask for batches in any order.
        rng = np.random.default_rng((self.seed, self.epoch, index))
        size = min(self.batch_size, self._size - index * self.batch_size)
        drawn = rng.choice(len(self._members), size, p=self.probabilities())
        rows = np.array([rng.choice(self._members[c]) for c in drawn])
        batch: tuple[Any, ...] = keras.tree.map_structure(
            lambda part: part[rows], self._parts
        )
        return batch

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def probabilities(self) -> np.ndarray:
        """The share of each class that has samples, in this epoch."""
        schedule = self.schedule
        q: Any = (
            SCHEDULES[schedule]
            if isinstance(schedule, str)
            else schedule(self.epoch)
        )
        q = checks.number("schedule", q, at_least=0, at_most=1)
        # p[c] = n[c] ** q / sum(n ** q)
        shares = np.array([len(item) for item in self._members], float) ** q
        return shares / shares.sum()


def _arrays(data: Any) -> tuple[Any, ...]:
    """`(x, y)` or `(x, y, weight)` of the whole data."""
    if isinstance(data, (tuple, list)):
        parts = keras.tree.map_structure(np.asarray, tuple(data))
    else:
        given = data
        if isinstance(data, keras.utils.PyDataset):
            given = (data[index] for index in range(data.num_batches or 0))
        batches = [
            keras.tree.map_structure(_to_numpy, tuple(batch)) for batch in given
        ]
        if not batches:
            checks.invalid("data", "batches `(x, y)`", "none")
        parts = keras.tree.map_structure(
            lambda *items: np.concatenate(items), *batches
        )
    if len(parts) not in (2, 3):
        checks.invalid(
            "data", "`(x, y)` or `(x, y, sample_weight)`", len(parts)
        )
    sizes = {len(part) for part in keras.tree.flatten(parts)}
    if len(sizes) != 1 or 0 in sizes:
        checks.invalid("data", "as many labels as samples, at least one", sizes)
    return parts


def _to_numpy(value: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(value))


def _class_ids(y: Any) -> np.ndarray:
    """The class of each sample, of ids or one-hot rows."""
    if not isinstance(y, np.ndarray) or y.ndim > 2:
        checks.invalid("data", "one class per sample", type(y))
    if y.ndim == 2 and y.shape[1] > 1:
        if not np.all(y.sum(axis=1) == 1) or not np.all((y == 0) | (y == 1)):
            checks.invalid("data", "ids or one-hot rows", "other rows")
        return np.asarray(y.argmax(axis=1))
    ids = y.reshape(len(y))
    if not np.all(np.equal(np.mod(ids, 1), 0)):
        checks.invalid("data", "class ids", ids[:3])
    return ids.astype(np.int64)
