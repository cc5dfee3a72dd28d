"""Groups of lanes that share a program, and the floats they differ in."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import numpy as np

from keras_funcs.search.engines.vectorized.lanes import Lane
from keras_funcs.search.engines.vectorized.lanes import make_lane
from keras_funcs.search.engines.vectorized.objects import Path
from keras_funcs.search.engines.vectorized.objects import look
from keras_funcs.search.engines.vectorized.refusal import NotVectorizable
from keras_funcs.search.engines.vectorized.refusal import refusal

MAX_TEMPLATES = 8  # that are kept, with their compiled programs
SEEDED = "seed_generator_state"  # Keras's name of such a variable


@dataclass(eq=False)
class Template:
    """The model whose program all lanes of a group run.

    Attributes:
        model: The model.
        floats: Mapping from the path of each float to what is there.
        programs: List of the programs that were compiled for it.
    """

    model: Any
    floats: dict[Path, Any]
    programs: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Group:
    """Lanes that share a program, and the floats in which they differ.

    Attributes:
        template: `Template`.
        lanes: List of `Lane`.
        scalars: List of paths to the floats that lanes differ in.
        arrays: List of paths to such arrays of floats.
        constants: Mapping from the path of what all lanes have in place of the
            template's to their value.
        seeded: List of integers. Non-trainable variables that hold the state
            of random numbers, the same one for all lanes.
    """

    template: Template
    lanes: list[Lane]
    scalars: list[Path]
    arrays: list[Path]
    constants: dict[Path, Any]
    seeded: list[int]

    @classmethod
    def of(cls, lanes: Sequence[Lane], template: Template) -> "Group":
        """Finds what lanes of one signature differ in.

        Raises:
            NotVectorizable: If a number of the configuration is held by no
                object, and by no variable: it could not be a lane's own.
        """
        scalars, arrays, constants = [], [], {}
        for path, own in template.floats.items():
            values = [lane.held.floats[path] for lane in lanes]
            same = all(is_equal(value, values[0]) for value in values)
            if not same and _are_floats(values):
                scalars.append(path)
            elif not same:
                arrays.append(path)
            elif not is_equal(own, values[0]):
                constants[path] = values[0]
        _check_complete(lanes)
        seeded = _seeded(lanes, template.model)
        return cls(template, list(lanes), scalars, arrays, constants, seeded)

    @property
    def model(self) -> Any:
        """The template."""
        return self.template.model

    @property
    def seed(self) -> int | None:
        """The seed of all lanes, if they have the same one."""
        seeds = {lane.seed for lane in self.lanes}
        return seeds.pop() if len(seeds) == 1 else None

    def value(self, path: Path) -> Any:
        """The value that all lanes have at a path."""
        return self.constants.get(path, self.template.floats[path])

    def values(self, scalars: Sequence[Path]) -> np.ndarray:
        """`(lanes, scalars)` float64: what each lane has of some floats."""
        rows = [
            [float(lane.held.floats[path]) for path in scalars]
            for lane in self.lanes
        ]
        shape = (len(self.lanes), len(scalars))
        return np.array(rows, "float64").reshape(shape)

    def stacked_arrays(self, rows: Sequence[int]) -> list[np.ndarray]:
        """The arrays that lanes differ in, each with an axis of lanes."""
        found = [self.lanes[row].held.floats for row in rows]
        return [
            np.stack([np.asarray(item[path]) for item in found])
            for path in self.arrays
        ]

    def split(self, answers: Iterable[Any]) -> list["Group"]:
        """The lanes that answer yes to a question, and the others."""
        parts: tuple[list[Lane], list[Lane]] = ([], [])
        for lane, answer in zip(self.lanes, answers):
            parts[bool(answer)].append(lane)
        return [Group.of(part, self.template) for part in parts]


class Templates:
    """Finds the template of each lane, over several blocks of lanes."""

    def __init__(self) -> None:
        self._known: dict[str, Template] = {}
        self._noise: dict[str, frozenset[Path]] = {}

    def groups(
        self,
        build: Callable[[Any], Any],
        settings: Sequence[Any],
        seeds: Sequence[int],
    ) -> tuple[list[Group], dict[int, NotVectorizable]]:
        """Builds all lanes.

        Returns:
            Their groups; and why a lane, by its place, is in none.
        """
        members: dict[str, list[Lane]] = {}
        refused: dict[int, NotVectorizable] = {}
        for index, (hp, seed) in enumerate(zip(settings, seeds)):
            try:
                lane = make_lane(build, hp, seed, index)
                key = self._key(lane, build, hp)
            except Exception as error:
                refused[index] = refusal(error)
                continue
            template = self._known.pop(key, None)
            if template is None:
                template = Template(lane.model, lane.held.floats)
            self._known[key] = template  # the last one is the latest
            lane.model = None
            others = members.setdefault(key, [])
            lane.share((others or [lane])[0])
            others.append(lane)
        groups = []
        for key, lanes in members.items():
            try:
                groups.append(Group.of(lanes, self._known[key]))
            except NotVectorizable as error:
                refused |= {lane.index: error for lane in lanes}
        while len(self._known) > MAX_TEMPLATES:
            del self._known[next(iter(self._known))]
        return groups, refused

    def program_of(
        self, build: Callable[[Any], Any], hp: Any
    ) -> tuple[str, int]:
        """The signature of a setting's program, and the bytes of its state."""
        lane = make_lane(build, hp, 0, 0)
        size = sum(item.nbytes for kind in lane.state for item in kind)
        return self._key(lane, build, hp), size

    def _key(self, lane: Lane, build: Callable[[Any], Any], hp: Any) -> str:
        """The facts that lanes of one program have in common."""
        signature = lane.configuration.signature
        if signature not in self._noise:
            # Two builds of one setting that differ in their seed alone.
            twin = make_lane(build, hp, lane.seed + 1, lane.index)
            found = look(lane.model).noise(look(twin.model))
            self._noise[signature] = found
        lane.held = look(lane.model, self._noise[signature])
        return f"{signature} {lane.held.digest()}"


def _seeded(lanes: Sequence[Lane], model: Any) -> list[int]:
    if len({lane.seed for lane in lanes}) > 1:
        return []
    return [
        place
        for place, variable in enumerate(model.non_trainable_variables)
        if variable.name == SEEDED
        and all(
            np.array_equal(lane.state[1][place], lanes[0].state[1][place])
            for lane in lanes
        )
    ]


def _check_complete(lanes: Sequence[Lane]) -> None:
    held = {
        tuple(float(part) for part in parts)
        for path in lanes[0].held.floats
        for parts in _by_element([lane.held.floats[path] for lane in lanes])
    }
    variables: set[tuple[float, ...]] | None = None
    for path, value in lanes[0].configuration.floats.items():
        values = tuple(lane.configuration.floats[path] for lane in lanes)
        if values in held or all(other == value for other in values):
            continue
        if variables is None:
            variables = _variables(lanes)
        if tuple(float(np.float32(value)) for value in values) in variables:
            continue
        raise NotVectorizable(
            f"`{path}` differs between settings, and no attribute of an "
            "object holds it"
        )


def _variables(lanes: Sequence[Lane]) -> set[tuple[float, ...]]:
    return {
        tuple(float(part) for part in parts)
        for kind in range(3)
        for values in zip(*(lane.state[kind] for lane in lanes))
        for parts in _by_element(values)
    }


def is_equal(one: Any, other: Any) -> bool:
    """Whether two floats, or arrays of floats, are the same."""
    if one is other:
        return True
    if type(one) is float and type(other) is float:
        return one == other or (one != one and other != other)
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
