import struct

import matplotlib.pyplot as pyplot
import numpy as np
import pytest

from keras_funcs.inspect import figures


def size(png):
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


@pytest.mark.parametrize("classes", [1, 2, 10, 100])
@pytest.mark.parametrize("normalize", ["true", "pred", "all", None])
def test_confusion_matrix_of_any_size(classes, normalize):
    matrix = np.eye(classes) * 5
    matrix[0] = 0  # a class without samples
    width, height = size(figures.confusion_matrix(matrix, None, normalize))
    assert 300 < height <= width < 1400


def test_confusion_matrix_shows_its_numbers():
    one, other = np.eye(3) * 5, np.eye(3)[::-1] * 5
    assert figures.confusion_matrix(one) != figures.confusion_matrix(other)
    # Of counts, the share of the true class stays the same.
    assert figures.confusion_matrix(one) == figures.confusion_matrix(2 * one)
    assert figures.confusion_matrix(
        one, normalize=None
    ) != figures.confusion_matrix(2 * one, normalize=None)


@pytest.mark.parametrize(
    "arguments, name",
    [
        ((np.zeros((2, 3)),), "matrix"),
        ((np.zeros(4),), "matrix"),
        ((np.zeros((0, 0)),), "matrix"),
        ((np.zeros((1001, 1001)),), "matrix"),
        ((np.eye(2), ["a"]), "class_names"),
        ((np.eye(2), None, "row"), "normalize"),
    ],
)
def test_confusion_matrix_refuses(arguments, name):
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        figures.confusion_matrix(*arguments)


def test_names_from_elsewhere_are_only_text():
    names = [r"$\frac{", "a\nb\x1b[0m", "班級 \U0001f600", "x" * 500]
    size(figures.confusion_matrix(np.eye(4), names, title="100$ $^"))
    size(figures.grouped_bars(names, {"$\\bad{": [1, 2, 3, 4]}))


def test_activation_curve():
    x = np.linspace(-5, 5, 201)
    y = np.tanh(x)
    plain = figures.activation_curve(x, y)
    sloped = figures.activation_curve(x, y, 1 - y**2, "tanh")
    full = figures.activation_curve(
        x,
        y,
        1 - y**2,
        "tanh",
        spread=(y - 0.1, y + 0.1),
        earlier={"epoch 0": x, "epoch 1": x / 2},
    )
    assert size(plain)[1] < size(sloped)[1] == size(full)[1]
    assert full != sloped


def test_interval_plot_tells_gain_from_loss():
    ends = [[0.1, 0.3], [-0.3, -0.1], [-0.1, 0.3]]
    labels, differences = ["a", "b", "c"], [0.2, -0.2, 0.1]
    up = figures.interval_plot(labels, differences, ends)
    down = figures.interval_plot(labels, differences, ends, better="lower")
    assert up != down
    with pytest.raises(ValueError, match="argument `intervals`"):
        figures.interval_plot(labels, differences, ends[:2])
    with pytest.raises(ValueError, match="argument `labels`"):
        figures.interval_plot(labels[:2], differences, ends)


@pytest.mark.parametrize("classes", [1, 10, 100])
def test_grouped_bars_of_any_size(classes):
    labels = [f"class {index}" for index in range(classes)]
    series = {"baseline": np.full(classes, 0.5), "best": np.ones(classes)}
    errors = {"best": np.full(classes, 0.1)}
    width, _ = size(figures.grouped_bars(labels, series, errors=errors))
    assert 600 < width < 1700


def test_grouped_bars_refuse():
    with pytest.raises(ValueError, match="argument `series`"):
        figures.grouped_bars([], {})
    with pytest.raises(ValueError, match="argument `b`"):
        figures.grouped_bars(["x"], {"a": [1], "b": [1, 2]})


def test_the_users_own_figures_are_not_touched():
    before = dict(pyplot.rcParams), pyplot.get_fignums()
    figures.grouped_bars(["x"], {"a": [1]})
    assert (dict(pyplot.rcParams), pyplot.get_fignums()) == before
