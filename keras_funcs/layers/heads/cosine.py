"""Classifier heads that compare directions, not lengths."""

from typing import Any

from keras import ops

from keras_funcs._core.component import Range
from keras_funcs._core.component import component
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
        **kwargs: The `kernel_*` arguments of `keras.layers.Dense`, and those
            of `keras.layers.Layer`.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: If an argument is invalid, or the number of features is
            unknown.

    Example:

    >>> y = keras_funcs.layers.CosineDense(10)(np.ones((2, 4)))
    >>> tuple(y.shape)
    (2, 10)

    Reference:
        Gidaris and Komodakis (2018), CVPR, arXiv:1804.09458
    """

    def __init__(self, units: int, scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(units, scale, **kwargs)

    def call(self, inputs: Tensor) -> Tensor:
        return ops.cast(self.scale * self.cosines(inputs), self.compute_dtype)
