"""The base of activations that transform the input of another one."""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.numerics import keeps_float64
from keras_funcs._core.resolve import activation_function
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import ActivationLike
from keras_funcs.layers.activations._adaptive import AdaptiveActivation


class OfFunction(AdaptiveActivation):
    """Abstract: a plain activation, named or given, with coefficients."""

    def __init__(self, activation: ActivationLike, **kwargs: Any) -> None:
        function = activation_function("activation", activation)
        # A gated one halves the channels, which its coefficients would not.
        shape = (1, 4)
        if tuple(ops.shape(function(ops.zeros(shape)))) != shape:
            expected = "a function that keeps the shape of its input"
            checks.invalid("activation", expected, activation)
        if activation == "tanh":
            self.traits = LayerTraits(
                properties=("odd", "monotone", "bounded", "lipschitz")
            )
        super().__init__(**kwargs)
        self._function = keeps_float64(function)
        self.activation = (
            activation if isinstance(activation, str) else function
        )
