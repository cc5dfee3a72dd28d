"""JAX."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import nullcontext
from typing import Any

import jax
import jax.export
import keras
import numpy as np

from keras_funcs._core.backend import Plan
from keras_funcs._core.backend import ValueAndGradient
from keras_funcs._core.backend import need_several
from keras_funcs._core.backend import no_tpu


def devices() -> list[str]:
    # JAX lists the devices of its default platform, the fastest one.
    return [f"{device.platform}:{device.id}" for device in jax.devices()]


def plan(kind: str) -> Plan:
    found = devices()
    tpu = found[0].startswith("tpu")
    if kind == "tpu" and not tpu:
        raise no_tpu(found)
    if kind == "data_parallel":
        need_several(found)
    if kind == "auto":
        if keras.distribution.distribution() is not None:
            return Plan("default", tuple(found), nullcontext())
        # Several CPU devices are one processor: no gain, only copies.
        several = len(found) > 1 and not found[0].startswith("cpu")
        kind = "data_parallel" if several else "default"
    if kind == "default":
        return Plan(kind, tuple(found[:1]), nullcontext())
    if kind == "single":
        return Plan(kind, tuple(found[:1]), _distributed(found[:1]))
    return Plan(kind, tuple(found), _distributed(found))


@contextmanager
def _distributed(names: list[str]) -> Iterator[None]:
    before = keras.distribution.distribution()
    chosen = None
    if len(names) > 1:
        chosen = keras.distribution.DataParallel(devices=names)
    keras.distribution.set_distribution(chosen)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def float64() -> AbstractContextManager[Any]:
    return jax.enable_x64(True)


def value_and_gradient(function: Callable[..., Any]) -> ValueAndGradient:
    def by_all(*arrays: Any) -> Any:
        every = tuple(range(len(arrays)))
        return jax.value_and_grad(function, argnums=every)(*arrays)

    # One program, where JAX would else compile every operation by itself.
    compiled = jax.jit(by_all)

    def both(*arrays: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        value, slopes = compiled(*arrays)
        return np.asarray(value), [np.asarray(item) for item in slopes]

    return both


def kept(function: Callable[..., Any], arrays: Sequence[np.ndarray]) -> int:
    # What `vjp` returns is a tree of arrays, whose shapes are enough.
    found = jax.eval_shape(lambda *given: jax.vjp(function, *given)[1], *arrays)
    return sum(
        item.size * item.dtype.itemsize for item in jax.tree.leaves(found)
    )


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    return jax.jit(function)


def elementwise(name: str) -> Callable[[Any], Any]:
    function: Callable[[Any], Any] = getattr(jax.numpy, name)
    return function


def exports_to_onnx() -> bool:
    return False  # nothing tells


def bincount(cells: Any, weights: Any, size: int) -> Any:
    return jax.ops.segment_sum(weights, cells, num_segments=size)


def sum_over_replicas(gradients: Sequence[Any]) -> tuple[list[Any], int]:
    return list(gradients), 1


def constant(values: Any, like: Any) -> Any:
    return keras.ops.convert_to_tensor(np.asarray(values), dtype=like.dtype)


def dense(value: Any) -> Any:
    return keras.ops.convert_to_tensor(value, sparse=False)


def runs_in_threads() -> bool:
    return False


def lower_for_tpu(
    function: Callable[..., Any],
    arrays: Sequence[np.ndarray],
    gradient: bool = False,
) -> None:
    if gradient:
        every = tuple(range(len(arrays)))
        function = jax.value_and_grad(function, argnums=every)
    jax.export.export(jax.jit(function), platforms=["tpu"])(*arrays)
