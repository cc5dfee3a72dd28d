"""The epochs of a block: lanes that run in one program at a time."""

import time
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import keras
import numpy as np
from jax import numpy as jnp

from keras_funcs._core.hosting import AdaptiveLoss
from keras_funcs.inspect.recorder import flatten
from keras_funcs.losses import LossModel
from keras_funcs.search.engines.vectorized.arrays import Order
from keras_funcs.search.engines.vectorized.course import Course
from keras_funcs.search.engines.vectorized.groups import Group
from keras_funcs.search.engines.vectorized.lanes import Lane
from keras_funcs.search.engines.vectorized.program import EpochProgram
from keras_funcs.search.engines.vectorized.program import cut
from keras_funcs.search.engines.vectorized.results import LaneResult


@dataclass(frozen=True)
class Recipe:
    """How every lane trains; the fields are arguments of `Trainer.train`."""

    objective: Any
    epochs: int
    batch_size: int
    patience: int
    fill: bool


class Block:
    """Trains lanes of a group side by side.

    Args:
        group: `Group`.
        rows: Sequence of integers. The lanes, as places in the group.
        program: `EpochProgram` of the group.
        recipe: `Recipe`.
    """

    def __init__(
        self,
        group: Group,
        rows: Sequence[int],
        program: EpochProgram,
        recipe: Recipe,
    ) -> None:
        self.group = group
        self.seconds = 0.0  # in the program
        self.lane_epochs = 0  # that it took them for
        self._program = program
        self._recipe = recipe
        self._all = list(rows)
        self._rows = list(rows)  # those that are still in the program
        self._epoch = 0
        total = program.train.size
        self.courses = {
            row: Course(recipe.objective, recipe.patience) for row in rows
        }
        self._orders = {
            row: Order(
                group.lanes[row].seed, total, recipe.batch_size, recipe.fill
            )
            for row in rows
        }
        self._steps = -(-total // recipe.batch_size)
        self._weights: dict[int, list[np.ndarray]] = {}
        # On the device while the block trains, or not at all.
        self._state: Any = None
        self._best: Any = None
        self._shared: Any = None
        self._parked = False
        self._pace = 0.0  # seconds of the last epoch

    @property
    def going(self) -> list[int]:
        """The lanes that train on, as places in the group."""
        return [row for row in self._rows if not self.courses[row].stopped]

    def trace(self) -> None:
        """Makes sure that the program can be compiled.

        Raises:
            Disputed, NotVectorizable: If it cannot.
        """
        self._program.trace(self._argument_shapes())

    def memory(self) -> int:
        """Bytes that the program takes while it runs.

        Raises:
            Disputed, NotVectorizable: If it cannot be compiled.
        """
        arguments = self._argument_shapes()
        found = self._program.compiled(arguments).memory_analysis()
        best = sum(
            item.size * item.dtype.itemsize
            for item in jax.tree.leaves(arguments[0][:2])
        )
        return int(
            found.argument_size_in_bytes
            + found.output_size_in_bytes
            - found.alias_size_in_bytes
            + found.temp_size_in_bytes
            + best
        )

    def advance(self, epochs: int) -> None:
        """Trains until the lanes have seen so many epochs, or have ended."""
        while self._epoch < epochs and self.going:
            self._unpark()
            self._compact(self._pace * (self._recipe.epochs - self._epoch))
            self._follow(self._epoch)
            order = self._next_order()
            arguments = self._arguments(self._state, self._shared, order)
            self._program.compiled(arguments)
            begin = time.monotonic()
            found = self._program.run(*arguments)
            self._state, self._shared, *logs = found
            better = self._observe(*jax.device_get(logs))
            self._best = _chosen(better, self._state[:2], self._best)
            self._pace = time.monotonic() - begin
            self.seconds += self._pace
            self.lane_epochs += len(self._rows)
            self._epoch += 1

    def park(self) -> None:
        """Leaves the device to other lanes."""
        if self._state is None:
            return
        if not self.going or self._epoch == self._recipe.epochs:
            self._end(self._rows)
        else:
            self._state, self._best = jax.device_get((self._state, self._best))
            self._parked = True

    def drop(self) -> list[int]:
        """Gives up the lanes that train on; returns which they are."""
        going = self.going
        self._end([row for row in self._rows if row not in going])
        for row in going:  # another block, or none, ranks these lanes
            del self.courses[row]
        return going

    def halves(self) -> list["Block"]:
        """The lanes that train on, in two blocks that begin anew."""
        going = self.drop()
        middle = len(going) // 2
        return [
            Block(self.group, part, self._program, self._recipe)
            for part in (going[:middle], going[middle:])
        ]

    def results(self) -> dict[int, LaneResult]:
        """The results of the lanes that trained here, by their `index`."""
        self._end(self._rows)
        return {
            self.group.lanes[row].index: self._result(row)
            for row in self._all
            if row in self._weights
        }

    def _unpark(self) -> None:
        if self._state is None:
            lanes = [self.group.lanes[row] for row in self._rows]
            self._state, self._shared = _stacked(lanes, self.group.seeded)
            self._best = jax.tree.map(jnp.copy, self._state[:2])
        elif self._parked:
            self._state, self._best = jax.device_put((self._state, self._best))
            self._parked = False

    def _arguments(
        self, state: Any, shared: Any, order: Any
    ) -> tuple[Any, ...]:
        arrays = self.group.stacked_arrays(self._rows)
        table = self._program.numbers.table(self._rows)
        return state, shared, table, arrays, order

    def _argument_shapes(self) -> tuple[Any, ...]:
        lanes = [self.group.lanes[row] for row in self._rows]
        state, shared = _shapes(lanes, self.group.seeded)
        return self._arguments(state, shared, self._order_shapes())

    def _order_shapes(self) -> tuple[Any, Any]:
        total, size = self._program.train.size, self._recipe.batch_size
        steps, rest = divmod(total, size)
        if rest and self._recipe.fill:
            steps, rest = steps + 1, 0
        lanes = () if self.group.seed is not None else (len(self._rows),)
        batches, last = ((*lanes, steps, size), (*lanes, rest))
        return _shape(batches, "int32"), _shape(last, "int32")

    def _next_order(self) -> tuple[np.ndarray, np.ndarray]:
        orders = [self._orders[row].next_epoch() for row in self._rows]
        if self.group.seed is not None:
            return orders[0]
        batches, rests = zip(*orders)
        return np.stack(batches), np.stack(rests)

    def _follow(self, epoch: int) -> None:
        """Tells a loss with variables what `LossModel.fit` would tell it."""
        model, epochs = self.group.model, self._recipe.epochs
        if not isinstance(model, LossModel):
            return
        if not isinstance(model.loss, AdaptiveLoss):
            return
        scope = keras.StatelessScope()
        with scope:
            model.loss.follow(epoch / epochs, 1.0 / (epochs * self._steps))
        variables, _ = cut(model.non_trainable_variables, self.group.seeded)
        for place, variable in enumerate(variables):
            told = scope.get_current_value(variable)
            if told is not None:
                old = self._state[1][place]
                self._state[1][place] = jnp.full_like(old, told)

    def _observe(self, logs: Any, scores: Any) -> np.ndarray:
        """Takes note of an epoch; returns which lanes got better."""
        found = []
        for place, row in enumerate(self._rows):
            course = self.courses[row]
            if course.stopped:
                found.append(False)
                continue
            told = _lane_of(logs, place)
            tested = _lane_of(scores, place)
            told |= {f"val_{name}": item for name, item in tested.items()}
            found.append(course.observe(dict(flatten(told))))
        return np.array(found)

    def _compact(self, seconds: float) -> None:
        """Takes stopped lanes out of the program, if that pays.

        Args:
            seconds: Float. What the remaining epochs would take.
        """
        going = self.going
        # Powers of two: few programs to compile.
        size = 1 << (len(going) - 1).bit_length()
        saved = seconds * (1 - size / len(self._rows))
        known = self._program.is_compiled(size)
        if saved <= (0.0 if known else self._program.seconds):
            return
        stopped = [row for row in self._rows if row not in going]
        rows = sorted([*going, *stopped[: size - len(going)]])
        self._keep_weights([row for row in stopped if row not in rows])
        places = np.array([self._rows.index(row) for row in rows])
        self._state, self._best = jax.tree.map(
            lambda item: item[places], (self._state, self._best)
        )
        self._rows = rows

    def _end(self, rows: Sequence[int]) -> None:
        """Keeps what lanes have learned, and leaves the device."""
        self._keep_weights(rows)
        self._rows = []
        self._state = self._best = self._shared = None

    def _keep_weights(self, rows: Sequence[int]) -> None:
        """Brings the best weights of lanes to the host."""
        if not rows:
            return
        model = self.group.model
        others, _ = cut(model.non_trainable_variables, self.group.seeded)
        best = jax.device_get(self._best)
        arrays = {
            id(variable): array
            for kind, values in zip((model.trainable_variables, others), best)
            for variable, array in zip(kind, values)
        }
        for row in rows:
            place = self._rows.index(row)
            self._weights[row] = [
                np.array(arrays[id(variable)][place])
                for variable in model.weights
            ]

    def _result(self, row: int) -> LaneResult:
        course = self.courses[row]
        name = self._recipe.objective.name
        reason = None
        if course.score is None:
            last = course.history[-1].get(name)
            reason = (
                f"`{name}` or the loss was not finite in any epoch "
                f"(last: {last})"
            )
        return LaneResult(
            seed=self.group.lanes[row].seed,
            score=course.score,
            epoch=course.epoch,
            logs=course.logs,
            history=course.history,
            weights=None if reason else self._weights[row],
            reason=reason,
            stopped=course.stopped or "epochs",
        )


def _starts(lanes: Sequence[Lane], seeded: Sequence[int]) -> Any:
    """The states of lanes, each with the variables that all share cut out."""
    states = []
    for lane in lanes:
        weights, others, optimizer = lane.state
        others, shared = cut(others, seeded)
        states.append((weights, others, optimizer))
    return states, shared


def _shapes(lanes: Sequence[Lane], seeded: Sequence[int]) -> Any:
    """The shapes that `_stacked` returns, without their memory."""
    states, shared = _starts(lanes[:1], seeded)
    count = len(lanes)
    return jax.tree.map(
        lambda item: _shape((count, *item.shape), item.dtype), states[0]
    ), jax.tree.map(lambda item: _shape(item.shape, item.dtype), shared)


def _shape(shape: Sequence[int], dtype: Any) -> Any:
    return jax.ShapeDtypeStruct(tuple(shape), np.dtype(dtype))


def _stacked(lanes: Sequence[Lane], seeded: Sequence[int]) -> Any:
    states, shared = _starts(lanes, seeded)
    state = jax.tree.map(lambda *items: jnp.asarray(np.stack(items)), *states)
    return state, jax.tree.map(jnp.asarray, shared)


def _choose_lanes(better: Any, new: Any, old: Any) -> Any:
    """Per lane, the new arrays or the old ones."""

    def choose(new: Any, old: Any) -> Any:
        mask = better.reshape(-1, *(1,) * (new.ndim - 1))
        return jnp.where(mask, new, old)

    return jax.tree.map(choose, new, old)


_chosen: Any = jax.jit(_choose_lanes)


def _lane_of(logs: Mapping[str, Any], place: int) -> dict[str, Any]:
    lane: dict[str, Any] = keras.tree.map_structure(
        lambda item: item[place], dict(logs)
    )
    return _merged(lane)


def _merged(logs: Mapping[str, Any]) -> dict[str, Any]:
    """Logs as `fit` has them: a metric's several numbers are among the rest."""
    found: dict[str, Any] = {}
    for name, item in logs.items():
        found |= _merged(item) if isinstance(item, Mapping) else {name: item}
    return found
