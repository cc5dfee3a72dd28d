"""Layers that pass their inputs on and add a loss: penalties on functions."""

from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import maps
from keras_funcs._core import wrapped
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import widened
from keras_funcs._core.sublayers import sublayers
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor

MAX_PROJECTIONS = 1000


@component(tune={"factor": Range(1e-3, 1.0, log=True)})
class DeCov(Configurable, keras.layers.Layer):
    """Adds a loss for features that vary together; passes its inputs on.

    Against units that do the same work, where data are few; put it after the
    last hidden layer. It looks at the covariance of a batch, so batches should
    be larger than a few samples. A batch-wise penalty is a layer here and not
    an activity regularizer, whose value Keras divides by the batch size.

    Formula:
    ```python
    c = (x - mean(x)).T @ (x - mean(x)) / n
    loss = factor / 2 * (sum(c**2) - sum(diag(c) ** 2))
    ```
    with the n positions of all samples as rows, masked ones left out.

    Args:
        factor: Float >= 0. Strength. Defaults to `0.1`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, ..., units)`.

    Output shape:
        That of the input.

    Raises:
        ValueError: If an argument is invalid, or inputs have another form.

    Example:

    >>> layer = keras_funcs.layers.DeCov(factor=1.0)
    >>> y = layer(np.array([[1.0, 1.0], [-1.0, -1.0]]))
    >>> float(layer.losses[0])  # the covariance 1, above and below the diagonal
    1.0

    Reference:
        Cogswell, Ahmed, Girshick, Zitnick and Batra (2016), ICLR,
        arXiv:1511.06068
    """

    # A covariance of the batch, on each replica its own.
    traits = LayerTraits(independent=False)

    def __init__(self, factor: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = checks.number("factor", factor, at_least=0)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        maps.channels(self.name, input_shape, "channels_last")
        self.built = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        x = ops.reshape(widened(inputs), (-1, inputs.shape[-1]))
        keep = ops.ones_like(x[:, :1], dtype="bool")
        if mask is not None:
            rows = maps.kept(mask, "channels_last", len(inputs.shape))
            rows = ops.logical_and(
                rows, ops.ones_like(inputs[..., :1], dtype="bool")
            )
            keep = ops.reshape(rows, (-1, 1))
        n = ops.sum(ops.cast(keep, x.dtype))
        n = ops.where(n > 0, n, ops.ones_like(n))
        # Chosen, not multiplied: padding may hold infinities.
        zeros = ops.zeros_like(x)
        center = ops.sum(ops.where(keep, x, zeros), 0, keepdims=True) / n
        x = ops.where(keep, x - center, zeros)
        # (|C|_F^2 - |diag C|^2) / 2; not by `ops.matmul`, which turns float64
        # into float32 on Torch
        c = ops.transpose(x) @ x / n
        beside = 1.0 - ops.eye(c.shape[0], dtype=c.dtype)
        self.add_loss(self.factor * 0.5 * ops.sum(ops.square(c) * beside))
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


@component(tune={"factor": Range(1e-4, 1.0, log=True)})
class JacobianPenalty(Configurable, keras.layers.Layer):
    """Wraps a layer or model and adds a loss for how steep it is.

    For predictions that small changes of the input do not move, such as noise
    or attacks. In training it estimates the squared Frobenius norm of the
    Jacobian of each sample by random directions, in forward mode: one
    evaluation more for each, of the layer as it is outside training. Layers
    with a gradient of their own (`keras.ops.custom_gradient`) have no forward
    mode on JAX and Torch, and recurrent layers have it on TensorFlow only with
    `unroll=True`. After `quantize` it predicts, but does not train.

    Formula:
    ```python
    loss = factor / 2 * mean_samples(mean_u(norm(J @ u) ** 2))
    ```
    with J = d layer(x) / d x and u ~ N(0, I).

    Args:
        layer: A layer or model of one input, whose samples do not depend on
            each other outside training.
        factor: Float >= 0. Strength. Defaults to `0.01`.
        projections: Integer >= 1. Random directions for each sample and step;
            one is enough for training. Defaults to `1`.
        seed: Integer >= 0, or None. Makes the draws repeatable. Defaults to
            `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        That of the layer; floating-point numbers.

    Output shape:
        That of the layer.

    Raises:
        ValueError: If an argument is invalid, or inputs have another form.

    Example:

    >>> dense = keras.layers.Dense(3)
    >>> layer = keras_funcs.layers.JacobianPenalty(dense, factor=0.1)
    >>> y = layer(np.ones((2, 4)), training=True)
    >>> len(layer.losses)
    1

    Reference:
        Hoffman, Roberts and Yaida (2019), arXiv:1908.02729, in reverse mode
    """

    def __init__(
        self,
        layer: keras.layers.Layer | dict[str, Any],
        factor: float = 0.01,
        projections: int = 1,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(layer, dict):
            layer = checks.keras_object(
                "layer", layer, keras.layers.deserialize, "a layer"
            )
        if not isinstance(layer, keras.layers.Layer):
            checks.invalid("layer", "a layer", layer)
        self.layer = layer
        self.factor = checks.number("factor", factor, at_least=0)
        self.projections = checks.integer(
            "projections", projections, at_least=1, at_most=MAX_PROJECTIONS
        )
        self.seed = checks.seed(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.supports_masking = layer.supports_masking

    def build(self, input_shape: Shape) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True
        self.built = True

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        dtype = keras.backend.standardize_dtype(inputs.dtype)
        if "float" not in dtype:
            raise ValueError(
                f"Layer '{self.name}' takes derivatives by its inputs. "
                "Expected inputs of floating point: wrap what follows the "
                f"Embedding. Received: inputs.dtype={dtype}"
            )
        # Before the penalty, whose calls would leave `training=False` behind.
        y = self.layer(inputs, training=training)
        if training:
            if any(map(wrapped.is_quantized, sublayers(self.layer))):
                raise ValueError(
                    f"Layer '{self.name}' takes derivatives of the layer in "
                    "it. Expected a layer that is not quantized, in training. "
                    f"Received: layer={self.layer}"
                )
            slope = _squared_slope(
                self.layer, inputs, self.projections, self.seed_generator
            )
            self.add_loss(self.factor * 0.5 * slope)
        return ops.cast(y, self.compute_dtype)

    def compute_mask(self, inputs: Tensor, previous_mask: Any) -> Any:
        return self.layer.compute_mask(inputs, previous_mask)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(self.layer.compute_output_shape(input_shape))


def _squared_slope(
    layer: keras.layers.Layer,
    x: Tensor,
    projections: int,
    seed: keras.random.SeedGenerator,
) -> Tensor:
    """An estimate of the mean of `|J|_F^2` over the samples."""
    state = [(item, item.value) for item in layer.variables]

    def function(x: Tensor) -> Tensor:
        # Outside training: dropout would be another function each time,
        # and moving averages would be updated within a derivative. In a
        # scope of its own: what the layer adds to the loss is added once,
        # and no tensor of the derivative outlives it.
        with keras.StatelessScope(state_mapping=state):
            return layer(x, training=False)

    total: Any = 0.0
    for _ in range(projections):
        u = keras.random.normal(ops.shape(x), dtype=x.dtype, seed=seed)
        # E |J u|^2 = |J|_F^2
        _, slope = ops.jvp(function, (x,), (u,))
        total = total + ops.sum(ops.square(widened(slope)))
    batch = ops.cast(ops.shape(x)[0], total.dtype)
    return total / (batch * projections)
