"""Penalties on weights and outputs, for structure rather than size."""

import keras

from keras_funcs._core.resolve import getter
from keras_funcs.regularizers.activity import (
    ConfidencePenalty as ConfidencePenalty,
)
from keras_funcs.regularizers.activity import KLSparsity as KLSparsity
from keras_funcs.regularizers.composition import Scaled as Scaled
from keras_funcs.regularizers.composition import Sum as Sum
from keras_funcs.regularizers.group_sparsity import (
    GroupHoyerSquare as GroupHoyerSquare,
)
from keras_funcs.regularizers.group_sparsity import GroupLasso as GroupLasso
from keras_funcs.regularizers.group_sparsity import HoyerSquare as HoyerSquare
from keras_funcs.regularizers.group_sparsity import (
    SparseGroupLasso as SparseGroupLasso,
)
from keras_funcs.regularizers.nonconvex import MCP as MCP
from keras_funcs.regularizers.nonconvex import SCAD as SCAD
from keras_funcs.regularizers.nonconvex import LogSum as LogSum
from keras_funcs.regularizers.orthogonality import SRIP as SRIP
from keras_funcs.regularizers.orthogonality import (
    DoubleSoftOrthogonality as DoubleSoftOrthogonality,
)
from keras_funcs.regularizers.orthogonality import (
    OrthogonalConvolution as OrthogonalConvolution,
)
from keras_funcs.regularizers.orthogonality import (
    SoftOrthogonality as SoftOrthogonality,
)
from keras_funcs.regularizers.orthogonality import (
    SpectralNormPenalty as SpectralNormPenalty,
)
from keras_funcs.regularizers.starting_point import L2SP as L2SP
from keras_funcs.regularizers.starting_point import anchor as anchor
from keras_funcs.regularizers.variation import TotalVariation as TotalVariation

get = getter("regularizers", keras.regularizers.get)
