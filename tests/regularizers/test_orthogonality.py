"""Penalties on singular values against NumPy's decomposition."""

import itertools

import keras
import numpy as np
import pytest
import scipy.linalg

from keras_funcs import regularizers
from tests.derivatives import gradient
from tests.regularizers.training import survives_training

MATRICES = [
    # shape, axis, and the order of axes and rows that flatten to the matrix
    ((6, 4), None, (0, 1), 6),
    ((4, 6), None, (0, 1), 4),
    ((6, 4), -1, (1, 0), 4),
    ((3, 3, 2, 5), None, (0, 1, 2, 3), 18),
    ((3, 3, 2, 5), [0, 1], (0, 1, 2, 3), 9),
    ((3, 3, 2, 5), [0, 1, 3], (0, 1, 3, 2), 45),
    ((7,), None, (0,), 1),
]


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 0.7, shape).astype("float32")


def squares(w, order, rows):
    """The squared singular values, as many as the smaller side."""
    matrix = np.transpose(w.astype("float64"), order).reshape(rows, -1)
    return matrix, scipy.linalg.svdvals(matrix) ** 2


@pytest.mark.parametrize("shape, axis, order, rows", MATRICES)
def test_soft_orthogonality(shape, axis, order, rows):
    w = draw(*shape)
    matrix, values = squares(w, order, rows)
    found = float(regularizers.SoftOrthogonality(0.3, axis)(w))
    np.testing.assert_allclose(found, 0.3 * ((values - 1) ** 2).sum(), 1e-5)
    # As published, of the columns: the same but for a constant.
    gram = matrix.T @ matrix - np.eye(matrix.shape[1])
    surplus = max(0, matrix.shape[1] - matrix.shape[0])
    expected = 0.3 * ((gram**2).sum() - surplus)
    np.testing.assert_allclose(found, expected, 1e-5)


@pytest.mark.parametrize("shape, axis, order, rows", MATRICES)
def test_double_soft_orthogonality(shape, axis, order, rows):
    w = draw(*shape)
    matrix, _ = squares(w, order, rows)
    expected = sum(
        np.square(side.T @ side - np.eye(side.shape[1])).sum()
        for side in (matrix, matrix.T)
    )
    found = float(regularizers.DoubleSoftOrthogonality(0.3, axis)(w))
    np.testing.assert_allclose(found, 0.3 * expected, 1e-5)


def test_double_is_soft_at_twice_the_factor():
    w = draw(5, 3)
    double = gradient(regularizers.DoubleSoftOrthogonality(0.2), w)
    soft = gradient(regularizers.SoftOrthogonality(0.4), w)
    np.testing.assert_allclose(double, soft, 1e-6)


@pytest.mark.parametrize("shape, axis, order, rows", MATRICES)
def test_srip_and_spectral_norm_converge_to_the_svd(shape, axis, order, rows):
    w = draw(*shape)
    _, values = squares(w, order, rows)
    for wanted, cls in (
        (abs(values - 1).max(), regularizers.SRIP),
        (values.max() / 2, regularizers.SpectralNormPenalty),
    ):
        few, default, many = (
            float(cls(1.0, axis=axis, **steps)(w))
            for steps in ({"iterations": 1}, {}, {"iterations": 100})
        )
        np.testing.assert_allclose(many, wanted, 1e-3)
        assert few <= default * (1 + 1e-5) <= wanted * (1 + 3e-5)
        assert default > 0.8 * wanted


def test_gradients_are_those_of_the_svd():
    w = draw(6, 4)
    left, values, right = scipy.linalg.svd(w.astype("float64"))
    slope = gradient(regularizers.SpectralNormPenalty(1.0, 30), w)
    expected = values[0] * np.outer(left[:, 0], right[0])
    np.testing.assert_allclose(slope, expected, 1e-3, 1e-4)
    slope = gradient(regularizers.SRIP(1.0, 30), w)
    far = np.argmax(abs(values**2 - 1))
    sign = np.sign(values[far] ** 2 - 1)
    expected = 2 * sign * values[far] * np.outer(left[:, far], right[far])
    np.testing.assert_allclose(slope, expected, 1e-3, 1e-3)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (2, 2, 3, 5)])
@pytest.mark.parametrize(
    "cls", [regularizers.SoftOrthogonality, regularizers.SRIP]
)
def test_orthogonal_weights_cost_nothing(shape, cls):
    w = keras.initializers.Orthogonal(seed=1)(shape)
    w = np.asarray(keras.ops.convert_to_numpy(w))
    np.testing.assert_allclose(float(cls(1.0)(w)), 0, atol=1e-5)
    assert np.isfinite(gradient(cls(1.0), w)).all()


def self_convolution(w, stride):
    """Every product of two filters at every shift, by loops."""
    *sizes, inputs, outputs = w.shape
    reach = [(k - 1) // stride for k in sizes]
    total = 0.0
    shifts = itertools.product(*(range(-r, r + 1) for r in reach))
    for shift in shifts:
        for a, b in np.ndindex(outputs, outputs):
            product = 0.0
            for place in np.ndindex(*sizes):
                other = [p + stride * s for p, s in zip(place, shift)]
                if all(0 <= o < k for o, k in zip(other, sizes)):
                    first = w[(*other, slice(None), a)].astype("float64")
                    product += first @ w[(*place, slice(None), b)]
            total += (product - float(a == b and not any(shift))) ** 2
    return total


@pytest.mark.parametrize(
    "shape, stride",
    [
        ((3, 3, 2, 3), 1),
        ((3, 2, 2, 5), 1),
        ((3, 3, 1, 6), 2),
        ((4, 4, 2, 3), 2),
        ((5, 2, 3), 1),
        ((5, 2, 5), 2),
        ((2, 3, 2, 1, 2), 1),
        ((3, 3, 2, 3), 5),
        ((2, 1, 2, 6), 3),
    ],
)
def test_orthogonal_convolution_is_the_definition(shape, stride):
    w = draw(*shape)
    seen = np.prod(np.minimum(stride, shape[:-2]))
    surplus = max(0, shape[-1] - shape[-2] * seen)
    expected = 0.3 * (self_convolution(w, stride) - surplus)
    found = float(regularizers.OrthogonalConvolution(0.3, stride)(w))
    np.testing.assert_allclose(found, expected, 1e-4)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (1, 1, 4, 6)])
def test_without_shifts_it_is_soft_orthogonality(shape):
    w = draw(*shape)
    found = float(regularizers.OrthogonalConvolution(0.3)(w))
    expected = float(regularizers.SoftOrthogonality(0.3)(w))
    np.testing.assert_allclose(found, expected, 1e-5)


def test_a_convolution_without_penalty_keeps_lengths():
    # A permutation of channels, each shifted by a pixel of its own.
    w = np.zeros((3, 3, 3, 3), "float32")
    for channel, place in enumerate([(0, 1), (2, 2), (1, 0)]):
        w[(*place, channel, (channel + 1) % 3)] = 1
    penalty = regularizers.OrthogonalConvolution(1.0)
    np.testing.assert_allclose(float(penalty(w)), 0, atol=1e-6)
    image = draw(1, 5, 5, 3)
    padded = np.pad(image, [(0, 0), (2, 2), (2, 2), (0, 0)])
    found = keras.ops.convert_to_numpy(keras.ops.conv(padded, w))
    np.testing.assert_allclose((found**2).sum(), (image**2).sum(), 1e-5)


def test_strides_over_the_kernel_leave_an_orthogonal_one_at_0():
    rows = np.linalg.qr(draw(8, 8))[0][:4].reshape(1, 1, 4, 8)
    penalty = regularizers.OrthogonalConvolution(1.0, strides=2)
    np.testing.assert_allclose(float(penalty(rows)), 0, atol=1e-5)


def test_power_iterations_are_lower_bounds_of_the_stated_share():
    for seed in range(5):
        w = draw(64, 32, seed=seed)
        true = np.linalg.norm(w.astype("float64"), 2) ** 2
        for cls, value in (
            (regularizers.SpectralNormPenalty, true / 2),
            (regularizers.SRIP, true - 1),
        ):
            assert 0.8 < float(cls(1.0)(w)) / value < 1.00001


def test_ranks_that_are_no_convolution_are_refused():
    with pytest.raises(ValueError, match="rank 1 to 5"):
        regularizers.OrthogonalConvolution()(np.zeros((1,) * 6))


@pytest.mark.parametrize(
    "penalty",
    [
        regularizers.SoftOrthogonality(1e-2),
        regularizers.DoubleSoftOrthogonality(1e-2),
        regularizers.SRIP(1e-2),
        regularizers.SpectralNormPenalty(1e-2),
        regularizers.OrthogonalConvolution(1e-2),
    ],
)
def test_they_train_and_survive_a_file(penalty, tmp_path):
    survives_training(penalty, tmp_path)


@pytest.mark.parametrize(
    "cls, arguments",
    [
        (regularizers.SoftOrthogonality, {"factor": -1}),
        (regularizers.SoftOrthogonality, {"axis": 0.5}),
        (regularizers.DoubleSoftOrthogonality, {"axis": "0"}),
        (regularizers.SRIP, {"iterations": 0}),
        (regularizers.SRIP, {"iterations": 10**6}),
        (regularizers.SpectralNormPenalty, {"iterations": 1.5}),
        (regularizers.OrthogonalConvolution, {"strides": 0}),
    ],
)
def test_bad_arguments_are_refused(cls, arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        cls(**arguments)
