"""Parts of losses made of losses: their names, configs and calls."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.resolve import getter
from keras_funcs._core.traits import LossTraits
from keras_funcs._core.traits import traits_of
from keras_funcs._core.typing import Tensor

_get = getter("losses", keras.losses.get)
_EXPECTED = "losses: each a `keras.losses.Loss`, a function or a name"


class FunctionLoss(keras.losses.Loss):
    """A function of labels and predictions as a loss, as `compile` makes it.

    It is made anew from what the config of the whole names, and never saved.
    """

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        traits = traits_of(function, LossTraits)
        if traits is not None:
            self.traits = traits

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        # (B,) against (B, 1) would be broadcast to (B, B).
        if _lacks_one(y_true, y_pred):
            y_true = ops.expand_dims(y_true, -1)
        elif _lacks_one(y_pred, y_true):
            y_pred = ops.expand_dims(y_pred, -1)
        return self.function(y_true, y_pred)


def _lacks_one(left: Tensor, right: Tensor) -> bool:
    shape = tuple(right.shape)
    return len(left.shape) == len(shape) - 1 and shape[-1] == 1


def revive(name: str, identifier: Any) -> Any:
    """Turns the config of a part into the object; returns all else as it is."""
    if isinstance(identifier, dict):
        return checks.keras_object(name, identifier, _get, _EXPECTED)
    return identifier


def as_loss(name: str, identifier: Any) -> keras.losses.Loss:
    """The loss that an identifier stands for.

    Raises:
        ValueError: for what is no loss, and for a loss that learns, which
            `keras_funcs.losses.LossModel` hosts alone.
    """
    loss = checks.keras_object(name, identifier, _get, _EXPECTED)
    if isinstance(loss, keras.losses.Loss):
        return loss
    if isinstance(loss, keras.layers.Layer) or not callable(loss):
        checks.invalid(name, _EXPECTED, identifier)
    return FunctionLoss(loss)


def reduced_by(
    reduction: str | None, loss: keras.losses.Loss
) -> keras.losses.Loss:
    """The loss with another reduction, made at each call.

    A copy kept from the constructor would miss what a callback changes, and
    `copy.copy` of a Keras loss is a detour through its config.
    """
    if loss.reduction == reduction:
        return loss
    same = object.__new__(type(loss))
    vars(same).update(vars(loss), reduction=reduction)
    return same


def check_batch(y_true: Tensor, y_pred: Tensor) -> None:
    """Raises where there is not a label for each prediction.

    Keras's functions would broadcast the labels of one sample to all.
    """
    labels, outputs = tuple(y_true.shape), tuple(y_pred.shape)
    if None in (*labels[:1], *outputs[:1]) or labels[:1] == outputs[:1]:
        return
    raise ValueError(
        "Invalid shape of `y_true`. Expected as many samples as in `y_pred`, "
        f"{outputs}. Received: y_true.shape={labels}"
    )
