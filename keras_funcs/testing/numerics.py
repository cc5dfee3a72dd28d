"""Checks of numbers: gradients, extremes, dtypes, compilers."""

from typing import Any

import numpy as np
from keras import ops

from keras_funcs._core.backend import active
from keras_funcs.testing import inputs
from keras_funcs.testing.cases import Case
from keras_funcs.testing.programs import program
from keras_funcs.testing.programs import results
from keras_funcs.testing.runner import NUMERIC
from keras_funcs.testing.runner import check
from keras_funcs.testing.runner import close
from keras_funcs.testing.runner import finite

SMOOTH = ("activations", "layers", "losses", "regularizers")


@check(*SMOOTH)
def gradient_is_the_slope(case: Case) -> None:
    """A gradient that is not the derivative of the value.

    In float64, along random directions, against central differences.
    """
    with active().float64():
        made = program(case, "float64")
        fixed = made.arrays[made.smooth :]

        def total(*arrays: Any) -> Any:
            every = made.function(*arrays, *fixed)
            # Unequal factors, so that errors do not cancel in the sum.
            return sum(ops.sum(y * _ramp(y)) for y in every)

        points = made.arrays[: made.smooth]
        slopes = active().gradient(total, points)
        for seed in range(3):
            draw = inputs.generator(seed + 10)
            step = [draw.normal(size=a.shape) * 1e-6 for a in points]
            ahead = results([total(*[a + d for a, d in zip(points, step)])])
            back = results([total(*[a - d for a, d in zip(points, step)])])
            found = sum(np.sum(g * d) for g, d in zip(slopes, step))
            expected = float(ahead[0] - back[0]) / 2
            size = sum(np.linalg.norm(g * d) for g, d in zip(slopes, step))
            close(
                found * 1e6,
                expected * 1e6,
                "gradient against central differences",
                1e-5,
                1e-6 + 1e-5 * size * 1e6,
            )


@check(*NUMERIC)
def compiled_equals_eager(case: Case) -> None:
    """A component that the backend's compiler refuses or changes."""
    made = program(case)
    eager = results(made.function(*map(ops.convert_to_tensor, made.arrays)))
    compiled = active().compiled(made.function)
    fast = results(compiled(*map(ops.convert_to_tensor, made.arrays)))
    for index, (found, expected) in enumerate(zip(fast, eager)):
        finite(expected, f"output {index}")
        close(found, expected, f"compiled output {index}", 1e-4, 1e-5)


def _ramp(y: Any) -> Any:
    size = int(np.prod(y.shape)) if len(y.shape) else 1
    return np.linspace(0.5, 1.5, size).reshape(tuple(y.shape))
