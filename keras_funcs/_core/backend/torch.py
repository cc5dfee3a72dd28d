"""Torch."""

from collections.abc import Callable
from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextlib import nullcontext
from typing import Any

import keras
import numpy as np
import torch

from keras_funcs._core.backend import Plan
from keras_funcs._core.backend import ValueAndGradient
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


def float64() -> AbstractContextManager[Any]:
    return nullcontext()


def value_and_gradient(function: Callable[..., Any]) -> ValueAndGradient:
    def both(*arrays: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
        value = function(*tensors)
        found = torch.autograd.grad(
            value, tensors, allow_unused=True, materialize_grads=True
        )
        # NumPy knows no bfloat16.
        return value.detach().double().numpy(), [f.numpy() for f in found]

    return both


def kept(function: Callable[..., Any], arrays: Sequence[np.ndarray]) -> int:
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    found = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()  # of a view, what it looks at
        found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        value = function(*tensors)
        del value
    return sum(found.values())


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    # Dynamo's capture, which is what components can break; its code generator
    # takes ten seconds for each and is Torch's own affair.
    return torch.compile(function, backend="eager")  # type: ignore[no-any-return]


def elementwise(name: str) -> Callable[[Any], Any]:
    function: Callable[[Any], Any] = getattr(keras.ops, name)
    return function


def exports_to_onnx() -> bool:
    return bool(torch.onnx.is_in_onnx_export())


def bincount(cells: Any, weights: Any, size: int) -> Any:
    # `torch.bincount` reads its largest cell back from an accelerator.
    sums = torch.zeros(size, dtype=weights.dtype, device=weights.device)
    return sums.scatter_add(0, cells.long(), weights)


def sum_over_replicas(gradients: Sequence[Any]) -> tuple[list[Any], int]:
    return list(gradients), 1


def constant(values: Any, like: Any) -> Any:
    return torch.as_tensor(values, dtype=like.dtype, device=like.device)


def dense(value: Any) -> Any:
    if isinstance(value, torch.Tensor) and value.is_nested:
        raise TypeError("a nested tensor")
    return keras.ops.convert_to_tensor(value)


def runs_in_threads() -> bool:
    return False


def lower_for_tpu(
    function: Callable[..., Any],
    arrays: Sequence[np.ndarray],
    gradient: bool = False,
) -> None:
    raise NotImplementedError("Torch compiles for a TPU only on one.")
