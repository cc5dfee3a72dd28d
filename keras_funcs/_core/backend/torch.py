"""Torch."""

from contextlib import nullcontext

import torch

from keras_funcs._core.backend import Plan
from keras_funcs._core.backend import no_tpu


def devices() -> list[str]:
    if torch.cuda.is_available():
        return [f"gpu:{index}" for index in range(torch.cuda.device_count())]
    return ["mps:0" if torch.backends.mps.is_available() else "cpu:0"]


def plan(kind: str) -> Plan:
    found = devices()
    if kind == "tpu":
        raise no_tpu(found)
    if kind == "data_parallel":
        raise ValueError(
            "Keras trains on one device with the torch backend. For more, use "
            "the jax or tensorflow backend, or wrap the model in torch's "
            f"DistributedDataParallel in a loop of your own. Received: {found}"
        )
    # Keras itself takes the first device.
    return Plan(
        "single" if kind == "single" else "default",
        tuple(found[:1]),
        nullcontext(),
    )
