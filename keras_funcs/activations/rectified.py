"""Powers of ReLU."""

from keras import ops

from keras_funcs._core.component import component
from keras_funcs._core.typing import Tensor


@component()
def squared_relu(x: Tensor) -> Tensor:
    """Square of ReLU, for the feed-forward part of transformers.

    As sparse as ReLU, smooth at 0, and better than GELU at equal cost in
    language models. Outputs grow with the square of the input: normalize
    before it, and mind float16, which ends at an input of 255.

    Formula:
    ```python
    f(x) = max(x, 0)**2
    ```

    Args:
        x: Tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Example:

    >>> y = keras_funcs.activations.squared_relu(np.array([-1.0, 0.0, 3.0]))
    >>> [float(value) for value in y]
    [0.0, 0.0, 9.0]

    Reference:
        So et al. (2021), NeurIPS, arXiv:2109.08668
    """
    return ops.square(ops.relu(x))
