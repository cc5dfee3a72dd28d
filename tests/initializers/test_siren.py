"""SirenUniform: the intervals of the paper, and its seeds."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import initializers


def draw(shape, **arguments):
    return ops.convert_to_numpy(initializers.SirenUniform(**arguments)(shape))


@pytest.mark.parametrize(
    "shape, inputs",
    [((64, 500), 64), ((3, 3, 8, 300), 72), ((5, 20, 400), 100)],
)
@pytest.mark.parametrize("frequency", [1.0, 30.0])
def test_intervals(shape, inputs, frequency):
    hidden = draw(shape, frequency=frequency, seed=1)
    first = draw(shape, frequency=frequency, first=True, seed=1)
    for weights, limit in (
        (hidden, (6 / inputs) ** 0.5 / frequency),
        (first, 1 / inputs),
    ):
        assert np.abs(weights).max() <= limit * (1 + 1e-6)
        assert np.abs(weights).max() > 0.99 * limit
        # Moments of a uniform distribution, to four standard errors.
        many = weights.size**0.5
        assert abs(weights.mean()) < 4 * limit / 3**0.5 / many
        variance = limit**2 / 3
        error = 4 * variance * (4 / 5) ** 0.5 / many
        assert abs(weights.var() - variance) < error


def test_the_frequency_leaves_the_first_layer_alone():
    plain = draw((4, 5), first=True, seed=3)
    np.testing.assert_array_equal(
        draw((4, 5), first=True, frequency=2.0, seed=3), plain
    )


def test_hidden_kernels_are_keras_he_uniform_divided_by_the_frequency():
    # U(-sqrt(6/n), sqrt(6/n)) is He's
    theirs = keras.initializers.HeUniform(seed=3)((40, 50))
    ours = draw((40, 50), seed=3, frequency=30.0)
    np.testing.assert_allclose(
        ours, ops.convert_to_numpy(theirs) / 30, 1e-4, 1e-7
    )


def test_seeds():
    np.testing.assert_array_equal(draw((3, 4), seed=5), draw((3, 4), seed=5))
    assert (draw((3, 4), seed=5) != draw((3, 4), seed=6)).any()
    assert (draw((3, 4)) != draw((3, 4))).any()
    one = initializers.SirenUniform()
    again = [ops.convert_to_numpy(one((3, 4))) for _ in range(2)]
    np.testing.assert_array_equal(*again)  # as Keras's own do


def test_names():
    for name in ("siren_uniform", "SirenUniform", "keras_funcs>SirenUniform"):
        found = initializers.get(name)
        assert isinstance(found, initializers.SirenUniform)
    glorot = initializers.get("glorot_uniform")
    assert isinstance(glorot, keras.initializers.GlorotUniform)
    config = keras.saving.serialize_keras_object(
        initializers.SirenUniform(10.0, first=True, seed=2)
    )
    again = initializers.get(config)
    assert again.get_config() == {"frequency": 10.0, "first": True, "seed": 2}
    with pytest.raises(ValueError, match="Nearest: SirenUniform"):
        initializers.get("siren")


@pytest.mark.parametrize(
    "arguments",
    [
        {"frequency": 0.0},
        {"frequency": -30.0},
        {"frequency": "30"},
        {"first": 1},
        {"seed": -1},
        {"seed": 1.5},
        {"seed": 2**31},
    ],
)
def test_bad_arguments_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        initializers.SirenUniform(**arguments)
