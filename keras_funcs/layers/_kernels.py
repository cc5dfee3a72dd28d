"""The base of layers with kernels: the arguments that Dense has, too."""

from typing import Any

import keras

from keras_funcs._core import checks
from keras_funcs._core.component import Configurable
from keras_funcs._core.typing import ConstraintLike
from keras_funcs._core.typing import InitializerLike
from keras_funcs._core.typing import RegularizerLike
from keras_funcs._core.typing import Shape


class KernelLayer(Configurable, keras.layers.Layer):
    """Abstract base of layers with kernels.

    Args:
        kernel_initializer: Initializer of the kernels. Defaults to
            `"glorot_uniform"`.
        kernel_regularizer: Regularizer of the kernels. Defaults to `None`.
        kernel_constraint: Constraint of the kernels. Defaults to `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        kernel_initializer: InitializerLike = "glorot_uniform",
        kernel_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kernel_initializer = checks.keras_initializer(
            "kernel_initializer", kernel_initializer
        )
        self.kernel_regularizer = checks.regularizer(
            "kernel_regularizer", kernel_regularizer
        )
        self.kernel_constraint = checks.constraint(
            "kernel_constraint", kernel_constraint
        )
        self.supports_masking = True

    def add_kernel(
        self, name: str, shape: Shape, autocast: bool = True
    ) -> keras.Variable:
        """Adds a kernel."""
        return self.add_weight(
            shape=shape,
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            autocast=autocast,
            name=name,
        )


class AffineLayer(KernelLayer):
    """Abstract base of layers with kernels and biases.

    Args:
        use_bias: Boolean. Whether there are biases. Defaults to `True`.
        bias_initializer: Initializer of the biases. Defaults to `"zeros"`.
        bias_regularizer: Regularizer of the biases. Defaults to `None`.
        bias_constraint: Constraint of the biases. Defaults to `None`.
        **kwargs: The arguments of `KernelLayer`.
    """

    def __init__(
        self,
        use_bias: bool = True,
        bias_initializer: InitializerLike = "zeros",
        bias_regularizer: RegularizerLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.use_bias = checks.boolean("use_bias", use_bias)
        self.bias_initializer = checks.keras_initializer(
            "bias_initializer", bias_initializer
        )
        self.bias_regularizer = checks.regularizer(
            "bias_regularizer", bias_regularizer
        )
        self.bias_constraint = checks.constraint(
            "bias_constraint", bias_constraint
        )

    def add_bias(self, name: str, units: int) -> keras.Variable | None:
        """Adds a bias, if the layer has any."""
        if not self.use_bias:
            return None
        return self.add_weight(
            shape=(units,),
            initializer=self.bias_initializer,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
            name=name,
        )
