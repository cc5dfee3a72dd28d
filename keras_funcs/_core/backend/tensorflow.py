"""TensorFlow."""

import functools
import os
from collections.abc import Callable
from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextlib import nullcontext
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_funcs._core.backend import Plan
from keras_funcs._core.backend import ValueAndGradient
from keras_funcs._core.backend import need_several
from keras_funcs._core.backend import no_tpu


def devices() -> list[str]:
    for kind in ("TPU", "GPU", "CPU"):
        found = tf.config.list_logical_devices(kind)
        if found:
            break
    # "/device:GPU:0" and the like
    return [device.name.split("device:")[-1].lower() for device in found]


def plan(kind: str) -> Plan:
    if kind == "auto":
        if tf.distribute.has_strategy():
            return Plan("default", tuple(devices()), nullcontext())
        if "TPU_NAME" in os.environ or tf.config.list_physical_devices("TPU"):
            kind = "tpu"
        elif len(tf.config.list_physical_devices("GPU")) > 1:
            kind = "data_parallel"
        else:
            return Plan("default", tuple(devices()[:1]), nullcontext())
    if kind == "tpu":
        strategy = _tpu()
        return Plan(kind, tuple(devices()), strategy.scope())
    found = devices()
    if kind == "single":
        strategy = tf.distribute.OneDeviceStrategy(f"/{found[0]}")
        return Plan(kind, tuple(found[:1]), strategy.scope())
    need_several(found)
    return Plan(kind, tuple(found), _mirrored(tuple(found)).scope())


@functools.cache
def _mirrored(found: tuple[str, ...]) -> Any:
    # One for all plans: a second one numbers its reductions from the start,
    # and TensorFlow takes them for the first one's, with their shapes.
    return tf.distribute.MirroredStrategy([f"/{name}" for name in found])


def _tpu() -> Any:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect()
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        raise no_tpu(devices()) from error
    return tf.distribute.TPUStrategy(resolver)


def float64() -> AbstractContextManager[Any]:
    return nullcontext()


def value_and_gradient(function: Callable[..., Any]) -> ValueAndGradient:
    def both(*arrays: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        tensors = [tf.constant(array) for array in arrays]
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            value = function(*tensors)
        found = tape.gradient(value, tensors, unconnected_gradients="zero")
        # Lookups have gradients by row.
        slopes = [tf.convert_to_tensor(item).numpy() for item in found]
        # `np.asarray` of a bfloat16 tensor fails.
        return np.asarray(tf.convert_to_tensor(value).numpy()), slopes

    return both


def kept(function: Callable[..., Any], arrays: Sequence[np.ndarray]) -> int:
    raise NotImplementedError("TensorFlow's tape does not tell.")


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    # Keras's steps are not converted by AutoGraph, either.
    made: Callable[..., Any] = tf.function(
        function, jit_compile=True, autograph=False
    )
    return made


def elementwise(name: str) -> Callable[[Any], Any]:
    function: Callable[[Any], Any] = getattr(keras.ops, name)
    return function


def exports_to_onnx() -> bool:
    return False  # nothing tells


def bincount(cells: Any, weights: Any, size: int) -> Any:
    # `tf.math.bincount` computes a size, which XLA wants to be constant.
    return tf.raw_ops.DenseBincount(input=cells, size=size, weights=weights)


def sum_over_replicas(gradients: Sequence[Any]) -> tuple[list[Any], int]:
    # An embedding's rows, one per lookup, are added up by id here.
    dense = [None if g is None else tf.convert_to_tensor(g) for g in gradients]
    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        return dense, 1
    present = [g for g in dense if g is not None]
    total = iter(replica.all_reduce(tf.distribute.ReduceOp.SUM, present))
    summed = [None if g is None else next(total) for g in dense]
    return summed, replica.num_replicas_in_sync


def constant(values: Any, like: Any) -> Any:
    return keras.ops.convert_to_tensor(np.asarray(values), dtype=like.dtype)


def dense(value: Any) -> Any:
    if isinstance(value, tf.RaggedTensor):
        raise TypeError("a ragged tensor")
    # A variable passes for a tensor in Keras, but cannot bear a mask.
    value = keras.ops.convert_to_tensor(value, sparse=False)
    return tf.convert_to_tensor(value)


def runs_in_threads() -> bool:
    replica = tf.distribute.get_replica_context()
    return replica is not None and replica.num_replicas_in_sync > 1


def lower_for_tpu(
    function: Callable[..., Any],
    arrays: Sequence[np.ndarray],
    gradient: bool = False,
) -> None:
    raise NotImplementedError("TensorFlow compiles for a TPU only on one.")
