"""Layers: adaptive activations, and layers with a function's role."""

from typing import Any

import keras

from keras_funcs._core.resolve import getter
from keras_funcs.layers._adaptive import (
    AdaptiveActivation as AdaptiveActivation,
)
from keras_funcs.layers._adaptive import build_activation as build_activation
from keras_funcs.layers.cosine import CosineDense as CosineDense
from keras_funcs.layers.periodic import Snake as Snake
from keras_funcs.layers.smooth import Swish as Swish
from keras_funcs.layers.stochastic import DropPath as DropPath


def _from_keras(name: str | dict[str, Any]) -> keras.layers.Layer:
    if isinstance(name, dict):
        return keras.layers.deserialize(name)
    return keras.saving.deserialize_keras_object(
        {"class_name": name, "config": {}, "module": "keras.layers"}
    )


get = getter("layers", _from_keras)
