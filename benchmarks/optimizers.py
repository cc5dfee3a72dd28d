"""One training step of each optimizer against Keras's Adam.

    KERAS_BACKEND=jax python benchmarks/optimizers.py

The step is Keras's own `train_on_batch` on the same small network, and
`apply` on the same variables with given gradients.
"""

from typing import Any

import timing  # first: it chooses the backend

import keras  # isort: skip
import numpy as np

import keras_funcs as kf

OPTIMIZERS: dict[str, Any] = {
    "Keras Adam": lambda: keras.optimizers.Adam(1e-3),
    "AdaBelief": lambda: kf.optimizers.AdaBelief(1e-3),
    "AdEMAMix": lambda: kf.optimizers.AdEMAMix(1e-3),
    "AdEMAMix, cautious": lambda: kf.optimizers.AdEMAMix(1e-3, cautious=True),
}


def applying(optimizer: Any, shapes: list[tuple[int, ...]]) -> Any:
    """A compiled update of variables of the given shapes."""
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape).astype("float32") for shape in shapes]
    variables = [keras.Variable(array) for array in arrays]
    gradients = [keras.ops.convert_to_tensor(array) for array in arrays]
    optimizer.build(variables)
    backend = keras.config.backend()
    if backend == "jax":
        import jax

        def update(state: Any, weights: Any, grads: Any) -> Any:
            weights, state = optimizer.stateless_apply(state, grads, weights)
            return state, weights

        compiled = jax.jit(update, donate_argnums=(0, 1))
        box = [
            [jax.numpy.array(v.value) for v in optimizer.variables],
            [jax.numpy.array(v.value) for v in variables],
        ]

        def step() -> None:
            box[:] = jax.block_until_ready(compiled(*box, gradients))

        return step
    if backend == "tensorflow":
        import tensorflow as tf

        @tf.function(jit_compile=True)
        def run() -> None:
            optimizer.apply(gradients, variables)

        return run
    import torch

    def eager() -> None:
        with torch.no_grad():
            optimizer.apply(gradients, variables)
        if gradients[0].is_cuda:
            torch.cuda.synchronize()

    return eager


def compare(title: str, shapes: list[tuple[int, ...]]) -> None:
    medians = timing.side_by_side(
        {name: applying(make(), shapes) for name, make in OPTIMIZERS.items()}
    )
    timing.table(title, medians, over="Keras Adam")


if __name__ == "__main__":
    compare("8 variables of 1024 x 1024", [(1024, 1024)] * 8)
    compare("100 variables of 64 x 64", [(64, 64)] * 100)
