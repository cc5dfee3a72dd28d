"""Metrics that tell the truth when classes are not equal."""

import keras

from keras_funcs._core.resolve import getter
from keras_funcs.metrics._confusion import ConfusionMetric as ConfusionMetric
from keras_funcs.metrics.confusion import BalancedAccuracy as BalancedAccuracy
from keras_funcs.metrics.confusion import ConfusionMatrix as ConfusionMatrix
from keras_funcs.metrics.confusion import (
    MatthewsCorrelation as MatthewsCorrelation,
)
from keras_funcs.metrics.group import MetricGroup as MetricGroup

get = getter("metrics", keras.metrics.get)
