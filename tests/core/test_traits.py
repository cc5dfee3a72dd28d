"""Traits: declared on the class, inherited, checked, read by one function."""

from dataclasses import replace

import keras
import pytest

import keras_funcs
from keras_funcs import LayerTraits
from keras_funcs import LossTraits
from keras_funcs import MetricTraits
from keras_funcs._core.component import registered
from keras_funcs._core.traits import traits_of
from keras_funcs.testing.bench.cases import TRAITS
from keras_funcs.testing.bench.cases import cases_of

FORMER = {
    "targets", "unit", "independent", "keeps_gradient", "unknown", "direction",
    "example_shape", "properties", "changes_gradient", "sizes_are_known",
}  # fmt: skip


class Mine(keras.losses.Loss):
    traits = LossTraits(targets="labels", unknown=-1)


class Derived(Mine):
    traits = replace(Mine.traits, keeps_gradient=False)


def test_traits_are_inherited_and_changed_in_part():
    assert traits_of(Mine, LossTraits) == LossTraits("labels", unknown=-1)
    assert traits_of(Derived(), LossTraits).unknown == -1
    assert not traits_of(Derived(), LossTraits).keeps_gradient
    assert traits_of(Derived, MetricTraits) is None
    assert traits_of(keras.losses.Loss, LossTraits) is None


def test_another_attribute_of_the_name_is_no_declaration():
    class Genetics(keras.layers.Layer):
        traits = ["height", "weight"]

    assert traits_of(Genetics(), LayerTraits) is None
    assert cases_of(Genetics)[0].layer == LayerTraits()


@pytest.mark.parametrize(
    "make",
    [
        lambda: LossTraits(targets="class"),
        lambda: LossTraits(unit="pixel"),
        lambda: LossTraits(forms="sparse"),
        lambda: MetricTraits(direction="up"),
        lambda: MetricTraits(scores="logit"),
        lambda: LayerTraits(properties=("nice",)),
    ],
)
def test_misspelt_traits_are_refused(make):
    with pytest.raises(ValueError, match="Expected one of"):
        make()


def test_the_battery_refuses_traits_of_another_kind():
    class Confused(keras.metrics.Metric):
        traits = LossTraits()

    with pytest.raises(ValueError, match="Expected `MetricTraits` of metrics"):
        cases_of(Confused)


def test_an_instance_may_have_its_own():
    loss = keras_funcs.losses.Dice(multi_label=True, per_sample=False)
    assert cases_of(loss)[0].targets == "labels"
    assert cases_of(loss)[0].loss.unit == "batch"
    assert cases_of(keras_funcs.losses.Dice)[0].targets == "classes"


@pytest.mark.parametrize("entry", list(registered()), ids=lambda e: e.name)
def test_components_declare_nothing_beside_their_traits(entry):
    kind = TRAITS.get(entry.kind)
    if kind is not None:
        assert traits_of(entry.object, kind) is not None
    if isinstance(entry.object, type):
        own = {
            name
            for cls in entry.object.__mro__
            if cls.__module__.startswith("keras_funcs")
            for name in vars(cls)
        }
        assert not own & FORMER
