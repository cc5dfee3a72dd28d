"""Penalties on weights, for structure rather than size."""

import keras

from keras_funcs._core.resolve import getter
from keras_funcs.regularizers.group_sparsity import GroupLasso as GroupLasso

get = getter("regularizers", keras.regularizers.get)
