"""Components as pure functions of arrays: what compilers and gradients want."""

import inspect
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_funcs.testing.bench import inputs
from keras_funcs.testing.bench.cases import Case


@dataclass(frozen=True)
class Program:
    """A function of arrays that returns a list of tensors.

    The first `smooth` arrays are numbers to differentiate by; the others are
    state, labels and seeds.
    """

    function: Callable[..., list[Any]]
    arrays: list[np.ndarray]
    smooth: int

    def total(self, *points: Any) -> Any:
        """A scalar in which every output counts, by another factor each.

        Equal factors would let errors cancel in the sum.
        """
        outputs = self.function(*points, *self.arrays[self.smooth :])
        tensors = map(ops.convert_to_tensor, outputs)
        return sum(ops.sum(y * _ramp(y)) for y in tensors)


def program(case: Case, dtype: str = "float32", **overrides: Any) -> Program:
    """The program of a fresh component, in a dtype."""
    return _PROGRAMS[case.kind](case, dtype, overrides)


def _activation(case: Case, dtype: str, overrides: Any) -> Program:
    function = case.make(**overrides)
    x = inputs.features(case).astype(dtype)
    # A user's `x + ops.tanh(x)` fails on an array with Torch.
    return Program(lambda x: [function(ops.convert_to_tensor(x))], [x], 1)


def _layer(case: Case, dtype: str, overrides: Any) -> Program:
    training = overrides.pop("training", False)
    layer = case.make(dtype=dtype, **overrides)
    # `stateless_call` hands all on to `call`.
    accepted = "training" in inspect.signature(layer.call).parameters
    mode = {"training": training} if accepted else {}
    x = inputs.features(case)
    layer.build(inputs.shapes(x))
    numbers, ids = inputs.numbers_and_ids(x)
    numbers = [item.astype(dtype) for item in numbers]
    trainable = [values(v) for v in layer.trainable_variables]
    others = [values(v) for v in layer.non_trainable_variables]

    def function(*arrays: Any) -> list[Any]:
        given = list(arrays)
        points, given = given[: len(numbers)], given[len(numbers) :]
        own, given = given[: len(trainable)], given[len(trainable) :]
        every = [*points, *given[: len(ids)]]
        every = [ops.convert_to_tensor(item) for item in every]
        y, _, added = layer.stateless_call(
            own,
            given[len(ids) :],
            every if isinstance(x, list) else every[0],
            return_losses=True,
            **mode,
        )
        return [*keras.tree.flatten(y), *added]

    arrays = [*numbers, *trainable, *ids, *others]
    return Program(function, arrays, len(numbers) + len(trainable))


def _loss(case: Case, dtype: str, overrides: Any) -> Program:
    loss = case.make(**{"dtype": dtype, "reduction": None, **overrides})
    y_true = inputs.labels(case)
    y_pred = inputs.predictions(case, loss).astype(dtype)
    return Program(lambda p, t: [loss(t, p)], [y_pred, y_true], 1)


def _adaptive_loss(case: Case, dtype: str, overrides: Any) -> Program:
    loss = case.make(dtype=dtype, **overrides)
    y_true = inputs.labels(case)
    y_pred = inputs.predictions(case, loss).astype(dtype)
    trainable = [values(v) for v in loss.trainable_variables]
    others = [values(v) for v in loss.non_trainable_variables]

    def function(p: Any, *rest: Any) -> list[Any]:
        own, (t, *state) = rest[: len(trainable)], rest[len(trainable) :]
        pair = [ops.convert_to_tensor(t), ops.convert_to_tensor(p)]
        _, state, (value,) = loss.stateless_call(
            list(own), state, pair, training=True, return_losses=True
        )
        return [value, *state]

    arrays = [y_pred, *trainable, y_true, *others]
    return Program(function, arrays, 1 + len(trainable))


def _metric(case: Case, dtype: str, overrides: Any) -> Program:
    metric = case.make(dtype=dtype, **overrides)
    y_true = inputs.labels(case)
    y_pred = inputs.predictions(case, metric).astype(dtype)
    metric.update_state(y_true, y_pred)  # creates the state
    metric.reset_state()
    state = [values(v) for v in metric.variables]

    def function(t: Any, p: Any, *state: Any) -> list[Any]:
        found = metric.stateless_update_state(list(state), t, p)
        return [*found, *keras.tree.flatten(metric.stateless_result(found))]

    return Program(function, [y_true, y_pred, *state], 0)


def _optimizer(case: Case, dtype: str, overrides: Any) -> Program:
    optimizer = case.make(**overrides)
    start = [inputs.weights(rank).astype(dtype) for rank in (1, 2)]
    gradients = [inputs.weights(rank, seed=1).astype(dtype) for rank in (1, 2)]
    variables = [keras.Variable(w, dtype=dtype) for w in start]
    optimizer.build(variables)
    state = [values(v) for v in optimizer.variables]

    step = pure_step(optimizer, variables)

    def function(*arrays: Any) -> list[Any]:
        return step(arrays[:2], arrays[2:4], arrays[4:])

    return Program(function, [*gradients, *start, *state], 0)


Step = Callable[[Sequence[Any], Sequence[Any], Sequence[Any]], list[Any]]


def pure_step(optimizer: Any, variables: Sequence[Any]) -> Step:
    """One step from gradients, weights and state to new weights and state."""

    def stateless(gradients: Any, weights: Any, state: Any) -> list[Any]:
        weights, state = optimizer.stateless_apply(
            list(state), list(gradients), list(weights)
        )
        return [*weights, *state]

    def stateful(gradients: Any, weights: Any, state: Any) -> list[Any]:
        every = [*variables, *optimizer.variables]
        for variable, value in zip(every, [*weights, *state]):
            variable.assign(value)
        optimizer.apply(list(gradients), variables)
        return [ops.copy(variable) for variable in every]

    # Keras refuses stateless steps on TensorFlow, whose compiler takes these.
    stays = keras.config.backend() == "tensorflow"
    return stateful if stays else stateless


def _schedule(case: Case, dtype: str, overrides: Any) -> Program:
    schedule = case.make(**overrides)
    return Program(
        lambda *steps: [schedule(step) for step in steps],
        [np.asarray(step, dtype="int32") for step in range(0, 20, 2)],
        0,
    )


def _regularizer(case: Case, dtype: str, overrides: Any) -> Program:
    penalty = case.make(**overrides)
    return Program(
        lambda *every: [penalty(w) for w in every],
        [inputs.weights(rank).astype(dtype) for rank in (1, 2, 4)],
        3,
    )


def _initializer(case: Case, dtype: str, overrides: Any) -> Program:
    fixed = {"seed": 1} if case.accepts("seed") else {}
    initializer = case.make(**fixed, **overrides)

    def function(factor: Any) -> list[Any]:
        return [factor * initializer((30, 40), dtype=dtype)]

    return Program(function, [np.ones((), dtype)], 1)


_PROGRAMS: dict[str, Callable[[Case, str, Any], Program]] = {
    "activations": _activation,
    "adaptive_losses": _adaptive_loss,
    "initializers": _initializer,
    "layers": _layer,
    "losses": _loss,
    "metrics": _metric,
    "optimizers": _optimizer,
    "regularizers": _regularizer,
    "schedules": _schedule,
}


def _ramp(y: Any) -> Any:
    size = int(np.prod(y.shape)) if len(y.shape) else 1
    ramp = np.linspace(0.5, 1.5, size).reshape(tuple(y.shape))
    return ops.convert_to_tensor(ramp, dtype=y.dtype)


def values(tensor: Any) -> np.ndarray:
    """A tensor or variable as a NumPy array."""
    return np.asarray(ops.convert_to_numpy(tensor))


def results(tensors: Any) -> list[np.ndarray]:
    """All tensors of a structure, half precision as float32."""
    return [
        values(
            ops.cast(item, "float32")
            if keras.backend.standardize_dtype(item.dtype) == "bfloat16"
            else item
        )
        for item in keras.tree.flatten(tensors)
    ]
