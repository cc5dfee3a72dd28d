"""What components are fed: small, seeded, and with every class in it."""

from typing import Any

import numpy as np

from keras_funcs.testing.cases import CLASSES
from keras_funcs.testing.cases import Case

BATCH = 12

# From a coin toss to what overflows exp in float64, on both sides.
EXTREMES = (0.0, 20.0, -20.0, 100.0, -100.0, 1e4, -1e4)


def generator(seed: int = 0) -> np.random.Generator:
    """A source of numbers of its own, so that no check changes another's."""
    return np.random.default_rng(seed)


def features(case: Case, seed: int = 0, batch: int = BATCH) -> np.ndarray:
    """Inputs of a layer or model, away from the kink that many have at 0."""
    x = generator(seed).normal(size=(batch, *case.input_shape))
    return np.asarray(x + 0.1 * np.sign(x), "float32")


def weights(rank: int, seed: int = 0) -> np.ndarray:
    """Weights of a layer, of rank 1 to 4."""
    shape = (3, 2, 5, CLASSES)[-rank:]
    return generator(seed).normal(size=shape).astype("float32")


def class_ids(seed: int = 0, batch: int = BATCH) -> np.ndarray:
    """Labels `(batch,)` in which every class occurs, unequally often."""
    ids = np.arange(batch) % CLASSES
    ids[: batch // 4] = 0
    return generator(seed).permutation(ids).astype("int32")


def one_hot(ids: np.ndarray) -> np.ndarray:
    """Labels `(..., classes)`; an id that is no class is a row of zeros."""
    rows = ids[..., None] == np.arange(CLASSES)
    return np.asarray(rows, dtype="float32")


def labels(case: Case, seed: int = 0, batch: int = BATCH) -> np.ndarray:
    """`y_true` in the plainest form that the component takes."""
    if case.targets in ("classes", "ids"):
        return class_ids(seed, batch)
    draw = generator(seed).uniform(size=(batch, CLASSES))
    if case.targets == "labels":
        return (draw < 0.4).astype("float32")
    return draw.astype("float32")


def takes_logits(component: Any) -> bool:
    """Whether `y_pred` may be any number; without the argument, it may."""
    return bool(getattr(component, "from_logits", True))


def predictions(
    case: Case, component: Any, seed: int = 1, batch: int = BATCH
) -> np.ndarray:
    """`y_pred` of moderate size."""
    z = generator(seed).normal(size=(batch, CLASSES))
    return as_scores(case, component, z).astype("float32")


def probabilities(case: Case, seed: int = 1) -> np.ndarray:
    """`y_pred` that could be logits as well as probabilities."""
    z = generator(seed).normal(size=(BATCH, CLASSES))
    squash = softmax if case.targets == "classes" else sigmoid
    return squash(z).astype("float32")


def as_scores(case: Case, component: Any, logits: np.ndarray) -> np.ndarray:
    """Logits, or the probabilities they stand for, as the component asks."""
    logits = np.asarray(logits, dtype="float64")
    if case.targets == "values":
        return sigmoid(logits)
    if takes_logits(component):
        return logits
    return softmax(logits) if case.targets == "classes" else sigmoid(logits)


def softmax(z: np.ndarray) -> np.ndarray:
    """Probabilities that sum to 1."""
    e = np.exp(z - z.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True))


def sigmoid(z: np.ndarray) -> np.ndarray:
    """Probabilities of their own."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -z)))


def extreme_logits() -> np.ndarray:
    """Rows `(n, classes)` with every pair of extremes, and rows of one."""
    rows = [
        [first, second, 0.0, first] for first in EXTREMES for second in EXTREMES
    ]
    return np.asarray(rows, dtype="float32")


def extreme_probabilities() -> np.ndarray:
    """Rows with 0, the smallest numbers and 1, one of them in each column."""
    tiny = float(np.finfo("float32").tiny)
    rows = [
        np.roll([p, rest, 0.0, 0.0], shift)
        for p, rest in ((0.0, 1.0), (tiny, 1.0), (1e-20, 1.0), (0.5, 0.5))
        for shift in range(CLASSES)
    ]
    return np.asarray(rows, dtype="float32")
