"""Initial weights that an activation needs to train at all."""

import keras

from keras_funcs._core.resolve import getter
from keras_funcs.initializers.siren import SirenUniform as SirenUniform

get = getter("initializers", keras.initializers.get)
