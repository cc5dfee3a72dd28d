"""The conformance battery: what every component has to pass.

The pack's own components are checked with it, and `check_component` checks
yours: losses, metrics, layers, activations, optimizers, schedules,
regularizers, initializers and callbacks, on the active backend.
"""

import keras_funcs.testing.checks  # noqa: F401 (registers them)
from keras_funcs.testing.bench.cases import Case as Case
from keras_funcs.testing.bench.cases import cases as cases
from keras_funcs.testing.runner import Check as Check
from keras_funcs.testing.runner import Result as Result
from keras_funcs.testing.runner import check_component as check_component
from keras_funcs.testing.runner import checks as checks
