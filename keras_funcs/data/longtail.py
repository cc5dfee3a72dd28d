"""Long-tailed data: a few classes have most of the samples."""

from typing import Any

import numpy as np

from keras_funcs._core import checks
from keras_funcs._core.extras import require
from keras_funcs.data.columns import NumberColumn
from keras_funcs.data.dataset import Dataset
from keras_funcs.data.preprocessing import TablePreprocessing

# The smallest of the ten classes has 174 samples.
TEST_PER_CLASS = 50
VALIDATION_PER_CLASS = 24
LARGEST_CLASS = 100


def long_tail(
    y: Any, imbalance: float, seed: int, *, largest: int | None = None
) -> np.ndarray:
    """Chooses a subset whose class sizes fall exponentially.

    Use it to see what a loss or a sampler does under class imbalance, on data
    whose classes are of similar size.

    Formula:
    ```python
    n[c] = int(n_max * imbalance ** (-c / (C - 1)))   # c: rank, 0 to C - 1
    ```
    with a random order of the classes, so that the tail is not always the
    same one.

    Args:
        y: `(N,)` whole numbers. The class id of each sample.
        imbalance: Float >= 1. The size of the largest class over that of the
            smallest. At most `n_max`, so that every class keeps a sample.
        seed: Integer >= 0. Of the order of the classes and of the samples.
        largest: Integer >= 1, or None. `n_max`, the samples of the largest
            class. Defaults to what every class can give: the size of the
            smallest one.

    Returns:
        Indices into `y`, int64, ascending, without repetition.

    Raises:
        ValueError: for labels that are no class ids, fewer than two classes,
            or a class that is too small.

    Example:
    >>> import numpy as np
    >>> from keras_funcs.data import long_tail
    >>> y = np.repeat([0, 1, 2], 100)
    >>> sorted(np.bincount(y[long_tail(y, imbalance=100, seed=0)]).tolist())
    [1, 10, 100]

    Reference:
        Cui, Jia, Lin, Song and Belongie (2019), CVPR, arXiv:1901.05555
    """
    y = np.asarray(y)
    if y.ndim != 1 or y.dtype.kind not in "iu" or not y.size:
        checks.invalid("y", "a vector of class ids", f"{y.dtype} {y.shape}")
    imbalance = checks.number("imbalance", imbalance, at_least=1)
    seed = checks.integer("seed", seed, at_least=0)
    classes, available = np.unique(y, return_counts=True)
    if len(classes) < 2:
        checks.invalid("y", "at least two classes", classes)
    n_max = int(available.min())
    if largest is not None:
        n_max = checks.integer("largest", largest, at_least=1)
    if imbalance > n_max:
        checks.invalid(
            "imbalance",
            f"at most {n_max}, the samples of the largest class",
            imbalance,
        )
    random = np.random.default_rng(seed)
    chosen = []
    for rank, which in enumerate(random.permutation(len(classes))):
        # The power of a whole number may end a last bit below a whole one.
        size = int(n_max * imbalance ** (-rank / (len(classes) - 1)) + 1e-9)
        if size > available[which]:
            checks.invalid(
                "largest",
                f"a profile that fits class {classes[which]}, which has "
                f"{available[which]} samples and would need {size}",
                largest,
            )
        members = np.flatnonzero(y == classes[which])
        chosen.append(random.permutation(members)[:size])
    return np.sort(np.concatenate(chosen))


def digits_longtail(imbalance: float = 20.0, seed: int = 0) -> Dataset:
    """Handwritten digits whose training classes are long-tailed.

    Real data without a download: the 1,797 images of 8 x 8 pixels that come
    with scikit-learn, as 64 numbers from 0 to 1. Of each class 50 samples are
    test and 24 validation; of the rest, the largest class keeps 100 for
    training and the smallest `100 / imbalance`.

    Test and validation are balanced: every class counts the same there, so
    accuracy *is* balanced accuracy, and each recall is known to 1/24 or
    better. A validation set with the training distribution would hold one
    sample of the rarest class, and a search would choose by its luck. The
    price: 24 labels of a rare class are more than its training set may have,
    as is usual where long-tailed learning is measured.

    The pixels are divided by 16, the largest value of the format; nothing is
    estimated from any split. The writers are not known, so that one person's
    digits can stand on both sides of a split.

    Args:
        imbalance: Float in [1, 100]. The largest class over the smallest.
        seed: Integer >= 0. Of the splits and of which class is how rare.

    Returns:
        A `Dataset` of 10 classes and 64 features.

    Raises:
        ValueError: for an argument out of range.
        ImportError: where scikit-learn is not installed.

    Reference:
        Alpaydin and Kaynak (1998), "Optical Recognition of Handwritten
        Digits", UCI Machine Learning Repository
    """
    imbalance = checks.number("imbalance", imbalance, at_least=1, at_most=100)
    seed = checks.integer("seed", seed, at_least=0)
    bundle = require("sklearn.datasets").load_digits()
    preprocessing = TablePreprocessing(
        target="digit",
        class_names=tuple(str(digit) for digit in range(10)),
        numbers=tuple(
            NumberColumn(name, fill=0.0, mean=0.0, scale=16.0, indicator=False)
            for name in bundle.feature_names
        ),
        texts=(),
    )
    x = preprocessing.transform(dict(zip(bundle.feature_names, bundle.data.T)))
    y = bundle.target.astype(np.int64)

    random = np.random.default_rng(seed)
    ends = (TEST_PER_CLASS, TEST_PER_CLASS + VALIDATION_PER_CLASS)
    parts = [
        np.split(random.permutation(np.flatnonzero(y == digit)), ends)
        for digit in range(10)
    ]
    test, validation, rest = (np.concatenate(part) for part in zip(*parts))
    pool = np.sort(rest)
    train = pool[long_tail(y[pool], imbalance, seed, largest=LARGEST_CLASS)]

    def take(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # Classes in sorted runs would make unshuffled batches of one class.
        indices = random.permutation(indices)
        return x[indices], y[indices]

    return Dataset(
        name="digits",
        train=take(train),
        validation=take(validation),
        test=take(test),
        class_names=preprocessing.class_names,
        feature_names=preprocessing.feature_names,
        preprocessing=preprocessing,
    )
