"""Dropout whose rate is trained along with the weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import maps
from keras_funcs._core import wrapped
from keras_funcs._core.coefficients import add_float32
from keras_funcs._core.coefficients import sigmoid_between
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.typing import InitializerLike
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor


@component(
    tune={
        "weight_factor": Range(1e-8, 1e-4, log=True),
        "dropout_factor": Range(1e-6, 1e-3, log=True),
    }
)
class ConcreteDropout(Configurable, keras.layers.Layer):
    """Trains the rate of dropout before a layer, by gradient descent.

    For uncertainty: with `at_inference=True` every prediction is a draw, and
    the spread of several tells how much the model knows, at a rate that fits
    the data without a search. As a plain regularizer it gains little over
    `keras.layers.Dropout` with a rate that was searched.

    The terms in the loss are what moves the rate, and their units matter: with
    N samples and a loss that is the mean of a negative log-likelihood, such as
    a cross-entropy, `weight_factor` is `length_scale**2 / (2 * N)` and
    `dropout_factor` is `1 / N`; with `(y - mean)**2 / var + log(var)`, which
    is twice that, they are twice as large.

    `quantize` replaces a `Dense` in it, whose dequantized kernel the penalty
    reads; any other layer stays float.

    Formula:
    ```python
    y = layer(x * keep / (1 - rate)),
    keep = 1 - sigmoid((logit(rate) + logit(u)) / temperature), u ~ U(0, 1)
    loss += weight_factor * sum(kernel**2) / (1 - rate)
          + dropout_factor * features
            * (rate * log(rate) + (1 - rate) * log(1 - rate))
    ```

    Args:
        layer: A layer with a `kernel`, not built: `keras.layers.Dense`, a
            convolution.
        rate_initializer: Float in (0, 1), or initializer. Initial rate.
            Defaults to `0.1`.
        weight_factor: Float >= 0. Of the penalty on the weights. Defaults to
            `1e-6`.
        dropout_factor: Float >= 0. Of the reward of entropy, which draws the
            rate to 1/2. Defaults to `1e-5`.
        temperature: Float > 0. Of the relaxed draw: the lower, the closer to 0
            or 1. Defaults to `0.1`.
        spatial: Boolean. Whether all places of a map share the draw of their
            channel. Defaults to `False`.
        at_inference: Boolean. Whether to draw outside training, too (Monte
            Carlo dropout). Defaults to `False`.
        seed: Integer >= 0, or None. Makes the draws repeatable. Defaults to
            `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`. The wrapper's
            `dtype` defaults to the wrapped layer's.

    Input shape:
        The wrapped layer's.

    Output shape:
        The wrapped layer's.

    Call arguments:
        inputs: Tensor.
        training: Boolean. Whether to drop.

    Raises:
        ValueError: for a rate outside (0, 1), a factor < 0, a temperature not
            > 0, or a layer that is built or has no kernel.

    Example:

    >>> dense = keras.layers.Dense(3)
    >>> layer = keras_funcs.layers.ConcreteDropout(dense, dropout_factor=1e-3)
    >>> y = layer(np.ones((2, 4)), training=True)

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
        layer = wrapped.unbuilt("layer", layer)
        kwargs.setdefault("dtype", layer.dtype_policy)
        super().__init__(**kwargs)
        self.layer = layer
        self.rate_initializer = checks.initializer(
            "rate_initializer", rate_initializer, at_least=1e-6, at_most=0.999
        )
        self.weight_factor = checks.number(
            "weight_factor", weight_factor, at_least=0
        )
        self.dropout_factor = checks.number(
            "dropout_factor", dropout_factor, at_least=0
        )
        self.temperature = checks.number(
            "temperature", temperature, at_least=1e-3
        )
        self.spatial = checks.boolean("spatial", spatial)
        self.at_inference = checks.boolean("at_inference", at_inference)
        self.seed = checks.seed(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.supports_masking = layer.supports_masking
        self.rate_logit = add_float32(
            self,
            "act_rate_logit",
            (),
            self.rate_initializer,
            sigmoid_between(0.0, 1.0),
        )

    def build(self, input_shape: Shape) -> None:
        self.layer.build(input_shape)
        wrapped.kernel_of(self.name, self.layer)
        wrapped.around_quantize(self.layer, self._readable)
        self._features = maps.channels(
            self.name, input_shape, self._data_format()
        )
        self.built = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        self._add_losses()
        if not training and not self.at_inference:
            return ops.cast(self.layer(inputs), self.compute_dtype)
        noise = list(ops.shape(inputs))
        if self.spatial:
            for axis in maps.map_axes(self._data_format(), len(noise)):
                noise[axis] = 1
        # In float32: half precision draws a few hundred values, 0 among them.
        u = keras.random.uniform(
            noise, 1e-7, 1.0 - 1e-7, "float32", self.seed_generator
        )
        logit = self.rate_logit
        u = ops.cast(u, logit.dtype)
        # keep = 1 - sigmoid((logit(rate) + logit(u)) / temperature)
        keep = ops.sigmoid(
            -(logit + ops.log(u) - ops.log1p(-u)) / self.temperature
        )
        # 1 / (1 - rate) = 1 + exp(logit)
        scale = keep * (1.0 + ops.exp(logit))
        y = self.layer(inputs * ops.cast(scale, self.compute_dtype))
        return ops.cast(y, self.compute_dtype)

    def _add_losses(self) -> None:
        logit = self.rate_logit
        kernel = ops.cast(wrapped.float_kernel(self.layer), logit.dtype)
        weights = ops.sum(ops.square(kernel)) * (1.0 + ops.exp(logit))
        # r log(r) + (1 - r) log(1 - r), finite at both ends
        entropy = logit * ops.sigmoid(logit) - ops.softplus(logit)
        self.add_loss(self.weight_factor * weights)
        self.add_loss(self.dropout_factor * self._features * entropy)

    @contextmanager
    def _readable(self, mode: Any) -> Iterator[None]:
        """Refuses to quantize a kernel that the penalty could not read."""
        if mode in wrapped.INTEGERS and type(self.layer) is keras.layers.Dense:
            yield
        elif mode == "float8":
            yield
        else:
            raise NotImplementedError(
                f"Layer '{self.name}' reads the kernel for its losses. "
                "Expected to quantize a Dense by int8, int4 or float8. "
                f"Received: mode={mode}, layer={self.layer}"
            )

    def _data_format(self) -> str:
        return str(getattr(self.layer, "data_format", "channels_last"))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(self.layer.compute_output_shape(input_shape))
