"""The data of a study: splits that share no sample, and their names."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from typing import Self

import numpy as np

from keras_funcs._core import checks
from keras_funcs._core.labels import NUMBER_CLASSES
from keras_funcs._core.labels import class_counts
from keras_funcs.data.target import REGRESSION
from keras_funcs.data.target import TASKS
from keras_funcs.data.target import infer_task

STEPS, MIN_BATCH, MAX_BATCH = 64, 32, 1024  # of an epoch, and of rows

Split = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set, split and ready for a study.

    `digits_longtail` and `load_table` return one. `Dataset.of` makes one of
    your own arrays or data sets, of any shape and for any task.

    A data set with `feature_names` is a table, and its parts are checked as
    such: x is `(N, F)` numbers (kept as float32), y is `(N,)` class ids from 0
    to C - 1 (kept as int64), or for a regression `(N,)` numbers (kept as
    float32).

    Args:
        name: String. Shown in reports, and the name of the study's folder.
        train: Pair `(x, y)`, triple `(x, y, sample_weight)`, or a data set
            that can be read again for each epoch.
        validation: As `train`. A search chooses by it.
        test: As `train`, or None. Scored once, after every choice is made.
        class_names: Tuple of C >= 2 strings, or an empty one for no names.
        feature_names: Tuple of F strings, or an empty one for other data than
            a table.
        preprocessing: `TablePreprocessing` that turned a table into x, or
            None. `keras-funcs tune` keeps it beside the model.
        task: String, as of `keras_funcs.search.space`. Defaults to what the
            training labels look like: numbers with a fraction are for a
            regression, others are class ids.

    Raises:
        ValueError: If the parts of a table do not fit each other, a number is
            not finite, or a class has no training sample.
    """

    name: str
    train: Any
    validation: Any
    test: Any = None
    class_names: Sequence[str] = ()
    feature_names: Sequence[str] = ()
    preprocessing: Any = None
    task: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            checks.invalid("name", "a string", self.name)
        for field in ("class_names", "feature_names"):
            names = getattr(self, field)
            if isinstance(names, str) or not all(
                isinstance(item, str) for item in names
            ):
                checks.invalid(field, "a tuple of strings", names)
            object.__setattr__(self, field, tuple(names))
        if not self.task:
            object.__setattr__(self, "task", self._infer_task())
        checks.one_of("task", self.task, TASKS)
        classes = self.feature_names and not self.is_regression
        if len(self.class_names) == 1 or (classes and not self.class_names):
            checks.invalid("class_names", ">= 2 classes", self.class_names)
        if self.is_regression and self.class_names:
            checks.invalid("class_names", "none for numbers", self.class_names)
        if self.feature_names:
            self._check_table()

    def _check_table(self) -> None:
        features, classes = len(self.feature_names), len(self.class_names)
        for field, split in self.splits.items():
            x, y = _arrays(field, split, features)
            y = _numbers(field, y) if self.is_regression else y
            y = y if self.is_regression else _ids(field, y, classes)
            object.__setattr__(self, field, (x, y))
        if self.is_regression:
            return
        absent = np.flatnonzero(self.counts == 0)
        if absent.size:
            checks.invalid(
                "train",
                "a sample of every class",
                f"none of {[self.class_names[i] for i in absent[:5]]}",
            )

    @classmethod
    def of(
        cls,
        train: Any,
        validation: Any,
        test: Any = None,
        *,
        class_names: Sequence[str] = (),
        name: str = "data",
        task: str = "",
    ) -> Self:
        """Makes a data set of your own splits.

        Args:
            train: Pair `(x, y)`, triple `(x, y, sample_weight)`, or a data set
                that can be read again for each epoch.
            validation: As `train`.
            test: As `train`, or None.
            class_names: Sequence of strings, for reports; empty for none.
            name: String. Shown in reports.
            task: String. Defaults to what the labels look like.

        Example:

        >>> x, y = np.zeros((6, 4)), np.array([0, 1, 0, 1, 0, 1])
        >>> keras_funcs.data.Dataset.of((x, y), (x[:2], y[:2]))
        Dataset('data', 6/2 train/validation samples)
        """
        return cls(name, train, validation, test, class_names, task=task)

    def _infer_task(self) -> str:
        if isinstance(self.train, (tuple, list)) and len(self.train) > 1:
            y = self.train[1]
            if isinstance(y, (np.ndarray, list)):
                return infer_task(y, len(self.class_names))
        return "multiclass"

    @property
    def is_regression(self) -> bool:
        """Whether numbers are predicted."""
        return self.task == REGRESSION

    @property
    def splits(self) -> dict[str, Any]:
        """The splits that there are, by name."""
        found = {"train": self.train, "validation": self.validation}
        return found if self.test is None else {**found, "test": self.test}

    @property
    def num_classes(self) -> int:
        """The number of classes C."""
        return len(self.class_names) or len(self.counts)

    @property
    def counts(self) -> np.ndarray:
        """The training samples of each class, int64 `(C,)`."""
        pair = isinstance(self.train, (tuple, list))
        labels = self.train[1] if pair else self.train
        return class_counts(labels, len(self.class_names) or None)

    @property
    def batch_size(self) -> int:
        """The batch size to train with, if none is given.

        About 64 steps per epoch, a power of two from 32 to 1024: fewer rows
        per batch make an epoch of a large table longer than it needs to be.
        """
        if not isinstance(self.train, (tuple, list)):
            return MIN_BATCH
        steps = len(self.train[1]) / STEPS
        power = 2 ** round(math.log2(max(steps, 1)))
        return min(max(power, MIN_BATCH), MAX_BATCH)

    def __repr__(self) -> str:
        sizes = "/".join(
            str(len(split[1])) if isinstance(split, (tuple, list)) else "?"
            for split in self.splits.values()
        )
        pieces = [f"{sizes} {'/'.join(self.splits)} samples"]
        if self.feature_names:
            pieces.append(f"{len(self.feature_names)} features")
        if self.class_names:
            pieces.append(f"{len(self.class_names)} classes")
        return f"Dataset({self.name!r}, {', '.join(pieces)})"


def _arrays(name: str, split: Any, features: int) -> Split:
    if not isinstance(split, (tuple, list)) or len(split) != 2:
        checks.invalid(name, "a pair `(x, y)`", type(split))
    x, y = (np.asarray(part) for part in split)
    shapes = f"shapes {x.shape} and {y.shape}"
    if x.ndim != 2 or x.shape[1] != features or x.dtype.kind not in "biuf":
        checks.invalid(name, f"x of shape (N, {features}), numbers", shapes)
    if y.shape != (len(x),) or not len(x):
        checks.invalid(name, "a label for each of N >= 1 rows", shapes)
    if not np.isfinite(x).all():
        checks.invalid(name, "finite numbers in x", "NaN or infinity")
    return x.astype(np.float32), y


def _ids(name: str, y: np.ndarray, classes: int) -> np.ndarray:
    if y.dtype.kind not in "iu":
        checks.invalid(name, f"y of whole numbers; {NUMBER_CLASSES}", y.dtype)
    if y.min() < 0 or y.max() >= classes:
        checks.invalid(
            name,
            f"class ids from 0 to {classes - 1}",
            f"ids from {y.min()} to {y.max()}",
        )
    return y.astype(np.int64)


def _numbers(name: str, y: np.ndarray) -> np.ndarray:
    if y.dtype.kind not in "biuf" or not np.isfinite(y).all():
        checks.invalid(name, "y of finite numbers", y.dtype)
    return y.astype(np.float32)
