import keras
import keras_tuner
import numpy as np
import pytest

import keras_funcs
from keras_funcs import search
from keras_funcs.search.spaces import catalogue
from keras_funcs.search.spaces import structure

COUNTS = [50, 20, 5]


def hp_with(**values):
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    return hp


def test_the_default_is_the_baseline():
    hp = keras_tuner.HyperParameters()
    layer = search.activation(hp)()
    loss = search.loss(hp, class_counts=COUNTS)
    optimizer = search.optimizer(hp)
    assert search.regularizer(hp) is None
    assert isinstance(layer, keras.layers.Activation)
    assert layer.activation is keras.activations.relu
    assert type(loss) is keras.losses.SparseCategoricalCrossentropy
    assert loss.get_config()["from_logits"] is True
    assert isinstance(optimizer, keras.optimizers.Adam)
    assert float(optimizer.learning_rate) == pytest.approx(1e-3)
    assert hp.values["optimizer/adam/learning_rate"] == pytest.approx(1e-3)


def test_only_the_chosen_options_arguments_are_active():
    hp = hp_with(loss="LogitAdjusted")
    loss = search.loss(hp, class_counts=COUNTS)
    assert isinstance(loss, keras_funcs.losses.LogitAdjusted)
    assert set(hp.values) == {"loss", "loss/LogitAdjusted/tau"}
    names = [item.name for item in hp.space]
    assert "loss/CategoricalFocal/gamma" in names
    assert len(names) == len(set(names))


def test_values_reach_the_object():
    hp = hp_with(
        **{
            "loss": "LogitAdjusted",
            "loss/LogitAdjusted/tau": 1.75,
            "optimizer": "AdEMAMix",
            "optimizer/AdEMAMix/learning_rate": 0.007,
        }
    )
    loss = search.loss(hp, class_counts=np.array(COUNTS))
    assert loss.get_config()["tau"] == 1.75
    assert loss.get_config()["class_counts"] == COUNTS
    assert loss.get_config()["from_logits"] is True
    optimizer = search.optimizer(hp)
    assert float(optimizer.learning_rate) == pytest.approx(0.007)


def test_an_activation_is_fresh_each_time():
    make = search.activation(hp_with(activation="Snake"))
    first, second = make(), make()
    assert isinstance(first, keras_funcs.layers.Snake)
    assert first is not second


def test_names_classes_instances_and_functions():
    def bent(x):
        return keras.ops.maximum(x, 0.1 * x)

    choices = [
        "relu",
        keras.layers.PReLU,
        keras_funcs.layers.Swish(axis=None),
        bent,
        keras_funcs.activations.squared_relu,
    ]
    labels = ["relu", "PReLU", "Swish(axis=None)", "bent",
              "squared_relu"]  # fmt: skip
    hp = keras_tuner.HyperParameters()
    search.activation(hp, choices)
    assert hp.space[0].values == labels
    x = np.array([[-1.0, 2.0]], "float32")
    for label in labels:
        layer = search.activation(hp_with(activation=label), choices)()
        assert tuple(layer(x).shape) == (1, 2)
    swish = search.activation(hp_with(activation=labels[2]), choices)()
    assert swish is not choices[2]
    assert swish.get_config()["axis"] is None


def test_instances_keep_their_arguments_and_not_their_state():
    given = keras.optimizers.SGD(0.25, momentum=0.5)
    hp = keras_tuner.HyperParameters()
    found = search.optimizer(hp, [given])
    assert found is not given and float(found.momentum) == 0.5
    assert hp.values["optimizer"] == "SGD(learning_rate=0.25, momentum=0.5)"


def test_a_label_is_never_a_registered_name():
    custom = keras.saving.get_custom_objects()

    def mine(x):
        return x

    custom["mine"] = mine
    try:
        hp = keras_tuner.HyperParameters()
        search.activation(hp, [mine, "keras_funcs>Snake"])
        copied = hp.copy()  # KerasTuner fails here otherwise
        assert copied.space[0].values == ["mine (own)", "Snake"]
    finally:
        del custom["mine"]


@pytest.mark.parametrize("kind", ["activation", "loss", "optimizer"])
def test_a_whole_space_survives_a_copy(kind):
    hp = keras_tuner.HyperParameters()
    getattr(search, kind)(hp)
    assert [i.name for i in hp.copy().space] == [i.name for i in hp.space]


def test_bad_choices_say_what_to_do():
    hp = keras_tuner.HyperParameters()
    with pytest.raises(ValueError, match="class_counts="):
        search.loss(hp, ["LogitAdjusted"])
    with pytest.raises(ValueError, match="Snake"):
        search.activation(hp, ["snaek"])
    with pytest.raises(ValueError, match="differ"):
        search.activation(hp, ["relu", "relu"])
    with pytest.raises(ValueError, match="sequence"):
        search.activation(hp, "relu")
    with pytest.raises(ValueError, match="choices"):
        search.activation(hp, [3])
    with pytest.raises(ValueError, match="task"):
        search.loss(hp, task="ranking")


def test_losses_that_need_counts_are_left_out_without():
    hp = keras_tuner.HyperParameters()
    search.loss(hp)
    assert hp.space[0].values == [
        "sparse_categorical_crossentropy",
        "CategoricalFocal",
    ]
    labels = keras_tuner.HyperParameters()
    found = search.loss(labels, task="multilabel")
    assert found.get_config()["from_logits"] is True


def test_every_option_of_the_defaults_can_be_made():
    hp = keras_tuner.HyperParameters()
    for kind in ("activation", "loss", "optimizer", "regularizer"):
        extra = {"class_counts": COUNTS} if kind == "loss" else {}
        getattr(search, kind)(hp, **extra)
        for label in next(i for i in hp.space if i.name == kind).values:
            made = getattr(search, kind)(hp_with(**{kind: label}), **extra)
            assert label == "none" or made is not None


def test_inside_a_users_inactive_condition():
    hp = keras_tuner.HyperParameters()
    hp.Choice("model", ["plain", "deep"])
    with hp.conditional_scope("model", ["deep"]):
        search.activation(hp, name="deep_activation")
    assert "deep_activation" not in hp.values


def test_one_name_is_one_choice():
    hp = keras_tuner.HyperParameters()
    search.activation(hp, ["relu", "gelu"])
    with pytest.raises(ValueError, match="another name: this is a choice"):
        search.activation(hp, ["relu", "Snake"])
    for _ in range(2):  # each model declares its choices anew
        with catalogue.one_model():
            search.activation(hp, ["relu", "gelu"])
            search.activation(hp, ["relu", "gelu"], name="last")
            with pytest.raises(ValueError, match="of its own for each choice"):
                search.activation(hp, ["relu", "gelu"])
    hp.Choice("model", ["plain", "deep"])
    with catalogue.one_model():
        for model in ("plain", "deep"):
            with hp.conditional_scope("model", [model]):
                search.regularizer(hp, name="branch")


def test_domains_and_parts():
    hp = keras_tuner.HyperParameters()
    search.optimizer(hp, ["adam", "sgd"])
    hp.Boolean("skip")
    hp.Int("width", 8, 64)
    assert structure.domains(hp) == {
        "optimizer": ["adam", "sgd"],
        "optimizer/adam/learning_rate": (1e-4, 3e-2),
        "optimizer/sgd/learning_rate": (1e-3, 1.0),
        "skip": [True, False],
        "width": (8, 64),
    }
    assert structure.parts(hp) == {
        "optimizer": {
            "optimizer",
            "optimizer/adam/learning_rate",
            "optimizer/sgd/learning_rate",
        },
        "skip": {"skip"},
        "width": {"width"},
    }


def test_a_decision_under_a_condition_is_a_part_of_its_own():
    hp = keras_tuner.HyperParameters()
    hp.Choice("network", ["linear", "8"])
    with hp.conditional_scope("network", ["8"]):
        hp.Float("network/dropout", 0.0, 0.5)
        search.activation(hp, ["relu", "SMU"])
    parts = structure.parts(hp)
    assert parts["network"] == {"network", "network/dropout"}
    assert "activation" in parts["activation"]
    assert len(parts) == 2


def test_a_function_and_a_layer_may_share_a_name():
    make = search.activation(hp_with(activation="snake"), ["relu", "snake"])
    assert isinstance(make(), keras.layers.Activation)
    make = search.activation(hp_with(activation="Snake"), ["relu", "Snake"])
    assert isinstance(make(), keras_funcs.layers.Snake)


def test_none_is_a_value_to_choose():
    for axis in (None, [-1]):
        label = str(axis[0] if axis else axis)
        hp = hp_with(activation="Swish", **{"activation/Swish/axis": label})
        layer = search.activation(hp, ["relu", "Swish"])()
        assert layer.get_config()["axis"] == axis
    labels = ["Swish(axis=None)", "Swish(axis=[1, 2])", "Swish()"]
    given = [keras_funcs.layers.Swish(axis=axis) for axis in (None, [1, 2], -1)]
    hp = keras_tuner.HyperParameters()
    search.activation(hp, given)
    assert hp.space[0].values == labels
