"""Feed-forward layers in which one projection gates another."""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import component
from keras_funcs._core.resolve import activation_function
from keras_funcs._core.typing import ActivationLike
from keras_funcs._core.typing import ConstraintLike
from keras_funcs._core.typing import InitializerLike
from keras_funcs._core.typing import RegularizerLike
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor

MAX_UNITS = 10_000_000  # bounds what a config from elsewhere can allocate


@component(tune={"activation": Choice("silu", "gelu", "relu", "linear")})
class GatedDense(Configurable, keras.layers.Layer):
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
        activation: Name, function or layer, Keras's or the pack's. What makes
            a gate of the first projection; the second stays as it is.
            Defaults to `"silu"`.
        hidden: Integer >= 1, or None. Size of gate and value. Defaults to
            `None`, 2/3 of `4 * units` rounded up to a multiple of 8.
        use_bias: Boolean. Whether the three projections have biases. Defaults
            to `True`.
        kernel_initializer: Initializer of the three kernels. Defaults to
            `"glorot_uniform"`.
        bias_initializer: Initializer of the biases. Defaults to `"zeros"`.
        kernel_regularizer: Regularizer of the kernels. Defaults to `None`.
        bias_regularizer: Regularizer of the biases. Defaults to `None`.
        kernel_constraint: Constraint of the kernels. Defaults to `None`.
        bias_constraint: Constraint of the biases. Defaults to `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: for `units` or `hidden` < 1; for an unknown activation; for
            an unknown number of features.

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
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = checks.integer(
            "units", units, at_least=1, at_most=MAX_UNITS
        )
        self.activation, self._function = _activation(activation)
        if hidden is not None:
            hidden = checks.integer(
                "hidden", hidden, at_least=1, at_most=MAX_UNITS
            )
        self.hidden = hidden
        self.use_bias = checks.boolean("use_bias", use_bias)
        self.kernel_initializer = _initializer(
            "kernel_initializer", kernel_initializer
        )
        self.bias_initializer = _initializer(
            "bias_initializer", bias_initializer
        )
        self.kernel_regularizer = checks.regularizer(
            "kernel_regularizer", kernel_regularizer
        )
        self.bias_regularizer = checks.regularizer(
            "bias_regularizer", bias_regularizer
        )
        self.kernel_constraint = checks.constraint(
            "kernel_constraint", kernel_constraint
        )
        self.bias_constraint = checks.constraint(
            "bias_constraint", bias_constraint
        )
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                f"Layer '{self.name}' needs the number of features. Expected a "
                "batch and a known last dimension. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        # 2/3 of the usual 4: three kernels weigh what two did.
        hidden = self.hidden or 8 * math.ceil(self.units / 3)
        features = input_shape[-1]
        self.gate_kernel, self.gate_bias = self._add("gate", features, hidden)
        self.value_kernel, self.value_bias = self._add(
            "value", features, hidden
        )
        self.output_kernel, self.output_bias = self._add(
            "output", hidden, self.units
        )
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

    def _add(
        self, name: str, features: int, units: int
    ) -> tuple[keras.Variable, keras.Variable | None]:
        kernel = self.add_weight(
            shape=(features, units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name=f"{name}_kernel",
        )
        if not self.use_bias:
            return kernel, None
        bias = self.add_weight(
            shape=(units,),
            initializer=self.bias_initializer,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
            name=f"{name}_bias",
        )
        return kernel, bias


def _project(x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    x = ops.matmul(x, kernel)
    return x if bias is None else ops.add(x, bias)


def _activation(value: Any) -> tuple[Any, Callable[[Tensor], Tensor]]:
    """What the config holds, and what is called."""
    if value is None:  # Keras's word for the identity
        value = "linear"
    if isinstance(value, dict):
        get = keras.activations.get
        value = checks.keras_object("activation", value, get, "an activation")
    if isinstance(value, keras.layers.Layer):
        return value, value
    function = activation_function("activation", value)
    return (value if isinstance(value, str) else function), function


def _initializer(name: str, value: Any) -> Any:
    return checks.keras_object(
        name, value, keras.initializers.get, "an initializer"
    )
