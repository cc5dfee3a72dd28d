import io

import numpy as np
import pytest
from PIL import Image

from keras_funcs._command.plot import Plot
from keras_funcs.inspect.figures import galleries

X = np.linspace(-5, 5, 51)


def tanh(slope=1.0, high=1.0):
    x = high * X
    return Plot(x, np.tanh(slope * x), slope / np.cosh(slope * x) ** 2)


def opened(image):
    return Image.open(io.BytesIO(image))


def test_a_column_for_each_parameter():
    slopes = {f"{slope:g}": tanh(slope) for slope in (0.5, 1.0, 2.0)}
    one = galleries.parameter_curves({"slope": slopes}, "tanh")
    two = galleries.parameter_curves({"slope": slopes, "a": slopes}, "tanh")
    assert opened(one).height == opened(two).height
    assert opened(one).width < opened(two).width < 2 * opened(one).width
    five = galleries.parameter_curves({name: slopes for name in "abcde"})
    assert opened(five).height == 2 * opened(one).height  # rows of 3 and of 2
    assert opened(two).width < opened(five).width
    with pytest.raises(ValueError, match="argument `columns`"):
        galleries.parameter_curves({})


@pytest.mark.parametrize("count", [1, 7, 8, 9])
def test_sheets_of_any_size(count):
    curves = {f"f{index}": tanh() for index in range(count)}
    image = galleries.contact_sheet(curves, "All", ["gated"], ["f0"])
    assert opened(image).info["Description"] == " ".join([*curves, "gated"])
    again = galleries.contact_sheet(curves, "All", ["gated"], ["f0"])
    assert again == image  # without the time of day
    assert set(opened(image).info) == {"Description", "dpi"}


def test_short_curves_are_stretched():
    long = galleries.contact_sheet({"f": tanh()})
    short = galleries.contact_sheet({"f": tanh(10.0, high=0.1)})
    assert short != long


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="argument `curves`"):
        galleries.contact_sheet({})
    with pytest.raises(ValueError, match="argument `columns`"):
        galleries.contact_sheet({"f": tanh()}, columns=0)
