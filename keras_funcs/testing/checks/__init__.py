"""The battery's checks: by kind, and by property."""

from keras_funcs.testing.checks import activations as activations
from keras_funcs.testing.checks import devices as devices
from keras_funcs.testing.checks import dtypes as dtypes
from keras_funcs.testing.checks import effects as effects
from keras_funcs.testing.checks import export as export
from keras_funcs.testing.checks import hostility as hostility
from keras_funcs.testing.checks import initializers as initializers
from keras_funcs.testing.checks import losses as losses
from keras_funcs.testing.checks import memory as memory
from keras_funcs.testing.checks import metrics as metrics
from keras_funcs.testing.checks import numerics as numerics
from keras_funcs.testing.checks import optimizers as optimizers
from keras_funcs.testing.checks import saving as saving
from keras_funcs.testing.checks import serialization as serialization
from keras_funcs.testing.checks import training as training
