"""The base of losses that learn, or move, the inputs of an inner loss."""

from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Configurable
from keras_funcs._core.hosting import AdaptiveLoss
from keras_funcs._core.typing import Tensor

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight")


class ReducedLoss(Configurable, AdaptiveLoss):
    """Abstract base of losses whose values come from an inner loss.

    A leaf sets `inner` in its constructor. The inner loss holds a method of
    the layer and not the layer: Keras would walk from one to the other without
    end while it loads a file.

    Args:
        reduction: `"sum_over_batch_size"`, `"mean"`, `"sum"` or
            `"mean_with_sample_weight"`.
        **kwargs: `name`, `trainable` and `dtype` of `keras.layers.Layer`.
    """

    inner: keras.losses.Loss

    def __init__(self, reduction: str, **kwargs: Any) -> None:
        checks.one_of("reduction", reduction, REDUCTIONS)
        super().__init__(**kwargs)
        self.reduction = reduction

    def compute(
        self,
        y_true: Any,
        y_pred: Any,
        sample_weight: Any = None,
        training: bool = False,
    ) -> Tensor:
        return self.inner(y_true, y_pred, sample_weight)


class ProgressLoss(ReducedLoss):
    """Abstract base of losses that change with the progress of a training.

    Attributes:
        unplanned: The progress until a host, or `follow`, sets it.

    Args:
        **kwargs: The arguments of `ReducedLoss`.
    """

    unplanned = 0.0

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._progress = self.add_state(
            "progress", (), self.unplanned, trainable=False
        )
        self._step = self.add_state("step", (), 0.0, trainable=False)

    @property
    def progress(self) -> float:
        """The share of the training that is done."""
        return float(ops.convert_to_numpy(self._progress))

    def done(self) -> Tensor:
        """The share of the training that is done, as a tensor."""
        return ops.convert_to_tensor(self._progress)

    def follow(self, progress: float, step: float) -> None:
        """Sets how much of the training is done, and what a step adds.

        Args:
            progress: Float in [0, 1].
            step: Float >= 0.
        """
        progress = checks.number("progress", progress, at_least=0, at_most=1)
        self._progress.assign(progress)
        self._step.assign(checks.number("step", step, at_least=0))

    def compute(
        self,
        y_true: Any,
        y_pred: Any,
        sample_weight: Any = None,
        training: bool = False,
    ) -> Tensor:
        loss = super().compute(y_true, y_pred, sample_weight, training)
        if training:
            done = self.done() + self._step
            self._progress.assign(ops.clip(done, 0.0, 1.0))
        return loss
