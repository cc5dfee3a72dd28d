import numpy as np
import pytest

from keras_funcs._command import plot


def test_curves():
    relu2 = plot.curve("squared_relu", "activations")
    np.testing.assert_allclose(relu2.y, np.maximum(relu2.x, 0) ** 2, atol=1e-5)
    snake = plot.curve("Snake", "layers")
    expected = snake.x + np.sin(snake.x) ** 2
    np.testing.assert_allclose(snake.y, expected, atol=1e-5)
    np.testing.assert_allclose(
        snake.slope[1:-1], 1 + np.sin(2 * snake.x[1:-1]), atol=1e-3
    )


@pytest.mark.parametrize(
    "name, kind",
    [
        ("swiglu", "activations"),
        ("CosineDense", "layers"),
        ("DropPath", "layers"),
        ("CategoricalFocal", "losses"),
        ("WarmupStableDecay", "schedules"),
    ],
)
def test_what_has_no_curve(name, kind):
    assert plot.curve(name, kind) is None


def drawing(values):
    x = np.linspace(plot.LOW, plot.HIGH, plot.POINTS)
    y = values(x)
    return plot.as_text(plot.Plot(x, y, y), width=21, height=5)


def test_as_text():
    assert drawing(lambda x: x).splitlines() == [
        "      5           |       ***",
        "                  |  *****",
        "        --------*****--------",
        "           *****  |",
        "     -5 ***       |",
        "        -5                  5",
    ]


def test_as_text_of_a_constant_and_of_positive_values():
    flat = drawing(np.zeros_like).splitlines()
    assert flat[2] == " " * 8 + "*" * 21
    high = drawing(lambda x: x + 10).splitlines()
    assert not any("-" in line for line in high[:5])


def test_save(tmp_path):
    curve = plot.curve("Snake", "layers")
    path = plot.save(curve, "Snake", tmp_path / "a.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    path.write_bytes(b"mine")
    with pytest.raises(ValueError, match="does not exist yet"):
        plot.save(curve, "Snake", path)
    assert path.read_bytes() == b"mine"
    with pytest.raises(ValueError, match="a .png file"):
        plot.save(curve, "Snake", tmp_path / "a.txt")
