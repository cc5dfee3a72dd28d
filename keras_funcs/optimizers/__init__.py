"""Optimizers and learning-rate schedules."""

import keras

from keras_funcs._core.resolve import getter
from keras_funcs.optimizers import schedules as schedules
from keras_funcs.optimizers._base import RuleOptimizer as RuleOptimizer
from keras_funcs.optimizers.ada_belief import AdaBelief as AdaBelief
from keras_funcs.optimizers.ademamix import AdEMAMix as AdEMAMix

get = getter("optimizers", keras.optimizers.get)
