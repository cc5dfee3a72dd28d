"""Losses for data where classes, labels or samples are not equal."""

import keras

from keras_funcs._core.resolve import getter
from keras_funcs.losses.adaptive_robust import AdaptiveRobust as AdaptiveRobust
from keras_funcs.losses.auto_balanced import AutoBalanced as AutoBalanced
from keras_funcs.losses.boxes import GeneralizedIoU as GeneralizedIoU
from keras_funcs.losses.calibration import FocalCalibration as FocalCalibration
from keras_funcs.losses.calibration import (
    LabelAwareSmoothing as LabelAwareSmoothing,
)
from keras_funcs.losses.calibration import (
    MarginLabelSmoothing as MarginLabelSmoothing,
)
from keras_funcs.losses.contrastive import InfoNCE as InfoNCE
from keras_funcs.losses.contrastive import NPairs as NPairs
from keras_funcs.losses.contrastive import SigLIP as SigLIP
from keras_funcs.losses.contrastive import (
    SupervisedContrastive as SupervisedContrastive,
)
from keras_funcs.losses.cost import CostSensitive as CostSensitive
from keras_funcs.losses.focal import BinaryFocal as BinaryFocal
from keras_funcs.losses.focal import CategoricalFocal as CategoricalFocal
from keras_funcs.losses.focal import Poly1 as Poly1
from keras_funcs.losses.hybrid import WeightedSum as WeightedSum
from keras_funcs.losses.imbalance import ClassBalanced as ClassBalanced
from keras_funcs.losses.imbalance import (
    WeightedCrossentropy as WeightedCrossentropy,
)
from keras_funcs.losses.loss_model import LossModel as LossModel
from keras_funcs.losses.lovasz import LovaszHinge as LovaszHinge
from keras_funcs.losses.lovasz import LovaszSoftmax as LovaszSoftmax
from keras_funcs.losses.margin import LDAM as LDAM
from keras_funcs.losses.margin import LogitAdjusted as LogitAdjusted
from keras_funcs.losses.margin import VectorScaling as VectorScaling
from keras_funcs.losses.metric_learning import Contrastive as Contrastive
from keras_funcs.losses.metric_learning import (
    LiftedStructure as LiftedStructure,
)
from keras_funcs.losses.metric_learning import TripletHard as TripletHard
from keras_funcs.losses.metric_learning import (
    TripletSemiHard as TripletSemiHard,
)
from keras_funcs.losses.multilabel import Asymmetric as Asymmetric
from keras_funcs.losses.multilabel import (
    DistributionBalanced as DistributionBalanced,
)
from keras_funcs.losses.noise import ActivePassive as ActivePassive
from keras_funcs.losses.noise import Bootstrap as Bootstrap
from keras_funcs.losses.noise import (
    GeneralizedCrossentropy as GeneralizedCrossentropy,
)
from keras_funcs.losses.noise import (
    SymmetricCrossentropy as SymmetricCrossentropy,
)
from keras_funcs.losses.ordinal import CORAL as CORAL
from keras_funcs.losses.ordinal import CORN as CORN
from keras_funcs.losses.ordinal import RankedProbability as RankedProbability
from keras_funcs.losses.overlap import Dice as Dice
from keras_funcs.losses.overlap import GeneralizedDice as GeneralizedDice
from keras_funcs.losses.overlap import Jaccard as Jaccard
from keras_funcs.losses.overlap import LogCoshDice as LogCoshDice
from keras_funcs.losses.ranking import AUCMargin as AUCMargin
from keras_funcs.losses.ranking import PairwiseAUC as PairwiseAUC
from keras_funcs.losses.regression import BalancedMSE as BalancedMSE
from keras_funcs.losses.regression import Pinball as Pinball
from keras_funcs.losses.regression import Robust as Robust
from keras_funcs.losses.soft_scores import SigmoidF1 as SigmoidF1
from keras_funcs.losses.soft_scores import SoftFBeta as SoftFBeta
from keras_funcs.losses.soft_scores import SoftMCC as SoftMCC
from keras_funcs.losses.sparse import SparsemaxLoss as SparsemaxLoss
from keras_funcs.losses.tversky import FocalTversky as FocalTversky
from keras_funcs.losses.tversky import Tversky as Tversky
from keras_funcs.losses.uncertainty import (
    UncertaintyWeighted as UncertaintyWeighted,
)
from keras_funcs.losses.unified_focal import UnifiedFocal as UnifiedFocal

get = getter("losses", keras.losses.get)
