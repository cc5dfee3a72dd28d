"""Class weights, priors and the forms of labels."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

import keras_funcs
from keras_funcs._core import labels

few = settings(max_examples=40, deadline=None, derandomize=True)
CIFAR = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
Real = np.longdouble


@pytest.mark.parametrize(
    "beta, published",
    [
        (
            0.9999,
            [0.051, 0.077, 0.121, 0.195, 0.319]
            + [0.525, 0.868, 1.443, 2.409, 3.993],
        ),
        (0.999, [0.181] + [None] * 8 + [3.688]),
        (0.99, [0.784] + [None] * 8 + [1.984]),
        (0.9, [1.0] * 9 + [None]),
    ],
)
def test_published_weights_of_long_tailed_cifar(beta, published):
    found = keras_funcs.class_weights(CIFAR, "effective", beta)
    for weight, wanted in zip(found, published):
        if wanted is not None:
            assert abs(weight - wanted) < 6e-4 + 2e-3 * (beta == 0.9)
    assert abs(found.sum() - 10) < 1e-12


def test_published_inverse_weights_of_long_tailed_cifar():
    inverse = keras_funcs.class_weights(CIFAR, "inverse")
    root = keras_funcs.class_weights(CIFAR, "sqrt")
    assert [round(inverse[i], 3) for i in (0, 9)] == [0.040, 4.024]
    assert [round(root[i], 3) for i in (0, 9)] == [0.245, 2.445]
    prior = labels.log_prior(CIFAR)
    assert [round(prior[i], 3) for i in (0, 9)] == [-0.909, -5.514]


def literal(counts, scheme, beta):
    raw = []
    for n in map(Real, counts):
        if not n:
            raw.append(Real(0))
        elif scheme == "sqrt":
            raw.append(1 / n ** Real(0.5))
        elif scheme == "effective":
            b = Real(sum(counts) - 1) / sum(counts) if beta is None else beta
            raw.append((1 - Real(b)) / (1 - Real(b) ** n))
        else:
            raw.append(1 / n)
    mean = sum(raw) / sum(1 for n in counts if n)
    return [float(w / mean) for w in raw]


@few
@given(
    counts=st.lists(st.integers(0, 10**6), min_size=2, max_size=8).filter(any),
    scheme=st.sampled_from(labels.SCHEMES),
    beta=st.sampled_from([None, 0.0, 0.5, 0.99, 0.999999]),
)
def test_weights_are_the_definition(counts, scheme, beta):
    if sum(counts) == 1 and beta is None:
        beta = 0.5  # (N - 1) / N is 0
    beta = beta if scheme == "effective" else None
    found = keras_funcs.class_weights(counts, scheme, beta)
    np.testing.assert_allclose(found, literal(counts, scheme, beta), 1e-8)
    assert found.dtype == np.float64 and found.shape == (len(counts),)
    present = np.array(counts) > 0
    assert abs(found[present].mean() - 1) < 1e-12
    assert not found[~present].any()


def test_one_sample_only():
    assert keras_funcs.class_weights([1, 0], "effective").tolist() == [1, 0]


def test_beta_0_weighs_nothing_and_beta_near_1_inverts():
    flat = keras_funcs.class_weights([9, 5, 1], "effective", 0.0)
    assert flat.tolist() == [1, 1, 1]
    steep = keras_funcs.class_weights([9, 5, 1], "effective", 1 - 1e-12)
    inverse = keras_funcs.class_weights([9, 5, 1])
    np.testing.assert_allclose(steep, inverse, 1e-10)


def test_scikit_learn_agrees_up_to_the_mean():
    y = np.repeat(np.arange(3), [70, 20, 10])
    theirs = compute_class_weight("balanced", classes=np.arange(3), y=y)
    found = keras_funcs.class_weights(keras_funcs.class_counts(y))
    np.testing.assert_allclose(found, theirs / theirs.mean())


@pytest.mark.parametrize(
    "arguments",
    [
        {"counts": [1, -1]},
        {"counts": [0, 0]},
        {"counts": [3]},
        {"counts": [1.5, 2]},
        {"counts": "12"},
        {"counts": None},
        {"scheme": "cubic"},
        {"beta": 1.0},
        {"beta": -0.1},
        {"beta": "auto"},
    ],
)
def test_class_weights_refuses(arguments):
    (name,) = arguments
    given_ = {"counts": [1, 2], "scheme": "effective", **arguments}
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        keras_funcs.class_weights(**given_)


@pytest.mark.parametrize(
    "labels_shape, outputs, axis, wanted",
    [
        ((4,), (4, 3), -1, True),
        ((4, 1), (4, 3), -1, True),
        ((4, 3), (4, 3), -1, False),
        ((None,), (None, 3), -1, True),
        ((None, 3), (None, 3), -1, False),
        ((4, 7), (4, 7, 3), -1, True),
        ((4, 7, 1), (4, 7, 3), -1, True),
        ((4, 7), (4, 3, 7), 1, True),
        ((4, 1, 7), (4, 3, 7), 1, True),
        ((4, 3, 7), (4, 3, 7), 1, False),
    ],
)
def test_ids_and_rows_are_told_apart(labels_shape, outputs, axis, wanted):
    y = keras.KerasTensor(labels_shape)
    assert labels.is_sparse(y, keras.KerasTensor(outputs), axis) is wanted


@pytest.mark.parametrize(
    "labels_shape, outputs",
    [((5,), (4, 3)), ((4, 2), (4, 3)), ((4, 3, 1), (4, 3)), ((4,), (4, 1))],
)
def test_other_shapes_are_refused(labels_shape, outputs):
    y = keras.KerasTensor(labels_shape)
    with pytest.raises(ValueError, match="Invalid shape of `y_"):
        labels.is_sparse(y, keras.KerasTensor(outputs))


@pytest.mark.parametrize(
    "labels_shape, outputs, wanted",
    [
        ((4,), (4, 1), (4, 1)),
        ((4, 1), (4,), (4, 1)),
        ((4,), (4,), (4,)),
        ((4, 3), (4, 3), (4, 3)),
        ((2, 5), (2, 5, 1), (2, 5, 1)),
    ],
)
def test_binary_labels_are_aligned(labels_shape, outputs, wanted):
    y, scores = labels.align_binary(np.ones(labels_shape), np.ones(outputs))
    assert tuple(y.shape) == tuple(scores.shape) == wanted


@pytest.mark.parametrize(
    "labels_shape, outputs", [((4,), (1, 4)), ((4, 2), (4, 1)), ((3,), (4, 1))]
)
def test_binary_labels_are_never_broadcast(labels_shape, outputs):
    with pytest.raises(ValueError, match="Invalid shape of `y_true`"):
        labels.align_binary(np.ones(labels_shape), np.ones(outputs))
