"""Penalties on weights, for structure rather than size."""

import keras

from keras_funcs._core.resolve import getter
from keras_funcs.regularizers.group_sparsity import (
    GroupHoyerSquare as GroupHoyerSquare,
)
from keras_funcs.regularizers.group_sparsity import GroupLasso as GroupLasso
from keras_funcs.regularizers.group_sparsity import HoyerSquare as HoyerSquare
from keras_funcs.regularizers.group_sparsity import (
    SparseGroupLasso as SparseGroupLasso,
)
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

get = getter("regularizers", keras.regularizers.get)
