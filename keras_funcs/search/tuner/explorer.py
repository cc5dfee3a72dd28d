"""Finds the whole space of a build function. It needs KerasTuner."""

import types
from typing import Any

import keras_tuner
from keras_tuner.engine import base_tuner

from keras_funcs.search.plan import Build
from keras_funcs.search.tuner.hyperparameters import settings_of


def explore(build: Build) -> Any:
    """Finds the whole space, conditional parts included.

    `build` is called with each condition met once, as KerasTuner does, or its
    attribute `declare`, if it has one: it declares the same without a model.

    Returns:
        A `HyperParameters` whose values are the defaults: the baseline.
    """
    oracle = keras_tuner.oracles.RandomSearchOracle(
        objective=keras_tuner.Objective("loss", "min")
    )
    _Explorer(oracle, getattr(build, "declare", build)).declare()
    return settings_of(oracle.get_space(), {})


class _Explorer(base_tuner.BaseTuner):
    """A tuner without files: only the part that explores the space."""

    def __init__(self, oracle: Any, build: Build) -> None:
        self.oracle = oracle
        self.hypermodel = types.SimpleNamespace(build=build)

    def declare(self) -> None:
        self._activate_all_conditions()
