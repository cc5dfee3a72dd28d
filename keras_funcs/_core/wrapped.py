"""What layers around another layer share."""

from typing import Any

import keras

from keras_funcs._core import checks


def unbuilt(name: str, value: Any) -> keras.layers.Layer:
    """A layer to wrap: an instance, or the config of one."""
    expected = "a layer that is not built"
    if isinstance(value, dict):
        # Saved with the shape it was built for, which the wrapper knows.
        value = {key: value[key] for key in value if key != "build_config"}
        value = checks.keras_object(
            name, value, keras.saving.deserialize_keras_object, expected
        )
    if not isinstance(value, keras.layers.Layer) or value.built:
        checks.invalid(name, expected, value)
    return value


def kernel_of(name: str, layer: keras.layers.Layer) -> keras.Variable:
    """The kernel of a layer that has been built."""
    kernel = getattr(layer, "kernel", None)
    if not isinstance(kernel, keras.Variable):
        raise ValueError(
            f"Layer '{name}' needs a layer with a kernel around it. Expected "
            f"one such as Dense or Conv2D. Received: layer={layer}"
        )
    return kernel
