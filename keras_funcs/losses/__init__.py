"""Losses for data where classes, labels or samples are not equal."""

import keras

from keras_funcs._core.resolve import getter
from keras_funcs.losses.contrastive import (
    SupervisedContrastive as SupervisedContrastive,
)
from keras_funcs.losses.focal import BinaryFocal as BinaryFocal
from keras_funcs.losses.focal import CategoricalFocal as CategoricalFocal
from keras_funcs.losses.hybrid import WeightedSum as WeightedSum
from keras_funcs.losses.imbalance import LogitAdjusted as LogitAdjusted
from keras_funcs.losses.imbalance import (
    WeightedCrossentropy as WeightedCrossentropy,
)
from keras_funcs.losses.lovasz import LovaszHinge as LovaszHinge
from keras_funcs.losses.lovasz import LovaszSoftmax as LovaszSoftmax
from keras_funcs.losses.multilabel import Asymmetric as Asymmetric
from keras_funcs.losses.overlap import Dice as Dice
from keras_funcs.losses.overlap import GeneralizedDice as GeneralizedDice
from keras_funcs.losses.overlap import Jaccard as Jaccard
from keras_funcs.losses.regression import Pinball as Pinball
from keras_funcs.losses.regression import Robust as Robust
from keras_funcs.losses.tversky import FocalTversky as FocalTversky
from keras_funcs.losses.tversky import Tversky as Tversky
from keras_funcs.losses.unified_focal import UnifiedFocal as UnifiedFocal

get = getter("losses", keras.losses.get)
