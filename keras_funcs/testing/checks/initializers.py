"""Checks of initializers: what they give, and how often the same."""

import keras
import numpy as np
from keras import ops

from keras_funcs._core.backend import active
from keras_funcs.testing.bench.cases import Case
from keras_funcs.testing.bench.programs import program
from keras_funcs.testing.bench.programs import results
from keras_funcs.testing.checks.dtypes import DTYPES
from keras_funcs.testing.runner import check
from keras_funcs.testing.runner import expect
from keras_funcs.testing.runner import finite
from keras_funcs.testing.runner import same

# A vector, and kernels of Dense and of convolutions.
SHAPES = ((5,), (3, 4), (3, 2, 4), (3, 3, 2, 4))


@check("initializers", dear=True)
def shape_and_dtype_are_kept(case: Case) -> None:
    """Weights of another shape or dtype than asked for, or not finite."""
    initializer = case.make()
    with active().float64():
        for dtype in DTYPES:
            for shape in SHAPES:
                weights = initializer(shape, dtype=dtype)
                expect(
                    tuple(weights.shape) == shape,
                    f"{shape} became {tuple(weights.shape)}",
                )
                found = keras.backend.standardize_dtype(weights.dtype)
                expect(found == dtype, f"{dtype} became {found}")
                finite(results([weights]), f"weights of {dtype}, {shape}")


@check("initializers")
def weights_stay_moderate(case: Case) -> None:
    """A scale that grows with the number of inputs, or shrinks to nothing.

    The outputs of a unit with 4, 64 and 1,024 inputs of size 1.
    """
    sizes = []
    for inputs in (4, 64, 1024):
        (weights,) = results([case.make()((inputs, 64), dtype="float32")])
        outputs = np.sqrt((np.asarray(weights, "float64") ** 2).sum(axis=0))
        sizes.append(float(outputs.mean()))
    expect(max(sizes) < 100, f"outputs of the size {sizes}")
    expect(min(sizes) > 1e-5, f"outputs of the size {sizes}")


@check("initializers", programs=True, dear=True)
def compiled_draws_are_of_the_same_size(case: Case) -> None:
    """An initializer that the backend's compiler refuses."""
    made = program(case)
    points = [ops.convert_to_tensor(array) for array in made.arrays]
    (eager,) = results(made.function(*points))
    (fast,) = results(active().compiled(made.function)(*points))
    finite(fast, "compiled weights")
    ratio = np.abs(fast).mean() / np.abs(eager).mean()
    expect(0.5 < ratio < 2.0, f"compiled weights are {ratio:.2f} times as big")


@check("initializers", once=True)
def keras_default_dtype_is_used(case: Case) -> None:
    """Float32 weights where the user asked Keras for another default."""
    usual = keras.config.floatx()
    try:
        keras.config.set_floatx("float16")
        weights = case.make()((3, 4))
        found = keras.backend.standardize_dtype(weights.dtype)
    finally:
        keras.config.set_floatx(usual)
    expect(found == "float16", f"float16 became {found}")


@check("initializers", once=True, only=lambda case: case.accepts("seed"))
def a_seed_repeats_the_draw(case: Case) -> None:
    """A draw that a seed does not fix, or layers that start alike without."""
    shape = (16, 8)
    first, again = (results([case.make(seed=7)(shape)])[0] for _ in range(2))
    same(again, first, "weights drawn with the same seed")
    other = results([case.make(seed=8)(shape)])[0]
    expect(not np.array_equal(other, first), "another seed gave the same")
    free = [results([case.make()(shape)])[0] for _ in range(2)]
    expect(
        not np.array_equal(free[0], free[1]), "two without a seed gave the same"
    )
    drawn = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        drawn.append(results([case.make()(shape)])[0])
    same(drawn[1], drawn[0], "weights after `keras.utils.set_random_seed`")


@check("initializers", once=True, dear=True)
def names_and_configs_reach_layers(case: Case) -> None:
    """An initializer that a layer's own config does not bring back."""
    layer = keras.layers.Dense(4, kernel_initializer=case.make())
    twin = keras.layers.Dense.from_config(layer.get_config())
    expect(
        type(twin.kernel_initializer) is case.target,
        f"came back as {type(twin.kernel_initializer)}",
    )
    convolution = keras.layers.Conv2D(2, 3, kernel_initializer=case.make())
    y = convolution(ops.ones((1, 5, 5, 3)))
    finite(results([y]), "the output of a convolution")
