"""Losses for data where classes, labels or samples are not equal."""

import keras

from keras_funcs._core.resolve import getter
from keras_funcs.losses.focal import BinaryFocal as BinaryFocal
from keras_funcs.losses.focal import CategoricalFocal as CategoricalFocal
from keras_funcs.losses.imbalance import LogitAdjusted as LogitAdjusted
from keras_funcs.losses.imbalance import (
    WeightedCrossentropy as WeightedCrossentropy,
)

get = getter("losses", keras.losses.get)
