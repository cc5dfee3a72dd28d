"""Layers of tabular models: feature crosses, and the largest of a group."""

from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import maps
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import component
from keras_funcs._core.masking import mask_of
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor
from keras_funcs.layers._kernels import AffineLayer


@component()
class PolynomialCrossing(AffineLayer):
    """Multiplies features with each other: the cross layer of DCN-v2.

    For click and sales data, if products of features decide: dense layers find
    them slowly. Each layer raises the degree by one; two or three, beside a
    plain network, are usual. With thousands of features, take a quarter of
    them as `projection_dim`.

    Formula:
    ```python
    y = x0 * (W @ x + b + diag_scale * x) + x
    ```
    with `W = U @ V` of rank `projection_dim`, where it is given.

    Args:
        projection_dim: Integer >= 1, or None for a full `W`. Defaults to
            `None`.
        diag_scale: Float >= 0. Added to the diagonal of `W`; keeps deep stacks
            stable. Defaults to `0.0`.
        **kwargs: `use_bias` and the `kernel_*` and `bias_*` arguments of
            `keras.layers.Dense`, and those of `keras.layers.Layer`.

    Input shape:
        A list `[x0, x]` of two tensors `(batch, ..., features)`: the first
        inputs of the stack, and the output of the layer before, which for the
        first layer is `x0` again.

    Output shape:
        That of `x`.

    Raises:
        ValueError: If an argument is invalid, or inputs have another form.

    Example:

    >>> x0 = np.ones((2, 3))
    >>> x = keras_funcs.layers.PolynomialCrossing()([x0, x0])
    >>> y = keras_funcs.layers.PolynomialCrossing()([x0, x])

    Reference:
        Wang et al. (2021), WWW, arXiv:2008.13535
    """

    traits = LayerTraits(example_shape=[(6,), (6,)])

    def __init__(
        self,
        projection_dim: int | None = None,
        diag_scale: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if projection_dim is not None:
            checks.size("projection_dim", projection_dim)
        self.projection_dim = projection_dim
        self.diag_scale = checks.number("diag_scale", diag_scale, at_least=0)

    def build(self, input_shape: list[Shape]) -> None:
        size, rank = _features(self.name, input_shape), self.projection_dim
        shapes = [(size, rank), (rank, size)] if rank else [(size, size)]
        self.kernels = [
            self.add_kernel(f"kernel_{index}", shape)
            for index, shape in enumerate(shapes)
        ]
        self.bias = self.add_bias("bias", size)
        self.built = True

    def call(self, inputs: list[Tensor]) -> Tensor:
        x0, x = inputs
        projected = x
        for kernel in self.kernels:
            # Cast, since Torch makes float32 of a product in float64.
            projected = ops.cast(
                ops.matmul(projected, kernel), self.compute_dtype
            )
        if self.bias is not None:
            projected = projected + self.bias
        # y = x0 * (W @ x + b + diag_scale * x) + x
        return x0 * (projected + self.diag_scale * x) + x

    def compute_mask(self, inputs: list[Tensor], previous_mask: Any) -> Any:
        return mask_of(previous_mask, 1)

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        return tuple(input_shape[1])


def _features(name: str, input_shape: list[Shape]) -> int:
    """The number of features, which both inputs need to have."""
    maps.need_several(name, input_shape, 2)
    first, last = (
        maps.channels(name, shape, "channels_last") for shape in input_shape
    )
    if first != last:
        raise ValueError(
            f"Layer '{name}' crosses features with themselves. Expected as "
            f"many in both inputs. Received: input_shape={input_shape}"
        )
    return last


@component()
class Maxout(Configurable, keras.layers.Layer):
    """Keeps the largest of each group of features.

    An activation that is learned: behind a dense layer of `k * units` outputs
    it is a convex function of `k` pieces, for `k` times the weights. Made for
    dropout; today a gated layer does more with as many. The groups are of
    neighbours. Those of TensorFlow Addons are `units` apart, so that its
    weights carry over with the outputs of the layer in front reordered:
    `kernel.reshape(n, k, units).swapaxes(1, 2).reshape(n, -1)`.

    Formula:
    ```python
    y[i] = max(x[i * k], ..., x[i * k + k - 1]),  k = features / units
    ```

    Args:
        units: Integer >= 1. Groups, which the features must divide into.
        axis: Integer. The features. Defaults to `-1`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        Any, with the batch on axis 0.

    Output shape:
        The input's, with `units` on the axis.

    Raises:
        ValueError: If an argument is invalid, or inputs have another form.

    Example:

    >>> y = keras_funcs.layers.Maxout(2)(np.array([[1.0, 4.0, 3.0, 2.0]]))
    >>> [float(value) for value in y[0]]
    [4.0, 3.0]

    Reference:
        Goodfellow, Warde-Farley, Mirza, Courville and Bengio (2013), ICML,
        arXiv:1302.4389
    """

    traits = LayerTraits(example_shape=(8,))

    def __init__(self, units: int, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = checks.size("units", units)
        self.axis = checks.feature_axis("axis", axis)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        axis = checks.axis_of("axis", self.axis, len(input_shape))
        size = input_shape[axis]
        if axis == 0 or size is None or size % self.units:
            raise ValueError(
                f"Layer '{self.name}' has {self.units} groups. Expected a "
                f"known size on axis {self.axis}, a multiple of them. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        axis = checks.axis_of("axis", self.axis, len(inputs.shape))
        shape = list(ops.shape(inputs))
        groups = [self.units, inputs.shape[axis] // self.units]
        x = ops.reshape(inputs, [*shape[:axis], *groups, *shape[axis + 1 :]])
        return ops.squeeze(_largest(x, axis + 1, groups[1]), axis=axis + 1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        axis = checks.axis_of("axis", self.axis, len(input_shape))
        shape = list(input_shape)
        shape[axis] = self.units
        return tuple(shape)


def _largest(x: Tensor, axis: int, size: int) -> Tensor:
    """The largest along an axis; the first of equals has the gradient.

    A tournament of neighbours. On JAX the gradient of `ops.max` divides by how
    many equal the largest, which are none where XLA computes `x` twice, rounded
    apart; on TensorFlow `ops.argmax` cannot be exported.
    """

    def every(start: int, stop: int, step: int = 1) -> Tensor:
        return x[(*[slice(None)] * axis, slice(start, stop, step))]

    while size > 1:
        even = size - size % 2
        left, right = every(0, even, 2), every(1, even, 2)
        # NaN on either side wins.
        stays = ops.logical_or(left >= right, ops.isnan(left))
        winners = ops.where(stays, left, right)
        odd = size - even
        x = (
            ops.concatenate([winners, every(even, size)], axis)
            if odd
            else winners
        )
        size = even // 2 + odd
    return x
