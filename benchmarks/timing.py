"""How the benchmarks measure: side by side in one run, medians and ratios."""

import os
import random
import statistics
import time
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

ROUNDS = 15


def side_by_side(
    functions: Mapping[str, Callable[[], Any]], rounds: int = ROUNDS
) -> dict[str, float]:
    """Median seconds of each.

    The turns alternate, so that a drift hits all, in a drawn order: what comes
    after another's large arrays were freed pays for new pages.
    """
    for function in functions.values():
        function()
        function()
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    turns, draw = list(functions.items()), random.Random(0)
    for _ in range(rounds):
        draw.shuffle(turns)
        for name, function in turns:
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(item) for name, item in seconds.items()}


def table(title: str, medians: Mapping[str, float], over: str) -> None:
    """Prints milliseconds and the ratio of each to one of them."""
    print(f"\n{title} [{keras.config.backend()}]")
    for name, median in medians.items():
        ratio = median / medians[over]
        print(f"  {name:44s} {median * 1e3:9.2f} ms  {ratio:7.2f} x {over}")


def value_and_gradient(
    loss: Callable[..., Any], array: np.ndarray, *others: Any
) -> Callable[[], Any]:
    """A compiled function of value and gradient, called to completion.

    JAX is jitted, TensorFlow compiled by XLA; Torch runs eagerly, as Keras
    runs it. `others` are further arguments, such as labels, of which the
    compiler must not make constants.
    """
    backend = keras.config.backend()
    if backend == "jax":
        import jax

        x = jax.numpy.asarray(array)
        compiled = jax.jit(jax.value_and_grad(loss))
        return lambda: jax.block_until_ready(compiled(x, *others))
    if backend == "tensorflow":
        import tensorflow as tf

        x = tf.constant(array)

        @tf.function(jit_compile=True)
        def both(x: Any, *others: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = loss(x, *others)
            return value, tape.gradient(value, x)

        return lambda: both(x, *others)[0].numpy()  # waits for the program
    import torch

    x = torch.tensor(array, requires_grad=True)

    def both_eagerly() -> Any:
        value = loss(x, *others)
        gradient = torch.autograd.grad(value, x)
        if x.is_cuda:
            torch.cuda.synchronize()
        return value, gradient

    return both_eagerly
