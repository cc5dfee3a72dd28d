"""Layers that drop whole branches in training: depth as a random variable."""

from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor


@component(tune={"rate": Range(0.0, 0.5)})
class DropPath(Configurable, keras.layers.Layer):
    """Drops a residual branch, sample by sample, and rescales the others.

    Put it on the branch, before the addition: `x + DropPath(0.1)(block(x))`.
    Deep residual networks and transformers use rates that grow linearly with
    depth, up to 0.1 to 0.5. It is not dropout of units, and it is of no use
    where there is no shortcut.

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
        ValueError: for a rate outside [0, 1).

    Example:

    >>> x = keras.ops.ones((4, 3))
    >>> y = x + keras_funcs.layers.DropPath(0.2)(keras.layers.Dense(3)(x))

    Reference:
        Huang, Sun, Liu, Sedra and Weinberger (2016), ECCV, arXiv:1603.09382
        (per batch); Larsson, Maire and Shakhnarovich (2017), ICLR,
        arXiv:1605.07648
    """

    def __init__(
        self, rate: float = 0.1, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rate = checks.number("rate", rate, at_least=0, below=1)
        if seed is not None:
            seed = checks.integer("seed", seed, at_least=0, at_most=2**31 - 1)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
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
