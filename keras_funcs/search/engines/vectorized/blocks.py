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
from keras_funcs.search.engines.vectorized.course import Halving
from keras_funcs.search.engines.vectorized.groups import Group
from keras_funcs.search.engines.vectorized.program import Program
from keras_funcs.search.engines.vectorized.results import LaneResult


@dataclass(frozen=True)
class Plan:
    """How every lane trains; the fields are arguments of `train`."""

    objective: Any
    epochs: int
    batch_size: int
    patience: int
    halving: Halving | None
    fill: bool


class Block:
    """Trains lanes of a group side by side.

    Args:
        group: `Group`.
        rows: Sequence of integers. The lanes, as places in the group.
        program: `Program` of the group.
        plan: `Plan`.
    """

    def __init__(
        self, group: Group, rows: Sequence[int], program: Program, plan: Plan
    ) -> None:
        self._group = group
        self._program = program
        self._plan = plan
        self._all = list(rows)
        self._rows = list(rows)  # those that are still in the program
        total = program.train.size
        self._courses = {
            row: Course(plan.objective, plan.patience) for row in rows
        }
        self._orders = {
            row: Order(group.lanes[row].seed, total, plan.batch_size, plan.fill)
            for row in rows
        }
        self._steps = -(-total // plan.batch_size)
        self._state = _stacked([group.lanes[row].state for row in rows])
        self._best = jax.tree.map(jnp.copy, self._state[:2])
        self._weights: dict[int, list[np.ndarray]] = {}
        self._order = self._next_order()

    def memory(self) -> int:
        """Bytes that the program takes while it runs.

        Raises:
            Disputed, NotVectorizable: If it cannot be compiled.
        """
        found = self._program.compiled(self._arguments()).memory_analysis()
        best = sum(item.nbytes for item in jax.tree.leaves(self._best))
        return (
            found.argument_size_in_bytes
            + found.output_size_in_bytes
            - found.alias_size_in_bytes
            + found.temp_size_in_bytes
            + best
        )

    def run(self) -> dict[int, LaneResult]:
        """Trains the lanes; returns their results by their `index`."""
        for epoch in range(self._plan.epochs):
            self._follow(epoch)
            begin = time.monotonic()
            self._state, *logs = self._program.run(*self._arguments())
            better = self._observe(*jax.device_get(logs))
            self._best = _chosen(better, self._state[:2], self._best)
            seconds = time.monotonic() - begin
            halving = self._plan.halving
            if halving is not None and halving.is_rung(epoch + 1):
                halving.stop([self._courses[row] for row in self._all])
            remaining = self._plan.epochs - epoch - 1
            if not remaining or not self._going():
                break
            self._compact(seconds * remaining)
            self._order = self._next_order()
        self._keep_weights(self._rows)
        return {
            self._group.lanes[row].index: self._result(row) for row in self._all
        }

    def _going(self) -> list[int]:
        return [row for row in self._rows if not self._courses[row].stopped]

    def _arguments(self) -> tuple[Any, ...]:
        arrays = self._group.stacked_arrays(self._rows)
        table = self._program.numbers.table(self._rows)
        return self._state, table, arrays, self._order

    def _next_order(self) -> tuple[np.ndarray, np.ndarray]:
        orders = [self._orders[row].next_epoch() for row in self._rows]
        if len({self._group.lanes[row].seed for row in self._rows}) == 1:
            return orders[0]
        batches, rests = zip(*orders)
        return np.stack(batches), np.stack(rests)

    def _follow(self, epoch: int) -> None:
        """Tells a loss with variables what `LossModel.fit` would tell it."""
        model, epochs = self._group.model, self._plan.epochs
        if not isinstance(model, LossModel):
            return
        if not isinstance(model.loss, AdaptiveLoss):
            return
        scope = keras.StatelessScope()
        with scope:
            model.loss.follow(epoch / epochs, 1.0 / (epochs * self._steps))
        for place, variable in enumerate(model.non_trainable_variables):
            told = scope.get_current_value(variable)
            if told is not None:
                old = self._state[1][place]
                self._state[1][place] = jnp.full_like(old, told)

    def _observe(self, logs: Any, scores: Any) -> np.ndarray:
        """Takes note of an epoch; returns which lanes got better."""
        found = []
        for place, row in enumerate(self._rows):
            course = self._courses[row]
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
        going = self._going()
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

    def _keep_weights(self, rows: Sequence[int]) -> None:
        """Brings the best weights of lanes to the host."""
        model = self._group.model
        best = jax.device_get(self._best)
        variables = (model.trainable_variables, model.non_trainable_variables)
        arrays = {
            id(variable): array
            for kind, values in zip(variables, best)
            for variable, array in zip(kind, values)
        }
        for row in rows:
            place = self._rows.index(row)
            self._weights[row] = [
                np.array(arrays[id(variable)][place])
                for variable in model.weights
            ]

    def _result(self, row: int) -> LaneResult:
        course = self._courses[row]
        name = self._plan.objective.name
        reason = None
        if course.score is None:
            last = course.history[-1].get(name)
            reason = (
                f"`{name}` or the loss was not finite in any epoch "
                f"(last: {last})"
            )
        return LaneResult(
            seed=self._group.lanes[row].seed,
            score=course.score,
            epoch=course.epoch,
            logs=course.logs,
            history=course.history,
            weights=None if reason else self._weights[row],
            reason=reason,
            stopped=course.stopped or "epochs",
        )


def _stacked(states: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *items: jnp.asarray(np.stack(items)), *states)


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
    return lane
