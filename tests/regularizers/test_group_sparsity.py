"""Group penalties against loops over their groups."""

import itertools
import math

import keras
import numpy as np
import pytest
import scipy.linalg
from keras import ops

from keras_funcs.regularizers import GroupHoyerSquare
from keras_funcs.regularizers import GroupLasso
from keras_funcs.regularizers import HoyerSquare
from keras_funcs.regularizers import SparseGroupLasso
from tests.derivatives import gradient
from tests.regularizers.training import survives_training


def draw(*shape):
    return np.random.default_rng(0).normal(0, 1, shape).astype("float32")


def lengths(w, inside):
    """Every group's size and length, by walking the axes outside it."""
    outside = [axis for axis in range(w.ndim) if axis not in inside]
    found = []
    for place in itertools.product(*(range(w.shape[a]) for a in outside)):
        index = [slice(None)] * w.ndim
        for axis, at in zip(outside, place):
            index[axis] = at
        group = np.ravel(w[tuple(index)]).tolist()
        found.append((len(group), math.sqrt(sum(v * v for v in group))))
    return found


@pytest.mark.parametrize(
    "shape, axis, inside",
    [
        ((6, 4), None, (0,)),
        ((6, 4), 0, (0,)),
        ((6, 4), -1, (1,)),
        ((6, 4), [0, 1], (0, 1)),
        ((3, 3, 2, 5), None, (0, 1, 2)),
        ((3, 3, 2, 5), [0, 1, 3], (0, 1, 3)),
        ((3, 3, 2, 5), [0, -4, 1, -1], (0, 1, 3)),
        ((3, 3, 2, 5), (0, 1), (0, 1)),
        ((7,), None, ()),
        ((7,), 0, (0,)),
    ],
)
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_it_is_the_definition(shape, axis, inside, reduction):
    w = draw(*shape)
    groups = [math.sqrt(size) * length for size, length in lengths(w, inside)]
    expected = 0.3 * sum(groups)
    if reduction == "mean":
        expected /= len(groups)
    penalty = GroupLasso(0.3, axis, reduction)
    np.testing.assert_allclose(float(penalty(w)), expected, 1e-5)


def test_scipy_knows_the_length_of_a_column():
    w = draw(6, 4)
    expected = sum(6**0.5 * scipy.linalg.norm(w[:, c]) for c in range(4))
    np.testing.assert_allclose(float(GroupLasso(1.0)(w)), expected, 1e-5)


def test_a_group_of_one_weight_is_the_lasso():
    w = draw(7)
    l1 = keras.regularizers.L1(0.2)
    found = float(GroupLasso(0.2)(w))
    np.testing.assert_allclose(found, float(l1(w)), 1e-6)
    w = draw(6, 4)
    found = float(GroupLasso(0.2, axis=[])(w))
    np.testing.assert_allclose(found, float(l1(w)), 1e-6)


def test_the_gradient_has_one_length_and_is_0_for_an_empty_group():
    w = draw(6, 4)
    w[:, 2] = 0
    slope = gradient(GroupLasso(0.5), w)
    assert np.isfinite(slope).all() and not slope[:, 2].any()
    for column in (0, 1, 3):
        expected = 0.5 * 6**0.5 * w[:, column]
        expected = expected / scipy.linalg.norm(w[:, column])
        np.testing.assert_allclose(slope[:, column], expected, 1e-5)
    for shape in ((3,), (2, 2), (2, 2, 2, 2)):
        assert not gradient(GroupLasso(1.0), np.zeros(shape)).any()


def test_tiny_and_huge_weights():
    w = np.full((4, 1), 1e15, "float32")
    np.testing.assert_allclose(float(GroupLasso(1.0)(w)), 4e15, 1e-5)
    half = ops.full((4, 1), 300.0, "float16")  # its square has no float16
    np.testing.assert_allclose(float(GroupLasso(1.0)(half)), 1200, 1e-5)


def test_it_empties_the_inputs_that_say_nothing():
    random = np.random.default_rng(0)
    x = random.normal(0, 1, (64, 5)).astype("float32")
    y = x[:, :2] @ random.normal(0, 1, (2, 3)).astype("float32")
    dense = keras.layers.Dense(3, kernel_regularizer=GroupLasso(0.05, axis=-1))
    model = keras.Sequential([keras.Input((5,)), dense])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(x, y, epochs=60, batch_size=64, verbose=0)
    rows = scipy.linalg.norm(dense.get_weights()[0], axis=1)
    assert rows[2:].max() < 0.05 * rows[:2].min()


@pytest.mark.parametrize(
    "arguments",
    [
        {"factor": -1e-3},
        {"factor": float("nan")},
        {"factor": "0.1"},
        {"axis": "0"},
        {"axis": 1.5},
        {"axis": [0, "1"]},
        {"axis": True},
        {"reduction": "max"},
    ],
)
def test_bad_arguments_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        GroupLasso(**arguments)


@pytest.mark.parametrize("axis", [2, -3, [0, 5]])
def test_an_axis_that_the_weights_lack_is_refused(axis):
    with pytest.raises(ValueError, match="argument `axis`.*rank 2"):
        GroupLasso(axis=axis)(draw(3, 4))


GROUPS = [
    ((6, 4), None, (0,)),
    ((6, 4), -1, (1,)),
    ((3, 3, 2, 5), None, (0, 1, 2)),
    ((3, 3, 2, 5), [0, 1, 3], (0, 1, 3)),
    ((7,), None, ()),
]


@pytest.mark.parametrize("shape, axis, inside", GROUPS)
@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("ratio", [0.0, 0.3, 1.0])
def test_sparse_group_lasso(shape, axis, inside, reduction, ratio):
    w = draw(*shape)
    groups = [math.sqrt(size) * length for size, length in lengths(w, inside)]
    singles = [abs(v) for v in np.ravel(w).tolist()]
    parts = sum(groups), sum(singles)
    if reduction == "mean":
        parts = parts[0] / len(groups), parts[1] / len(singles)
    expected = 0.2 * ((1 - ratio) * parts[0] + ratio * parts[1])
    found = float(SparseGroupLasso(0.2, ratio, axis, reduction)(w))
    np.testing.assert_allclose(found, expected, 1e-5)


def test_the_ends_of_the_ratio_are_group_lasso_and_l1():
    w = draw(6, 4)
    found = float(SparseGroupLasso(0.2, 0.0)(w))
    np.testing.assert_allclose(found, float(GroupLasso(0.2)(w)), 1e-6)
    found = float(SparseGroupLasso(0.2, 1.0)(w))
    l1 = keras.regularizers.L1(0.2)
    np.testing.assert_allclose(found, float(l1(w)), 1e-6)


@pytest.mark.parametrize("shape, axis, inside", GROUPS)
def test_hoyer_squares(shape, axis, inside):
    w = draw(*shape)
    singles = [abs(v) for v in np.ravel(w).tolist()]
    expected = 0.3 * sum(singles) ** 2 / sum(v * v for v in singles)
    np.testing.assert_allclose(float(HoyerSquare(0.3)(w)), expected, 1e-5)
    sizes = [length for _, length in lengths(w, inside)]
    expected = 0.3 * sum(sizes) ** 2 / sum(v * v for v in sizes)
    found = float(GroupHoyerSquare(0.3, axis)(w))
    np.testing.assert_allclose(found, expected, 1e-5)


@pytest.mark.parametrize("penalty", [HoyerSquare(1.0), GroupHoyerSquare(1.0)])
def test_hoyer_squares_count_and_ignore_the_scale(penalty):
    for count in (1, 3, 8):
        w = np.zeros((5, 8), "float32")
        w[2, :count] = -7.0
        np.testing.assert_allclose(float(penalty(w)), count, 1e-5)
    w = draw(5, 8)
    value = float(penalty(w))
    assert 1 <= value <= w.size
    np.testing.assert_allclose(float(penalty(100 * w)), value, 1e-5)
    # So that the gradient stands at a right angle to the weights.
    slope = gradient(penalty, w)
    assert abs(slope).max() > 0.1
    np.testing.assert_allclose((slope * w).sum(), 0, atol=1e-4)


@pytest.mark.parametrize(
    "penalty",
    [SparseGroupLasso(1.0), HoyerSquare(1.0), GroupHoyerSquare(1.0)],
)
def test_empty_groups_have_a_gradient_of_0(penalty):
    w = draw(6, 4)
    w[:, 2] = 0
    slope = gradient(penalty, w)
    assert np.isfinite(slope).all() and not slope[:, 2].any()
    assert not gradient(penalty, np.zeros((3, 2))).any()


@pytest.mark.parametrize(
    "penalty",
    [GroupLasso(1e-2), SparseGroupLasso(1e-2), GroupHoyerSquare(1e-3)],
)
def test_they_train_and_survive_a_file(penalty, tmp_path):
    survives_training(penalty, tmp_path)


@pytest.mark.parametrize(
    "cls, arguments",
    [
        (SparseGroupLasso, {"l1_ratio": 1.5}),
        (SparseGroupLasso, {"l1_ratio": -0.1}),
        (SparseGroupLasso, {"reduction": "max"}),
        (HoyerSquare, {"factor": -1}),
        (HoyerSquare, {"epsilon": 0.0}),
        (GroupHoyerSquare, {"epsilon": -1.0}),
        (GroupHoyerSquare, {"axis": "0"}),
    ],
)
def test_bad_arguments_of_the_others_are_refused(cls, arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        cls(**arguments)
