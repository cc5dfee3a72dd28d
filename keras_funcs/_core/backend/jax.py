"""JAX."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import nullcontext

import jax
import keras

from keras_funcs._core.backend import Plan
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
