"""One epoch of many lanes, as one compiled program.

The steps are Keras's own `train_step` and `test_step`, which are functions
from state to state on JAX. Around them: `scan` over the batches, `vmap` over
the lanes, `jit`.
"""

import time
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

import jax
import keras
import numpy as np

from keras_funcs.search.engines.vectorized.arrays import Split
from keras_funcs.search.engines.vectorized.groups import Group
from keras_funcs.search.engines.vectorized.groups import is_equal
from keras_funcs.search.engines.vectorized.numbers import Numbers
from keras_funcs.search.engines.vectorized.objects import replaced
from keras_funcs.search.engines.vectorized.refusal import NotVectorizable
from keras_funcs.search.engines.vectorized.refusal import refusal

# Lists of arrays: trainable, non-trainable and optimizer's variables, each with
# an axis of lanes; then those non-trainable ones that all lanes share.
State = tuple[list[Any], list[Any], list[Any]]

# LLVM's further passes cost a third of the compilation, and give nothing.
OPTIONS = {"xla_backend_optimization_level": 1}


class Disputed(Exception):
    """Lanes that need different programs: one per answer to a question."""

    def __init__(self, answers: np.ndarray) -> None:
        super().__init__()
        self.answers = answers


class EpochProgram:
    """The epoch of a group of lanes, compiled once per number of lanes.

    Args:
        group: `Group`.
        train: `Split`, on the device.
        validation: Stacked batches and the rest, on the device.
        batch_size: Integer.

    Raises:
        NotVectorizable: If the model's metrics cannot be made.
    """

    def __init__(
        self, group: Group, train: Split, validation: Any, batch_size: int
    ) -> None:
        self.model = model = group.model
        self.scalars = group.scalars
        self.arrays = group.arrays
        self.numbers = Numbers(group.values(group.scalars))
        self.train = train
        self.seconds = 0.0
        self.constants = group.constants
        self.seeded = group.seeded
        self._floats = group.template.floats
        self._validation = validation
        first = train.rows(slice(0, min(batch_size, train.size)))
        try:
            prepare(model, first)
        except Exception as error:
            raise refusal(error) from error
        self._metrics = [v.value for v in model.metrics_variables]
        self._compiled: dict[str, Any] = {}

    def adopt(self, group: Group) -> bool:
        """Takes another group of the same template, if it fits."""
        fixed = {*self.constants, *group.constants, *group.scalars}
        return (
            group.arrays == self.arrays
            and group.seeded == self.seeded
            and all(
                path not in group.scalars
                and is_equal(
                    group.value(path),
                    self.constants.get(path, self._floats[path]),
                )
                for path in fixed - {*self.scalars}
            )
            and self.numbers.adopt(group.values(self.scalars))
        )

    def is_compiled(self, lanes: int) -> bool:
        """Whether the program exists for a number of lanes."""
        return any(key.startswith(f"{lanes} ") for key in self._compiled)

    def compiled(self, arguments: Any) -> Any:
        """The program for arguments of such shapes.

        Raises:
            Disputed: If lanes answer differently to a question that Python
                asks of their numbers.
            NotVectorizable: If the model cannot be traced with lanes.
        """
        shapes = jax.tree.map(lambda item: item.shape, arguments)
        lanes = len(arguments[2])
        key = f"{lanes} {shapes}"
        if key not in self._compiled:
            begin = time.monotonic()
            traced = self.trace(arguments)
            cpu = jax.default_backend() == "cpu"
            self._compiled[key] = traced.lower().compile(
                compiler_options=OPTIONS if cpu else None
            )
            self.seconds = time.monotonic() - begin
        return self._compiled[key]

    def trace(self, arguments: Any) -> Any:
        """The program for arguments of such shapes, before it is compiled.

        Raises:
            Disputed, NotVectorizable: As `compiled`.
        """
        traced = self._trace(arguments)
        _check_callbacks(traced.jaxpr)
        return traced

    def _trace(self, arguments: Any) -> Any:
        # The order of the samples has an axis of lanes only if they differ.
        ordered = 0 if arguments[4][0].ndim == 3 else None
        lanes = jax.vmap(
            self._epoch,
            in_axes=(0, None, 0, 0, ordered, None, None),
            out_axes=(0, None, 0, 0),
        )
        self.numbers.disputed = None
        try:
            with _plain_errors():
                return jax.jit(lanes, donate_argnums=0).trace(
                    *arguments, self.train.parts, self._validation
                )
        except jax.errors.TracerBoolConversionError as error:
            if self.numbers.disputed is None:
                raise refusal(error) from error
            raise Disputed(self.numbers.disputed) from error
        except Exception as error:
            raise refusal(error) from error

    def run(self, *arguments: Any) -> tuple[State, list[Any], Any, Any]:
        """Trains an epoch and scores it.

        Args:
            *arguments: State, shared variables, table of numbers, arrays and
                order of samples. The state is given away.

        Returns:
            The new state and shared variables, the logs of training and those
            of validation.
        """
        program = self.compiled(arguments)
        found: tuple[State, list[Any], Any, Any] = program(
            *arguments, self.train.parts, self._validation
        )
        return found

    def _epoch(
        self,
        state: State,
        shared: list[Any],
        vector: Any,
        arrays: list[Any],
        order: tuple[Any, Any],
        data: Any,
        validation: Any,
    ) -> tuple[State, list[Any], Any, Any]:
        """One epoch of a lane; all compiled programs are traced from it."""
        model, constants = self.model, self.constants
        with (
            self.numbers.traced(vector) as scalars,
            replaced(
                model,
                [*self.scalars, *self.arrays, *constants],
                [*scalars, *arrays, *constants.values()],
            ),
        ):

            def train_step(state: Any, index: Any) -> Any:
                batch = Split(data).rows(index)
                logs, new = model.train_step(state, batch)
                self._check_logs(logs)
                return _like(new, state)

            def test_step(state: Any, batch: Any) -> Any:
                _, new = model.test_step(state, batch)
                return _like(new, state)

            weights, others, optimizer = state
            others = join(others, shared, self.seeded)
            trained = _over(
                train_step, (weights, others, optimizer, self._metrics), *order
            )
            logs = self._results(trained[-1])
            weights, others, optimizer = trained[:-1]
            tested = _over(
                test_step, (weights, others, self._metrics), *validation
            )
            scores = self._results(tested[-1])
        others, shared = cut(tested[1], self.seeded)
        return (weights, others, optimizer), shared, logs, scores

    def _results(self, variables: list[Any]) -> Any:
        mapping = zip(self.model.metrics_variables, variables)
        with keras.StatelessScope(state_mapping=list(mapping)):
            return self.model.get_metrics_result()

    def _check_logs(self, logs: Any) -> None:
        """Refuses logs of a step that no metric holds at the epoch's end."""
        names = set(self.model.get_metrics_result())
        if set(logs) != names:
            raise NotVectorizable(
                f"`{type(self.model).__name__}.train_step` reports "
                f"{sorted(set(logs) ^ names)} besides its metrics"
            )


def cut(items: Sequence[Any], places: Sequence[int]) -> tuple[Any, Any]:
    """The items at other places, and those at the places."""
    others = [item for n, item in enumerate(items) if n not in places]
    return others, [items[place] for place in places]


def join(
    others: Sequence[Any], found: Sequence[Any], places: Sequence[int]
) -> list[Any]:
    """Undoes `cut`."""
    items = list(others)
    for place, item in zip(places, found):
        items.insert(place, item)
    return items


def prepare(model: Any, batch: Any) -> None:
    """Makes the variables of the metrics, and puts them at their start."""
    given = [part for part in batch if part is not None]
    # `fit` does this first; Keras has no public way to it.
    model._symbolic_build(data_batch=tuple(given))
    model.reset_metrics()


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Lets errors come as they are: Keras makes others of JAX's."""
    filtered = keras.config.is_traceback_filtering_enabled()
    keras.config.disable_traceback_filtering()
    try:
        yield
    finally:
        if filtered:
            keras.config.enable_traceback_filtering()


def _over(step: Any, state: Any, batches: Any, rest: Any) -> Any:
    """Takes the steps over stacked batches, then that over a smaller one."""
    leaves = jax.tree.leaves(batches)
    if leaves and leaves[0].shape[0]:
        state, _ = jax.lax.scan(
            lambda state, batch: (step(state, batch), None), state, batches
        )
    leaves = jax.tree.leaves(rest)
    if leaves and leaves[0].shape[0]:
        state = step(state, rest)
    return state


def _like(new: Any, old: Any) -> Any:
    """A state in the dtypes and containers of another."""
    leaves, structure = jax.tree.flatten(old)
    return jax.tree.unflatten(
        structure,
        [
            jax.numpy.asarray(item, leaf.dtype)
            for item, leaf in zip(jax.tree.leaves(new), leaves)
        ],
    )


def _check_callbacks(jaxpr: Any) -> None:
    """Refuses a program that calls Python while it runs."""
    for equation in getattr(jaxpr, "jaxpr", jaxpr).eqns:
        if "callback" in equation.primitive.name:
            raise NotVectorizable("the program calls Python while it runs")
        for parameter in jax.tree.leaves(
            list(equation.params.values()),
            is_leaf=lambda item: hasattr(item, "eqns"),
        ):
            if hasattr(parameter, "eqns") or hasattr(parameter, "jaxpr"):
                _check_callbacks(parameter)
