"""Reading and attaching Keras masks, through what a layer may do."""

from typing import Any

import keras

from keras_funcs._core.typing import Tensor


def mask_of(masks: Any, index: int) -> Any:
    """The mask of one of several inputs; of a single one, its own."""
    return masks[index] if isinstance(masks, (list, tuple)) else masks


class MaskCarrier(keras.layers.Layer):
    """Passes a tensor through and hands its mask in or out.

    `compute_mask` and the call argument `mask` are the public ways to a
    tensor's mask; where it is kept differs between the backends.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = True
        self._mask: Tensor = None

    def attach(self, x: Tensor, mask: Tensor) -> Tensor:
        """Returns `x` with a mask of its own."""
        x = self(x, given=mask)
        self._mask = None  # a traced mask must not outlive its trace
        return x

    def read(self, x: Tensor) -> Tensor | None:
        """Returns the mask of `x`, or None."""
        self(x)
        mask, self._mask = self._mask, None
        return mask

    def call(
        self, inputs: Tensor, given: Tensor = None, mask: Tensor = None
    ) -> Tensor:
        self._mask = mask if given is None else given
        return inputs

    def compute_mask(self, inputs: Tensor, previous_mask: Tensor) -> Tensor:
        return self._mask
