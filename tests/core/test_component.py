"""Registration, and configs derived from signatures."""

import json

import keras
import numpy as np
import pytest

from keras_funcs._core import component as module
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import Range
from keras_funcs._core.component import arguments
from keras_funcs._core.component import component
from keras_funcs._core.component import kind_of


@pytest.fixture
def registry(monkeypatch):
    """Whatever is registered here is forgotten afterwards."""
    monkeypatch.setattr(module, "_registered", dict(module._registered))
    objects = keras.saving.get_custom_objects()
    before = dict(objects)
    yield module._registered
    objects.clear()
    objects.update(before)


def make(name="Halving", base=keras.layers.Layer, where="first"):
    return type(name, (Configurable, base), {"__module__": where})


def test_a_component_is_registered_under_its_bare_name(registry):
    cls = make()
    assert component({})(cls) is cls
    assert registry["Halving"].kind == "layers"
    found = keras.saving.get_registered_object("keras_funcs>Halving")
    assert found is cls


def test_a_name_of_another_class_is_refused_in_any_kind(registry):
    first = component()(make(where="first"))
    with pytest.raises(ValueError, match="keras_funcs>Halving.*taken"):
        component()(make(where="second"))
    with pytest.raises(ValueError, match="taken"):
        component()(make(base=keras.metrics.Metric, where="third"))
    # Running a definition again, as a notebook does, is no collision.
    again = make(where="first")
    assert component()(again) is again is not first


def test_ranges_must_name_arguments(registry):
    with pytest.raises(ValueError, match="argument `tune`.*slope"):
        component({"slope": Range(0.0, 1.0)})(make())
    assert "Halving" not in registry


@pytest.mark.parametrize(
    "low, high, log",
    [(1.0, 1.0, False), (2.0, 1.0, False), (0.0, 1.0, True), (-1, 1, True)],
)
def test_ranges_that_hold_nothing_are_refused(low, high, log):
    with pytest.raises(ValueError, match="Invalid range"):
        Range(low, high, log)


def test_ends():
    assert Range(0.1, 2.0, log=True).ends == (0.1, 2.0)
    assert Choice("a", "b").ends == ("a", "b")
    assert repr(Choice("a", 1)) == "Choice('a', 1)"


def test_kinds():
    assert kind_of(keras.losses.MeanSquaredError) == "losses"
    assert kind_of(keras.optimizers.schedules.CosineDecay) == "schedules"
    assert kind_of(len) == "activations"
    with pytest.raises(ValueError, match="Invalid component `int`"):
        kind_of(int)


class Base(Configurable, keras.layers.Layer):
    def __init__(self, shared=1, **kwargs):
        super().__init__(**kwargs)
        self.shared = shared


class Leaf(Base):
    def __init__(self, counts, inner=None, table=None, shared=2, **kwargs):
        super().__init__(shared=shared, **kwargs)
        self.counts = tuple(counts)
        self.inner = keras.regularizers.get(inner)
        self.table = table


def test_arguments_are_read_up_to_keras():
    found = arguments(Leaf)
    assert list(found) == ["counts", "inner", "table", "shared"]
    assert found["shared"].default == 2  # the leaf's own
    assert list(arguments(lambda x, axis=-1: x)) == ["x", "axis"]


def test_a_config_is_json_and_rebuilds_the_object():
    leaf = Leaf(
        np.array([3, 1]),
        inner=keras.regularizers.L2(0.5),
        table={"a": (np.float32(0.5), [np.int64(2)])},
        name="leaf",
        dtype="float16",
    )
    config = json.loads(json.dumps(leaf.get_config()))
    assert config["counts"] == [3, 1]
    assert config["table"] == {"a": [0.5, [2]]}
    assert config["name"] == "leaf"
    again = Leaf.from_config(keras.saving.deserialize_keras_object(config))
    assert isinstance(again.inner, keras.regularizers.L2)
    assert again.get_config() == leaf.get_config()
    assert again.compute_dtype == "float16"


def test_a_number_that_became_a_variable_is_saved_as_a_number():
    leaf = Leaf([1], shared=keras.Variable(0.25))
    assert leaf.get_config()["shared"] == 0.25


def test_an_argument_that_was_not_stored_is_an_error():
    class Forgetful(Base):
        def __init__(self, lost=1, **kwargs):
            super().__init__(**kwargs)

    with pytest.raises(AttributeError, match="lost"):
        Forgetful().get_config()


def test_configs_with_old_names_are_read(registry):
    def moved(value, config):
        config["count"] = 2 * value

    class Renamed(Configurable, keras.layers.Layer):
        renamed = {"old": "new", "half": moved}

        def __init__(self, new=1, count=0, **kwargs):
            super().__init__(**kwargs)
            self.new, self.count = new, count

    class Child(Renamed):
        renamed = {"older": "new"}

        def __init__(self, half=0, **kwargs):  # in use again
            super().__init__(**kwargs)
            self.half = half

    given = {"old": 5, "half": 3}
    made = Renamed.from_config(given)
    assert (made.new, made.count) == (5, 6)
    assert given == {"old": 5, "half": 3}
    assert Renamed.from_config({"old": None}).new == 1
    made = Child.from_config({"older": 7, "half": 3})
    assert (made.new, made.half, made.count) == (7, 3, 0)
    with pytest.raises((TypeError, ValueError), match="old"):
        Renamed(old=5)
