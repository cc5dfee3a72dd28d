"""Losses for data where classes, labels or samples are not equal."""

import keras

from keras_funcs._core.resolve import getter
from keras_funcs.losses.focal import BinaryFocal as BinaryFocal
from keras_funcs.losses.focal import CategoricalFocal as CategoricalFocal
from keras_funcs.losses.hybrid import WeightedSum as WeightedSum
from keras_funcs.losses.imbalance import LogitAdjusted as LogitAdjusted
from keras_funcs.losses.imbalance import (
    WeightedCrossentropy as WeightedCrossentropy,
)
from keras_funcs.losses.multilabel import Asymmetric as Asymmetric

get = getter("losses", keras.losses.get)
