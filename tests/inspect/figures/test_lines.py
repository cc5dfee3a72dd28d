import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from keras_funcs.inspect import figures

X = np.linspace(0, 1, 5)


def text_of(svg):
    tree = ElementTree.fromstring(svg)
    return "".join(tree.itertext())


def test_lines_as_png_and_as_svg():
    series = {"a <b>": [(X, X), (X, X**2)], "$c$": [(X, 1 - X)]}
    draw = {"title": "Half & half", "xlabel": "x", "diagonal": True}
    assert figures.line_chart(series, **draw).startswith(b"\x89PNG")
    found = figures.line_chart(series, **draw, form="svg")
    assert found == figures.line_chart(series, **draw, form="svg")
    assert all(word in text_of(found) for word in ("a <b>", "Half & half"))
    with pytest.raises(ValueError, match="1 to 6 series"):
        figures.line_chart({})


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_settings_side_by_side(better):
    columns = {
        "loss": ["a", "b", "a", None],
        "rate": [1e-4, 1e-2, None, 1.0],
        "same": [2, 2, 2, 2],
        "layers": [1, 2, 3, 3],
    }
    found = figures.parallel_plot(
        columns, [0.1, 0.4, 0.2, 0.3], better=better, form="svg"
    )
    shown = text_of(found)
    assert all(word in shown for word in ("loss", "0.0001", "score", "0.4"))


def test_other_charts_as_svg():
    for found in (
        figures.interval_plot(["a"], [0.1], [(0.0, 0.2)], form="svg"),
        figures.grouped_bars(["a"], {"x": [1.0]}, form="svg"),
        figures.confusion_matrix(np.eye(2), form="svg"),
    ):
        assert ElementTree.fromstring(found).tag.endswith("svg")
