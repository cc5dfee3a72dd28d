"""Softmax with exact zeros, whose sparsity is trained."""

from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.coefficients import add_float32
from keras_funcs._core.coefficients import sigmoid_between
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import ConstraintLike
from keras_funcs._core.typing import InitializerLike
from keras_funcs._core.typing import RegularizerLike
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor

LOWEST, HIGHEST = 1.05, 2.0  # of alpha: softmax is 1, sparsemax 2
HALVINGS = 20  # of an interval of length 1; two steps of Newton do the rest


@component(tune={"alpha_initializer": Range(1.1, 1.9)})
class Entmax(Configurable, keras.layers.Layer):
    """Alpha-entmax: between softmax and sparsemax, as training finds best.

    For attention weights and outputs of which an unknown number should be 0.
    `keras_funcs.activations.entmax15` has a fixed alpha of 1.5, and is faster.
    Not under a cross-entropy: a zero has no logarithm.

    Formula:
    ```python
    f(x)_i = max((alpha - 1) * x_i - tau, 0) ** (1 / (alpha - 1))
    ```
    with `tau` such that `sum(f(x)) = 1`, and
    `alpha = 1.05 + 0.95 * sigmoid(a)` with `a` trained.

    Args:
        alpha_initializer: Float in (1.05, 2), or initializer. Initial
            `alpha`. Defaults to `1.5`.
        axis: Integer. The results sum to 1 on it. Defaults to `-1`.
        coefficient_regularizer: Regularizer of `a`. Defaults to `None`.
        coefficient_constraint: Constraint of `a`. Defaults to `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        Any, with the batch on axis 0. Scores of -inf or -1e9 give exactly 0.

    Output shape:
        The input's.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> y = keras_funcs.layers.Entmax()(np.array([[-2.0, 0.0, 0.5]]))
    >>> [round(float(p), 3) for p in keras.ops.convert_to_numpy(y)[0]]
    [0.0, 0.326, 0.674]

    Reference:
        Correia, Niculae and Martins (2019), EMNLP, arXiv:1909.00015
    """

    traits = LayerTraits(normalizes=True)
    renamed = {
        "alpha": "alpha_initializer",
        "alpha_regularizer": "coefficient_regularizer",
        "alpha_constraint": "coefficient_constraint",
    }

    def __init__(
        self,
        alpha_initializer: InitializerLike = 1.5,
        axis: int = -1,
        coefficient_regularizer: RegularizerLike = None,
        coefficient_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = checks.initializer(
            "alpha_initializer", alpha_initializer, above=LOWEST, below=HIGHEST
        )
        self.axis = checks.integer("axis", axis)
        self.coefficient_regularizer = checks.regularizer(
            "coefficient_regularizer", coefficient_regularizer
        )
        self.coefficient_constraint = checks.constraint(
            "coefficient_constraint", coefficient_constraint
        )
        self.supports_masking = True
        self.coefficient = add_float32(
            self,
            "act_alpha",
            (),
            self.alpha_initializer,
            sigmoid_between(LOWEST, HIGHEST),
            regularizer=self.coefficient_regularizer,
            constraint=self.coefficient_constraint,
        )
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        axis = checks.axis_of("axis", self.axis, len(inputs.shape))
        x = ops.cast(inputs, at_least_float32(self.compute_dtype))
        share = ops.sigmoid(self.coefficient)
        order = LOWEST - 1.0 + (HIGHEST - LOWEST) * share
        y = _entmax(x, order, axis)
        return ops.cast(y, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


def _entmax(x: Tensor, order: Tensor, axis: int) -> Tensor:
    """Entmax of `alpha = 1 + order`, with its derivatives."""
    # A shift changes no result, hence no gradient either.
    largest = ops.amax(x, axis=axis, keepdims=True)
    z = x - ops.stop_gradient(largest)
    # tau >= -1, or the largest alone would give more than 1; what is below
    # has no part, and if it is infinite must not meet the gradient.
    lowest = -1.0 / (LOWEST - 1.0)
    z = order * ops.where(z > lowest, z, lowest * ops.ones_like(z))
    z = ops.where(z > -1.0, z, -ops.ones_like(z))
    tau = _search(ops.stop_gradient(z), ops.stop_gradient(order), axis)
    # The search has no gradient. Newton's steps from where it ends change
    # the value by rounding only, and their gradient is that of the
    # solution: of the first order after one, of the third after two.
    for _ in range(2):
        tau = tau - _newton(z, tau, order, axis)
    y = _power(z - tau, 1.0 / order)
    # The sum is 1 but for rounding, which this takes off.
    return y / ops.sum(y, axis=axis, keepdims=True)


def _search(z: Tensor, order: Tensor, axis: int) -> Tensor:
    """tau, by halving the interval [-1, 0] in which it lies."""
    low = -ops.ones_like(ops.amax(z, axis=axis, keepdims=True))
    width = 1.0
    for _ in range(HALVINGS):
        width /= 2.0
        middle = low + width
        total = ops.sum(_power(z - middle, 1.0 / order), axis, keepdims=True)
        low = ops.where(total >= 1.0, middle, low)
    return low


def _newton(z: Tensor, tau: Tensor, order: Tensor, axis: int) -> Tensor:
    """By how much tau is too large: `(1 - sum(p)) / sum(dp / dz)`."""
    p = _power(z - tau, 1.0 / order)
    slope = _power(z - tau, 1.0 / order - 1.0) / order
    excess = 1.0 - ops.sum(p, axis=axis, keepdims=True)
    return excess / ops.sum(slope, axis=axis, keepdims=True)


def _power(x: Tensor, exponent: Tensor) -> Tensor:
    """`max(x, 0)**exponent`, with gradient 0 (not NaN) where x <= 0."""
    positive = x > 0
    safe = ops.where(positive, x, ops.ones_like(x))
    return ops.where(
        positive, ops.exp(exponent * ops.log(safe)), ops.zeros_like(x)
    )
