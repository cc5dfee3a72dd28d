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
    source to believe for a sample. Attention compares sources place by place.

    Formula:
    ```python
    h_i = tanh(W_i @ x_i),  z_i = sigmoid(V_i @ [x_1, ..., x_k])
    y = z_1 * h_1 + (1 - z_1) * h_2        # of two sources
    y = sum(z_i * h_i)                     # of three or more
    ```
    If one of two sources is missing, the other counts in full.

    Args:
        units: Integer >= 1. Size of the output.
        presence: Boolean. Whether the last input tells which of the others
            are there, as `(batch, sources)` of 0 or 1. The values of a missing
            source, even NaN, are not read. Defaults to `False`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        Two or more tensors `(batch, features)`; their features may differ.

    Output shape:
        `(batch, units)`.

    Raises:
        ValueError: If an argument or the shape of an input is invalid.

    Example:

    >>> unit = keras_funcs.layers.GatedMultimodalUnit(4)
    >>> tuple(unit([np.ones((2, 3)), np.ones((2, 5))]).shape)
    (2, 4)

    Reference:
        Arevalo et al. (2017), ICLR workshop, arXiv:1702.01992
    """

    traits = LayerTraits(example_shape=[(6,), (2,)])

    def __init__(
        self, units: int, presence: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.units = checks.size("units", units)
        self.presence = checks.boolean("presence", presence)

    def build(self, input_shape: list[Shape]) -> None:
        sizes = _sources(self.name, input_shape, self.presence)
        self.kernels = [
            self._add(f"kernel_{index}", size)
            for index, size in enumerate(sizes)
        ]
        total = sum(sizes)
        # Of two sources, the second gate is one minus the first.
        gates = range(1 if len(sizes) == 2 else len(sizes))
        self.gates = [self._add(f"gate_{index}", total) for index in gates]
        self.built = True

    def _add(self, name: str, features: int) -> keras.Variable:
        shape = (features, self.units)
        return self.add_weight(shape, "glorot_uniform", name=name)

    def call(self, inputs: list[Tensor]) -> Tensor:
        sources, there = list(inputs), None
        if self.presence:
            # Chosen, not multiplied: what is missing may be NaN.
            there = ops.split(sources.pop() > 0, len(sources), axis=-1)
            sources = _present(sources, there)
        joined = ops.concatenate(sources, axis=-1)
        hidden = [
            tanh(self._product(x, w)) for x, w in zip(sources, self.kernels)
        ]
        logits = [self._product(joined, kernel) for kernel in self.gates]
        if len(sources) == 2:
            logits.append(-logits[0])  # 1 - sigmoid(z) = sigmoid(-z)
        gates = [ops.sigmoid(logit) for logit in logits]
        if there is not None:
            gates, hidden = _completed(gates, there), _present(hidden, there)
        return sum(gate * h for gate, h in zip(gates, hidden))

    def _product(self, x: Tensor, kernel: Tensor) -> Tensor:
        # Torch makes float32 of a product in float64.
        return ops.cast(ops.matmul(x, kernel), self.compute_dtype)

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        return (input_shape[0][0], self.units)


def _sources(name: str, input_shape: list[Shape], presence: bool) -> list[int]:
    """The numbers of features of the sources."""
    maps.need_several(name, input_shape)
    shapes = input_shape[:-1] if presence else input_shape
    count = len(shapes)
    if count < 2 or (presence and tuple(input_shape[-1][1:]) != (count,)):
        raise ValueError(
            f"Layer '{name}' joins two sources or more. Expected (batch, "
            "features) of each, and with presence=True a last input (batch, "
            f"sources). Received: input_shape={input_shape}"
        )
    for shape in shapes:
        maps.need_rank(name, shape, 2)
    return [maps.channels(name, shape, "channels_last") for shape in shapes]


def _completed(gates: list[Tensor], there: list[Tensor]) -> list[Tensor]:
    """Of two gates, the one that is there alone is 1."""
    if len(gates) > 2:
        return gates
    return [
        ops.where(other, gate, ops.ones_like(gate))
        for gate, other in zip(gates, reversed(there))
    ]


def _present(values: list[Tensor], there: list[Tensor]) -> list[Tensor]:
    """Zeroes what is missing."""
    return [
        ops.where(known, value, ops.zeros_like(value))
        for known, value in zip(there, values)
    ]
