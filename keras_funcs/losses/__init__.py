"""Losses for data where classes, labels or samples are not equal."""

import keras

from keras_funcs._core.resolve import getter
from keras_funcs.losses.classification.calibration import (
    FocalCalibration as FocalCalibration,
)
from keras_funcs.losses.classification.calibration import (
    LabelAwareSmoothing as LabelAwareSmoothing,
)
from keras_funcs.losses.classification.calibration import (
    MarginLabelSmoothing as MarginLabelSmoothing,
)
from keras_funcs.losses.classification.cost import (
    CostSensitive as CostSensitive,
)
from keras_funcs.losses.classification.focal import BinaryFocal as BinaryFocal
from keras_funcs.losses.classification.focal import (
    CategoricalFocal as CategoricalFocal,
)
from keras_funcs.losses.classification.focal import Poly1 as Poly1
from keras_funcs.losses.classification.imbalance import (
    ClassBalanced as ClassBalanced,
)
from keras_funcs.losses.classification.imbalance import (
    WeightedCrossentropy as WeightedCrossentropy,
)
from keras_funcs.losses.classification.margin import LDAM as LDAM
from keras_funcs.losses.classification.margin import (
    LogitAdjusted as LogitAdjusted,
)
from keras_funcs.losses.classification.margin import (
    VectorScaling as VectorScaling,
)
from keras_funcs.losses.classification.multilabel import (
    Asymmetric as Asymmetric,
)
from keras_funcs.losses.classification.multilabel import (
    DistributionBalanced as DistributionBalanced,
)
from keras_funcs.losses.classification.noise import (
    ActivePassive as ActivePassive,
)
from keras_funcs.losses.classification.noise import Bootstrap as Bootstrap
from keras_funcs.losses.classification.noise import (
    GeneralizedCrossentropy as GeneralizedCrossentropy,
)
from keras_funcs.losses.classification.noise import (
    SymmetricCrossentropy as SymmetricCrossentropy,
)
from keras_funcs.losses.classification.ordinal import CORAL as CORAL
from keras_funcs.losses.classification.ordinal import CORN as CORN
from keras_funcs.losses.classification.ordinal import (
    RankedProbability as RankedProbability,
)
from keras_funcs.losses.classification.ranking import AUCMargin as AUCMargin
from keras_funcs.losses.classification.ranking import PairwiseAUC as PairwiseAUC
from keras_funcs.losses.classification.soft_scores import SigmoidF1 as SigmoidF1
from keras_funcs.losses.classification.soft_scores import SoftFBeta as SoftFBeta
from keras_funcs.losses.classification.soft_scores import SoftMCC as SoftMCC
from keras_funcs.losses.classification.sparse import (
    SparsemaxLoss as SparsemaxLoss,
)
from keras_funcs.losses.embedding.contrastive import InfoNCE as InfoNCE
from keras_funcs.losses.embedding.contrastive import NPairs as NPairs
from keras_funcs.losses.embedding.contrastive import SigLIP as SigLIP
from keras_funcs.losses.embedding.contrastive import (
    SupervisedContrastive as SupervisedContrastive,
)
from keras_funcs.losses.embedding.metric_learning import (
    Contrastive as Contrastive,
)
from keras_funcs.losses.embedding.metric_learning import (
    LiftedStructure as LiftedStructure,
)
from keras_funcs.losses.embedding.metric_learning import (
    TripletHard as TripletHard,
)
from keras_funcs.losses.embedding.metric_learning import (
    TripletSemiHard as TripletSemiHard,
)
from keras_funcs.losses.hosted.adaptive_robust import (
    AdaptiveRobust as AdaptiveRobust,
)
from keras_funcs.losses.hosted.auto_balanced import AutoBalanced as AutoBalanced
from keras_funcs.losses.hosted.loss_model import LossModel as LossModel
from keras_funcs.losses.hosted.uncertainty import (
    UncertaintyWeighted as UncertaintyWeighted,
)
from keras_funcs.losses.region.lovasz import LovaszHinge as LovaszHinge
from keras_funcs.losses.region.lovasz import LovaszSoftmax as LovaszSoftmax
from keras_funcs.losses.region.overlap import Dice as Dice
from keras_funcs.losses.region.overlap import GeneralizedDice as GeneralizedDice
from keras_funcs.losses.region.overlap import Jaccard as Jaccard
from keras_funcs.losses.region.overlap import LogCoshDice as LogCoshDice
from keras_funcs.losses.region.tversky import FocalTversky as FocalTversky
from keras_funcs.losses.region.tversky import Tversky as Tversky
from keras_funcs.losses.region.unified_focal import UnifiedFocal as UnifiedFocal
from keras_funcs.losses.regression.boxes import GeneralizedIoU as GeneralizedIoU
from keras_funcs.losses.regression.standardized import (
    Standardized as Standardized,
)
from keras_funcs.losses.regression.values import BalancedMSE as BalancedMSE
from keras_funcs.losses.regression.values import Pinball as Pinball
from keras_funcs.losses.regression.values import Robust as Robust
from keras_funcs.losses.weighted_sum import WeightedSum as WeightedSum

get = getter("losses", keras.losses.get)
