"""label_density_weights against its formula in loops, and against SciPy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops
from scipy import ndimage

import keras_funcs

few = settings(max_examples=15, deadline=None, derandomize=True)
weights_of = keras_funcs.label_density_weights


def skewed(size=300, seed=0):
    return np.random.default_rng(seed).gamma(2.0, 10.0, size)


def by_loops(y, edges, scheme, kernel_size, sigma):
    """Yang et al. (2021), section 3.2, bin by bin and label by label."""

    def bin_of(label):
        for b in range(len(edges) - 1):
            if edges[b] <= label < edges[b + 1]:
                return b
        return len(edges) - 2

    counts = [0] * (len(edges) - 1)
    for label in y:
        counts[bin_of(label)] += 1
    found = []
    for label in y:
        density = 0.0
        for b, count in enumerate(counts):
            away = abs(b - bin_of(label))
            if away <= kernel_size // 2:
                density += count * math.exp(-(away**2) / (2 * sigma**2))
        found.append(1 / (density if scheme == "inverse" else density**0.5))
    mean = sum(found) / len(found)
    return [w / mean for w in found]


@pytest.mark.parametrize("scheme", ["sqrt", "inverse"])
@pytest.mark.parametrize("kernel_size, sigma", [(5, 2.0), (1, 2.0), (9, 0.7)])
def test_is_the_definition(scheme, kernel_size, sigma):
    y = skewed()
    edges = np.linspace(y.min(), y.max(), 31)
    expected = by_loops(y, edges, scheme, kernel_size, sigma)
    found = weights_of(y, 30, scheme, kernel_size, sigma)
    np.testing.assert_allclose(found, expected, 1e-9)
    found = weights_of(y, edges, scheme, kernel_size, sigma)
    np.testing.assert_allclose(found, expected, 1e-9)


@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_smooths_as_scipy_does(sigma):
    y = skewed()
    counts, edges = np.histogram(y, 40)
    density = ndimage.gaussian_filter1d(
        counts.astype(float), sigma, mode="constant", radius=2
    )
    inverse = 1 / density[np.clip(np.digitize(y, edges) - 1, 0, 39)]
    found = weights_of(y, 40, "inverse", 5, sigma)
    np.testing.assert_allclose(found, inverse / inverse.mean(), 1e-9)


def test_without_smoothing_whole_numbers_are_classes():
    y = np.repeat([0, 1, 2], [50, 8, 2])
    edges = [-0.5, 0.5, 1.5, 2.5]
    for scheme in ("sqrt", "inverse"):
        per_class = keras_funcs.class_weights([50, 8, 2], scheme)[y]
        found = weights_of(y, edges, scheme, kernel_size=1)
        np.testing.assert_allclose(found, per_class / per_class.mean(), 1e-12)


def test_rare_labels_weigh_more_and_neighbours_help():
    y = np.concatenate([np.full(100, 5.0), [5.2, 9.0]])
    weights = weights_of(y, np.arange(0, 10.1, 0.1))
    common, neighbour, rare = weights[0], weights[100], weights[101]
    assert common < neighbour < rare


@few
@given(st.integers(0, 10**6), st.floats(1.0, 5.0))
def test_a_cap_keeps_the_mean(seed, cap):
    y = skewed(50, seed)
    plain = weights_of(y, 20, "inverse")
    found = weights_of(y, 20, "inverse", max_weight=cap)
    assert found.max() <= cap * (1 + 1e-12)
    np.testing.assert_allclose(found.mean(), 1.0, 1e-9)
    below = found < cap * (1 - 1e-9)
    ratio = found[below] / plain[below]
    np.testing.assert_allclose(ratio, ratio[:1].repeat(len(ratio)), 1e-9)
    if plain.max() <= cap:
        np.testing.assert_allclose(found, plain, 1e-12)


@few
@given(st.integers(0, 10**6), st.floats(-100, 100), st.floats(0.1, 100))
def test_units_and_order_do_not_matter(seed, shift, scale):
    y = np.random.default_rng(seed).integers(0, 16, 40) / 2.0
    edges = np.arange(-0.25, 8, 0.5)
    expected = weights_of(y, edges)
    moved = weights_of(scale * y + shift, scale * edges + shift)
    np.testing.assert_allclose(moved, expected, 1e-9)
    order = np.random.default_rng(seed).permutation(40)
    np.testing.assert_allclose(weights_of(y[order], edges), expected[order])


def test_takes_lists_columns_and_tensors():
    y = [1.0, 2.0, 2.0, 7.0]
    expected = weights_of(np.array(y))
    assert expected.dtype == "float64" and expected.shape == (4,)
    np.testing.assert_array_equal(weights_of(y), expected)
    np.testing.assert_array_equal(weights_of(np.array(y)[:, None]), expected)
    tensor = ops.convert_to_tensor(np.array(y, "float32"))
    np.testing.assert_array_equal(weights_of(tensor), expected)


def test_one_label_and_equal_labels_weigh_1():
    for y in ([3.0], [3.0, 3.0, 3.0]):
        np.testing.assert_array_equal(weights_of(y), np.ones(len(y)))


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"y": []}, "y"),
        ({"y": [[1.0, 2.0]]}, "y"),
        ({"y": [1.0, float("nan")]}, "y"),
        ({"y": ["a"]}, "y"),
        ({"y": [1.0, 5.0], "bins": [0.0, 4.0]}, "y"),
        ({"bins": 0}, "bins"),
        ({"bins": 2.5}, "bins"),
        ({"bins": [1.0]}, "bins"),
        ({"bins": [0.0, 5.0, 5.0]}, "bins"),
        ({"scheme": "balanced"}, "scheme"),
        ({"kernel_size": 4}, "kernel_size"),
        ({"kernel_size": -1}, "kernel_size"),
        ({"sigma": 0.0}, "sigma"),
        ({"max_weight": 0.5}, "max_weight"),
    ],
)
def test_bad_arguments(arguments, name):
    with pytest.raises(ValueError, match=f"for argument `{name}`. Expected"):
        weights_of(**{"y": [1.0, 2.0], **arguments})
