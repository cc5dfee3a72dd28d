"""A model to search on, for tables and other flat inputs."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from keras_funcs._core import checks
from keras_funcs.search.spaces import catalogue


def classifier(
    dataset: Any,
    units: Sequence[int] = (64, 64),
    dropout: float = 0.1,
    metrics: Callable[[], Sequence[Any]] | None = None,
    choices: Mapping[str, Sequence[Any]] | None = None,
) -> Callable[[Any], Any]:
    """Returns a `build(hp)` for a classification data set.

    The model is a multilayer perceptron with logits; activation, loss,
    optimizer and regularizer are what the search chooses.

    Args:
        dataset: A `keras_funcs.data.Dataset`, or anything with its `train`,
            `counts` and `num_classes`.
        units: Sequence of integers. The widths of the hidden layers.
        dropout: Float in [0, 1). After each hidden layer.
        metrics: Function that makes the metrics to compile with. Defaults to
            accuracy, balanced accuracy and the Matthews correlation.
        choices: Mapping from `"activation"`, `"loss"`, `"optimizer"` or
            `"regularizer"` to the choices of that search space.

    Returns:
        A function from a `keras_tuner.HyperParameters` to a compiled model.
    """
    checks.number("dropout", dropout, at_least=0, below=1)
    for width in units:
        checks.integer("units", width, at_least=1)
    given = dict(choices or {})
    for name in given:
        checks.one_of(
            "choices", name, ("activation", "loss", "optimizer", "regularizer")
        )
    shape = dataset.train[0].shape[1:]
    counts = [int(number) for number in dataset.counts]

    def build(hp: Any) -> Any:
        activation = catalogue.activation(hp, given.get("activation"))
        regularizer = catalogue.regularizer(hp, given.get("regularizer"))
        layers: list[Any] = [keras.Input(shape)]
        if len(shape) > 1:
            layers.append(keras.layers.Flatten())
        for width in units:
            layers += [
                keras.layers.Dense(
                    width,
                    kernel_regularizer=_another(regularizer),
                ),
                activation(),
            ]
            if dropout:
                layers.append(keras.layers.Dropout(dropout))
        layers.append(keras.layers.Dense(dataset.num_classes))
        model = keras.Sequential(layers)
        model.compile(
            optimizer=catalogue.optimizer(hp, given.get("optimizer")),
            loss=catalogue.loss(hp, given.get("loss"), class_counts=counts),
            metrics=list((metrics or _metrics)()),
        )
        return model

    return build


def _another(regularizer: Any) -> Any:
    """A regularizer with state of its own."""
    if regularizer is None:
        return None
    return type(regularizer).from_config(regularizer.get_config())


def _metrics() -> list[Any]:
    from keras_funcs.metrics import BalancedAccuracy
    from keras_funcs.metrics import MatthewsCorrelation

    return ["accuracy", BalancedAccuracy(), MatthewsCorrelation()]
