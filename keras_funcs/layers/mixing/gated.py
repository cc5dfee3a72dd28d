"""Feed-forward layers in which one projection gates another."""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Choice
from keras_funcs._core.component import component
from keras_funcs._core.resolve import activation_function
from keras_funcs._core.typing import ActivationLike
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor
from keras_funcs.layers._kernels import AffineLayer

MAX_UNITS = 10_000_000  # bounds what a config from elsewhere can allocate


@component(tune={"activation": Choice("silu", "gelu", "relu", "linear")})
class GatedDense(AffineLayer):
    """The feed-forward part of a transformer, gated: SwiGLU, GEGLU and kin.

    Takes the place of `Dense(4 * units, "gelu")` and `Dense(units)`, with as
    many weights, and is the better of the two in language models: SwiGLU with
    `"silu"`, GEGLU with `"gelu"`, ReGLU with `"relu"`, bilinear with
    `"linear"`. Published models have no biases (`use_bias=False`).
    The kernels stay float under `Model.quantize`.

    Formula:
    ```python
    gate = activation(x @ gate_kernel + gate_bias)
    value = x @ value_kernel + value_bias
    y = (gate * value) @ output_kernel + output_bias
    ```

    Args:
        units: Integer >= 1. Size of the output.
        activation: Name, function or layer, Keras's or the pack's. Makes a
            gate of the first projection. Defaults to `"silu"`.
        hidden: Integer >= 1, or None. Size of gate and value. Defaults to
            `None`, 2/3 of `4 * units` rounded up to a multiple of 8.
        **kwargs: `use_bias` and the `kernel_*` and `bias_*` arguments of
            `keras.layers.Dense`, and those of `keras.layers.Layer`.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: If an argument is invalid, or the number of features is
            unknown.

    Example:

    >>> layer = keras_funcs.layers.GatedDense(6)
    >>> tuple(layer(np.ones((2, 5, 6))).shape)
    (2, 5, 6)
    >>> tuple(layer.gate_kernel.shape)
    (6, 16)

    Reference:
        Shazeer (2020), arXiv:2002.05202
    """

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "silu",
        hidden: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = checks.integer(
            "units", units, at_least=1, at_most=MAX_UNITS
        )
        self.activation, self._function = _activation(activation)
        self.hidden = checks.integer(
            "hidden", hidden, at_least=1, at_most=MAX_UNITS, optional=True
        )

    def build(self, input_shape: Shape) -> None:
        features = _features(self.name, input_shape)
        # 2/3 of the usual 4: three kernels weigh what two did.
        hidden = self.hidden or 8 * math.ceil(self.units / 3)
        self.gate_kernel = self.add_kernel("gate_kernel", (features, hidden))
        self.gate_bias = self.add_bias("gate_bias", hidden)
        self.value_kernel = self.add_kernel("value_kernel", (features, hidden))
        self.value_bias = self.add_bias("value_bias", hidden)
        self.output_kernel = self.add_kernel(
            "output_kernel", (hidden, self.units)
        )
        self.output_bias = self.add_bias("output_bias", self.units)
        trained = self._function
        if isinstance(trained, keras.layers.Layer) and not trained.built:
            trained.build((*input_shape[:-1], hidden))
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        # y = (activation(x W_g + b_g) * (x W_v + b_v)) W_o + b_o
        gate = _project(inputs, self.gate_kernel, self.gate_bias)
        value = _project(inputs, self.value_kernel, self.value_bias)
        gated = self._function(gate) * value
        return _project(gated, self.output_kernel, self.output_bias)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)


def _features(name: str, input_shape: Shape) -> int:
    if len(input_shape) < 2 or input_shape[-1] is None:
        raise ValueError(
            f"Layer '{name}' needs the number of features. Expected a batch "
            "and a known last dimension. "
            f"Received: input_shape={tuple(input_shape)}"
        )
    return input_shape[-1]


def _project(x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    x = ops.matmul(x, kernel)
    return x if bias is None else ops.add(x, bias)


def _activation(value: Any) -> tuple[Any, Callable[[Tensor], Tensor]]:
    """Returns the value for the config, and the function to call."""
    if value is None:  # Keras's word for the identity
        value = "linear"
    if isinstance(value, dict):
        get = keras.activations.get
        value = checks.keras_object("activation", value, get, "an activation")
    if isinstance(value, keras.layers.Layer):
        return value, value
    function = activation_function("activation", value)
    return (value if isinstance(value, str) else function), function
