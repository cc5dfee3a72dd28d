"""Inputs of components: small, seeded, and with every class in them."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_funcs._core import traits
from keras_funcs._core.traits import ShapeOfInput
from keras_funcs.testing.bench.cases import CLASSES
from keras_funcs.testing.bench.cases import Case

BATCH = 12

# From a coin toss to what overflows exp in float64, on both sides.
EXTREMES = (0.0, 20.0, -20.0, 100.0, -100.0, 1e4, -1e4)


def generator(seed: int = 0) -> np.random.Generator:
    """A source of numbers of its own, so that no check changes another's."""
    return np.random.default_rng(seed)


def features(case: Case, seed: int = 0, batch: int = BATCH) -> Any:
    """Inputs of a layer or model, away from the kink that many have at 0.

    An array, or a list of arrays for a layer of several inputs.
    """
    source = generator(seed)

    def draw(shape: ShapeOfInput) -> np.ndarray:
        if isinstance(shape, str):
            return class_ids(seed, batch)
        x = source.normal(size=(batch, *shape))
        return np.asarray(x + 0.1 * np.sign(x), "float32")

    return _of_each(case, draw)


def sequences(case: Case) -> np.ndarray:
    """Inputs with one axis more, where a layer's inputs may have it."""
    return np.stack([features(case)] * 3, axis=1)


def extremes(case: Case) -> Any:
    """Inputs that are all as large as each other, or 0."""

    def fill(shape: ShapeOfInput) -> np.ndarray:
        if isinstance(shape, str):
            return class_ids(batch=len(EXTREMES))
        rows = [np.full(shape, value) for value in EXTREMES]
        return np.stack(rows).astype("float32")

    return _of_each(case, fill)


def symbols(case: Case, sizes: bool = True) -> Any:
    """`keras.Input` of a layer's inputs, their sizes known or the last only."""

    def symbol(shape: ShapeOfInput) -> Any:
        if isinstance(shape, str):
            return keras.Input((), dtype="int32")
        unknown = (None,) * (len(shape) - 1)
        return keras.Input(shape if sizes else (*unknown, *shape[-1:]))

    return _of_each(case, symbol)


def shapes(x: Any) -> Any:
    """The shapes to build a layer from that will be called on `x`."""
    found = [(None, *np.shape(item)[1:]) for item in keras.tree.flatten(x)]
    return found if isinstance(x, list) else found[0]


def numbers_and_ids(x: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The inputs that have a gradient, and those that have none."""
    found = keras.tree.flatten(x)
    whole = [np.issubdtype(item.dtype, np.integer) for item in found]
    return (
        [item for item, ids in zip(found, whole) if not ids],
        [item for item, ids in zip(found, whole) if ids],
    )


def in_dtype(x: Any, dtype: str) -> Any:
    """The same inputs, ids apart, as tensors of a dtype."""
    return keras.tree.map_structure(
        lambda item: (
            item
            if np.issubdtype(item.dtype, np.integer)
            else keras.ops.cast(item, dtype)
        ),
        x,
    )


def _of_each(case: Case, make: Callable[[ShapeOfInput], Any]) -> Any:
    shape = case.layer.example_shape
    if isinstance(shape, list):
        return [make(item) for item in shape]
    return make(shape)


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
    """Whether `y_pred` may be any number."""
    return traits.takes_logits(component) is not False


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
