"""Class weights for the last part of training only."""

from typing import Any

import keras

from keras_funcs._core import checks
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs.callbacks._losses import losses_of
from keras_funcs.callbacks._losses import retrace


@component(tune={"start": Range(0.5, 0.95)})
class DeferredReweighting(Configurable, keras.callbacks.Callback):
    """Trains without class weights first, and with them at the end.

    Features are learned best from the data as it is, the classifier best with
    classes made equal. Use it with a loss that weighs classes, such as
    `keras_funcs.losses.WeightedCrossentropy`, whose weights then hold from the
    epoch `start` on; before it, all are 1. The validation loss is weighted
    alike and jumps at the switch: let callbacks watch a metric. A training
    that an exception broke off leaves the loss as it was at that moment.

    Formula:
    ```python
    weight_c = 1 if epoch < round(start * epochs) else weights[c]
    ```

    Args:
        start: Float in [0, 1]. Share of the epochs without weights. Defaults
            to `0.8`.

    Raises:
        ValueError: for a share out of range, and at the start of training for
            a model none of whose losses weighs classes.

    Example:

    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    >>> loss = keras_funcs.losses.WeightedCrossentropy(
    ...     class_counts=[90, 10], from_logits=True
    ... )
    >>> model.compile("adam", loss)
    >>> history = model.fit(
    ...     np.ones((4, 3)), np.array([0, 0, 0, 1]), epochs=5, verbose=0,
    ...     callbacks=[keras_funcs.callbacks.DeferredReweighting(start=0.8)],
    ... )

    Reference:
        Cao, Wei, Gaidon, Arechiga and Ma (2019), NeurIPS, arXiv:1906.07413
    """

    def __init__(self, start: float = 0.8) -> None:
        super().__init__()
        self.start = checks.number("start", start, at_least=0, at_most=1)

    def on_train_begin(self, logs: Any = None) -> None:
        self._losses = [
            loss
            for loss in losses_of(self.model)
            if getattr(loss, "weighs_classes", False)
        ]
        if not self._losses:
            raise ValueError(
                "DeferredReweighting needs a loss that weighs classes. "
                "Expected `compile(loss=WeightedCrossentropy(...))`. "
                f"Received: loss={self.model.loss}"
            )

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._defer(epoch < round(self.start * self.params["epochs"]))

    def on_train_end(self, logs: Any = None) -> None:
        self._defer(False)

    def _defer(self, deferred: bool) -> None:
        if all(loss.deferred is deferred for loss in self._losses):
            return
        for loss in self._losses:
            loss.deferred = deferred
        retrace(self.model)
