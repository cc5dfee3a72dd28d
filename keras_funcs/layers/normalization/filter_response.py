"""Normalization without the batch, the partner of the activation `TLU`."""

from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import maps
from keras_funcs._core.coefficients import add_float32
from keras_funcs._core.coefficients import store_roles
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.numerics import masked_mean
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import ConstraintLike
from keras_funcs._core.typing import InitializerLike
from keras_funcs._core.typing import RegularizerLike
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor


class ScaledLayer(Configurable, keras.layers.Layer):
    """Abstract base of normalizations with scale and offset of channels.

    Args:
        axis: Integer. The channels' axis.
        beta_initializer: Float or initializer. Defaults to `0.0`.
        gamma_initializer: Float or initializer. Defaults to `1.0`.
        beta_regularizer: Regularizer. Defaults to `None`.
        gamma_regularizer: Regularizer. Defaults to `None`.
        beta_constraint: Constraint. Defaults to `None`.
        gamma_constraint: Constraint. Defaults to `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        axis: int,
        beta_initializer: InitializerLike = 0.0,
        gamma_initializer: InitializerLike = 1.0,
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = checks.feature_axis("axis", axis)
        store_roles(
            self,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        maps.need_places(self.name, input_shape)
        size = maps.size_of(self.name, input_shape, self.axis)
        for name in ("gamma", "beta"):
            weight = add_float32(
                self,
                name,
                (size,),
                getattr(self, f"{name}_initializer"),
                regularizer=getattr(self, f"{name}_regularizer"),
                constraint=getattr(self, f"{name}_constraint"),
            )
            setattr(self, name, weight)

    def scaled(self, x: Tensor) -> Tensor:
        """`gamma x + beta`."""
        shape = [1] * len(x.shape)
        shape[self.axis] = -1
        gamma = ops.reshape(ops.convert_to_tensor(self.gamma), shape)
        beta = ops.reshape(ops.convert_to_tensor(self.beta), shape)
        return gamma * x + beta

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


@component(tune={"epsilon": Range(1e-6, 1e-2, log=True)})
class FilterResponseNormalization(ScaledLayer):
    """Divides each channel of each sample by its root mean square.

    In place of batch normalization for small batches: samples are independent,
    and training and inference are the same. Nothing is centered, so let `TLU`
    follow in place of ReLU. It needs maps or sequences: of a single number per
    channel, only the sign is left.

    Formula:
    ```python
    y = gamma * x / sqrt(mean(x**2) + epsilon) + beta
    ```
    with the mean over all axes but the batch's and the channels', and over
    those places only that a mask, as of padded sequences, keeps. With
    `learned_epsilon=True`, `abs(e)` is added to `epsilon`, with `e` trained
    from 1e-4.

    Args:
        axis: Integer. The channels' axis. Defaults to `-1`.
        epsilon: Float > 0. Defaults to `1e-6`.
        learned_epsilon: Boolean. Whether to train a part of it, which helps
            where maps shrink to one pixel. Defaults to `False`.
        **kwargs: The `beta_*` and `gamma_*` arguments of
            `keras.layers.BatchNormalization`, and those of
            `keras.layers.Layer`. Initializers may be floats.

    Input shape:
        `(batch, ..., channels)` of rank 3 at least, or as `axis` says; all
        sizes but the channels' may be unknown.

    Output shape:
        The input's.

    Raises:
        ValueError: If an argument or the shape of an input is invalid.

    Example:

    >>> layer = keras_funcs.layers.FilterResponseNormalization()
    >>> y = layer(10.0 * np.ones((2, 8, 8, 3)))
    >>> round(keras.ops.convert_to_numpy(y).max().item(), 4)
    1.0

    Reference:
        Singh and Krishnan (2020), CVPR, arXiv:1911.09737
    """

    traits = LayerTraits(example_shape=(4, 4, 3))

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 1e-6,
        learned_epsilon: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(axis, **kwargs)
        self.epsilon = checks.number("epsilon", epsilon, above=0)
        self.learned_epsilon = checks.boolean(
            "learned_epsilon", learned_epsilon
        )

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.extra = None
        if self.learned_epsilon:
            self.extra = add_float32(self, "epsilon", (), 1e-4)
        self.built = True

    def call(self, inputs: Tensor, mask: Tensor = None) -> Tensor:
        # In float32: squares of float16 end at inputs of 255.
        x = ops.cast(inputs, at_least_float32(self.compute_dtype))
        rank = len(x.shape)
        rest = [i for i in range(1, rank) if i != self.axis % rank]
        epsilon = self.epsilon
        if self.extra is not None:
            epsilon = epsilon + ops.abs(self.extra)
        # y = gamma x / sqrt(mean(x**2) + epsilon) + beta
        square = masked_mean(ops.square(x), rest, mask, keepdims=True)
        y = self.scaled(x * ops.rsqrt(square + epsilon))
        return ops.cast(y, self.compute_dtype)
