"""Normalization without the batch, the partner of the activation `TLU`."""

from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.coefficients import add_float32
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


@component(tune={"epsilon": Range(1e-6, 1e-2, log=True)})
class FilterResponseNormalization(Configurable, keras.layers.Layer):
    """Divides each channel of each sample by its root mean square.

    In place of batch normalization where batches are small: no sample depends
    on another, and training and inference are the same. Nothing is centered,
    so let `TLU` follow in place of ReLU. It needs maps or sequences: for a
    single number a channel, only the sign is left.

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
        beta_initializer: Initial `beta`: a finite float, or anything
            `keras.initializers.get` takes. Defaults to `0.0`.
        gamma_initializer: Initial `gamma`, of the same types. Defaults to
            `1.0`.
        beta_regularizer: Regularizer of `beta`. Defaults to `None`.
        gamma_regularizer: Regularizer of `gamma`. Defaults to `None`.
        beta_constraint: Constraint of `beta`. Defaults to `None`.
        gamma_constraint: Constraint of `gamma`. Defaults to `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, ..., channels)` of rank 3 at least, or as `axis` says; all
        sizes but the channels' may be unknown.

    Output shape:
        The input's.

    Raises:
        ValueError: for an `epsilon` that is not > 0; for inputs without an
            axis to average over, or of unknown channels.

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
        beta_initializer: InitializerLike = 0.0,
        gamma_initializer: InitializerLike = 1.0,
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = checks.integer("axis", axis)
        if self.axis == 0:
            checks.invalid("axis", "an axis other than the batch axis 0", axis)
        self.epsilon = checks.number("epsilon", epsilon, above=0)
        self.learned_epsilon = checks.boolean(
            "learned_epsilon", learned_epsilon
        )
        self.beta_initializer = checks.initializer(
            "beta_initializer", beta_initializer
        )
        self.gamma_initializer = checks.initializer(
            "gamma_initializer", gamma_initializer
        )
        self.beta_regularizer = checks.regularizer(
            "beta_regularizer", beta_regularizer
        )
        self.gamma_regularizer = checks.regularizer(
            "gamma_regularizer", gamma_regularizer
        )
        self.beta_constraint = checks.constraint(
            "beta_constraint", beta_constraint
        )
        self.gamma_constraint = checks.constraint(
            "gamma_constraint", gamma_constraint
        )
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        rank = len(input_shape)
        if rank < 3 or not -rank < self.axis < rank:
            raise ValueError(
                f"Layer '{self.name}' needs inputs of rank 3 at least, with "
                f"channels on axis {self.axis}. Received: "
                f"input_shape={tuple(input_shape)}"
            )
        channels = input_shape[self.axis]
        if channels is None:
            raise ValueError(
                f"Layer '{self.name}' needs channels of known size on axis "
                f"{self.axis}. Received: input_shape={tuple(input_shape)}"
            )
        self.gamma = self._weight(
            "gamma",
            (channels,),
            self.gamma_initializer,
            self.gamma_regularizer,
            self.gamma_constraint,
        )
        self.beta = self._weight(
            "beta",
            (channels,),
            self.beta_initializer,
            self.beta_regularizer,
            self.beta_constraint,
        )
        self.extra = None
        if self.learned_epsilon:
            self.extra = self._weight("epsilon", (), 1e-4, None, None)
        self.built = True

    def _weight(
        self,
        name: str,
        shape: tuple[int, ...],
        initializer: InitializerLike,
        regularizer: RegularizerLike,
        constraint: ConstraintLike,
    ) -> keras.Variable:
        return add_float32(
            self,
            name,
            shape,
            initializer,
            regularizer=regularizer,
            constraint=constraint,
        )

    def call(self, inputs: Tensor, mask: Tensor = None) -> Tensor:
        # In float32: squares of float16 end at inputs of 255.
        x = ops.cast(inputs, at_least_float32(self.compute_dtype))
        rank = len(x.shape)
        shape = [1] * rank
        shape[self.axis] = -1
        rest = [i for i in range(1, rank) if i != self.axis % rank]
        epsilon = self.epsilon
        if self.extra is not None:
            epsilon = epsilon + ops.abs(self.extra)
        # y = gamma x / sqrt(mean(x**2) + epsilon) + beta
        square = masked_mean(ops.square(x), rest, mask, keepdims=True)
        gamma = ops.reshape(ops.convert_to_tensor(self.gamma), shape)
        beta = ops.reshape(ops.convert_to_tensor(self.beta), shape)
        y = gamma * (x * ops.rsqrt(square + epsilon)) + beta
        return ops.cast(y, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)
