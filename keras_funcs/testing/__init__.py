"""The conformance battery: what every component has to pass.

The pack's own components are checked with it, and `check_component` checks
yours: losses, metrics, layers, activations, optimizers, schedules,
regularizers, initializers and callbacks, on the active backend.
"""

from keras_funcs.testing import activations as activations
from keras_funcs.testing import batches as batches
from keras_funcs.testing import devices as devices
from keras_funcs.testing import dtypes as dtypes
from keras_funcs.testing import effects as effects
from keras_funcs.testing import hostility as hostility
from keras_funcs.testing import initializers as initializers
from keras_funcs.testing import memory as memory
from keras_funcs.testing import numerics as numerics
from keras_funcs.testing import optimizers as optimizers
from keras_funcs.testing import saving as saving
from keras_funcs.testing import serialization as serialization
from keras_funcs.testing import streams as streams
from keras_funcs.testing import training as training
from keras_funcs.testing.cases import Case as Case
from keras_funcs.testing.cases import cases as cases
from keras_funcs.testing.runner import Check as Check
from keras_funcs.testing.runner import Result as Result
from keras_funcs.testing.runner import check_component as check_component
from keras_funcs.testing.runner import checks as checks
