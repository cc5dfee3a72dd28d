"""What every trainable activation can do, whatever its formula."""

import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

import keras_funcs
from keras_funcs import layers
from keras_funcs import testing
from keras_funcs._core.component import registered
from keras_funcs._core.traits import PROPERTIES

CASES = [
    case
    for case in testing.cases()
    if case.is_default
    and isinstance(case.target, type)
    and issubclass(case.target, layers.AdaptiveActivation)
]
X = np.random.default_rng(0).normal(size=(4, 4, 4, 3)).astype("float32")
Y = np.random.default_rng(1).normal(size=(4, 6)).astype("float32")


def built(case):
    return layers.build_activation(case.make(), 6)


def hosted(case):
    """A model whose activations are all of this kind, in every host."""
    inputs = keras.Input((4, 4, 3))
    conv = keras.layers.Conv2D(6, 3, activation=built(case))(inputs)
    conv = keras.layers.Activation(built(case))(conv)
    # Not too short to be trained through, nor long: it is unrolled.
    rows = keras.layers.Reshape((4, 6))(conv)
    state = keras.layers.LSTM(6, activation=built(case))(rows[:, :2])
    outputs = keras.layers.Dense(6, activation=built(case))(state)
    return keras.Model(inputs, outputs)


def predict(model):
    return ops.convert_to_numpy(model(X, training=False))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_serves_every_host_when_it_was_built_early(case):
    own = sum(int(np.prod(w.shape)) for w in built(case).weights)
    assert own > 0
    keras.utils.set_random_seed(1)
    model = hosted(case)
    plain = 3 * 3 * 3 * 6 + 6 + 4 * (6 * 6 + 6 * 6 + 6) + 6 * 6 + 6
    assert model.count_params() == plain + 4 * own
    coefficients = [w for w in model.weights if "act_" in w.name]
    assert sum(int(np.prod(w.shape)) for w in coefficients) == 4 * own
    # The optimizer knows every variable before the model was ever called.
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)
    compiler = False if keras.backend.backend() == "torch" else "auto"
    model.compile(optimizer, "mse", jit_compile=compiler)
    before = [ops.convert_to_numpy(w) for w in coefficients]
    model.train_on_batch(X, Y)
    after = [ops.convert_to_numpy(w) for w in coefficients]
    learns = any(w.trainable for w in coefficients)
    assert learns == any((a != b).any() for a, b in zip(before, after))
    assert all(np.isfinite(a).all() for a in after)
    keras.utils.set_random_seed(2)
    fresh = hosted(case)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.weights.h5"
        # Without the optimizer, whose slots a fresh model does not have.
        keras.Model(model.inputs, model.outputs).save_weights(path)
        fresh.load_weights(path)
    np.testing.assert_allclose(predict(fresh), predict(model), 1e-5, 1e-6)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_its_coefficients_are_named_and_kept_as_promised(case):
    for arguments in ({}, {"axis": 1}, {"axis": [1, 2]}):
        layer = case.make(dtype="mixed_float16", **arguments)
        layer.build((None, 6, 6, 6))
        assert layer.weights
        for weight in layer.weights:
            assert weight.name.startswith("act_")
            assert len(weight.shape) != 2  # Muon would orthogonalize it
            dtype = keras.backend.standardize_dtype(weight.dtype)
            assert dtype == "float32"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_takes_any_size_of_image(case):
    layer = case.make()
    shape = (None, None, None, 6)
    symbol = layer(keras.Input(shape[1:]))
    assert tuple(symbol.shape) == shape
    assert layer.compute_output_shape(shape) == shape


def test_the_promises_are_few_and_known():
    assert len(CASES) >= 15
    for case in CASES:
        properties = case.make().traits.properties
        assert set(properties) <= set(PROPERTIES)


@keras.saving.register_keras_serializable("users")
class Bent(layers.AdaptiveActivation):
    """As the documentation of the base says how to write one."""

    traits = keras_funcs.LayerTraits(properties=("odd", "monotone"))

    def __init__(self, bend_initializer=0.5, **kwargs):
        number = isinstance(bend_initializer, (int, float))
        if isinstance(bend_initializer, bool) or not number:
            raise ValueError(f"Invalid bend_initializer={bend_initializer}")
        if not abs(bend_initializer) < 1e6:
            raise ValueError(f"Invalid bend_initializer={bend_initializer}")
        self.bend_initializer = bend_initializer
        super().__init__(**kwargs)

    def build_coefficients(self):
        self.bend = self.add_coefficient("bend", self.bend_initializer)

    def activate(self, x):
        return x + self.bend * ops.tanh(x)


def test_users_write_their_own():
    results = testing.check_component(Bent)
    names = {result.check for result in results}
    assert "second_derivatives_are_right" in names
    assert "half_precision_ends_with_its_numbers" in names
    assert "declared_properties_hold" in names
    failed = [result for result in results if not result.passed]
    # A class of a test module is no component of the pack, but passes as one.
    assert not failed, failed
    assert Bent not in [entry.object for entry in registered()]
