"""Weights of classes that a callback can hold back."""

from typing import Any

from keras_funcs._core.typing import Tensor
from keras_funcs.losses._softmax import Probability


class ClassWeighting:
    """Mixin of losses that multiply a label's loss by its class's weight.

    Such a loss sets `_weights` in its constructor: one number for each class,
    or None.
    """

    _weights: Any = None
    # While True, all weights are 1: see `callbacks.DeferredReweighting`.
    deferred = False

    @property
    def weighs_classes(self) -> bool:
        """Whether there are weights, deferred or not."""
        return self._weights is not None

    def weigh(self, p: Probability, loss: Tensor) -> Tensor:
        """The loss of a class times its weight."""
        if self._weights is None or self.deferred:
            return loss
        return p.own(self._weights) * loss
