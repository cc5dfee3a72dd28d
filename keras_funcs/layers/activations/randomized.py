"""Activations that are random in training."""

from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor


@component(tune={"upper": Range(0.2, 0.5)})
class RReLU(Configurable, keras.layers.Layer):
    """Leaky ReLU whose slope is drawn anew in training, against overfitting.

    A regularizer rather than an adaptive activation: nothing is trained. Use
    it on small data sets; with dropout right behind it gains nothing.

    Formula:
    ```python
    f(x) = max(x, 0) + a * min(x, 0),  a ~ Uniform(lower, upper)
    ```
    with a draw for each element in training, and `a = (lower + upper) / 2`
    otherwise.

    Args:
        lower: Float in [0, 1]. Least slope. Defaults to `0.125`.
        upper: Float in [`lower`, 1]. Largest slope. Defaults to `1 / 3`.
        seed: Integer >= 0, or None. Makes the draws repeatable. Defaults to
            `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        Any; all sizes may be unknown.

    Output shape:
        The input's.

    Call arguments:
        inputs: Tensor.
        training: Boolean. Whether to draw.

    Raises:
        ValueError: for slopes outside [0, 1] or in the wrong order.

    Example:

    >>> y = keras_funcs.layers.RReLU(0.2, 0.3)(np.array([[-4.0, 2.0]]))
    >>> keras.ops.convert_to_numpy(y)[0].tolist()
    [-1.0, 2.0]

    Reference:
        Xu, Wang, Chen and Li (2015), arXiv:1505.00853
    """

    def __init__(
        self,
        lower: float = 0.125,
        upper: float = 0.3333333333333333,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.lower = checks.number("lower", lower, at_least=0, at_most=1)
        self.upper = checks.number("upper", upper, at_most=1)
        if self.upper < self.lower:
            checks.invalid("upper", f"a number >= `lower`={lower}", upper)
        self.seed = checks.seed(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        slope = 0.5 * (self.lower + self.upper)
        if training:
            # Drawn in float32: half precision has few slopes to choose from.
            draw = keras.random.uniform(
                ops.shape(inputs), dtype="float32", seed=self.seed_generator
            )
            slope = self.lower + (self.upper - self.lower) * draw
            slope = ops.cast(slope, inputs.dtype)
        return ops.where(inputs > 0, inputs, slope * inputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)
