"""Metrics that tell the truth when classes are not equal."""

import keras

from keras_funcs._core.resolve import getter
from keras_funcs.metrics._confusion import ConfusionMetric as ConfusionMetric
from keras_funcs.metrics._histogram import HistogramMetric as HistogramMetric
from keras_funcs.metrics._rates import RateMetric as RateMetric
from keras_funcs.metrics._scores import ScoreMetric as ScoreMetric
from keras_funcs.metrics.agreement import CohenKappa as CohenKappa
from keras_funcs.metrics.agreement import MacroMAE as MacroMAE
from keras_funcs.metrics.calibration import BrierScore as BrierScore
from keras_funcs.metrics.calibration import (
    ExpectedCalibrationError as ExpectedCalibrationError,
)
from keras_funcs.metrics.confusion import BalancedAccuracy as BalancedAccuracy
from keras_funcs.metrics.confusion import ConfusionMatrix as ConfusionMatrix
from keras_funcs.metrics.confusion import (
    MatthewsCorrelation as MatthewsCorrelation,
)
from keras_funcs.metrics.group import MetricGroup as MetricGroup
from keras_funcs.metrics.multilabel import HammingScore as HammingScore
from keras_funcs.metrics.multilabel import (
    MultiLabelConfusionMatrix as MultiLabelConfusionMatrix,
)
from keras_funcs.metrics.ranking import AUROC as AUROC
from keras_funcs.metrics.ranking import AveragePrecision as AveragePrecision
from keras_funcs.metrics.rates import FScore as FScore
from keras_funcs.metrics.rates import GeometricMeanScore as GeometricMeanScore
from keras_funcs.metrics.rates import PrecisionScore as PrecisionScore
from keras_funcs.metrics.rates import RecallScore as RecallScore
from keras_funcs.metrics.rates import SpecificityScore as SpecificityScore
from keras_funcs.metrics.shots import ShotRecall as ShotRecall
from keras_funcs.metrics.shots import TopKRecall as TopKRecall
from keras_funcs.metrics.shots import WorstClassRecall as WorstClassRecall
from keras_funcs.metrics.thresholds import BestThreshold as BestThreshold
from keras_funcs.metrics.thresholds import (
    KolmogorovSmirnov as KolmogorovSmirnov,
)
from keras_funcs.metrics.thresholds import LiftScore as LiftScore

get = getter("metrics", keras.metrics.get)
