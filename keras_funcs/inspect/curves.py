"""Curves of trainable activations, read off the layers of a model."""

from typing import Any
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.sublayers import sublayers
from keras_funcs.layers import AdaptiveActivation

# Points times channels evaluated at once; bounds the memory of wide layers.
CHUNK = 1_000_000


class Curve(NamedTuple):
    """One activation on a grid, averaged over its channels.

    `low` and `high` hold 90% of the channels at each point; with one
    coefficient in all they equal `y`.
    """

    x: np.ndarray
    y: np.ndarray
    slope: np.ndarray
    low: np.ndarray
    high: np.ndarray


def adaptive_activations(model: Any) -> dict[str, AdaptiveActivation]:
    """Finds the built trainable activations of a model, by their path.

    Also those inside `Dense(activation=layer)`, in nested models and in
    wrappers.
    """
    found: dict[str, AdaptiveActivation] = {}
    for layer in sublayers(model):
        if not isinstance(layer, AdaptiveActivation) or not layer.built:
            continue
        path = within(model, layer.path or layer.name)
        name, number = path, 1
        while name in found:  # names are unique only within their parent
            number += 1
            name = f"{path}_{number}"
        found[name] = layer
    return found


def within(model: Any, path: str) -> str:
    """A path without the model's own name, so that models compare."""
    return path.removeprefix(f"{model.name}/")


def activation_curves(
    model: Any, low: float = -5.0, high: float = 5.0, points: int = 201
) -> dict[str, Curve]:
    """Evaluates every trainable activation of a model on an even grid.

    Those that mix channels, as `PolyNorm` does, have no curve and are left
    out.

    Args:
        model: A built model or layer.
        low: Float. First input. Defaults to `-5.0`.
        high: Float, > `low`. Last input. Defaults to `5.0`.
        points: Integer >= 3. Defaults to `201`.

    Returns:
        Mapping from the layer's path to its `Curve`; the slope is taken by
        central differences.

    Example:
    >>> import keras_funcs.inspect
    >>> snake = keras_funcs.layers.Snake()
    >>> model = keras.Sequential([keras.Input((4,)), snake])
    >>> [curve] = keras_funcs.inspect.activation_curves(model).values()
    >>> curve.y.shape
    (201,)
    """
    low = checks.number("low", low)
    high = checks.number("high", high, above=low)
    points = checks.integer("points", points, at_least=3, at_most=100_001)
    x = np.linspace(low, high, points)
    return {
        path: _curve(layer, x)
        for path, layer in adaptive_activations(model).items()
        if layer.pointwise
    }


def coefficients(model: Any) -> dict[str, np.ndarray]:
    """The values of all coefficients, by `"<layer's path>/act_<name>"`."""
    return {
        f"{path}/{variable.name}": ops.convert_to_numpy(variable.value)
        for path, layer in adaptive_activations(model).items()
        for variable in layer.weights
        if variable.name.startswith("act_")
    }


def _curve(layer: AdaptiveActivation, x: np.ndarray) -> Curve:
    shape = layer._coefficient_shape
    size = max(1, int(np.prod(shape)))
    parts = np.array_split(x, min(len(x), -(-len(x) * size // CHUNK)))
    # The points stand on the batch axis, every channel sees all of them.
    rows = [_evaluate(layer, part, shape) for part in parts]
    y, low, high = np.concatenate(rows, axis=1)
    return Curve(x, y, np.gradient(y, x, edge_order=2), low, high)


def _evaluate(
    layer: AdaptiveActivation, x: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    grid = np.broadcast_to(
        x.reshape((-1,) + (1,) * len(shape)), (len(x), *shape)
    )
    dtype = layer.weights[0].dtype if layer.weights else keras.config.floatx()
    y = layer.activate(ops.convert_to_tensor(grid, dtype=dtype))
    y = ops.convert_to_numpy(y).astype(np.float64).reshape(len(x), -1)
    edges = np.quantile(y, [0.05, 0.95], axis=1)
    return np.concatenate([y.mean(axis=1)[None], edges])
