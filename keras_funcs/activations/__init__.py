"""Stateless activation functions; trainable ones are layers."""

import keras

from keras_funcs._core.resolve import getter
from keras_funcs.activations.bounded import isru as isru
from keras_funcs.activations.bounded import laplace as laplace
from keras_funcs.activations.bounded import penalized_tanh as penalized_tanh
from keras_funcs.activations.gated import geglu as geglu
from keras_funcs.activations.gated import reglu as reglu
from keras_funcs.activations.gated import swiglu as swiglu
from keras_funcs.activations.periodic import gcu as gcu
from keras_funcs.activations.periodic import sine as sine
from keras_funcs.activations.periodic import snake as snake
from keras_funcs.activations.rectified import hard_mish as hard_mish
from keras_funcs.activations.rectified import smelu as smelu
from keras_funcs.activations.rectified import squared_relu as squared_relu
from keras_funcs.activations.rectified import star_relu as star_relu
from keras_funcs.activations.shrinking import hardshrink as hardshrink
from keras_funcs.activations.shrinking import softshrink as softshrink
from keras_funcs.activations.smooth import lisht as lisht
from keras_funcs.activations.smooth import logish as logish
from keras_funcs.activations.smooth import phish as phish
from keras_funcs.activations.smooth import quick_gelu as quick_gelu
from keras_funcs.activations.smooth import serf as serf
from keras_funcs.activations.smooth import smish as smish
from keras_funcs.activations.smooth import telu as telu
from keras_funcs.activations.sparse import entmax15 as entmax15

get = getter("activations", keras.activations.get)
