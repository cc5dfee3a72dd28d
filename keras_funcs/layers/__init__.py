"""Layers: adaptive activations, and layers with a function's role."""

from typing import Any

import keras

from keras_funcs._core.resolve import getter
from keras_funcs.layers.activations._adaptive import (
    AdaptiveActivation as AdaptiveActivation,
)
from keras_funcs.layers.activations._adaptive import (
    build_activation as build_activation,
)
from keras_funcs.layers.activations.dynamic import DynamicReLU as DynamicReLU
from keras_funcs.layers.activations.dynamic import FReLU as FReLU
from keras_funcs.layers.activations.dynamic import MetaAcon as MetaAcon
from keras_funcs.layers.activations.exponential import MPELU as MPELU
from keras_funcs.layers.activations.exponential import PELU as PELU
from keras_funcs.layers.activations.exponential import XIELU as XIELU
from keras_funcs.layers.activations.exponential import (
    SoftExponential as SoftExponential,
)
from keras_funcs.layers.activations.periodic import Snake as Snake
from keras_funcs.layers.activations.periodic import SnakeBeta as SnakeBeta
from keras_funcs.layers.activations.physics import Rowdy as Rowdy
from keras_funcs.layers.activations.physics import Sine as Sine
from keras_funcs.layers.activations.physics import Stan as Stan
from keras_funcs.layers.activations.polynomial import PolyNorm as PolyNorm
from keras_funcs.layers.activations.polynomial import PolyReLU as PolyReLU
from keras_funcs.layers.activations.polynomial import StarReLU as StarReLU
from keras_funcs.layers.activations.randomized import RReLU as RReLU
from keras_funcs.layers.activations.rational import Rational as Rational
from keras_funcs.layers.activations.rectified import APL as APL
from keras_funcs.layers.activations.rectified import TLU as TLU
from keras_funcs.layers.activations.rectified import (
    ChannelPReLU as ChannelPReLU,
)
from keras_funcs.layers.activations.rectified import SReLU as SReLU
from keras_funcs.layers.activations.slope import AdaptiveSlope as AdaptiveSlope
from keras_funcs.layers.activations.slope import SlopeRecovery as SlopeRecovery
from keras_funcs.layers.activations.slope import (
    slope_recovery as slope_recovery,
)
from keras_funcs.layers.activations.smooth import SMU as SMU
from keras_funcs.layers.activations.smooth import AconC as AconC
from keras_funcs.layers.activations.smooth import Swish as Swish
from keras_funcs.layers.activations.sparse_softmax import Entmax as Entmax
from keras_funcs.layers.embeddings.numeric import (
    PeriodicEmbedding as PeriodicEmbedding,
)
from keras_funcs.layers.embeddings.numeric import (
    PiecewiseLinearEncoding as PiecewiseLinearEncoding,
)
from keras_funcs.layers.heads.cosine import CosineDense as CosineDense
from keras_funcs.layers.heads.margin import MarginHead as MarginHead
from keras_funcs.layers.heads.posthoc import LogitAdjustment as LogitAdjustment
from keras_funcs.layers.heads.posthoc import (
    TemperatureScaling as TemperatureScaling,
)
from keras_funcs.layers.mixing.channel_gates import FiLM as FiLM
from keras_funcs.layers.mixing.channel_gates import (
    GlobalResponseNormalization as GlobalResponseNormalization,
)
from keras_funcs.layers.mixing.channel_gates import LayerScale as LayerScale
from keras_funcs.layers.mixing.channel_gates import (
    SqueezeExcite as SqueezeExcite,
)
from keras_funcs.layers.mixing.crossing import Maxout as Maxout
from keras_funcs.layers.mixing.crossing import (
    PolynomialCrossing as PolynomialCrossing,
)
from keras_funcs.layers.mixing.gated import GatedDense as GatedDense
from keras_funcs.layers.mixing.multimodal import (
    GatedMultimodalUnit as GatedMultimodalUnit,
)
from keras_funcs.layers.mixing.pooling import GeMPooling as GeMPooling
from keras_funcs.layers.mixing.pooling import GeMPooling1D as GeMPooling1D
from keras_funcs.layers.mixing.pooling import GeMPooling2D as GeMPooling2D
from keras_funcs.layers.mixing.pooling import GeMPooling3D as GeMPooling3D
from keras_funcs.layers.normalization.filter_response import (
    FilterResponseNormalization as FilterResponseNormalization,
)
from keras_funcs.layers.normalization.normalizing import (
    DynamicErf as DynamicErf,
)
from keras_funcs.layers.normalization.normalizing import (
    DynamicTanh as DynamicTanh,
)
from keras_funcs.layers.normalization.replacement import (
    replace_normalization as replace_normalization,
)
from keras_funcs.layers.normalization.weight_normalization import (
    WeightNormalization as WeightNormalization,
)
from keras_funcs.layers.regularization.concrete_dropout import (
    ConcreteDropout as ConcreteDropout,
)
from keras_funcs.layers.regularization.dropout import DropBlock as DropBlock
from keras_funcs.layers.regularization.dropout import DropBlock1D as DropBlock1D
from keras_funcs.layers.regularization.dropout import DropBlock2D as DropBlock2D
from keras_funcs.layers.regularization.dropout import DropBlock3D as DropBlock3D
from keras_funcs.layers.regularization.penalties import DeCov as DeCov
from keras_funcs.layers.regularization.penalties import (
    JacobianPenalty as JacobianPenalty,
)
from keras_funcs.layers.regularization.reversal import (
    GradientReversal as GradientReversal,
)
from keras_funcs.layers.regularization.stochastic import DropPath as DropPath
from keras_funcs.layers.regularization.stochastic import (
    StochasticDepth as StochasticDepth,
)


def _from_keras(name: str | dict[str, Any]) -> keras.layers.Layer:
    if isinstance(name, dict):
        return keras.layers.deserialize(name)
    return keras.saving.deserialize_keras_object(
        {"class_name": name, "config": {}, "module": "keras.layers"}
    )


get = getter("layers", _from_keras)
