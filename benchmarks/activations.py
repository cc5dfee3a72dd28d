"""Activations against hand-written ones, and what they keep in memory.

Value and all gradients, the coefficients' included, under an upstream
gradient. Each stateless and each trainable activation of the registry stands
beside relu; on JAX, those of `activations_by_hand` beside the same formula in
plain JAX; on Torch, `Rational` beside the package that published it. A copy's
speed is that of `x + 1` in the same rounds. `kept` is what one operation after
the other keeps for the gradient, `temporary` what the compiled program needs
besides arguments and results; both in units of the input.

KERAS_BACKEND=jax python benchmarks/activations.py [--size N] [--only NAME ...]
"""

import argparse
from collections.abc import Callable
from typing import Any

import timing  # first: it chooses the backend

import keras  # isort: skip
import activations_by_hand
import numpy as np
from keras import ops

import keras_funcs as kf
from keras_funcs._core.backend import active
from keras_funcs._core.component import registered

CHANNELS = 1024
# Whose hand-written form has a trained coefficient.
TRAINED: dict[str, dict[str, Any]] = {"Sine": {"trainable_frequency": True}}
Function = Callable[..., Any]


def candidates() -> dict[str, tuple[Function, list[np.ndarray]]]:
    """Functions of input and coefficients, and the coefficients."""
    found: dict[str, tuple[Function, list[np.ndarray]]] = {
        name: (getattr(keras.activations, name), [])
        for name in ("relu", "silu", "gelu")
    }
    for entry in registered():
        if entry.kind == "activations":
            found[entry.name] = (entry.object, [])
        elif entry.kind == "layers" and issubclass(
            entry.object, kf.layers.AdaptiveActivation
        ):
            layer = entry.object(**TRAINED.get(entry.name, {}))
            layer.build((None, CHANNELS))
            found[entry.name] = _of_layer(layer)
    return found


def _of_layer(layer: Any) -> tuple[Function, list[np.ndarray]]:
    others = [ops.convert_to_numpy(v) for v in layer.non_trainable_variables]

    def function(x: Any, *weights: Any) -> Any:
        return layer.stateless_call(list(weights), list(others), x)[0]

    weights = [ops.convert_to_numpy(v) for v in layer.trainable_variables]
    return function, weights


def value_and_gradients(
    function: Function, arrays: list[np.ndarray]
) -> Function:
    """A compiled function of the outputs' weighted sum and all gradients.

    Called to completion, as `timing.value_and_gradient` does for one array.
    """

    def total(*given: Any) -> Any:
        y = function(*given)
        # Any upstream gradient that is no constant.
        return ops.sum(y * ops.stop_gradient(given[0])[..., : y.shape[-1]])

    backend = keras.config.backend()
    if backend == "jax":
        import jax

        every = tuple(range(len(arrays)))
        given = [jax.numpy.asarray(array) for array in arrays]
        compiled = jax.jit(jax.value_and_grad(total, every))
        return lambda: jax.block_until_ready(compiled(*given))
    if backend == "tensorflow":
        import tensorflow as tf

        given = [tf.constant(array) for array in arrays]

        @tf.function(jit_compile=True)
        def both(*given: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(given)
                value = total(*given)
            return value, tape.gradient(value, given)

        return lambda: both(*given)[0].numpy()
    import torch

    device = ops.zeros(()).device
    given = [torch.tensor(a, requires_grad=True, device=device) for a in arrays]

    def both_eagerly() -> Any:
        value = total(*given)
        found = torch.autograd.grad(value, given, allow_unused=True)
        if given[0].is_cuda:
            torch.cuda.synchronize()
        return value, found

    return both_eagerly


def copying(x: np.ndarray) -> Function:
    """Reads an array and writes one, as fast as this device does."""
    backend = keras.config.backend()
    given = ops.convert_to_tensor(x)
    if backend == "jax":
        import jax

        added = jax.jit(lambda x: x + 1.0)
        return lambda: jax.block_until_ready(added(given))
    if backend == "tensorflow":
        import tensorflow as tf

        added = tf.function(lambda x: x + 1.0, jit_compile=True)
        return lambda: added(given)[0, 0].numpy()  # waits for the program
    import torch

    def eagerly() -> Any:
        y = given + 1.0
        if given.is_cuda:
            torch.cuda.synchronize()
        return y

    return eagerly


def temporary(function: Function, arrays: list[np.ndarray]) -> float:
    """Temporary bytes of the compiled program on JAX, in inputs."""
    import jax

    def total(*given: Any) -> Any:
        return ops.sum(function(*given))

    every = tuple(range(len(arrays)))
    lowered = jax.jit(jax.value_and_grad(total, every)).lower(*arrays)
    found = lowered.compile().memory_analysis().temp_size_in_bytes
    return float(found / arrays[0].nbytes)


def kept(function: Function, arrays: list[np.ndarray]) -> str:
    """What operations keep one by one, in inputs."""
    small = [arrays[0][:64], *arrays[1:]]
    try:
        found = active().kept(function, small)
    except NotImplementedError:
        return "-"
    return f"{found / small[0].nbytes:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=2**24)
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    backend = keras.config.backend()
    draw = np.random.default_rng(0)
    x = draw.normal(0, 2, (options.size // CHANNELS, CHANNELS))
    x = x.astype("float32")
    hand = activations_by_hand.by_hand()
    relu = value_and_gradients(keras.activations.relu, [x])
    copy = copying(x)
    print(f"{x.size} float32, value and all gradients [{backend}]")
    for name, (function, weights) in candidates().items():
        if options.only and name not in options.only:
            continue
        arrays = [x, *weights]
        contenders = {
            "ours": value_and_gradients(function, arrays),
            "relu": relu,
            "copy": copy,
        }
        if name in hand:
            contenders["hand"] = value_and_gradients(hand[name], arrays)
        medians = timing.side_by_side(contenders)
        # Read x twice and write its gradient, where nothing is kept.
        speed = 3 * x.nbytes / medians["ours"] / 1e9
        fastest = 2 * x.nbytes / medians["copy"] / 1e9
        line = f"  {name:18s} {medians['ours'] * 1e3:9.2f} ms {speed:7.1f} GB/s"
        line += f"  {speed / fastest:4.0%} of a copy's"
        for who in ("relu", "hand"):
            if who in medians:
                line += f"  {medians['ours'] / medians[who]:6.2f} x {who}"
        line += f"  kept {kept(function, arrays)}"
        if backend == "jax":
            line += f"  temporary {temporary(function, arrays):.2f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
