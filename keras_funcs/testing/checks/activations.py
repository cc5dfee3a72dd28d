"""Checks of activations: second derivatives, ends of half precision, shape."""

from typing import Any

import numpy as np
from keras import ops

from keras_funcs._core.backend import active
from keras_funcs._core.backend import gradient
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.traits import traits_of
from keras_funcs.layers import AdaptiveActivation
from keras_funcs.testing.bench import inputs
from keras_funcs.testing.bench.cases import Case
from keras_funcs.testing.bench.programs import program
from keras_funcs.testing.bench.programs import results
from keras_funcs.testing.bench.programs import values
from keras_funcs.testing.checks.dtypes import HALF
from keras_funcs.testing.runner import check
from keras_funcs.testing.runner import close
from keras_funcs.testing.runner import expect

LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38}
STEP = 1e-3  # as in the check of the slope, and for the same reasons


def is_adaptive(case: Case) -> bool:
    """Whether the case is of a trainable activation."""
    return isinstance(case.target, type) and issubclass(
        case.target, AdaptiveActivation
    )


def _activates(case: Case) -> bool:
    return case.kind == "activations" or is_adaptive(case)


@check("activations", "layers", programs=True, dear=True, only=_activates)
def second_derivatives_are_right(case: Case) -> None:
    """A gradient that cannot be differentiated again, or not forward.

    Who solves differential equations with a network needs both. In float64,
    along a random line: the second derivative, reverse over forward mode,
    against differences of the first; and the first in both modes.
    """
    with active().float64():
        made = program(case, "float64")
        draw = inputs.generator(20)
        x, *coefficients = made.arrays[: made.smooth]
        # A little further than the start, where some have a seam.
        moved = [c + draw.uniform(0.02, 0.05, c.shape) for c in coefficients]
        line = [
            (ops.convert_to_tensor(p), ops.convert_to_tensor(d))
            for p in (x, *moved)
            for d in [draw.normal(size=p.shape)]
        ]

        def height(t: Any) -> Any:
            return made.total(*[p + t * d for p, d in line])

        def every(t: Any, weight: Any) -> Any:
            # One program: its gradient is the slope at t[0], t[1] and t[2],
            # the curvature at t[3], and the slope there in forward mode.
            heights = sum(height(t[i]) for i in range(3))
            one = ops.ones_like(t[3])
            _, slope = ops.jvp(height, (t[3],), (one,))
            return heights + weight * slope

        places = np.array([-STEP, STEP, 0.0, 0.0])
        found, forward = gradient(every, [places, np.ones(())])
        before, after, slope, curvature = found
        size = 5e-3 * (1.0 + abs(slope) + abs(curvature))
        close(forward, slope, "slope in forward and reverse mode", 0.0, size)
        expected = (after - before) / (2.0 * STEP)
        what = "curvature by the second derivative and by differences"
        close(curvature, expected, what, 0.0, size)


@check("layers", once=True, dear=True, only=is_adaptive)
def half_precision_ends_with_its_numbers(case: Case) -> None:
    """NaN, or infinity too early, for the largest inputs.

    float16 ends at 65,504 and bfloat16 at 3.4e38, which squared is beyond
    float32. The output may be infinite where the true value is out of range,
    and nowhere else; neither value nor gradient is ever NaN.
    """
    # One sample, and a coefficient for each number: sums may be infinite.
    arguments = {"axis": -1}
    row = np.resize([1.0, -1.0, 0.5, -0.5, 1e-3, 0.0], _shape(case))[None]
    for dtype, largest in LARGEST.items():
        x = np.asarray(largest * row, "float32")
        x = results([ops.cast(x, dtype)])[0]  # what the dtype can hold
        layer = case.make(dtype=f"mixed_{dtype}", **arguments)
        (found,) = results([layer(ops.cast(x, dtype))])
        expect(not np.isnan(found).any(), f"{dtype}: {found} for {x}")
        with active().float64():
            exact = case.make(dtype="float64", **arguments)
            exact.build(x.shape)
            exact.set_weights([values(v) for v in layer.weights])
            (true,) = results([exact(x.astype("float64"))])
        inside = np.abs(true) <= largest * (1.0 - HALF)
        close(found[inside], true[inside], f"{dtype} for {x}", HALF, HALF)
        beyond = ~inside & (np.abs(true) > largest * (1.0 + HALF))
        signs = np.sign(true[beyond])
        expect(
            np.all(signs * found[beyond] >= largest * (1.0 - HALF)),
            f"{dtype}: {found} in place of {true}",
        )
        for slope in _slopes(layer, x, dtype):
            expect(
                not np.isnan(slope).any(), f"{dtype}: gradient {slope} at {x}"
            )


def _shape(case: Case) -> tuple[int, ...]:
    return np.shape(inputs.features(case))[1:]


def _slopes(layer: Any, x: np.ndarray, dtype: str) -> list[np.ndarray]:
    trainable = [values(v) for v in layer.trainable_variables]
    others = [values(v) for v in layer.non_trainable_variables]

    def total(x: Any, *weights: Any) -> Any:
        given = ops.cast(x, dtype)
        y, _ = layer.stateless_call(list(weights), others, given)
        return ops.sum(ops.cast(y, "float32"))

    return gradient(total, [x.astype("float32"), *trainable])


@check("layers", once=True, dear=True, only=is_adaptive)
def declared_properties_hold(case: Case) -> None:
    """A promise about the curve that it does not keep."""
    # Of the object: some keep other promises for other arguments.
    layer = case.make()
    traits = traits_of(layer, LayerTraits)
    if traits is None or not traits.properties:
        return
    # Even in number, so that a corner at 0 is not met.
    grid = np.linspace(-8.0, 8.0, 320, dtype="float32")
    ones = np.ones((1, *_shape(case)), "float32")
    x = np.reshape(grid, (-1,) + (1,) * (ones.ndim - 1)) * ones
    (y,) = results([layer(x)])
    (slope,) = gradient(lambda x: ops.sum(layer(x)), [x])
    if "odd" in traits.properties:
        close(y, -y[::-1], "declared odd: f(x) and -f(-x)", 1e-4, 1e-5)
    if "monotone" in traits.properties:
        expect(slope.min() > -1e-5, f"declared monotone: slope {slope.min()}")
    if "lipschitz" in traits.properties:
        steepest = np.abs(slope).max()
        expect(steepest < 1.0 + 1e-5, f"declared lipschitz: slope {steepest}")
    if "bounded" in traits.properties:
        far = np.asarray(inputs.EXTREMES, "float32")
        far = np.reshape(far, (-1,) + (1,) * (ones.ndim - 1)) * ones
        highest = np.abs(results([layer(far)])[0]).max()
        expect(highest <= 3.0 * np.abs(y).max(), f"declared bounded: {highest}")
