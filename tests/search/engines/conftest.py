import keras
import pytest

from keras_funcs.search.engines import vectorized
from tests.search.engines.alone import train_lanes


@pytest.fixture
def on_jax():
    """Whether lanes are possible; elsewhere the engine refuses."""
    if keras.config.backend() == "jax":
        return True
    with pytest.raises(vectorized.NotVectorizable, match="backend jax"):
        train_lanes(None, [])
    return False
