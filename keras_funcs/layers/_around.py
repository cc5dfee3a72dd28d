"""The base of wrappers of a layer with a kernel."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_funcs._core import wrapped
from keras_funcs._core.component import Configurable
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor


class AroundLayer(Configurable, keras.layers.Layer):
    """Abstract base of wrappers of a layer with a `kernel`.

    Args:
        layer: The layer, not built.
        **kwargs: Keyword arguments of `keras.layers.Layer`. The wrapper's
            `dtype` defaults to the wrapped layer's.
    """

    def __init__(self, layer: keras.layers.Layer, **kwargs: Any) -> None:
        layer = wrapped.unbuilt("layer", layer)
        kwargs.setdefault("dtype", layer.dtype_policy)
        super().__init__(**kwargs)
        self.layer = layer
        self.supports_masking = layer.supports_masking

    def build_layer(self, input_shape: Shape) -> keras.Variable:
        """Builds the layer and returns the variable of its kernel."""
        self.layer.build(input_shape)
        return wrapped.kernel_of(self.name, self.layer)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(self.layer.compute_output_shape(input_shape))


class ReplacedKernel(AroundLayer):
    """Abstract base of wrappers that compute the kernel of the layer.

    A leaf adds its weights in `build_weights`, names them in `own`, and
    returns the kernel in `computed_kernel`. Only `quantize` rewrites the
    variable of the wrapped layer: it folds the kernel into it.

    Args:
        layer: The layer, not built.
        **kwargs: The arguments of `AroundLayer`.
    """

    own: tuple[str, ...] = ()

    def check_layer(self) -> None:
        """Raises if the kernel of the layer cannot be computed."""

    def build_weights(self, shape: tuple[int, ...]) -> None:
        """Adds the weights for a kernel of this shape."""
        raise NotImplementedError

    def computed_kernel(self) -> Tensor:
        """The kernel in place of the layer's."""
        raise NotImplementedError

    def build(self, input_shape: Shape) -> None:
        self.check_layer()
        kernel = self.build_layer(input_shape)
        if not wrapped.is_quantized(self.layer):  # else from a file, folded
            wrapped.around_quantize(self.layer, self._folded)
            self.build_weights(tuple(kernel.shape))
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        if wrapped.is_quantized(self.layer):
            return self.layer(inputs)
        return self.called_with(self.computed_kernel(), inputs)

    def called_with(self, kernel: Tensor, inputs: Tensor) -> Tensor:
        """The layer's output with another kernel."""
        layer, replaced = self.layer, self._replaced(kernel)

        def values(variables: list[keras.Variable]) -> list[Tensor]:
            return [replaced.get(id(item), item.value) for item in variables]

        outputs, _ = layer.stateless_call(
            values(layer.trainable_variables),
            values(layer.non_trainable_variables),
            inputs,
        )
        return outputs

    def _replaced(self, kernel: Tensor) -> dict[int, Tensor]:
        """New values of the layer's variables, by their ids."""
        replaced = {id(wrapped.kernel_of(self.name, self.layer)): kernel}
        if getattr(self.layer, "lora_enabled", False):
            factor = self.layer.lora_kernel_b  # is in the kernel already
            replaced[id(factor)] = ops.zeros(factor.shape, factor.dtype)
        return replaced

    @contextmanager
    def _folded(self, mode: Any) -> Iterator[None]:
        """Makes the kernel the wrapped layer's own while it is quantized."""
        replaced = self._replaced(self.computed_kernel())
        changed = [w for w in self.layer.weights if id(w) in replaced]
        kept = [np.array(ops.convert_to_numpy(w)) for w in changed]
        for weight in changed:
            weight.assign(replaced[id(weight)])
        try:
            yield
        except BaseException:
            for weight, value in zip(changed, kept):
                weight.assign(value)
            raise
        for name in self.own:
            delattr(self, name)
