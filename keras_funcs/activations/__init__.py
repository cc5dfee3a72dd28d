"""Stateless activation functions; trainable ones are layers."""

import keras

from keras_funcs._core.resolve import getter
from keras_funcs.activations.gated import swiglu as swiglu
from keras_funcs.activations.rectified import squared_relu as squared_relu

get = getter("activations", keras.activations.get)
