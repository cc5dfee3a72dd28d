"""A model with a loss that learns."""

import pytest

from keras_funcs.losses import LossModel
from tests.losses.hosted.training import LEARN
from tests.losses.hosted.training import Y
from tests.losses.hosted.training import adam
from tests.losses.hosted.training import net


@pytest.fixture(params=LEARN)
def learning(request):
    """A compiled model with a loss that learns, and its labels."""
    make, y = LEARN[request.param]
    model = LossModel(net(), make())
    model.compile(adam(), metrics=["mae"] if y is Y else ["accuracy"])
    return model, y
