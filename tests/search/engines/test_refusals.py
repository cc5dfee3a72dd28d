"""What has no lanes is refused by one line that says why."""

import keras
import numpy as np
import pytest

from keras_funcs.search.engines.vectorized import NotVectorizable
from tests.search.engines.alone import CLASSES
from tests.search.engines.alone import FEATURES
from tests.search.engines.alone import TRAIN
from tests.search.engines.alone import train_lanes
from tests.search.engines.test_equality import network

pytestmark = pytest.mark.backends("jax")


@keras.saving.register_keras_serializable("refused")
class Outside(keras.layers.Layer):
    """Computes with NumPy."""

    def __init__(self, scale, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, x):
        return x * float(np.exp(float(self.scale)))

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


@keras.saving.register_keras_serializable("refused")
class Hidden(Outside):
    """Keeps its number where no attribute holds it."""

    def __init__(self, scale, **kwargs):
        super().__init__(str(scale), **kwargs)

    def call(self, x):
        return x * float(self.scale)

    def get_config(self):
        return {**super().get_config(), "scale": float(self.scale)}


@keras.saving.register_keras_serializable("refused")
class Calling(keras.layers.Layer):
    """Calls Python while it runs."""

    def call(self, x):
        import jax

        shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
        moved = jax.pure_callback(
            lambda value: np.asarray(value) * 1.0,
            shape,
            jax.lax.stop_gradient(x),
            vmap_method="expand_dims",
        )
        return x + jax.lax.stop_gradient(moved)


class OwnFit(keras.Sequential):
    def fit(self, *args, **kwargs):
        return super().fit(*args, **kwargs)


def own_fit(value):
    model = OwnFit([keras.Input((FEATURES,)), keras.layers.Dense(CLASSES)])
    model.compile("sgd", "mse")
    return model


def unbuilt(value):
    model = keras.Sequential([keras.layers.Dense(CLASSES)])
    model.compile("sgd", "mse")
    return model


def eager(value):
    model = network(keras.optimizers.SGD(value))
    model.compile("sgd", "mse", run_eagerly=True)
    return model


REFUSED = {
    "outside": (
        lambda v: network(hidden=[Outside(v)]),
        "`Outside` computes outside `keras.ops`",
    ),
    "hidden": (
        lambda v: network(hidden=[Hidden(v)]),
        "scale` differs between settings",
    ),
    "calling": (
        lambda v: network(keras.optimizers.SGD(v), hidden=[Calling()]),
        "calls Python while it runs",
    ),
    "own fit": (own_fit, "`OwnFit` has a `fit` of its own"),
    "unbuilt": (unbuilt, "begin it with `keras.Input`"),
    "eager": (eager, "run_eagerly=True"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_models(on_jax, case):
    if not on_jax:
        return
    build, reason = REFUSED[case]
    with pytest.raises(NotVectorizable, match=reason) as caught:
        train_lanes(build, [0.5, 0.7])
    assert "\n" not in caught.value.reason


def test_data_sets(on_jax):
    if not on_jax:
        return
    with pytest.raises(NotVectorizable, match="`generator`; lanes share"):
        train_lanes(network, [0.5], train=(batch for batch in [TRAIN]))
    texts = (np.array(["a"]), TRAIN[1][:1])
    with pytest.raises(NotVectorizable, match="arrays of numbers"):
        train_lanes(network, [0.5], train=texts)


def test_arguments(on_jax):
    if not on_jax:
        return
    with pytest.raises(ValueError, match="`seeds`. Expected 2, one per"):
        train_lanes(network, [0.5, 0.7], seeds=[1])
    with pytest.raises(ValueError, match="`patience`"):
        train_lanes(network, [0.5], patience=0)
