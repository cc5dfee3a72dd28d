"""Gated linear units: half of the channels decides what the others pass."""

from keras import ops

from keras_funcs._core.component import component
from keras_funcs._core.typing import Tensor


@component()
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
        ValueError: where the size on `axis` is odd.

    Example:

    >>> y = keras_funcs.activations.swiglu(np.ones((2, 6)))
    >>> tuple(y.shape)
    (2, 3)

    Reference:
        Shazeer (2020), arXiv:2002.05202
    """
    x = ops.convert_to_tensor(x)
    size = x.shape[axis]
    if size is not None and size % 2:
        raise ValueError(
            f"Invalid shape of `x`. Expected an even size on axis {axis}. "
            f"Received: x.shape={tuple(x.shape)}"
        )
    gate, value = ops.split(x, 2, axis=axis)
    return ops.silu(gate) * value
