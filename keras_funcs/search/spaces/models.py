"""Models to search on, for tables and other flat inputs."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import numpy as np

from keras_funcs._core import checks
from keras_funcs.search.spaces import catalogue
from keras_funcs.search.spaces import heads
from keras_funcs.search.spaces import inputs
from keras_funcs.search.spaces import measures
from keras_funcs.search.spaces import portfolio
from keras_funcs.search.spaces import tasks
from keras_funcs.search.spaces.options import Option

CHOICES = ("activation", "loss", "optimizer", "regularizer")
LINEAR = "linear"
# Widths of the hidden layers; the baseline's is the first.
NETWORKS = ("64-64", LINEAR, "32", "128-128", "256-256")
DROPOUT = 0.1

Metrics = Callable[[], Sequence[Any]]


def classifier(
    dataset: Any,
    units: Sequence[int] = (64, 64),
    dropout: float = DROPOUT,
    metrics: Metrics | None = None,
    choices: Mapping[str, catalogue.Choices] | None = None,
) -> Callable[[Any], Any]:
    """Returns a `build(hp)` for classes, on layers of given widths.

    The model is a multilayer perceptron with logits; activation, loss with its
    head, optimizer and regularizer are what the search chooses. `search.table`
    searches the widths, too.

    Args:
        dataset: A `keras_funcs.data.Dataset`, or anything with its `train`,
            `counts` and `num_classes`.
        units: Sequence of integers. The widths of the hidden layers.
        dropout: Float in [0, 1). After each hidden layer.
        metrics: Function that makes the metrics to compile with. Defaults to
            accuracy, balanced accuracy and the Matthews correlation.
        choices: Mapping from `"activation"`, `"loss"`, `"optimizer"` or
            `"regularizer"` to the choices of that search space, or to `"all"`.

    Returns:
        A function from a `keras_tuner.HyperParameters` to a compiled model.
    """
    checks.number("dropout", dropout, at_least=0, below=1)
    for width in units:
        checks.integer("units", width, at_least=1)
    given = _given(choices, CHOICES)
    shape = dataset.train[0].shape[1:]
    counts = [int(number) for number in dataset.counts]

    def build(hp: Any) -> Any:
        activation = catalogue.activation(hp, given.get("activation"))
        regularizer = catalogue.regularizer(hp, given.get("regularizer"))
        layers = _hidden(shape, units, activation, regularizer, dropout)
        output = heads.output(
            hp, dataset.num_classes, given.get("loss"), counts
        )
        return output.compile(
            keras.Sequential([*layers, *output.layers]),
            catalogue.optimizer(hp, given.get("optimizer")),
            (metrics or (lambda: measures.compiled("multiclass")))(),
        )

    return build


def table(
    dataset: Any,
    task: str | None = None,
    choices: Mapping[str, catalogue.Choices] | str | None = None,
    metrics: Metrics | None = None,
) -> Callable[[Any], Any]:
    """Returns the `build(hp)` that `keras-funcs tune` searches with.

    Beside activation, loss with its head, optimizer and regularizer the search
    chooses the network, none (a linear model) or hidden layers, and how numeric
    columns are read. It begins with the attribute `portfolio`: settings that
    win on tables.

    Args:
        dataset: `keras_funcs.data.Dataset` with arrays.
        task: String, as of `search.space`. Defaults to the data set's.
        choices: Mapping from `"network"` (widths such as `"64-64"`, or
            `"linear"`), `"inputs"` (None, `"PeriodicEmbedding"`,
            `"PiecewiseLinearEncoding"`), `"activation"`, `"loss"`,
            `"optimizer"` or `"regularizer"` to choices; or `"all"` for
            everything that fits the task.
        metrics: Function that makes the metrics to compile with. Defaults to
            those of the task.

    Returns:
        A function from a `keras_tuner.HyperParameters` to a compiled model.

    Raises:
        ValueError: If the task is for other data, or a choice is unknown.
    """
    task = tasks.task_of(task or dataset.task).name
    if tasks.TASKS[task].pixels:
        checks.invalid(
            "task", "one of tables; images need their own model", task
        )
    if choices == "all":
        choices = dict.fromkeys(CHOICES, "all")
    elif isinstance(choices, str):
        checks.invalid("choices", 'a mapping, or "all"', choices)
    given = _given(choices, ("network", "inputs", *CHOICES))
    networks = list(given.get("network") or NETWORKS)
    widths = {name: _widths(name) for name in networks}
    shape = dataset.train[0].shape[1:]
    for kind in ("activation", "optimizer", "regularizer"):
        given[kind] = catalogue.options(kind, given.get(kind))
    given["inputs"] = inputs.options(dataset, given.get("inputs"))
    given["loss"] = _losses(dataset, task, given.get("loss"))

    def declare(hp: Any) -> tuple[str, float, dict[str, Any]]:
        """Network, dropout, and of each choice a function that makes it."""
        network = hp.Choice("network", networks, default=networks[0])
        deep = [name for name in networks if widths[name]]
        with hp.conditional_scope("network", deep):
            rate = hp.Float("network/dropout", 0.0, 0.5, default=DROPOUT)
            makes = {"activation": _declared(hp, "activation", given)}
        names = ["regularizer", "loss", "optimizer"]
        if len(given["inputs"]) > 1:
            names.insert(0, "inputs")
        for name in names:
            makes[name] = _declared(hp, name, given)
        return network, DROPOUT if rate is None else rate, makes

    def build(hp: Any) -> Any:
        network, dropout, makes = declare(hp)
        regularizer, output = makes["regularizer"](), makes["loss"]()
        if not widths[network]:
            # There are no other weights to keep small.
            output.layers[0].kernel_regularizer = regularizer
        layers = _hidden(
            shape, widths[network], makes["activation"], regularizer, dropout
        )
        reading = makes.get("inputs", given["inputs"][0].make)()
        if reading is not None:
            layers.insert(1, reading)
        return output.compile(
            keras.Sequential([*layers, *output.layers]),
            makes["optimizer"](),
            (metrics or (lambda: measures.compiled(task)))(),
        )

    found: Any = build
    # The space is found without a model for each of its conditions.
    found.declare = declare
    found.portfolio = portfolio.of_tables(task)
    return build


def _declared(
    hp: Any, name: str, given: Mapping[str, Any]
) -> Callable[[], Any]:
    option, values = catalogue.declare(hp, name, given[name])
    return partial(option.make, **values)


def _given(choices: Any, names: Sequence[str]) -> dict[str, Any]:
    given = dict(choices or {})
    for name in given:
        checks.one_of("choices", name, tuple(names))
    return given


def _widths(network: Any) -> list[int]:
    """The hidden layers of a network by name."""
    if network == LINEAR:
        return []
    parts = str(network).split("-")
    if not all(part.isdecimal() and int(part) for part in parts):
        checks.invalid(
            "choices", 'networks such as "64-64" or "linear"', network
        )
    return [int(part) for part in parts]


def _losses(
    dataset: Any, task: str, choices: catalogue.Choices
) -> list[Option]:
    """The losses for a data set, each with its head."""
    y = dataset.train[1]
    targets = tasks.TASKS[task].targets
    if targets == "classes":
        counts = [int(number) for number in dataset.counts]
        return heads.options(dataset.num_classes, choices, counts, task)
    units = y.shape[-1] if y.ndim > 1 else 1
    if targets == "labels":
        return heads.options(units, choices, None, task)
    spread = float(np.mean(y, dtype=float)), float(np.std(y, dtype=float))
    if not spread[1] > 0:
        checks.invalid("dataset", "a target that varies", y[:3])
    return heads.options(units, choices, None, task, spread)


def _hidden(
    shape: tuple[int, ...],
    widths: Sequence[int],
    activation: Callable[[], Any],
    regularizer: Any,
    dropout: float,
) -> list[Any]:
    """The layers of a multilayer perceptron before its head."""
    layers: list[Any] = [keras.Input(shape)]
    if len(shape) > 1:
        layers.append(keras.layers.Flatten())
    for width in widths:
        layers += [
            keras.layers.Dense(width, kernel_regularizer=_another(regularizer)),
            activation(),
            # There at a rate of 0, too: the rate is a number of a lane.
            keras.layers.Dropout(dropout),
        ]
    return layers


def _another(regularizer: Any) -> Any:
    """A regularizer with state of its own."""
    if regularizer is None:
        return None
    return type(regularizer).from_config(regularizer.get_config())
