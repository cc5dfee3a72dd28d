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

    For predictions that noise or attacks do not move. Training estimates the
    squared Frobenius norm of each sample's Jacobian by random directions, in
    forward mode: each evaluates the layer once more, as outside training.
    Layers with `keras.ops.custom_gradient` have no forward mode on JAX and
    Torch, recurrent layers on TensorFlow only with `unroll=True`. After
    `quantize` it predicts, but does not train.

    Formula:
    ```python
    loss = factor / 2 * mean_samples(mean_u(norm(J @ u) ** 2))
    ```
    with J = d layer(x) / d x and u ~ N(0, I).

    Args:
        layer: A layer or model of one input and independent samples.
        factor: Float >= 0. Strength. Defaults to `0.01`.
        projections: Integer from 1 to 1000. Random directions per sample and
            step. Defaults to `1`, enough for training.
        seed: Integer >= 0, or None. Fixes the draws. Defaults to `None`.
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
        self.layer = layer = _layer(layer)
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
        _check_inputs(self, inputs)
        # Before the penalty, whose calls would leave `training=False` behind.
        y = self.layer(inputs, training=training)
        if training:
            _check_float(self)
            slope = _squared_slope(
                self.layer, inputs, self.projections, self.seed_generator
            )
            self.add_loss(self.factor * 0.5 * slope)
        return ops.cast(y, self.compute_dtype)

    def compute_mask(self, inputs: Tensor, previous_mask: Any) -> Any:
        return self.layer.compute_mask(inputs, previous_mask)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(self.layer.compute_output_shape(input_shape))


def _layer(value: Any) -> keras.layers.Layer:
    if isinstance(value, dict):
        deserialize = keras.layers.deserialize
        value = checks.keras_object("layer", value, deserialize, "a layer")
    if not isinstance(value, keras.layers.Layer):
        checks.invalid("layer", "a layer", value)
    return value


def _check_inputs(layer: JacobianPenalty, inputs: Tensor) -> None:
    dtype = keras.backend.standardize_dtype(inputs.dtype)
    if "float" not in dtype:
        raise ValueError(
            f"Layer '{layer.name}' takes derivatives by its inputs. Expected "
            "inputs of floating point: wrap what follows the Embedding. "
            f"Received: inputs.dtype={dtype}"
        )


def _check_float(layer: JacobianPenalty) -> None:
    if any(map(wrapped.is_quantized, sublayers(layer.layer))):
        raise ValueError(
            f"Layer '{layer.name}' takes derivatives of the layer in it. "
            "Expected a layer that is not quantized, in training. "
            f"Received: layer={layer.layer}"
        )


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
