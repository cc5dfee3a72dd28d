"""What has no lanes is refused by one line that says why."""

import functools

import keras
import numpy as np
import pytest

from keras_funcs.search.engines import vectorized
from keras_funcs.search.engines.vectorized import NotVectorizable
from tests.search.engines.alone import BATCH
from tests.search.engines.alone import CLASSES
from tests.search.engines.alone import EPOCHS
from tests.search.engines.alone import FEATURES
from tests.search.engines.alone import OBJECTIVE
from tests.search.engines.alone import TRAIN
from tests.search.engines.alone import VALIDATION
from tests.search.engines.alone import check_lane
from tests.search.engines.alone import fit_alone
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


@keras.saving.register_keras_serializable("refused")
class Applied(keras.layers.Layer):
    """Calls a function that its configuration does not show."""

    def call(self, x):
        return self.function(x)


class Slotted:
    __slots__ = ("exponent",)

    def __init__(self, exponent):
        self.exponent = exponent

    def __call__(self, x):
        return x**self.exponent


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


def test_a_number_in_a_text_needs_a_program_of_its_own(on_jax):
    if not on_jax:
        return

    def build(value):
        return network(hidden=[Hidden(value)])

    apart = train_lanes(build, [0.5, 0.7], seeds=[1, 1])
    check_lane(apart[1], fit_alone(build, 0.7, 1))
    with pytest.raises(NotVectorizable, match="9 settings need 9 programs"):
        train_lanes(build, [0.1 * number for number in range(1, 10)])


def test_what_is_refused_leaves_the_others(on_jax):
    if not on_jax:
        return

    def build(value):
        if value == 0.3:
            raise ArithmeticError("no such model")
        inner = [Outside(value)] if value > 0.5 else []
        return network(keras.optimizers.SGD(value), hidden=inner)

    found = vectorized.train(
        build, [0.1, 0.3, 0.7, 0.8], [1] * 4, train=TRAIN,
        validation=VALIDATION, objective=OBJECTIVE, epochs=EPOCHS,
        batch_size=BATCH, patience=9,
    )  # fmt: skip
    check_lane(found[0], fit_alone(build, 0.1, 1))
    assert "no such model" in found[1].reason
    for refused in found[2:]:
        assert "`Outside` computes outside" in refused.reason


@pytest.mark.parametrize("place", ["closure", "default", "partial", "slot"])
def test_what_no_configuration_shows(on_jax, place):
    """An integer that a function holds makes another program."""
    if not on_jax:
        return

    def power(x, exponent):
        return x**exponent

    def build(exponent):
        function = {
            "closure": lambda x: power(x, exponent),
            "default": lambda x, exponent=exponent: power(x, exponent),
            "partial": functools.partial(swapped, exponent),
            "slot": Slotted(exponent),
        }[place]
        layer = Applied()
        layer.function = function
        return network(hidden=[layer])

    def swapped(exponent, x):
        return power(x, exponent)

    found = train_lanes(build, [1, 2], seeds=[1, 1])
    check_lane(found[0], fit_alone(build, 1, 1))
    check_lane(found[1], fit_alone(build, 2, 1))


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
