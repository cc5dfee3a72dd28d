"""Gated linear units: half of the channels decides what the others pass."""

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import component
from keras_funcs._core.numerics import as_float
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import Tensor


@component(traits=LayerTraits(halves=True))
def swiglu(x: Tensor, axis: int = -1) -> Tensor:
    """SiLU-gated linear unit; halves the axis it gates.

    The standard feed-forward activation of large language models. The first
    half is the gate, so the layer before it needs twice the channels: call
    `swiglu(Dense(2 * units)(x))`. It is no `activation=` of a layer, which
    would declare as many outputs as inputs; this holds for Keras's `glu` too.

    Formula:
    ```python
    gate, value = split(x, 2, axis)
    f(x) = gate * sigmoid(gate) * value
    ```

    Args:
        x: Tensor with an even size on `axis`.
        axis: Integer. The axis to split. Defaults to `-1`.

    Returns:
        Tensor of the shape of `x`, but for half the size on `axis`.

    Raises:
        ValueError: where the size on `axis` is odd, or there is no such axis.

    Example:

    >>> y = keras_funcs.activations.swiglu(np.ones((2, 6)))
    >>> tuple(y.shape)
    (2, 3)

    Reference:
        Shazeer (2020), arXiv:2002.05202
    """
    gate, value = _halves(x, axis)
    return ops.silu(gate) * value


@component(traits=LayerTraits(halves=True, unexported=("onnx of tensorflow",)))
def geglu(x: Tensor, axis: int = -1, approximate: bool = False) -> Tensor:
    """GELU-gated linear unit; halves the axis it gates.

    The feed-forward activation of T5 1.1, Gemma and many diffusion models; for
    new models it is on a par with `swiglu`. The first half is the gate. Some
    checkpoints, of diffusion models among them, have it second: swap the
    halves of the kernel before. It is no `activation=` of a layer. TensorFlow
    exports it to ONNX with `approximate=True` only.

    Formula:
    ```python
    gate, value = split(x, 2, axis)
    f(x) = gelu(gate) * value
    ```

    Args:
        x: Tensor with an even size on `axis`.
        axis: Integer. The axis to split. Defaults to `-1`.
        approximate: Boolean. Whether to take GELU's approximation by tanh, as
            T5 1.1 and Gemma do. Defaults to `False`.

    Returns:
        Tensor of the shape of `x`, but for half the size on `axis`.

    Raises:
        ValueError: where the size on `axis` is odd, or there is no such axis.

    Example:

    >>> y = keras_funcs.activations.geglu(np.ones((2, 6)))
    >>> tuple(y.shape)
    (2, 3)

    Reference:
        Shazeer (2020), arXiv:2002.05202
    """
    approximate = checks.boolean("approximate", approximate)
    gate, value = _halves(x, axis)
    return ops.gelu(gate, approximate=approximate) * value


@component(traits=LayerTraits(halves=True))
def reglu(x: Tensor, axis: int = -1) -> Tensor:
    """ReLU-gated linear unit; halves the axis it gates.

    The cheapest of the family, and the one with exact zeros: prefer it where
    sparse activations can be exploited, `swiglu` or `geglu` for quality. The
    first half is the gate. It is no `activation=` of a layer.

    Formula:
    ```python
    gate, value = split(x, 2, axis)
    f(x) = max(gate, 0) * value
    ```

    Args:
        x: Tensor with an even size on `axis`.
        axis: Integer. The axis to split. Defaults to `-1`.

    Returns:
        Tensor of the shape of `x`, but for half the size on `axis`.

    Raises:
        ValueError: where the size on `axis` is odd, or there is no such axis.

    Example:

    >>> y = keras_funcs.activations.reglu(np.ones((2, 6)))
    >>> tuple(y.shape)
    (2, 3)

    Reference:
        Shazeer (2020), arXiv:2002.05202
    """
    gate, value = _halves(x, axis)
    return ops.relu(gate) * value


def _halves(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """The gate, and what it gates."""
    x = as_float(x)
    axis = checks.axis_of("axis", axis, len(x.shape))
    size = x.shape[axis]
    if size is not None and size % 2:
        raise ValueError(
            f"Invalid shape of `x`. Expected an even size on axis {axis}. "
            f"Received: x.shape={tuple(x.shape)}"
        )
    gate, value = ops.split(x, 2, axis=axis)
    return gate, value
