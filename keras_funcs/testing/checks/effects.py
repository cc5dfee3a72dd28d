"""Checks that arguments do something."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_funcs.testing.bench import inputs
from keras_funcs.testing.bench.alternatives import alternatives
from keras_funcs.testing.bench.cases import CLASSES
from keras_funcs.testing.bench.cases import Case
from keras_funcs.testing.bench.programs import results
from keras_funcs.testing.bench.programs import values
from keras_funcs.testing.runner import NUMERIC
from keras_funcs.testing.runner import check
from keras_funcs.testing.runner import expect

# Some arguments act only where another one is given.
CONTEXTS: list[dict[str, Any]] = [
    {},
    {"bound": 0.5},
    {"class_counts": [40, 20, 10, 5]},
    {"class_counts": [40, 20, 10, 0]},
    {"class_counts": [40, 5]},
    {"groups": 2},
    {"margin": 0.1},
    {"trainable_frequency": True},
    {"weight_decay": 0.1},
]
# No number depends on these; what the second saves is checked by itself.
UNSEEN = ("name", "memory_efficient")


@check(*NUMERIC, once=True, dear=True)
def every_argument_has_an_effect(case: Case) -> None:
    """An argument that is taken and ignored, or that a base swallows.

    Values, errors, shapes of weights and whether they train, penalties and
    constraints count.
    """
    seen: dict[int, Any] = {}
    for name in case.own:
        if name in UNSEEN:
            continue
        expect(
            any(
                _has_effect(case, name, index, context, seen)
                for index, context in enumerate(CONTEXTS)
                if name not in context and _fits(case, context)
            ),
            f"argument `{name}` changes nothing",
        )


@check(*NUMERIC, once=True, dear=True)
def both_ends_of_a_range_differ(case: Case) -> None:
    """A range to search in which nothing happens."""
    for name, span in case.tune.items():
        apart = False
        for context in CONTEXTS:
            if name in context or not _fits(case, context):
                continue
            low, high = (
                _observe(case, {**context, name: span.ends[end]})
                for end in (0, -1)
            )
            apart = apart or _differ(low, high)
        expect(apart, f"both ends of the range of `{name}` give the same")


def _fits(case: Case, context: dict[str, Any]) -> bool:
    decays = case.kind == "optimizers"  # Keras's argument, not in `own`
    return all(
        case.accepts(name) or (decays and name == "weight_decay")
        for name in context
    )


def _has_effect(
    case: Case,
    name: str,
    index: int,
    context: dict[str, Any],
    seen: dict[int, Any],
) -> bool:
    if index not in seen:
        seen[index] = _observe(case, context)
    return any(
        _differ(_observe(case, {**context, name: value}), seen[index])
        for value in alternatives(case, name)
    )


def _differ(left: list[Any], right: list[Any]) -> bool:
    if len(left) != len(right):
        return True
    return any(
        a.shape != b.shape
        or not np.allclose(a, b, rtol=1e-6, atol=1e-9, equal_nan=True)
        for a, b in zip(left, right)
    )


def _observe(case: Case, overrides: dict[str, Any]) -> list[Any]:
    """All that can be seen of a component; what raises is seen as nothing."""
    seen = []
    for observer in _OBSERVERS[case.kind]:
        keras.utils.set_random_seed(5)
        try:
            seen += observer(case, overrides)
        except (ValueError, TypeError):
            seen.append(np.zeros(0))
    return seen


def _activation(case: Case, overrides: dict[str, Any]) -> list[Any]:
    x = inputs.generator().normal(size=(4, 6, 8)).astype("float32")
    return results([case.make(**overrides)(x)])


def _layer(case: Case, overrides: dict[str, Any]) -> list[Any]:
    layer = case.make(**overrides)
    x = inputs.features(case)
    if case.rank_is_free:
        x = np.stack([x, 2.0 * x], axis=1)
    outputs = [layer(x), layer(x, training=True), *layer.losses]
    seen = results(outputs)
    seen.append(np.asarray([w.trainable for w in layer.weights]))
    if any(not values(variable).any() for variable in layer.weights):
        # What starts at 0 may hide the rest of the formula.
        before = layer.get_weights()
        layer.set_weights([np.asarray(w + 0.5, w.dtype) for w in before])
        seen += results(layer(x))
        layer.set_weights(before)
    for variable in layer.weights:
        shape = tuple(variable.shape)
        ramp = np.linspace(-1.0, 1.0, int(np.prod(shape))).reshape(shape)
        constraint = variable.constraint or (lambda w: w)
        seen += [values(variable), *results([constraint(ramp)])]
    return seen


def _loss(case: Case, overrides: dict[str, Any]) -> list[Any]:
    loss = case.make(reduction=None, **overrides)
    y_pred = inputs.probabilities(case)
    return results([loss(inputs.labels(case), y_pred)])


def _loss_of_squares(case: Case, overrides: dict[str, Any]) -> list[Any]:
    """Every axis could be the classes'."""
    loss = case.make(reduction=None, **overrides)
    y_pred = inputs.generator().uniform(0.1, 0.9, (3, CLASSES, CLASSES))
    unequal = np.eye(CLASSES, dtype="float32")[[0, 0, 1, 2]]
    y_true = np.tile(unequal, (3, 1, 1))
    return results([loss(y_true, y_pred.astype("float32"))])


def _adaptive_loss(case: Case, overrides: dict[str, Any]) -> list[Any]:
    loss = case.make(**overrides)
    given = inputs.labels(case), inputs.predictions(case, loss)
    weights = np.linspace(0.0, 2.0, len(given[0])).astype("float32")
    seen = [loss.compute(*given, weights, training=True)]
    return results([*seen, *loss.weights])


def _adaptive_loss_of_squares(
    case: Case, overrides: dict[str, Any]
) -> list[Any]:
    loss = case.make(**overrides)
    scores = inputs.generator().uniform(0.1, 0.9, (3, CLASSES, CLASSES))
    y_true = np.tile(np.eye(CLASSES, dtype="float32"), (3, 1, 1))
    return results([loss.compute(y_true, scores.astype("float32"))])


def _metric(case: Case, overrides: dict[str, Any]) -> list[Any]:
    metric = case.make(**overrides)
    before = [values(v) for v in metric.variables]
    metric.update_state(inputs.labels(case), inputs.predictions(case, metric))
    return [*before, *results(metric.result())]


def _metric_of_one_score(case: Case, overrides: dict[str, Any]) -> list[Any]:
    metric = case.make(**overrides)
    scores = inputs.generator(3).uniform(size=40).astype("float32")
    metric.update_state((scores > 0.4).astype("int32"), scores)
    return results(metric.result())


def _metric_of_logits(case: Case, overrides: dict[str, Any]) -> list[Any]:
    """Scores that are no probabilities, whether announced or not."""
    metric = case.make(**overrides)
    z = inputs.generator(4).normal(size=(40, CLASSES)).astype("float32")
    metric.update_state(inputs.labels(case, batch=40), 5.0 * z)
    return results(metric.result())


def _metric_of_few_classes(case: Case, overrides: dict[str, Any]) -> list[Any]:
    metric = case.make(**overrides)
    few = np.array([0, 0, 1, 1, 1], dtype="int32")
    scores = inputs.one_hot(np.array([0, 1, 1, 1, 2]))
    metric.update_state(few, scores)
    return results(metric.result())


def _optimizer(case: Case, overrides: dict[str, Any]) -> list[Any]:
    optimizer = case.make(**overrides)
    variables = [keras.Variable(inputs.weights(rank)) for rank in (1, 2)]
    optimizer.build(variables)
    for step in range(3):
        optimizer.apply(
            [inputs.weights(rank, seed=step + 1) for rank in (1, 2)], variables
        )
    return [values(v) for v in variables]


def _schedule(case: Case, overrides: dict[str, Any]) -> list[Any]:
    schedule = case.make(**overrides)
    return results([schedule(step) for step in range(15)])


def _regularizer(case: Case, overrides: dict[str, Any]) -> list[Any]:
    penalty = case.make(**overrides)
    return results([penalty(inputs.weights(rank)) for rank in (1, 2, 4)])


def _initializer(case: Case, overrides: dict[str, Any]) -> list[Any]:
    initializer = case.make(**overrides)
    return results([initializer((3, 2, 5, CLASSES)[-rank:]) for rank in (1, 3)])


_OBSERVERS: dict[str, list[Callable[[Case, dict[str, Any]], list[Any]]]] = {
    "activations": [_activation],
    "adaptive_losses": [_adaptive_loss, _adaptive_loss_of_squares],
    "initializers": [_initializer],
    "layers": [_layer],
    "losses": [_loss, _loss_of_squares],
    "metrics": [
        _metric,
        _metric_of_one_score,
        _metric_of_few_classes,
        _metric_of_logits,
    ],  # fmt: skip
    "optimizers": [_optimizer],
    "regularizers": [_regularizer],
    "schedules": [_schedule],
}
