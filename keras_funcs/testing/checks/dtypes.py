"""Checks of precision: every dtype, and mixed policies."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_funcs._core.backend import active
from keras_funcs.testing.bench import inputs
from keras_funcs.testing.bench.cases import CLASSES
from keras_funcs.testing.bench.cases import Case
from keras_funcs.testing.bench.programs import results
from keras_funcs.testing.runner import check
from keras_funcs.testing.runner import close
from keras_funcs.testing.runner import expect
from keras_funcs.testing.runner import finite

DTYPES = ("float16", "bfloat16", "float32", "float64")
MIXED = ("mixed_float16", "mixed_bfloat16")
HALF = 2e-2  # of the value; bfloat16 has 8 bits


@check("layers", once=True, dear=True)
def policies_are_kept(case: Case) -> None:
    """An output of another dtype than announced, or half-precision weights.

    Under a mixed policy weights stay float32, or small updates are lost.
    """
    x = inputs.features(case)
    exact, weights = None, None
    with active().float64():
        for policy in (*reversed(DTYPES), *MIXED):
            layer = case.make(dtype=policy)
            layer.build(inputs.shapes(x))
            dtype = layer.compute_dtype
            given = inputs.in_dtype(x, dtype)
            symbols = keras.tree.map_structure(
                lambda item: keras.KerasTensor(item.shape, dtype=_dtype(item)),
                given,
            )
            announced = layer.compute_output_spec(symbols)
            weights = (
                results(layer.trainable_weights) if weights is None else weights
            )
            for variable, value in zip(layer.trainable_weights, weights):
                variable.assign(value)
            y = layer(given)
            for found in (_dtype(y), announced.dtype):
                expect(found == dtype, f"{policy}: an output of {found}")
            expect(tuple(y.shape) == tuple(announced.shape), "another shape")
            if policy in MIXED:
                for weight in layer.weights:
                    expect(
                        _dtype(weight) not in ("float16", "bfloat16"),
                        f"{policy}: weight {weight.path} is {weight.dtype}",
                    )
            (found,) = results([y])
            finite(found, f"the output in {policy}")
            if exact is None:
                exact = layer
            elif policy in (*MIXED, "float32"):
                # For the same inputs: what a steep function makes of their
                # rounding is not its fault.
                given = inputs.in_dtype(results(given), "float64")
                if not isinstance(x, list):
                    (given,) = given
                (wanted,) = results([exact(given)])
                close(found, wanted, f"the output in {policy}", HALF, HALF)


@check("activations", once=True, dear=True)
def dtype_of_the_input_is_kept(case: Case) -> None:
    """A constant that turns half precision into float32, or back."""
    function = case.make()
    with active().float64():
        for dtype in DTYPES:
            y = function(ops.cast(inputs.features(case), dtype))
            expect(_dtype(y) == dtype, f"{dtype} became {_dtype(y)}")
            finite(results([y]), f"the output in {dtype}")


@check("losses", dear=True)
def perfect_predictions_are_finite_in_every_dtype(case: Case) -> None:
    """`1 - 1e-7` is 1 in half precision: NaN on a perfect prediction."""
    y_true = inputs.one_hot(np.arange(CLASSES))
    with active().float64():
        for dtype in DTYPES:
            loss = case.make(dtype=dtype, reduction=None)
            y_pred = 1e3 * y_true if inputs.takes_logits(loss) else y_true
            if case.targets == "values":
                y_pred = y_true
            for right in (y_pred, np.roll(y_pred, 1, axis=0)):
                given = y_true
                if case.targets == "ids":
                    given = np.arange(CLASSES, dtype="int32") // 2
                found = loss(given, ops.cast(right, dtype))
                expect(_dtype(found) == dtype, f"{dtype}: {_dtype(found)}")
                finite(results([found]), f"the loss in {dtype}")


@check("losses", once=True, dear=True)
def half_precision_is_close(case: Case) -> None:
    """A formula that only float32 has the digits for."""
    loss = case.make(reduction=None)
    y_true, y_pred = inputs.labels(case), inputs.predictions(case, loss)
    expected = results([loss(y_true, y_pred)])
    for dtype in ("float16", "bfloat16"):
        found = case.make(reduction=None, dtype=dtype)(
            y_true, ops.cast(y_pred, dtype)
        )
        close(results([found]), expected, f"the loss in {dtype}", HALF, HALF)


@check("regularizers", dear=True)
def half_precision_penalties_are_finite(case: Case) -> None:
    """A sum of squares over 65,504, or a float16 penalty added to a loss."""
    weights = np.full((64, 64), 30.0)
    expected = results([case.make()(weights.astype("float32"))])
    for dtype in ("float16", "bfloat16"):
        found = results([case.make()(ops.cast(weights, dtype))])
        close(found, expected, f"the penalty of {dtype} weights", HALF, HALF)


@check("optimizers", once=True, dear=True)
def weights_of_every_dtype_are_stepped(case: Case) -> None:
    """An update in another dtype than the weight's, or that overflows."""
    with active().float64():
        for dtype in DTYPES:
            start = inputs.weights(2)
            variable = keras.Variable(start, dtype=dtype)
            optimizer = case.make(learning_rate=0.1)
            optimizer.build([variable])
            for gradient in (inputs.weights(2, seed=1), 1e3 * start):
                optimizer.apply([ops.cast(gradient, dtype)], [variable])
            expect(_dtype(variable) == dtype, f"{dtype} turned into another")
            (found,) = results([variable.value])
            finite(found, f"a {dtype} weight after two steps")
            expect(not np.array_equal(found, start), f"{dtype} did not move")


@check("metrics", once=True, dear=True)
def half_precision_scores_count_the_same(case: Case) -> None:
    """A counter in the dtype of its inputs, which ends at 2,048.

    Also where Keras's default is float16.
    """
    many = 6000
    exact = case.make(dtype="float32")
    y_true = inputs.labels(case, batch=many)
    y_pred = inputs.predictions(case, exact, batch=many).astype("float16")
    exact.update_state(y_true, y_pred.astype("float32"))
    expected = results(exact.result())
    usual = keras.config.floatx()
    try:
        keras.config.set_floatx("float16")
        metric = case.make()
        for part in np.array_split(np.arange(many), 3):
            metric.update_state(y_true[part], y_pred[part])
        found = results(metric.result())
    finally:
        keras.config.set_floatx(usual)
    close(_flat(found), _flat(expected), "the result in float16", 2e-3, 2e-3)


def _flat(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(a).astype("float64") for a in arrays])


def _dtype(tensor: Any) -> str:
    return str(keras.backend.standardize_dtype(tensor.dtype))
