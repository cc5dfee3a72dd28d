"""From settings to results: groups of lanes that share a program."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_funcs._core import checks
from keras_funcs.search.engines.vectorized.arrays import Split
from keras_funcs.search.engines.vectorized.course import Halving
from keras_funcs.search.engines.vectorized.lanes import Lane
from keras_funcs.search.engines.vectorized.lanes import make_lane
from keras_funcs.search.engines.vectorized.objects import Path
from keras_funcs.search.engines.vectorized.objects import find_floats
from keras_funcs.search.engines.vectorized.objects import read
from keras_funcs.search.engines.vectorized.refusal import NotVectorizable
from keras_funcs.search.engines.vectorized.refusal import check_backend
from keras_funcs.search.engines.vectorized.results import LaneResult


@dataclass(frozen=True)
class Template:
    """The model whose program all lanes of a group run.

    Attributes:
        model: The model.
        paths: List of paths to all floats that its objects hold.
        found: List of what is there.
    """

    model: Any
    paths: list[Path]
    found: list[Any]


@dataclass(frozen=True)
class Group:
    """Lanes that share a program, and the floats in which they differ.

    Attributes:
        template: `Template`.
        lanes: List of `Lane`.
        scalars: List of integers. The floats, as places among the template's
            paths, that lanes differ in.
        arrays: List of integers. The same for arrays of floats.
        constants: List of integers. Those that only the template differs in.
    """

    template: Template
    lanes: list[Lane]
    scalars: list[int]
    arrays: list[int]
    constants: list[int]

    @classmethod
    def of(cls, lanes: Sequence[Lane], template: "Template") -> "Group":
        """Finds what lanes of one signature differ in.

        Raises:
            NotVectorizable: If a number of the configuration is held by no
                object, and by no variable: it could not be a lane's own.
        """
        scalars, arrays, constants = [], [], []
        for place, own in enumerate(template.found):
            values = [lane.found[place] for lane in lanes]
            same = all(_is_equal(value, values[0]) for value in values)
            if not same and _are_floats(values):
                scalars.append(place)
            elif not same:
                arrays.append(place)
            elif not _is_equal(own, values[0]):
                constants.append(place)
        group = cls(template, list(lanes), scalars, arrays, constants)
        group._check_complete()
        return group

    @property
    def model(self) -> Any:
        """The template."""
        return self.template.model

    @property
    def paths(self) -> list[Path]:
        """The scalars, the arrays, and the constants."""
        places = (*self.scalars, *self.arrays, *self.constants)
        return [self.template.paths[place] for place in places]

    def constant_values(self) -> list[Any]:
        """What all lanes have in place of the template's constants."""
        return [self.lanes[0].found[place] for place in self.constants]

    def values(self) -> np.ndarray:
        """`(lanes, scalars)` float64: what each lane has of the floats."""
        rows = [
            [float(lane.found[place]) for place in self.scalars]
            for lane in self.lanes
        ]
        shape = (len(self.lanes), len(self.scalars))
        return np.array(rows, "float64").reshape(shape)

    def stacked_arrays(self, rows: Sequence[int]) -> list[np.ndarray]:
        """The arrays that lanes differ in, each with an axis of lanes."""
        found = [self.lanes[row].found for row in rows]
        return [
            np.stack([np.asarray(item[place]) for item in found])
            for place in self.arrays
        ]

    def split(self, answers: Iterable[Any]) -> list["Group"]:
        """The lanes that answer yes to a question, and the others."""
        parts: tuple[list[Lane], list[Lane]] = ([], [])
        for lane, answer in zip(self.lanes, answers):
            parts[bool(answer)].append(lane)
        return [Group.of(part, self.template) for part in parts]

    def _check_complete(self) -> None:
        held = {
            tuple(float(part) for part in parts)
            for place in range(len(self.template.paths))
            for parts in _by_element([lane.found[place] for lane in self.lanes])
        }
        variables = {
            tuple(float(part) for part in parts)
            for kind in range(3)
            for values in zip(*(lane.state[kind] for lane in self.lanes))
            for parts in _by_element(values)
        }
        first = self.lanes[0].configuration.floats
        for path in first:
            values = tuple(
                lane.configuration.floats[path] for lane in self.lanes
            )
            rounded = tuple(float(np.float32(value)) for value in values)
            varies = any(value != values[0] for value in values)
            if varies and values not in held and rounded not in variables:
                raise NotVectorizable(
                    f"`{path}` differs between settings, and no attribute of "
                    "an object holds it"
                )


def _is_equal(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(
        np.array_equal(one, other, equal_nan=True)
    )


def _are_floats(values: Sequence[Any]) -> bool:
    return all(isinstance(value, (float, np.floating)) for value in values)


MAX_ELEMENTS = 64  # of an array that may hold a list of the configuration


def _by_element(values: Sequence[Any]) -> list[Sequence[Any]]:
    """The values of each element over the lanes, of small arrays."""
    arrays = [np.asarray(value) for value in values]
    if arrays[0].size > MAX_ELEMENTS or arrays[0].dtype.kind != "f":
        return []
    return list(zip(*(array.reshape(-1) for array in arrays)))


def train(
    build: Callable[[Any], Any],
    settings: Sequence[Any],
    seeds: Sequence[int],
    *,
    train: Any,
    validation: Any,
    objective: Any,
    epochs: int,
    batch_size: int,
    patience: int,
    halving: Halving | None = None,
    memory: int | None = None,
    fill: bool = True,
) -> list[LaneResult]:
    """Trains a model per setting and seed, those of one program at once.

    Every result is that of `fit` alone after
    `keras.utils.set_random_seed(seed)`, with the best epoch's weights kept.
    Settings are told apart by the configurations of their models: what differs
    in a closure, a default argument or an attribute that is no float is taken
    from the first model. Settings that are equal are safe.

    Args:
        build: Function from a setting to a compiled model that is built.
        settings: Sequence of settings, such as `keras_tuner.HyperParameters`.
        seeds: Sequence of integers, one per setting.
        train: Pair `(x, y)` or triple `(x, y, sample_weight)` of arrays, or
            of structures of arrays.
        validation: The same, for the scores.
        objective: A `keras_tuner.Objective`.
        epochs: Integer >= 1.
        batch_size: Integer >= 1.
        patience: Integer >= 1. Epochs without a better one that end a lane.
        halving: `Halving`, or None to train all lanes to their end.
        memory: Integer, or None for what the device has. Bytes that the
            lanes may take at once.
        fill: Boolean. Whether the last batch of an epoch is filled up with
            samples drawn at random, or smaller.

    Returns:
        A list of `LaneResult`, in the order of the settings.

    Raises:
        NotVectorizable: On another backend than JAX, and if a model or the
            data cannot have lanes.
        ValueError: If an argument is invalid.
    """
    check_backend()
    if len(seeds) != len(settings):
        checks.invalid("seeds", f"{len(settings)}, one per setting", seeds)
    checks.integer("epochs", epochs, at_least=1)
    checks.integer("batch_size", batch_size, at_least=1)
    checks.integer("patience", patience, at_least=1)
    from keras_funcs.search.engines.vectorized.blocks import Plan
    from keras_funcs.search.engines.vectorized.trainer import Trainer

    data = Split.of(train)
    size = min(batch_size, data.size)
    plan = Plan(objective, epochs, size, patience, halving, fill)
    trainer = Trainer(data, Split.of(validation), plan, memory)
    results: list[LaneResult | None] = [None] * len(settings)
    for group in _groups(build, settings, seeds):
        for lane, result in zip(group.lanes, trainer.run(group)):
            results[lane.index] = result
    return [result for result in results if result is not None]


def _groups(
    build: Callable[[Any], Any], settings: Sequence[Any], seeds: Sequence[int]
) -> list[Group]:
    templates: dict[str, Template] = {}
    lanes: dict[str, list[Lane]] = {}
    for index, (hp, seed) in enumerate(zip(settings, seeds)):
        lane = make_lane(build, hp, seed, index)
        signature = lane.configuration.signature
        if signature not in templates:
            held = find_floats(lane.model)
            templates[signature] = Template(
                lane.model, list(held), list(held.values())
            )
        template = templates[signature]
        try:
            lane.found = [read(lane.model, path) for path in template.paths]
        except (LookupError, AttributeError, TypeError) as error:
            raise NotVectorizable(
                f"`{type(lane.model).__name__}` holds other objects under "
                "another setting"
            ) from error
        lane.model = None
        lanes.setdefault(signature, []).append(lane)
    return [
        Group.of(members, templates[signature])
        for signature, members in lanes.items()
    ]
