import numpy as np
import pytest

from keras_funcs._command import plot


def test_curves():
    relu2 = plot.curve("squared_relu", "activations")
    np.testing.assert_allclose(relu2.y, np.maximum(relu2.x, 0) ** 2, atol=1e-5)
    snake = plot.curve("Snake", "layers")
    expected = snake.x + np.sin(snake.x) ** 2
    np.testing.assert_allclose(snake.y, expected, atol=1e-5)
    # By the backend's own derivative, right up to the ends.
    np.testing.assert_allclose(snake.slope, 1 + np.sin(2 * snake.x), atol=1e-5)


def test_a_curve_has_no_more_waves_than_can_be_seen():
    assert plot.curve("snake", "activations").x[-1] == 5.0
    sine = plot.curve("Sine", "layers")
    assert sine.x[-1] == 0.5
    np.testing.assert_allclose(sine.y, np.sin(30 * sine.x), atol=1e-5)


@pytest.mark.parametrize(
    "name, kind",
    [
        ("swiglu", "activations"),
        ("entmax15", "activations"),
        ("PolyNorm", "layers"),
        ("CosineDense", "layers"),
        ("DropPath", "layers"),
        ("CategoricalFocal", "losses"),
        ("WarmupStableDecay", "schedules"),
    ],
)
def test_what_has_no_curve(name, kind):
    assert plot.curve(name, kind) is None
    assert plot.moves(name, kind) == []


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


def test_parameters_are_those_that_move_the_curve():
    (beta,) = plot.moves("Swish", "layers")
    assert beta.name == "beta_initializer"
    assert list(beta.plots) == ["0.25", "0.5", "1", "2", "4"]
    for value, drawn in beta.plots.items():
        wanted = drawn.x / (1 + np.exp(-float(value) * drawn.x))
        np.testing.assert_allclose(drawn.y, wanted, atol=1e-4)
    names = [move.name for move in plot.moves("softshrink", "activations")]
    assert names == ["lower", "upper"]
    assert plot.moves("squared_relu", "activations") == []


def test_coefficients_that_no_argument_starts_move_too():
    (slope,) = plot.moves("AdaptiveSlope", "layers")  # and `n` does not
    assert slope.name == "slope" and len(slope.plots) == 5
    for value, drawn in slope.plots.items():
        wanted = np.tanh(10 * float(value) * drawn.x)
        np.testing.assert_allclose(drawn.y, wanted, atol=1e-4)


@pytest.mark.parametrize(
    "name, wanted",
    [
        ("DynamicTanh", ["alpha_initializer", "gamma", "beta"]),
        ("PolyReLU", ["weight[0]", "weight[1]", "weight[2]", "bias", "order"]),
        (
            "Rational",
            [f"numerator[{i}]" for i in range(4)]
            + [f"denominator[{i}]" for i in range(4)],
        ),
        (
            "SReLU",
            [f"{name}_initializer" for name in ("t_left", "a_left", "a_right")]
            + ["width (others + 0.5)"],
        ),
        (
            "Rowdy",
            ["slope"]
            + [f"amplitudes[{i}]" for i in range(3)]
            + [f"frequencies[{i}] (others + 0.5)" for i in range(3)],
        ),
    ],
)
def test_every_coefficient_is_shown_beside_the_arguments(name, wanted):
    assert [move.name for move in plot.moves(name, "layers")] == wanted


def test_a_scalar_and_an_element_take_the_values_that_are_drawn():
    gamma = plot.moves("DynamicTanh", "layers")[1]
    for value, drawn in gamma.plots.items():
        wanted = float(value) * np.tanh(0.5 * drawn.x)
        np.testing.assert_allclose(drawn.y, wanted, atol=1e-4)
    second = plot.moves("PolyReLU", "layers")[1]
    for value, drawn in second.plots.items():
        r = np.maximum(drawn.x, 0)
        wanted = r / 3 + float(value) * r**2 + r**3 / 3
        np.testing.assert_allclose(drawn.y, wanted, rtol=5e-3, atol=1e-4)


def test_as_table():
    (beta,) = plot.moves("Swish", "layers")
    lines = plot.as_table(beta).splitlines()
    assert lines[0].split() == [
        "beta_initializer", "f(-5)", "f(-2.5)", "f(0)", "f(2.5)", "f(5)"
    ]  # fmt: skip
    found = [float(cell) for cell in lines[3].split()]
    wanted = [1.0, -0.0335, -0.1896, 0.0, 2.3104, 4.9665]
    np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_save_with_parameters(tmp_path):
    curve = plot.curve("Swish", "layers")
    moved = plot.moves("Swish", "layers")
    path = plot.save(curve, "Swish", tmp_path / "a.png", moved)
    other = plot.save(curve, "Swish", tmp_path / "b.png")
    assert path.read_bytes() != other.read_bytes()
