"""A layer that turns the gradient round: for adversaries inside a model."""

from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor


@component(tune={"factor": Range(0.1, 1.0)})
class GradientReversal(Configurable, keras.layers.Layer):
    """Passes inputs on as they are and gradients back with the other sign.

    Between features and a classifier of what they should not reveal (the
    domain, a protected group): the classifier learns to tell, the features
    learn not to. Training of the kind is a balance; where it is not stable,
    let `factor` grow from 0.

    `factor` is a variable, saved with the model, which a callback may assign
    at the beginning of an epoch, as in the example.

    Formula:
    ```python
    y = x,  dL/dx = -factor * dL/dy
    ```

    Args:
        factor: Float in [0, 1e4]. Of the reversed gradient. Defaults to `1.0`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        Any.

    Output shape:
        The input's.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> layer = keras_funcs.layers.GradientReversal(0.0)
    >>> def grow(epoch, logs=None):
    ...     layer.factor.assign(2.0 / (1.0 + np.exp(-epoch)) - 1.0)
    >>> callback = keras.callbacks.LambdaCallback(on_epoch_begin=grow)

    Reference:
        Ganin and Lempitsky (2015), ICML, arXiv:1409.7495
    """

    traits = LayerTraits(changes_gradient=True)

    def __init__(self, factor: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        factor = checks.number("factor", factor, at_least=0, at_most=1e4)
        self.factor = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(factor),
            dtype=at_least_float32(self.variable_dtype),
            trainable=False,
            name="factor",
        )
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        # y = sg(x) + factor * (sg(x) - x): the bracket is 0, and its slope -1.
        # Without a gradient of its own, so it can be differentiated again.
        fixed = ops.stop_gradient(inputs)
        factor = ops.cast(self.factor, self.compute_dtype)
        # inf - inf would be NaN
        finite = ops.where(ops.isfinite(inputs), inputs, ops.zeros_like(inputs))
        return fixed + factor * (ops.stop_gradient(finite) - finite)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)
