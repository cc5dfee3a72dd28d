"""`get` of every kind."""

import keras
import pytest

import keras_funcs as kf
from keras_funcs._core.resolve import by_name

CASES = [
    (kf.losses, "CategoricalFocal", kf.losses.CategoricalFocal),
    (kf.metrics, "BalancedAccuracy", kf.metrics.BalancedAccuracy),
    (kf.layers, "Snake", kf.layers.Snake),
    (kf.optimizers, "AdEMAMix", kf.optimizers.AdEMAMix),
    (kf.regularizers, "GroupLasso", kf.regularizers.GroupLasso),
]


@pytest.mark.parametrize("kind, name, cls", CASES)
def test_own_names_in_any_form(kind, name, cls):
    for identifier in (
        name,
        name.lower(),
        name.upper(),
        f"keras_funcs>{name}",
        cls,
    ):
        assert type(kind.get(identifier)) is cls
    made = cls()
    assert kind.get(made) is made
    config = keras.saving.serialize_keras_object(made)
    again = kind.get(config)
    assert type(again) is cls and again.get_config() == made.get_config()


def test_snake_case_is_folded():
    found = kf.metrics.get("matthews_correlation")
    assert isinstance(found, kf.metrics.MatthewsCorrelation)
    assert isinstance(kf.layers.get("drop-path"), kf.layers.DropPath)


def test_activations_are_functions():
    assert kf.activations.get("squared_relu") is kf.activations.squared_relu
    assert kf.activations.get("SquaredReLU") is kf.activations.squared_relu
    assert kf.activations.get("relu") is keras.activations.relu
    assert kf.activations.get(len) is len


@pytest.mark.parametrize(
    "kind, name, cls",
    [
        (kf.losses, "mse", None),
        (kf.losses, "MeanSquaredError", keras.losses.MeanSquaredError),
        (kf.metrics, "AUC", keras.metrics.AUC),
        (kf.layers, "ReLU", keras.layers.ReLU),
        (kf.optimizers, "adam", keras.optimizers.Adam),
        (kf.regularizers, "l2", keras.regularizers.L2),
    ],
)
def test_names_of_keras(kind, name, cls):
    found = kind.get(name)
    assert callable(found) if cls is None else isinstance(found, cls)


def test_none_stays_none():
    for kind, _, _ in CASES:
        assert kind.get(None) is None


@pytest.mark.parametrize(
    "kind, wrong, near",
    [
        (kf.losses, "CategoricalFocl", "CategoricalFocal"),
        (kf.metrics, "balanced_acuracy", "BalancedAccuracy"),
        (kf.layers, "snak", "Snake"),
        (kf.optimizers, "ademmix", "AdEMAMix"),
        (kf.activations, "swiglo", "swiglu"),
        (kf.regularizers, "grouplaso", "GroupLasso"),
    ],
)
def test_an_unknown_name_lists_the_nearest(kind, wrong, near):
    with pytest.raises(ValueError, match=f"Nearest: {near}.*{wrong}"):
        kind.get(wrong)
    with pytest.raises(ValueError, match="Nearest: "):
        kind.get("qqqqq")


def test_a_name_of_another_kind_is_unknown():
    with pytest.raises(ValueError, match="Unknown name"):
        kf.losses.get("Snake")
    with pytest.raises(ValueError, match="Unknown name"):
        kf.layers.get("keras_funcs>GroupLasso")


def test_names_that_differ_in_case_only_are_told_apart():
    cards = kf.catalogue()
    assert by_name(cards, "Snake").kind == "layers"
    assert by_name(cards, "keras_funcs>snake").kind == "activations"
    assert by_name(cards, "SNAKE") is not None
    assert callable(kf.activations.get("Snake"))
    assert isinstance(kf.layers.get("snake"), kf.layers.Snake)
