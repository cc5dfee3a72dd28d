"""TotalVariation against loops over neighbours, and against TensorFlow."""

import numpy as np
import pytest

from keras_funcs.regularizers import TotalVariation
from tests.derivatives import gradient
from tests.regularizers.training import survives_training


def draw(*shape):
    return np.random.default_rng(0).normal(0, 1, shape).astype("float32")


def steps(w, axes):
    found = []
    for axis in axes:
        for place in np.ndindex(w.shape):
            after = list(place)
            after[axis] += 1
            if after[axis] < w.shape[axis]:
                found.append(abs(float(w[tuple(after)]) - float(w[place])))
    return found


@pytest.mark.parametrize(
    "shape, axis, axes",
    [
        ((7,), None, (0,)),
        ((6, 4), None, (0,)),
        ((6, 4), -1, (1,)),
        ((6, 4), [0, 1], (0, 1)),
        ((5, 2, 3), None, (0,)),
        ((3, 3, 2, 5), None, (0, 1)),
        ((3, 4, 2, 2, 3), None, (0, 1, 2)),
        ((1, 1, 2, 5), None, ()),
        ((3, 3, 2, 5), [-1, 0], (0, 3)),
    ],
)
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_it_is_the_definition(shape, axis, axes, reduction):
    w = draw(*shape)
    found = steps(w, axes)
    expected = 0.3 * sum(found)
    if reduction == "mean":
        expected /= max(len(found), 1)
    penalty = TotalVariation(0.3, axis, reduction)
    np.testing.assert_allclose(float(penalty(w)), expected, 1e-5)


def test_tensorflow_knows_it_of_images():
    import tensorflow as tf

    images = draw(2, 5, 6, 3)
    expected = float(
        tf.reduce_sum(tf.image.total_variation(tf.constant(images)))
    )
    found = float(TotalVariation(1.0, axis=[1, 2])(images))
    np.testing.assert_allclose(found, expected, 1e-5)


def test_constants_cost_nothing_and_have_no_gradient():
    for shape in ((4,), (4, 2), (3, 3, 2, 2)):
        w = np.full(shape, 2.0, "float32")
        assert float(TotalVariation(1.0)(w)) == 0
        assert not gradient(TotalVariation(1.0), w).any()


def test_it_trains_and_survives_a_file(tmp_path):
    survives_training(TotalVariation(1e-3), tmp_path)


@pytest.mark.parametrize(
    "arguments", [{"factor": -1}, {"axis": "0"}, {"reduction": "max"}]
)
def test_bad_arguments_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        TotalVariation(**arguments)


def test_an_axis_that_the_weights_lack_is_refused():
    with pytest.raises(ValueError, match="argument `axis`.*rank 2"):
        TotalVariation(axis=2)(draw(3, 4))
