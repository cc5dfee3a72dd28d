"""The inner layer of a wrapper: its checks, and its kernel.

Keras replaces the kernel of a layer: `enable_lora` makes `layer.kernel` a sum,
`quantize` makes it integers that only that layer can read. Every access to
the kernel of a wrapped layer goes through the functions below.
"""

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.typing import Tensor

# The modes whose kernels are integers with a scale.
INTEGERS = ("int4", "int8")


def unbuilt(name: str, value: Any) -> keras.layers.Layer:
    """A layer to wrap: an instance, or the config of one."""
    expected = "a layer that is not built"
    if isinstance(value, dict):
        # Saved with the shape it was built for, which the wrapper knows.
        value = {key: value[key] for key in value if key != "build_config"}
        value = checks.keras_object(
            name, value, keras.saving.deserialize_keras_object, expected
        )
    elif is_quantized(value):
        checks.invalid(
            name,
            "a layer with a float dtype policy; quantize the model after "
            "training",
            value.dtype_policy.name,
        )
    if not isinstance(value, keras.layers.Layer) or value.built:
        checks.invalid(name, expected, value)
    return value


def kernel_of(name: str, layer: keras.layers.Layer) -> keras.Variable:
    """The variable that a layer reads its kernel from, once it is built."""
    kernel = getattr(layer, "kernel", None)
    if isinstance(kernel, keras.Variable):
        return kernel
    # With LoRA, or packed in four bits, `layer.kernel` is computed.
    named = [item for item in layer.variables if item.name == "kernel"]
    if kernel is None or len(named) != 1:
        raise ValueError(
            f"Layer '{name}' needs a layer with a kernel around it. Expected "
            f"one such as Dense or Conv2D. Received: layer={layer}"
        )
    return named[0]


def float_kernel(layer: keras.layers.Layer) -> Tensor:
    """The kernel that a layer's outputs are computed with, LoRA included."""
    kernel = kernel_of(layer.name, layer)
    if layer.quantization_mode in INTEGERS:
        kernel = _dequantized(layer, kernel)
    if not getattr(layer, "lora_enabled", False):
        return kernel
    product = ops.matmul(layer.lora_kernel_a, layer.lora_kernel_b)
    return kernel + layer.lora_alpha / layer.lora_rank * product


def _dequantized(layer: keras.layers.Dense, kernel: Tensor) -> Tensor:
    scale = ops.convert_to_tensor(layer.kernel_scale)
    if layer.quantization_mode == "int4":
        kernel = _unpacked(layer, kernel)
    kernel = ops.cast(kernel, scale.dtype)
    if getattr(layer, "kernel_zero", None) is None:
        return kernel / scale
    # Groups of rows have a scale and a zero of their own.
    group = ops.cast(layer.g_idx, "int32")
    zero = ops.cast(ops.take(layer.kernel_zero, group, axis=0), scale.dtype)
    return (kernel - zero) * ops.take(scale, group, axis=0)


def _unpacked(layer: keras.layers.Dense, kernel: Tensor) -> Tensor:
    rows = getattr(layer, "_orig_input_dim", None)
    if rows is not None and tuple(kernel.shape)[-1] == layer.units:
        # Keras 3.12 packs two rows in one, later versions two columns.
        return keras.quantizers.unpack_int4(kernel, rows)
    return keras.quantizers.unpack_int4(kernel, layer.units, axis=-1)


def is_quantized(layer: Any) -> bool:
    """Whether Keras has replaced the kernel, or will do so on building."""
    return getattr(layer, "quantization_mode", None) is not None


def around_quantize(
    layer: keras.layers.Layer,
    manager: Callable[[Any], AbstractContextManager[None]],
) -> None:
    """Lets a wrapper act before and after Keras quantizes the wrapped layer.

    `Model.quantize` asks each innermost layer, and none around it.

    Args:
        layer: The wrapped layer, built.
        manager: Function of the mode that returns a context manager. It may
            raise `NotImplementedError`, of which `Model.quantize` makes a
            warning: the layer then stays as it is.
    """
    quantize = layer.quantize

    @functools.wraps(quantize)
    def quantize_wrapped(
        mode: Any = None, config: Any = None, **kwargs: Any
    ) -> None:
        chosen = mode or getattr(config, "mode", config)
        with manager(chosen):
            quantize(mode, config=config, **kwargs)

    layer.quantize = quantize_wrapped
