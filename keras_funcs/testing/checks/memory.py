"""Checks of what activations keep in memory for their gradients."""

import numpy as np

from keras_funcs._core.backend import active
from keras_funcs._core.backend import gradient
from keras_funcs.testing.bench.cases import Case
from keras_funcs.testing.bench.programs import program
from keras_funcs.testing.checks.activations import is_adaptive
from keras_funcs.testing.runner import check
from keras_funcs.testing.runner import close
from keras_funcs.testing.runner import expect


@check("layers", once=True, dear=True, only=is_adaptive)
def memory_efficient_saves_memory(case: Case) -> None:
    """A recomputed formula that is another one, or keeps what it computes.

    Value and gradients are those of the plain formula; kept are inputs and
    coefficients alone, where the backend tells.
    """
    plain = program(case)
    lean = program(case, memory_efficient=True)
    points = lean.arrays[: lean.smooth]
    # Not as they start: the gradient must not go back to the layer's own.
    moved = [points[0], *(c + 0.1 for c in points[1:])]
    moved = [np.asarray(c, "float32") for c in moved]
    for found, expected in zip(
        gradient(lean.total, moved),
        gradient(plain.total, moved),
    ):
        close(found, expected, "gradient", 1e-4, 1e-4)
    try:
        rest = lean.arrays[lean.smooth :]
        kept = active().kept(lambda *a: lean.function(*a, *rest)[0], moved)
    except NotImplementedError:
        return
    # And a number here and there, which Torch's `sum` may keep.
    allowed = sum(item.nbytes for item in moved) + 64
    expect(kept <= allowed, f"{kept} bytes kept, {allowed} given")
