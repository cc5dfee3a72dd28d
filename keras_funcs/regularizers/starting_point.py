"""Penalties on the way from pre-trained weights."""

import math
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.typing import Config
from keras_funcs._core.typing import Tensor
from keras_funcs.regularizers import _base

MAX_WEIGHTS = 2**28  # bounds what a config from elsewhere can allocate


# Keras tracks no state of a regularizer, but that of a layer among a layer's
# attributes: as one of these, the reference is a non-trainable weight of the
# layer whose kernel it is for. It is in the model's weights, in its files, and
# in the state that compiled steps are handed, on every backend; in the config
# it would have to be text, and in a compiled step a constant.
@component(tune={"factor": Range(1e-4, 1.0, log=True)})
class L2SP(_base.Penalty, keras.layers.Layer):
    """Half the squared distance from where fine-tuning began.

    For transfer learning, in place of weight decay: what was learned before is
    kept unless the new data speak against it. `keras_funcs.regularizers.anchor`
    gives every kernel of a trained model one of these; use it there rather
    than by hand. Without a `shape` the starting point is 0, for layers that
    are new. The starting point is saved with the model, as weights of the
    layer that is regularized. It does not go into `Sum` or `Scaled`, in which
    Keras would not find those.

    Formula:
    ```python
    penalty = factor / 2 * sum((w - reference) ** 2)
    ```

    Args:
        factor: Float >= 0. Strength. Defaults to `0.01`.
        shape: List of integers >= 1, or None. The shape of the weights, for a
            starting point of its own, `reference`. Defaults to `None`.

    Inputs:
        x: Weights, of `shape` where that is given.

    Raises:
        ValueError: for a factor that is negative, a shape of more than 2^28
            weights, and at the first call for weights of another shape.

    Example:

    >>> inputs = keras.Input((4,))
    >>> trained = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    >>> tuned = keras_funcs.regularizers.anchor(trained, factor=0.1)
    >>> weights = [w + 1.0 for w in tuned.layers[-1].get_weights()[:1]]
    >>> penalty = tuned.layers[-1].kernel_regularizer
    >>> value = keras.ops.convert_to_numpy(penalty(weights[0]))
    >>> round(float(value), 4)  # 8 weights, each 1 from where it was
    0.4

    Reference:
        Li, Grandvalet and Davoine (2018), ICML, arXiv:1802.01483
    """

    def __init__(
        self, factor: float = 0.01, shape: Sequence[int] | None = None
    ) -> None:
        dtype = at_least_float32(keras.config.floatx())
        super().__init__(trainable=False, dtype=dtype)
        self.factor = checks.number("factor", factor, at_least=0)
        self.shape = None if shape is None else _check_shape(shape)
        self.reference: Any = None
        if self.shape is not None:
            self.reference = self.add_weight(
                shape=self.shape,
                initializer="zeros",
                trainable=False,
                name="reference",
            )
        self.built = True

    def get_build_config(self) -> None:
        """Nothing: the constructor has built it."""

    def start_from(self, weights: Any) -> None:
        """Takes a copy of weights of `shape` for the starting point."""
        if self.reference is None:
            checks.invalid("shape", "the shape of the weights", self.shape)
        # By way of NumPy: JAX would take one buffer for both.
        self.reference.assign(ops.convert_to_numpy(weights))

    def measure(self, x: Tensor) -> Tensor:
        if self.reference is not None:
            if tuple(x.shape) != self.shape:
                expected = f"{tuple(x.shape)} (LoRA needs another regularizer)"
                checks.invalid("shape", expected, self.shape)
            x = x - ops.cast(self.reference, x.dtype)
        # |w - w_0|^2 / 2
        return 0.5 * ops.sum(ops.square(x))


def anchor(model: keras.Model, factor: float = 0.01) -> keras.Model:
    """Copies a trained model for fine-tuning that stays near its weights.

    Every kernel (weights of rank 2 or more for which the layer takes a
    regularizer, such as those of `Dense`, `Conv2D`, `Embedding` or `LSTM`)
    gets an `L2SP` with its present values, in place of a regularizer that it
    had. What has no such argument of its own, as the kernels inside of
    `MultiHeadAttention` or a wrapper, stays as it is.

    Args:
        model: A functional or `Sequential` model, built, with the weights to
            stay near to.
        factor: Float >= 0. Strength. Defaults to `0.01`.

    Returns:
        A new model of the same weights, to be compiled. It saves and loads
        with its starting point, which takes the space of the kernels.

    Raises:
        ValueError: for a model of another kind or without a kernel.

    Example:

    >>> inputs = keras.Input((4,))
    >>> trained = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    >>> tuned = keras_funcs.regularizers.anchor(trained, factor=0.1)
    >>> tuned.compile("sgd", "mse")
    >>> [weight.name for weight in tuned.non_trainable_weights]
    ['reference']
    """
    factor = checks.number("factor", factor, at_least=0)
    if not isinstance(model, keras.Model) or not model.built:
        checks.invalid("model", "a built functional model", model)
    pairs: list[tuple[keras.layers.Layer, keras.layers.Layer]] = []

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        for name, weight in _kernels(layer, config):
            penalty = L2SP(factor, tuple(weight.shape))
            config[name] = keras.regularizers.serialize(penalty)
        made = type(layer).from_config(config)
        pairs.append((layer, made))
        return made

    clone = keras.models.clone_model(model, clone_function=copy, recursive=True)
    found = 0
    for layer, made in pairs:
        for weight, value in zip(_own(made), _own(layer), strict=True):
            value = ops.convert_to_numpy(value)
            weight.assign(value)
            if isinstance(weight.regularizer, L2SP):
                found += 1
                weight.regularizer.start_from(value)
    if not found:
        checks.invalid("model", "a model with a kernel", model.name)
    return clone


def _own(layer: keras.layers.Layer) -> list[keras.Variable]:
    """A layer's weights without the starting points of others."""
    penalties = (weight.regularizer for weight in layer.weights)
    references = [p.reference for p in penalties if isinstance(p, L2SP)]
    # Not by name: a layer may have a `reference` of its own.
    return [w for w in layer.weights if all(w is not r for r in references)]


def _kernels(
    layer: keras.layers.Layer, config: Config
) -> Iterator[tuple[str, Any]]:
    """The arguments for regularizers of kernels, each with its kernel."""
    for name in config:
        stem = name.removesuffix("_regularizer")
        # Keras calls a depthwise kernel by either name.
        names = {stem, f"{stem}_kernel"}
        names |= {"kernel"} if stem == "depthwise" else set()
        weights = [w for w in layer.trainable_weights if w.name in names]
        if name != stem and len(weights) == 1 and len(weights[0].shape) > 1:
            yield name, weights[0]


def _check_shape(shape: Any) -> tuple[int, ...]:
    expected = f"a list of integers >= 1 with a product <= {MAX_WEIGHTS}"
    if not isinstance(shape, (list, tuple)) or not 0 < len(shape) <= 8:
        checks.invalid("shape", expected, shape)
    sizes = tuple(checks.integer("shape", n, at_least=1) for n in shape)
    if math.prod(sizes) > MAX_WEIGHTS:
        checks.invalid("shape", expected, shape)
    return sizes
