"""First and higher derivatives on the active backend, as NumPy arrays."""

import keras
import numpy as np
from keras import ops

BACKEND = keras.backend.backend()


def gradient(function, *arrays):
    """Gradients of a scalar function with respect to all its arguments."""
    arrays = [np.asarray(array, "float32") for array in arrays]
    if BACKEND == "tensorflow":
        import tensorflow as tf

        tensors = [tf.constant(array) for array in arrays]
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            value = function(*tensors)
        found = tape.gradient(value, tensors)
    elif BACKEND == "jax":
        import jax

        # One compilation, where eager mode makes one for every operation.
        places = tuple(range(len(arrays)))
        found = jax.jit(jax.grad(function, argnums=places))(*arrays)
    else:
        import torch

        tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
        found = torch.autograd.grad(function(*tensors), tensors)
    found = [ops.convert_to_numpy(item) for item in found]
    return found[0] if len(found) == 1 else found


def derivative(function, x, order=1):
    """The derivative of an elementwise function, taken `order` times."""
    x = np.asarray(x, "float32")
    if BACKEND == "tensorflow":
        import tensorflow as tf

        x = tf.constant(x)

        def differentiate(inner):
            def outer(t):
                with tf.GradientTape() as tape:
                    tape.watch(t)
                    value = tf.reduce_sum(inner(t))
                return tape.gradient(value, t)

            return outer

    elif BACKEND == "jax":
        import jax

        def differentiate(inner):
            return jax.grad(lambda t: inner(t).sum())

    else:
        import torch

        x = torch.tensor(x, requires_grad=True)

        def differentiate(inner):
            return lambda t: torch.autograd.grad(
                inner(t).sum(), t, create_graph=True
            )[0]

    for _ in range(order):
        function = differentiate(function)
    if BACKEND == "jax":
        function = jax.jit(function)
    result = function(x)
    if BACKEND == "torch":
        result = result.detach()
    return ops.convert_to_numpy(result)


def weight_gradient(layer, x, upstream=None):
    """Gradient of `sum(layer(x) * upstream)` for the layer's one weight."""
    (variable,) = layer.trainable_variables
    x = np.asarray(x, "float32")
    upstream = np.ones_like(x) if upstream is None else upstream
    if BACKEND == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = tf.reduce_sum(layer(x) * upstream)
        return np.asarray(tape.gradient(value, variable.value))
    if BACKEND == "jax":
        import jax

        def total(value):
            y, _ = layer.stateless_call([value], [], x)
            return (y * upstream).sum()

        return np.asarray(jax.jit(jax.grad(total))(variable.value))
    import torch

    total = (layer(x) * torch.tensor(upstream)).sum()
    return torch.autograd.grad(total, variable.value)[0].numpy()
