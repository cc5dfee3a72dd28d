"""Layers that drop whole branches in training: depth as a random variable."""

from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import maps
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.masking import mask_of
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor


@component(tune={"rate": Range(0.0, 0.5)})
class DropPath(Configurable, keras.layers.Layer):
    """Drops a residual branch, sample by sample, and rescales the others.

    Put it on the branch, before the addition: `x + DropPath(0.1)(block(x))`.
    Deep residual networks and transformers use rates that grow linearly with
    depth, up to 0.1 to 0.5. It is not dropout of units, and it is of no use
    where there is no shortcut. `keras_funcs.layers.StochasticDepth` draws once
    for the whole batch and rescales at inference instead.

    Formula:
    ```python
    y = x * keep / (1 - rate),  keep ~ Bernoulli(1 - rate) for each sample
    ```
    in training, and `y = x` otherwise.

    Args:
        rate: Float in [0, 1). Probability that a sample's branch is dropped.
            Defaults to `0.1`.
        seed: Integer >= 0, or None. Makes the draws repeatable. Defaults to
            `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        Any, with the batch on axis 0; all sizes may be unknown.

    Output shape:
        The input's.

    Call arguments:
        inputs: Tensor.
        training: Boolean. Whether to drop.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> x = keras.ops.ones((4, 3))
    >>> y = x + keras_funcs.layers.DropPath(0.2)(keras.layers.Dense(3)(x))

    Reference:
        Larsson, Maire and Shakhnarovich (2017), ICLR, arXiv:1605.07648
    """

    def __init__(
        self, rate: float = 0.1, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rate = checks.number("rate", rate, at_least=0, below=1)
        self.seed = checks.seed(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training:
            return inputs
        shape = (ops.shape(inputs)[0],) + (1,) * (len(inputs.shape) - 1)
        draw = keras.random.uniform(
            shape, dtype="float32", seed=self.seed_generator
        )
        # Drawn in float32: bfloat16 has 256 steps in [0, 1) and would round
        # small rates away.
        keep = draw >= self.rate
        # Chosen, not multiplied: a dropped infinity times 0 would be NaN.
        return ops.where(keep, inputs / (1.0 - self.rate), 0.0)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


@component(tune={"survival_probability": Range(0.5, 1.0)})
class StochasticDepth(Configurable, keras.layers.Layer):
    """Drops a residual branch for a whole batch, and adds it to the shortcut.

    As the paper has it, and TensorFlow Addons and KerasCV: one draw for all
    samples, and a branch that is scaled down at inference. For one draw a
    sample, which is less noisy, and a branch that is scaled up in training
    see `keras_funcs.layers.DropPath`; the two are not the same layer, and
    their weights do not fit each other.

    Formula:
    ```python
    y = shortcut + keep * residual,  keep ~ Bernoulli(survival_probability)
    ```
    in training, and `y = shortcut + survival_probability * residual` otherwise.

    Args:
        survival_probability: Float in (0, 1]. Probability that the branch is
            kept. Defaults to `0.5`.
        seed: Integer >= 0, or None. Makes the draws repeatable. Defaults to
            `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        A list `[shortcut, residual]` of two tensors of one shape, or of shapes
        that broadcast to the shortcut's.

    Output shape:
        The shortcut's.

    Call arguments:
        inputs: List of two tensors.
        training: Boolean. Whether to drop.

    Raises:
        ValueError: If an argument is invalid, or inputs have another form.

    Example:

    >>> x = keras.ops.ones((4, 3))
    >>> residual = keras.layers.Dense(3)(x)
    >>> y = keras_funcs.layers.StochasticDepth(0.8)([x, residual])

    Reference:
        Huang, Sun, Liu, Sedra and Weinberger (2016), ECCV, arXiv:1603.09382
    """

    traits = LayerTraits(example_shape=[(4, 6), (4, 6)])

    def __init__(
        self,
        survival_probability: float = 0.5,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.survival_probability = checks.number(
            "survival_probability", survival_probability, above=0, at_most=1
        )
        self.seed = checks.seed(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.supports_masking = True

    def build(self, input_shape: list[Shape]) -> None:
        maps.need_several(self.name, input_shape, 2)
        self.built = True

    def call(self, inputs: list[Tensor], training: bool = False) -> Tensor:
        shortcut, residual = inputs
        if not training:
            return shortcut + self.survival_probability * residual
        draw = keras.random.uniform(
            (), dtype="float32", seed=self.seed_generator
        )
        keep = draw < self.survival_probability
        # Chosen, not multiplied: a dropped infinity times 0 would be NaN.
        return shortcut + ops.where(keep, residual, ops.zeros_like(residual))

    def compute_mask(self, inputs: list[Tensor], previous_mask: Any) -> Any:
        return mask_of(previous_mask, 0)

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        return tuple(input_shape[0])
