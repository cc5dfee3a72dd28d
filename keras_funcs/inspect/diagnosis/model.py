"""Finds what is wrong with a model before it costs a training."""

import re
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_funcs._core.versions import release
from keras_funcs.inspect.confusion import all_losses
from keras_funcs.inspect.confusion import all_metrics
from keras_funcs.inspect.diagnosis._mismatch import CHECKS
from keras_funcs.inspect.diagnosis._mismatch import Case
from keras_funcs.inspect.diagnosis._mismatch import Finding as Finding
from keras_funcs.optimizers import RuleOptimizer

MAX_SAMPLES = 256


def diagnose(model: Any = None, x: Any = None, y: Any = None) -> list[Finding]:
    """Looks for known causes of failure, and of results silently wrong.

    Args:
        model: A Keras model, or None to look at the installation only.
        x: A batch of inputs; at most the first 256 are used. Data sets must be
            unpacked first.
        y: Its labels. With them a compiled model of one output is evaluated
            once, which resets its metrics and changes no weight.

    Returns:
        Findings, the worst first; empty where nothing was found.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> model.compile("sgd", loss)
    >>> x, y = np.ones((2, 2)), np.array([0, 3])
    >>> found = keras_funcs.inspect.diagnose(model, x, y)
    >>> found[0].severity, found[0].remedy
    ('error', 'Number the classes 0 to 2.')
    """
    found = list(_keras(keras.__version__))
    if model is not None:
        found += _unregistered(model)
        found += _clipped_in_parts(model)
        if x is not None and y is not None:
            found += _on_data(model, x, y)
    order = ("error", "warning", "note")
    return sorted(found, key=lambda finding: order.index(finding.severity))


def _keras(version: str) -> Iterator[Finding]:
    if release(version) >= (3, 15, 1) or (3, 12, 4) <= release(version) < (
        3,
        13,
        0,
    ):
        return
    yield Finding(
        "warning",
        f"Keras {version} has known holes in its model loader.",
        "Install Keras 3.12.4 or later of 3.12, or 3.15.1 or later.",
    )


def _unregistered(model: Any) -> Iterator[Finding]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            config = keras.saving.serialize_keras_object(model)
    except Exception as error:
        yield Finding(
            "error",
            f"The model cannot be saved: {_line(error)}",
            "Give the object named a get_config() that JSON can hold.",
        )
        return
    for name in sorted(set(_unknown(config))):
        yield Finding(
            "warning",
            f"{name} is not registered: a saved model will not load.",
            "Decorate it with @keras.saving.register_keras_serializable().",
        )


def _unknown(config: Any) -> Iterator[str]:
    """Names in a serialized model that the loader would not find."""
    if isinstance(config, (list, tuple)):
        for item in config:
            yield from _unknown(item)
    if not isinstance(config, dict):
        return
    for item in config.values():
        yield from _unknown(item)
    kind = config.get("class_name")
    if not isinstance(kind, str) or "config" not in config:
        return
    if kind == "__lambda__":
        yield "A lambda"
    own = str(config.get("module") or "").split(".")[0]
    if kind == "function":
        kind, own = str(config["config"]), "builtins"
    elif own in ("", "keras"):
        return
    names = (config.get("registered_name"), kind)
    lookup = keras.saving.get_registered_object
    if not any(isinstance(name, str) and lookup(name) for name in names):
        if own != "builtins" or not _is_keras_function(kind):
            yield f"`{kind}`"


def _is_keras_function(name: str) -> bool:
    kinds = (keras.activations, keras.losses, keras.metrics)
    return any(hasattr(kind, name) for kind in kinds)


def _clipped_in_parts(model: Any) -> Iterator[Finding]:
    """Keras clips the gradients of each replica before it adds them up."""
    optimizer = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    # Only TensorFlow's models have a strategy.
    strategy = getattr(model, "distribute_strategy", None)
    replicas = getattr(strategy, "num_replicas_in_sync", 1)
    if replicas < 2 or isinstance(optimizer, RuleOptimizer):
        return
    for name in ("clipnorm", "global_clipnorm", "clipvalue"):
        if getattr(optimizer, name, None):
            yield Finding(
                "warning",
                f"{type(optimizer).__name__} applies `{name}` to each "
                f"replica's gradients: {replicas} replicas do not train as "
                "one device does.",
                "Take an optimizer of keras_funcs, which clips their sum, or "
                "train without clipping.",
            )


def _on_data(model: Any, x: Any, y: Any) -> Iterator[Finding]:
    if not model.compiled:
        return
    size = len(keras.tree.flatten(x)[0])
    if size != len(keras.tree.flatten(y)[0]):
        yield Finding(
            "error",
            f"There are {size} inputs and {len(keras.tree.flatten(y)[0])} "
            "labels.",
            "Give one label for each input.",
        )
        return
    x, y = keras.tree.map_structure(
        lambda array: np.asarray(array)[:MAX_SAMPLES], (x, y)
    )
    failure = None
    try:
        outputs = model.predict_on_batch(x)
    except Exception as error:
        yield Finding(
            "error",
            f"The model does not take these inputs: {_line(error)}",
            f"It takes {model.input_shape}."
            if hasattr(model, "input_shape")
            else "Compare their shapes with the model's summary().",
        )
        return
    try:  # builds the metrics that were given by name
        model.test_on_batch(x, y)
    except Exception as error:
        failure = error
    if isinstance(outputs, np.ndarray) and isinstance(y, np.ndarray):
        case = Case(
            model=model,
            loss=all_losses(model)[0],
            metrics=tuple(all_metrics(model)),
            labels=y,
            outputs=outputs.astype(np.float64),
        )
        found = [finding for check in CHECKS for finding in check(case)]
        yield from found
        known = any(finding.severity == "error" for finding in found)
    else:
        known = False
        yield Finding(
            "note",
            "Losses and metrics of several outputs were not looked at.",
            "Diagnose each output as a model of its own.",
        )
    if failure is not None and not known:
        yield Finding(
            "error",
            f"evaluate() fails: {_line(failure)}",
            "Compare the shapes of labels and outputs with the loss.",
        )
    model.reset_metrics()


def _line(error: Exception) -> str:
    """The message of Keras's long errors on one line, without colours."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)) or type(error).__name__
    line = " ".join(text.split())
    return line if len(line) <= 300 else line[:297] + "..."
