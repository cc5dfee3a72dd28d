"""Checks of numbers: gradients, extremes, dtypes, compilers."""

from dataclasses import replace
from typing import Any

import numpy as np
from keras import ops

from keras_funcs._core.backend import ValueAndGradient
from keras_funcs._core.backend import active
from keras_funcs._core.backend import gradient
from keras_funcs.testing.bench import inputs
from keras_funcs.testing.bench.cases import CLASSES
from keras_funcs.testing.bench.cases import Case
from keras_funcs.testing.bench.programs import program
from keras_funcs.testing.bench.programs import results
from keras_funcs.testing.runner import DETERMINISTIC
from keras_funcs.testing.runner import check
from keras_funcs.testing.runner import close
from keras_funcs.testing.runner import expect
from keras_funcs.testing.runner import finite

SMOOTH = (
    "activations", "adaptive_losses", "layers", "losses", "regularizers",
)  # fmt: skip
# The first is wide, because Keras on JAX rounds some functions, such as
# `arctan`, to float32 all the same; the second is for layers with a kink
# inside, which the first may step over. A wrong gradient agrees with neither.
STEPS = (1e-3, 1e-5)


@check(
    *SMOOTH,
    dear=True,
    only=lambda case: not case.layer.changes_gradient,
)
def gradient_is_the_slope(case: Case) -> None:
    """A gradient that is not the derivative of the value.

    In float64, along random directions, against central differences of fourth
    order.
    """
    for form in _forms(case):
        with active().float64():
            made = program(case, "float64", **form)
            points = made.arrays[: made.smooth]
            both = active().value_and_gradient(made.total)
            slopes = both(*points)[1]
            for seed in range(2):
                draw = inputs.generator(seed + 10)
                along = [draw.normal(size=a.shape) for a in points]
                parts = [np.sum(g * d) for g, d in zip(slopes, along)]
                size = 1e-4 + 1e-4 * float(np.sum(np.abs(parts)))
                for step in STEPS:
                    expected = _difference(both, points, along, step)
                    if abs(expected - sum(parts)) <= size:
                        break
                what = "slope by the gradient and by central differences"
                close(sum(parts), expected, what, 0.0, size)


def _difference(
    both: ValueAndGradient,
    points: list[np.ndarray],
    along: list[np.ndarray],
    step: float,
) -> float:
    around = [
        both(*[p + k * step * d for p, d in zip(points, along)])[0]
        for k in (-2, -1, 1, 2)
    ]
    return float(np.dot(around, [1, -8, 8, -1]) / (12 * step))


@check(*DETERMINISTIC, programs=True, dear=True)
def compiled_equals_eager(case: Case) -> None:
    """A component that the backend's compiler refuses or changes."""
    made = program(case)
    eager = results(made.function(*map(ops.convert_to_tensor, made.arrays)))
    compiled = active().compiled(made.function)
    fast = results(compiled(*map(ops.convert_to_tensor, made.arrays)))
    for index, (found, expected) in enumerate(zip(fast, eager)):
        finite(expected, f"output {index}")
        close(found, expected, f"compiled output {index}", 1e-4, 1e-5)


@check("losses", dear=True)
def extremes_are_finite(case: Case) -> None:
    """NaN or infinity from logits of 1e4 or probabilities of 0 and 1.

    Value and gradient, for every label: one such sample ends a training.
    """
    for form in _forms(case):
        loss = case.make(reduction="sum", **form)
        y_true, y_pred = _extremes(case, loss)
        value, slope = _value_and_slope(loss, y_true, y_pred)
        finite(value, f"the loss at extremes, {form}")
        finite(slope, f"the gradient at extremes, {form}")


@check("losses", dear=True, only=lambda case: case.keeps_gradient)
def wrong_predictions_have_a_gradient(case: Case) -> None:
    """A clip that silences just the samples that are confidently wrong."""
    for form in _forms(case):
        loss = case.make(reduction="sum", **form)
        if inputs.takes_logits(loss):
            rows = [[gap, 0.0, 0.0, 0.0] for gap in (20.0, 100.0, 1e4)]
        else:
            rows = [[1.0 - p, p, 0.0, 0.0] for p in (1e-6, 1e-20, 1e-30)]
        y_pred = np.asarray(rows, dtype="float32")
        y_true = np.ones(3, dtype="int32")
        if case.targets == "labels":
            y_true = np.tile([[0.0, 1.0, 0.0, 0.0]], (3, 1))
            y_pred[:, 1] = -y_pred[:, 0] if loss.from_logits else y_pred[:, 1]
        _, slope = _value_and_slope(loss, y_true, y_pred)
        expect(
            np.all(slope[:, 1] < 0.0),
            "the gradient does not raise the score of the true label, "
            f"{form}: {slope[:, 1]}",
        )


@check("activations", "layers", dear=True)
def extreme_inputs_are_finite(case: Case) -> None:
    """A formula that overflows, or whose gradient is NaN, at 0 or 1e4."""
    made = program(case)
    numbers, ids = inputs.numbers_and_ids(inputs.extremes(case))
    points = [*numbers, *made.arrays[len(numbers) : made.smooth]]
    rest = [*ids, *made.arrays[made.smooth + len(ids) :]]
    made = replace(made, arrays=[*points, *rest])
    for y in results(made.function(*made.arrays)):
        finite(y, "the output at extremes")
    for slope in gradient(made.total, points):
        finite(slope, "the gradient at extremes")


@check("regularizers", dear=True)
def extreme_weights_are_finite(case: Case) -> None:
    """A penalty without a gradient at zero weights, where all of them end."""
    made = program(case)
    both = active().value_and_gradient(made.total)
    for value in (0.0, 1e-30, 1e4):
        points = [np.full_like(a, value) for a in made.arrays]
        total, slopes = both(*points)
        finite(total, f"the penalty at {value}")
        for slope in slopes:
            finite(slope, f"the gradient at weights of {value}")


def _value_and_slope(
    loss: Any, y_true: np.ndarray, y_pred: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    both = active().value_and_gradient(lambda p: loss(y_true, p))
    value, (slope,) = both(y_pred)
    return value, slope


def _forms(case: Case) -> list[dict[str, bool]]:
    if case.accepts("from_logits"):
        return [{"from_logits": True}, {"from_logits": False}]
    return [{}]


def _extremes(case: Case, loss: Any) -> tuple[np.ndarray, np.ndarray]:
    """Every row of extreme scores with every label."""
    scores = inputs.extreme_probabilities()
    if inputs.takes_logits(loss) and case.targets != "values":
        scores = inputs.extreme_logits()
    ids = np.repeat(np.arange(CLASSES, dtype="int32"), len(scores))
    scores = np.tile(scores, (CLASSES, 1))
    ids_only = case.targets in ("classes", "ids")
    return ids if ids_only else inputs.one_hot(ids), scores
