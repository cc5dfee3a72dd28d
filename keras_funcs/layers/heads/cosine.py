"""Classifier heads that compare directions, not lengths."""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.typing import ConstraintLike
from keras_funcs._core.typing import InitializerLike
from keras_funcs._core.typing import RegularizerLike
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor
from keras_funcs.layers.heads._directions import CosineLayer


@component(tune={"scale": Range(5.0, 60.0, log=True)})
class CosineDense(CosineLayer):
    """Dense layer of cosines: no class wins by the length of its weights.

    On long-tailed data frequent classes grow longer weight vectors; here only
    the angle counts. Use it as the last layer: with `scale=1.0` for losses
    that take cosines (LDAM, ArcFace), and with a scale of 10 to 30 as logits
    of a cross-entropy, which cosines alone cannot make confident.
    The kernel stays float under `Model.quantize`.

    Formula:
    ```python
    y_c = scale * <x, w_c> / (|x| * |w_c|)
    ```
    and 0 where `x` or `w_c` is the zero vector.

    Args:
        units: Integer >= 1. Outputs, such as classes.
        scale: Float > 0. Factor of the cosines. Defaults to `1.0`.
        kernel_initializer: Initializer of the kernel `(features, units)`.
            Defaults to `"glorot_uniform"`.
        kernel_regularizer: Regularizer of the kernel. Defaults to `None`.
        kernel_constraint: Constraint of the kernel. Defaults to `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: for `units` < 1, a `scale` not > 0, or an unknown number
            of features.

    Example:

    >>> y = keras_funcs.layers.CosineDense(10)(np.ones((2, 4)))
    >>> tuple(y.shape)
    (2, 10)

    Reference:
        Gidaris and Komodakis (2018), CVPR, arXiv:1804.09458
    """

    def __init__(
        self,
        units: int,
        scale: float = 1.0,
        kernel_initializer: InitializerLike = "glorot_uniform",
        kernel_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units,
            kernel_initializer,
            kernel_regularizer,
            kernel_constraint,
            **kwargs,
        )
        self.scale = checks.number("scale", scale, above=0)

    def build(self, input_shape: Shape) -> None:
        self.add_kernel(input_shape, self.units)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        return ops.cast(self.scale * self.cosines(inputs), self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)
