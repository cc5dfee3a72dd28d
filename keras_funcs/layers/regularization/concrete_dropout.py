"""Dropout whose rate is trained along with the weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import maps
from keras_funcs._core import wrapped
from keras_funcs._core.coefficients import add_float32
from keras_funcs._core.coefficients import sigmoid_between
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.typing import InitializerLike
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor
from keras_funcs.layers._around import AroundLayer

_EXPLORED = {
    "weight_factor": Range(1e-8, 1e-4, log=True),
    "dropout_factor": Range(1e-6, 1e-3, log=True),
}


@component(tune=_EXPLORED)
class ConcreteDropout(AroundLayer):
    """Trains the rate of dropout before a layer, by gradient descent.

    For uncertainty: with `at_inference=True` predictions are draws, whose
    spread tells how much the model knows, at a rate found without a search. As
    a regularizer it gains little over `keras.layers.Dropout`. `quantize` works
    on a `Dense` in it and leaves other layers float.

    Formula:
    ```python
    y = layer(x * keep / (1 - rate))
    keep = 1 - sigmoid((logit(rate) + logit(u)) / temperature)  # u ~ U(0, 1)
    entropy = -rate * log(rate) - (1 - rate) * log(1 - rate)
    loss += weight_factor * sum(kernel**2) / (1 - rate)
    loss -= dropout_factor * features * entropy
    ```

    Args:
        layer: A `keras.layers.Dense` or a convolution, not built.
        rate_initializer: Float or initializer, 1e-6 to .999. Defaults to `0.1`.
        weight_factor: Float >= 0. `length_scale**2 / (2 * N)` of N samples, if
            the loss is a mean negative log-likelihood such as cross-entropy;
            double for `(y - mean)**2 / var + log(var)`. Defaults to `1e-6`.
        dropout_factor: Float >= 0. Likewise `1 / N`. Defaults to `1e-5`.
        temperature: Float >= 1e-3. A low one draws 0 or 1. Defaults to `0.1`.
        spatial: Boolean. Whether to drop whole channels. Defaults to `False`.
        at_inference: Boolean. Whether to draw always. Defaults to `False`.
        seed: Integer >= 0, or None. Fixes the draws. Defaults to `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        The wrapped layer's.

    Output shape:
        The wrapped layer's.

    Raises:
        ValueError: If an argument is invalid or the layer has no kernel.

    Example:

    >>> dense = keras.layers.Dense(3)
    >>> layer = keras_funcs.layers.ConcreteDropout(dense, dropout_factor=1e-3)

    Reference:
        Gal, Hron and Kendall (2017), NeurIPS, arXiv:1705.07832
    """

    renamed = {"rate": "rate_initializer"}

    def __init__(
        self,
        layer: keras.layers.Layer,
        rate_initializer: InitializerLike = 0.1,
        weight_factor: float = 1e-6,
        dropout_factor: float = 1e-5,
        temperature: float = 0.1,
        spatial: bool = False,
        at_inference: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(layer, **kwargs)
        self.rate_initializer = _rate(rate_initializer)
        checks.store(self, weight_factor=weight_factor)
        checks.store(self, dropout_factor=dropout_factor)
        checks.store(self, at_least=1e-3, temperature=temperature)
        self.spatial = checks.boolean("spatial", spatial)
        self.at_inference = checks.boolean("at_inference", at_inference)
        self.seed = checks.seed(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.rate_logit = _add_logit(self)

    def build(self, input_shape: Shape) -> None:
        self.build_layer(input_shape)
        wrapped.around_quantize(self.layer, partial(_readable, self))
        places = _data_format(self.layer)
        self._features = maps.channels(self.name, input_shape, places)
        self.built = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        for loss in _losses(self):
            self.add_loss(loss)
        if training or self.at_inference:
            keep = _kept(self, inputs)
            # 1 / (1 - rate) = 1 + exp(logit)
            scale = keep * (1.0 + ops.exp(self.rate_logit))
            inputs = inputs * ops.cast(scale, self.compute_dtype)
        return ops.cast(self.layer(inputs), self.compute_dtype)


def _rate(value: Any) -> Any:
    return checks.initializer(
        "rate_initializer", value, at_least=1e-6, at_most=0.999
    )


def _add_logit(layer: ConcreteDropout) -> keras.Variable:
    start, inverse = layer.rate_initializer, sigmoid_between(0.0, 1.0)
    return add_float32(layer, "act_rate_logit", (), start, inverse)


def _data_format(layer: keras.layers.Layer) -> str:
    return str(getattr(layer, "data_format", "channels_last"))


def _kept(layer: ConcreteDropout, inputs: Tensor) -> Tensor:
    """The relaxed draw of what is kept, near 0 or 1."""
    shape = list(ops.shape(inputs))
    if layer.spatial:
        for axis in maps.map_axes(_data_format(layer.layer), len(shape)):
            shape[axis] = 1
    # In float32: half precision draws a few hundred values, 0 among them.
    seed, logit = layer.seed_generator, layer.rate_logit
    u = keras.random.uniform(shape, 1e-7, 1.0 - 1e-7, "float32", seed)
    u = ops.cast(u, logit.dtype)
    # keep = 1 - sigmoid((logit(rate) + logit(u)) / temperature)
    odds = logit + ops.log(u) - ops.log1p(-u)
    return ops.sigmoid(-odds / layer.temperature)


def _losses(layer: ConcreteDropout) -> tuple[Tensor, Tensor]:
    """The penalty on the weights, and the reward of entropy."""
    logit = layer.rate_logit
    kernel = ops.cast(wrapped.float_kernel(layer.layer), logit.dtype)
    weights = ops.sum(ops.square(kernel)) * (1.0 + ops.exp(logit))
    # r log(r) + (1 - r) log(1 - r), finite at both ends
    entropy = logit * ops.sigmoid(logit) - ops.softplus(logit)
    return (
        layer.weight_factor * weights,
        layer.dropout_factor * layer._features * entropy,
    )


@contextmanager
def _readable(layer: ConcreteDropout, mode: Any) -> Iterator[None]:
    """Refuses to quantize a kernel that the penalty could not read."""
    dense = type(layer.layer) is keras.layers.Dense
    if mode == "float8" or (mode in wrapped.INTEGERS and dense):
        yield
        return
    raise NotImplementedError(
        f"Layer '{layer.name}' reads the kernel for its losses. Expected to "
        "quantize a Dense by int8, int4 or float8. "
        f"Received: mode={mode}, layer={layer.layer}"
    )
