"""Embeddings of numeric columns against the formulas of arXiv:2203.05556."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import layers
from keras_funcs.layers.embeddings import numeric

X = np.random.default_rng(0).normal(size=(50, 3)).astype("float32")


def values(tensor):
    return np.asarray(ops.convert_to_numpy(tensor), "float64")


def periodic(x, c, kernel, bias):
    """One number at a time, as the paper writes it."""
    out = []
    for row in x.astype("float64"):
        features = []
        for k, number in enumerate(row):
            v = [2 * np.pi * f * number for f in c[k, :, 0]]
            waves = np.array([np.sin(v), np.cos(v)]).reshape(-1)
            features += np.maximum(waves @ kernel[k] + bias[0, k], 0).tolist()
        out.append(features)
    return np.array(out)


def encoded(number, edges):
    """Equation 1 of the paper."""
    total = len(edges) - 1
    found = []
    for t in range(1, total + 1):
        if number < edges[t - 1] and t > 1:
            found.append(0.0)
        elif number >= edges[t] and t < total:
            found.append(1.0)
        else:
            width = edges[t] - edges[t - 1]
            found.append((number - edges[t - 1]) / width)
    return found


def test_periodic_is_the_formula():
    layer = layers.PeriodicEmbedding(4, 0.7, 5, activation="relu")
    found = values(layer(X))
    weights = [values(w) for w in layer.weights]
    np.testing.assert_allclose(found, periodic(X, *weights), 1e-4, 1e-5)


def test_frequencies_have_the_size_sigma():
    layer = layers.PeriodicEmbedding(1, sigma=2.0, frequencies=2000)
    layer.build((None, 3))
    assert values(layer.c).std() == pytest.approx(2.0, rel=0.05)
    assert len(layer.weights[0].shape) == 3  # Muon leaves it alone


def test_piecewise_is_the_formula():
    edges = [[-1.0, -0.5, 0.25, 2.0], [-0.3, 0.0, 0.1], [0.0, 1.0]]
    layer = layers.PiecewiseLinearEncoding(edges)
    x = np.concatenate([X, 5 * X, [[-1.0, 0.0, 1.0]]]).astype("float32")
    found = values(layer(x)).reshape(len(x), 3, 3)
    for column, own in enumerate(edges):
        wanted = np.zeros((len(x), 3))
        for row, number in enumerate(x[:, column].astype("float64")):
            wanted[row, : len(own) - 1] = encoded(number, own)
        np.testing.assert_allclose(found[:, column], wanted, 1e-4, 1e-5)


def test_adapt_takes_the_quantiles_and_is_saved(tmp_path):
    data = np.column_stack(
        [X[:, 0], np.repeat([0.0, 1.0], [30, 20]), np.ones(50)]
    )
    model = keras.Sequential(
        [keras.Input((3,)), layers.PiecewiseLinearEncoding(4)]
    )
    model.layers[0].adapt(data)
    edges = values(model.layers[0].edges)
    quartiles = np.quantile(data[:, 0], [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(edges[0], quartiles, 1e-5)
    found = values(model(data)).reshape(50, 3, 4)
    # Two values are one bin, one value is none.
    assert found[:, 1, 0].tolist() == [0.0] * 30 + [1.0] * 20
    assert not found[:, 1, 1:].any() and not found[:, 2].any()
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(values(again(data)), values(model(data)))


def test_half_of_a_standard_normal_column_is_before_its_middle_bins():
    layer = layers.PiecewiseLinearEncoding(2)
    assert values(layer(np.zeros((1, 1), "float32"))).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize(
    "make",
    [
        lambda columns: layers.PeriodicEmbedding(2, columns=columns),
        lambda columns: layers.PiecewiseLinearEncoding(2, columns=columns),
    ],
)
def test_the_other_columns_stay_as_they_are(make):
    found = values(make([2, 0])(X))
    assert found.shape == (50, 5)
    np.testing.assert_allclose(found[:, 4], X[:, 1])
    alone = make([0])
    assert alone.compute_output_shape((None, 3)) == (None, 4)
    with pytest.raises(ValueError, match="columns below 3"):
        make([3])(X)
    for bad in ([], [0, 0], [-1], 2):
        with pytest.raises(ValueError, match="columns"):
            make(bad)


@pytest.mark.parametrize(
    "bins", [0, [], [[1.0]], [[1.0, 1.0]], [[2.0, 1.0]], [["a", "b"]]]
)
def test_bad_bins(bins):
    with pytest.raises(ValueError, match="bins"):
        layers.PiecewiseLinearEncoding(bins)


def test_bad_data_and_edges_of_other_columns():
    layer = layers.PiecewiseLinearEncoding(2)
    for bad in (np.zeros(3), np.zeros((0, 3)), np.full((2, 3), np.nan)):
        with pytest.raises(ValueError, match="data"):
            layer.adapt(bad)
    with pytest.raises(ValueError, match="edges of 3 columns"):
        layers.PiecewiseLinearEncoding([[0.0, 1.0]])(X)
    assert numeric.quantiles(np.array([[0.0], [4.0]]), 2) == [[0.0, 2.0, 4.0]]
