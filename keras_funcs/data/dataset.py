"""What a study is given: three splits that share no sample, and their names."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_funcs._core import checks
from keras_funcs._core.labels import NUMBER_CLASSES

Split = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A classification data set, split and ready for a network.

    Use it to hand your own arrays to a study; `digits_longtail` and
    `load_table` return one.

    Args:
        name: String. Shown in reports, and the name of the study's folder.
        train: Pair `(x, y)` of arrays: x `(N, F)` numbers (kept as float32),
            y `(N,)` class ids from 0 to C - 1 (kept as int64).
        validation: Pair as `train`. A search chooses by it.
        test: Pair as `train`. Scored once, after every choice is made.
        class_names: Tuple of C >= 2 strings.
        feature_names: Tuple of F strings.
        preprocessing: `TablePreprocessing` that turned a table into x, or
            None. `keras-funcs tune` keeps it beside the model.

    Raises:
        ValueError: where the parts do not fit each other, a number is not
            finite, or a class has no training sample.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]
    feature_names: tuple[str, ...]
    preprocessing: Any = None

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
        if self.num_classes < 2:
            checks.invalid("class_names", ">= 2 classes", self.class_names)
        for field in ("train", "validation", "test"):
            split = _split(
                field,
                getattr(self, field),
                len(self.feature_names),
                self.num_classes,
            )
            object.__setattr__(self, field, split)
        absent = np.flatnonzero(self.counts == 0)
        if absent.size:
            checks.invalid(
                "train",
                "a sample of every class",
                f"none of {[self.class_names[i] for i in absent[:5]]}",
            )

    @property
    def num_classes(self) -> int:
        """The number of classes C."""
        return len(self.class_names)

    @property
    def counts(self) -> np.ndarray:
        """The training samples of each class, int64 `(C,)`."""
        return np.bincount(self.train[1], minlength=self.num_classes)

    def __repr__(self) -> str:
        sizes = "/".join(
            str(len(y)) for _, y in (self.train, self.validation, self.test)
        )
        return (
            f"Dataset({self.name!r}, {sizes} train/validation/test samples, "
            f"{len(self.feature_names)} features, {self.num_classes} classes)"
        )


def _split(name: str, split: Any, features: int, classes: int) -> Split:
    if not isinstance(split, (tuple, list)) or len(split) != 2:
        checks.invalid(name, "a pair `(x, y)`", type(split))
    x, y = (np.asarray(part) for part in split)
    shapes = f"shapes {x.shape} and {y.shape}"
    if x.ndim != 2 or x.shape[1] != features or x.dtype.kind not in "biuf":
        checks.invalid(name, f"x of shape (N, {features}), numbers", shapes)
    if y.shape != (len(x),) or not len(x):
        checks.invalid(name, "a class id for each of N >= 1 rows", shapes)
    if y.dtype.kind not in "iu":
        checks.invalid(name, f"y of whole numbers; {NUMBER_CLASSES}", y.dtype)
    if y.min() < 0 or y.max() >= classes:
        checks.invalid(
            name,
            f"class ids from 0 to {classes - 1}",
            f"ids from {y.min()} to {y.max()}",
        )
    if not np.isfinite(x).all():
        checks.invalid(name, "finite numbers in x", "NaN or infinity")
    return x.astype(np.float32), y.astype(np.int64)
