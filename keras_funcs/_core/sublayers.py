"""The layers inside a layer or a model."""

from collections.abc import Iterator
from typing import Any

from keras import ops


def sublayers(model: Any) -> Iterator[Any]:
    """All of them, itself included, at any depth and as `activation=` too.

    Keras has no public way to those last ones, so one place takes the private.
    """
    return iter(model._flatten_layers())


def touch(model: Any) -> None:
    """Calls a model once, so that every layer has its weights.

    A layer given as another layer's activation is not built with the model;
    weights could neither be counted nor loaded.
    """
    unbuilt = any(not layer.built for layer in sublayers(model))
    if unbuilt and getattr(model, "inputs", None):
        zeros = [
            ops.zeros([1 if size is None else size for size in item.shape])
            for item in model.inputs
        ]
        model(zeros if len(zeros) > 1 else zeros[0])
