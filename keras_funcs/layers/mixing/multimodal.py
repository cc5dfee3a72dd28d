"""Layers that join what several sources say."""

from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import maps
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import component
from keras_funcs._core.numerics import tanh
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor


@component()
class GatedMultimodalUnit(Configurable, keras.layers.Layer):
    """Joins vectors of several sources, weighing each by all of them.

    For image and text, or sensors of which some fail: the gates learn which
    source to believe for this sample. With `presence=True` a source may be
    missing; whatever stands in its place, NaN too, is not read. Where sources
    must be compared place by place, take attention.

    Formula:
    ```python
    h_i = tanh(W_i @ x_i),  z_i = sigmoid(V_i @ [x_1, ..., x_k])
    y = z_1 * h_1 + (1 - z_1) * h_2        # of two sources
    y = sum(z_i * h_i)                     # of three or more
    ```
    Of two sources, one alone counts in full where the other is missing.

    Args:
        units: Integer >= 1. Size of the output.
        presence: Boolean. Whether the last input tells which of the others
            are there, as `(batch, sources)` of 0 or 1. Defaults to `False`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        A list of two tensors or more, `(batch, features)` each, whose features
        may differ in number.

    Output shape:
        `(batch, units)`.

    Raises:
        ValueError: If an argument is invalid, or inputs have another form.

    Example:

    >>> layer = keras_funcs.layers.GatedMultimodalUnit(4)
    >>> y = layer([np.ones((2, 3)), np.ones((2, 5))])
    >>> tuple(y.shape)
    (2, 4)

    Reference:
        Arevalo, Solorio, Montes-y-Gomez and Gonzalez (2017), ICLR workshop,
        arXiv:1702.01992
    """

    traits = LayerTraits(example_shape=[(6,), (2,)])

    def __init__(
        self, units: int, presence: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.units = checks.integer(
            "units", units, at_least=1, at_most=checks.MAX_CLASSES
        )
        self.presence = checks.boolean("presence", presence)

    def build(self, input_shape: list[Shape]) -> None:
        maps.need_several(self.name, input_shape)
        shapes = input_shape[:-1] if self.presence else input_shape
        count = len(shapes)
        if count < 2 or (
            self.presence and tuple(input_shape[-1][1:]) != (count,)
        ):
            raise ValueError(
                f"Layer '{self.name}' joins two sources or more. Expected "
                "(batch, features) of each, and with presence=True a last "
                "input (batch, sources). "
                f"Received: input_shape={input_shape}"
            )
        total = 0
        for shape in shapes:
            maps.need_rank(self.name, shape, 2)
            total += maps.channels(self.name, shape, "channels_last")
        self.kernels = [
            self.add_weight(
                shape=(shape[-1], self.units),
                initializer="glorot_uniform",
                name=f"kernel_{index}",
            )
            for index, shape in enumerate(shapes)
        ]
        self.gates = [
            self.add_weight(
                shape=(total, self.units),
                initializer="glorot_uniform",
                name=f"gate_{index}",
            )
            for index in range(1 if count == 2 else count)
        ]
        self.built = True

    def call(self, inputs: list[Tensor]) -> Tensor:
        sources, there = list(inputs), None
        if self.presence:
            # Chosen, not multiplied: what is missing may be NaN.
            there = ops.split(sources.pop() > 0, len(sources), axis=-1)
            sources = [
                ops.where(known, x, ops.zeros_like(x))
                for known, x in zip(there, sources)
            ]
        joined = ops.concatenate(sources, axis=-1)
        hidden = [
            tanh(self._product(x, kernel))
            for x, kernel in zip(sources, self.kernels)
        ]
        logits = [self._product(joined, kernel) for kernel in self.gates]
        if len(sources) == 2:
            logits.append(-logits[0])  # 1 - sigmoid(z) = sigmoid(-z)
        gates = [ops.sigmoid(logit) for logit in logits]
        if there is not None:
            if len(sources) == 2:  # the one that is there alone
                gates = [
                    ops.where(other, gate, ops.ones_like(gate))
                    for gate, other in zip(gates, reversed(there))
                ]
            hidden = [
                ops.where(known, h, ops.zeros_like(h))
                for known, h in zip(there, hidden)
            ]
        return sum(gate * h for gate, h in zip(gates, hidden))

    def _product(self, x: Tensor, kernel: Tensor) -> Tensor:
        # Which turns float64 into float32 on Torch.
        return ops.cast(ops.matmul(x, kernel), self.compute_dtype)

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        return (input_shape[0][0], self.units)
