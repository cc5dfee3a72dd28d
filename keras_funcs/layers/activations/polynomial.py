"""Trainable powers and polynomials of ReLU, for feed-forward blocks.

Their outputs grow as a power of the input: normalize before them, and start
with small weights or a small learning rate.
"""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.formulas import star_relu
from keras_funcs._core.numerics import mean
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import Axes
from keras_funcs._core.typing import Config
from keras_funcs._core.typing import InitializerLike
from keras_funcs._core.typing import Tensor
from keras_funcs.layers.activations._adaptive import AdaptiveActivation
from keras_funcs.layers.activations._adaptive import axes_of

MAX_ORDER = 10  # x**10 of a normal input spans twenty decades already


@component(tune={"scale_initializer": Range(0.25, 2.0, log=True)})
class StarReLU(AdaptiveActivation):
    """Squared ReLU with a trained scale and offset, for MetaFormer blocks.

    With the defaults, outputs for standard normal inputs have mean 0 and
    variance 1. The authors' code starts at a scale of 1 and an offset of 0
    instead: pass `1.0, 0.0` to load what was trained with it.

    Formula:
    ```python
    f(x) = scale * max(x, 0)**2 + bias
    ```

    Args:
        scale_initializer: Float or initializer. Initial scale. Defaults to
            `0.8944271909999159`, the inverse of the root of 1.25.
        bias_initializer: Float or initializer. Initial offset. Defaults to
            `-0.4472135954999579`, minus half of that.
        axis: Axes with a scale and an offset for each index. Defaults to
            `None`, one of each for the layer, as published.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`.

    Example:

    >>> y = keras_funcs.layers.StarReLU(1.0, 0.0)(np.array([[-1.0, 3.0]]))
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[0.0, 9.0]]

    Reference:
        Yu et al. (2024), TPAMI, arXiv:2210.13452
    """

    traits = LayerTraits(properties=("monotone",))

    def __init__(
        self,
        scale_initializer: InitializerLike = 0.8944271909999159,
        bias_initializer: InitializerLike = -0.4472135954999579,
        axis: Axes = None,
        **kwargs: Any,
    ) -> None:
        self.scale_initializer = checks.initializer(
            "scale_initializer", scale_initializer
        )
        self.bias_initializer = checks.initializer(
            "bias_initializer", bias_initializer
        )
        super().__init__(axis=axis, **kwargs)

    def build_coefficients(self) -> None:
        self.scale = self.add_coefficient("scale", self.scale_initializer)
        self.bias = self.add_coefficient("bias", self.bias_initializer)

    def activate(self, x: Tensor) -> Tensor:
        # f(x) = s max(x, 0)**2 + b
        return star_relu(x, self.scale, self.bias)


class _Polynomial(AdaptiveActivation):
    """Abstract: weights of the powers 1 to `order`, and an offset."""

    order: int

    def build_coefficients(self) -> None:
        self.weight = self.add_coefficient(
            "weight", 1.0 / self.order, count=self.order
        )
        self.bias = self.add_coefficient("bias", 0.0)


@component(tune={"order": Range(2, 4)})
class PolyReLU(_Polynomial):
    """Polynomial of ReLU with trained coefficients, for transformers.

    In place of GELU or SwiGLU in language models, where it reached a lower
    loss. Outputs grow with the cube of the input: `PolyNorm` is the form that
    trains more safely.

    Formula:
    ```python
    f(x) = sum(w[i] * max(x, 0)**i for i in range(1, order + 1)) + b
    ```
    `w` starts at `1 / order`, `b` at 0.

    Args:
        order: Integer from 1 to 10. The highest power. Defaults to `3`.
        axis: Axes with a polynomial for each index. Defaults to `None`, one
            for the layer, as published.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`.

    Example:

    >>> y = keras_funcs.layers.PolyReLU(order=2)(np.array([[-1.0, 0.0, 2.0]]))
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[0.0, 0.0, 3.0]]

    Reference:
        Zhuo et al. (2025), ICLR, arXiv:2411.03884
    """

    traits = LayerTraits(properties=("monotone",))

    def __init__(
        self, order: int = 3, axis: Axes = None, **kwargs: Any
    ) -> None:
        self.order = checks.integer(
            "order", order, at_least=1, at_most=MAX_ORDER
        )
        super().__init__(axis=axis, **kwargs)

    def activate(self, x: Tensor) -> Tensor:
        # f(x) = sum_i w_i max(x, 0)**i + b, by Horner's scheme
        r = ops.relu(x)
        y = self.weight[self.order - 1]
        for i in reversed(range(self.order - 1)):
            y = y * r + self.weight[i]
        return y * r + self.bias


def _keep_mean_axis(granularity: str, config: Config) -> None:
    """The axes, whose mean it took, were not those of the weights."""
    if granularity != "layer":
        return
    shared = config.get("shared_axes")
    if shared is None:
        config["mean_axis"] = config.get("axis")
    else:
        # Of a mean over one axis: the rank of the inputs is not known here.
        places = range(1, max(shared, default=0) + 1)
        config["mean_axis"] = [
            axis for axis in places if axis not in shared
        ] or [-1]
    config.update(axis=None, shared_axes=None)


@component(tune={"order": Range(2, 4)})
class PolyNorm(_Polynomial):
    """Sum of normalized powers with trained weights, for language models.

    In place of GELU or SwiGLU in the feed-forward part of transformers. Each
    power is divided by its root mean square over the channels, so outputs stay
    of order 1; like a normalization, and unlike the other activations, it
    mixes channels and works on one axis only.

    Formula:
    ```python
    f(x) = sum(w[i] * n(x**i) for i in range(1, order + 1)) + b
    n(z) = z / sqrt(mean(z**2) + epsilon)
    ```
    with the mean over `mean_axis`. `w` starts at `1 / order`, `b` at 0. The
    authors' code and those that follow it store the weights the other way
    round: their `weight[0]` is that of the cube.

    Args:
        order: Integer from 1 to 10. The highest power. Defaults to `3`.
        epsilon: Float > 0. Added to the mean square. Defaults to `1e-6`.
        axis: Axes with weights for each index. Defaults to `None`, one set for
            the layer, as published.
        mean_axis: Integer, list of integers, or None. The axes of the mean.
            Defaults to `None`: those of the weights, or the last axis where
            there is one set of weights.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`.

    Example:

    >>> y = keras_funcs.layers.PolyNorm()(np.ones((2, 4)))
    >>> keras.ops.convert_to_numpy(y)[0].round(3).tolist()
    [1.0, 1.0, 1.0, 1.0]

    Reference:
        Zhuo et al. (2025), ICLR, arXiv:2411.03884
    """

    pointwise = False  # a mean over the channels

    renamed = {"granularity": _keep_mean_axis}

    def __init__(
        self,
        order: int = 3,
        epsilon: float = 1e-6,
        axis: Axes = None,
        mean_axis: Axes = None,
        **kwargs: Any,
    ) -> None:
        self.order = checks.integer(
            "order", order, at_least=1, at_most=MAX_ORDER
        )
        self.epsilon = checks.number("epsilon", epsilon, above=0)
        if mean_axis is not None:
            mean_axis = checks.axes("mean_axis", mean_axis)
        self.mean_axis = mean_axis
        super().__init__(axis=axis, **kwargs)

    def activate(self, x: Tensor) -> Tensor:
        rank = len(x.shape)
        if self.mean_axis is not None:
            axes = axes_of(self, self.mean_axis, rank)
        else:
            axes = self.own_axes(rank) or [rank - 1]
        # n((x / m)**i) with epsilon / m**(2 i) is n(x**i) for every m: with
        # an m near the largest x, no power overflows. A tenth of it, whose
        # inverse is no denormal number.
        m = 0.1 * ops.amax(ops.abs(x), axis=axes, keepdims=True)
        m = ops.stop_gradient(ops.where(m > 1.0, m, ops.ones_like(m)))
        y, power = self.bias, ops.ones_like(x)
        epsilon = self.epsilon + ops.zeros_like(m)
        for i in range(self.order):
            power = power * (x / m)
            epsilon = epsilon / m / m
            # n(z) = z / sqrt(mean(z**2) + epsilon)
            square = mean(ops.square(power), axes, keepdims=True)
            y = y + self.weight[i] * power * ops.rsqrt(square + epsilon)
        return y
