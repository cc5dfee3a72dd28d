"""A user's own component in the battery."""

import keras
import numpy as np
import pytest

from keras_funcs import testing
from tests.testing.broken import Configured
from tests.testing.broken import register
from tests.testing.test_broken_layers import NaNAtZero


@register
class Fine(Configured, keras.layers.Layer):
    """As a user would write it."""

    saved = ("slope",)

    def __init__(self, slope=0.5, **kwargs):
        super().__init__(**kwargs)
        is_number = isinstance(slope, (int, float, np.number))
        if isinstance(slope, bool) or not is_number or not 0 < slope < 1e6:
            raise ValueError(f"Invalid `slope`. Received: slope={slope!r}")
        self.slope = float(slope)
        self.supports_masking = True

    def call(self, inputs):
        return self.slope * inputs

    def compute_output_shape(self, input_shape):
        return input_shape


@pytest.mark.parametrize("given", [Fine, Fine(slope=0.25)])
def test_users_layer_passes_everything_here(given):
    results = testing.check_component(given)
    assert len(results) > 15
    failed = [r for r in results if not r.passed]
    # The class is local to this test: no other process can import it.
    assert not failed, failed


def test_check_component_raises_nothing():
    results = testing.check_component(NaNAtZero)
    assert any(not result.passed for result in results)
    assert all(result.message for result in results if not result.passed)


def test_required_arguments_are_asked_for():
    class Needs(keras.layers.Layer):
        def __init__(self, something, **kwargs):
            super().__init__(**kwargs)

    with pytest.raises(ValueError, match="something=..."):
        testing.check_component(Needs)
