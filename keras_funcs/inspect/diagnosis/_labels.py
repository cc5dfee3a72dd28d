"""How a loss or a metric reads the labels of a batch, by its traits."""

import inspect
from types import FunctionType
from typing import Any
from typing import NamedTuple

import keras
import numpy as np

from keras_funcs._core.traits import LossTraits
from keras_funcs._core.traits import MetricTraits
from keras_funcs._core.traits import setting
from keras_funcs._core.traits import traits_of


class Reader(NamedTuple):
    """A loss or metric with its traits, before outputs of a shape."""

    thing: Any
    traits: LossTraits | MetricTraits
    outputs: tuple[int, ...]

    @property
    def title(self) -> str:
        return title(self.thing)

    @property
    def size(self) -> int:
        """The number of scores of a sample or pixel."""
        return self.outputs[-1] if len(self.outputs) > 1 else 1

    @property
    def targets(self) -> str:
        """The meaning of the labels for this number of scores."""
        traits = self.traits
        if traits.targets == "classes" and self.size == 1 and traits.single:
            return "labels"
        return traits.targets

    @property
    def takes_ids(self) -> bool:
        """Whether the labels are class ids and nothing else."""
        only = self.targets == "classes" and self.traits.forms == "ids"
        return only or self.targets == "ids"

    @property
    def takes_rows(self) -> bool:
        """Whether there must be a label for each score."""
        only = self.targets == "classes" and self.traits.forms == "rows"
        return only or self.targets == "labels"

    def are_ids(self, labels: np.ndarray) -> bool:
        """Whether the labels are one number where the scores are several."""
        return self.size > 1 and shaped_as_ids(labels.shape, self.outputs)

    def classes(self, labels: np.ndarray) -> int:
        """The number of classes that ids may name; 0 if there are no ids."""
        if isinstance(self.traits, LossTraits) and self.traits.ranks:
            return self.size + 1
        if self.targets == "classes" and self.are_ids(labels):
            return self.size
        return 0

    def counted(self, labels: np.ndarray) -> np.ndarray:
        """The finite labels that are neither ignored nor unknown, flat."""
        values = labels.astype(np.float64).ravel()
        left_out = [setting(self.thing, "ignore_class")]
        if self.targets == "labels":
            left_out.append(self.traits.unknown)
        for value in left_out:
            if value is not None:
                values = values[values != value]
        return values[np.isfinite(values)]

    def invalid(self, labels: np.ndarray) -> np.ndarray:
        """The labels that are no class, or no share between 0 and 1."""
        values, classes = self.counted(labels), self.classes(labels)
        if classes:
            whole = values == np.floor(values)
            return values[(values < 0) | (values >= classes) | ~whole]
        fits = squeezed(labels.shape) == squeezed(self.outputs)
        if self.targets in ("classes", "labels") and fits:
            return values[(values < 0) | (values > 1)]
        return values[:0]


def reader(thing: Any, outputs: tuple[int, ...]) -> Reader | None:
    """A loss or metric and its traits, None if nothing is known of it."""
    if isinstance(thing, str):
        try:
            thing = keras.losses.get(thing)
        except ValueError:
            return None
    traits = traits_of(thing, LossTraits) or traits_of(thing, MetricTraits)
    return None if traits is None else Reader(thing, traits, outputs)


def title(thing: Any) -> str:
    """The name of a loss as a user writes it."""
    if isinstance(thing, str):
        return thing
    return str(getattr(thing, "__name__", type(thing).__name__))


def has_argument(thing: Any, name: str) -> bool:
    """Whether an object or a function was made with, or takes, an argument."""
    if isinstance(thing, FunctionType):
        return name in inspect.signature(thing).parameters
    return setting(thing, name) is not None


def shaped_as_ids(labels: tuple[int, ...], outputs: tuple[int, ...]) -> bool:
    """Whether labels have the shape of outputs without the last axis."""
    ids = outputs[:-1]
    return labels in (ids, (*ids, 1))


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without a last axis of size 1."""
    return shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape
