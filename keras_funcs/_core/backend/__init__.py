"""The few things that Keras does not offer alike on every backend.

Each module of this package gives the same functions for one backend, those of
`Backend`; only the active one is ever imported. These modules alone name
tensorflow, jax and torch.
"""

import importlib
from collections.abc import Callable
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any
from typing import NamedTuple
from typing import Protocol
from typing import TypeAlias
from typing import cast

import keras
import numpy as np

from keras_funcs._core.typing import Tensor

BACKENDS = ("tensorflow", "jax", "torch")
ValueAndGradient: TypeAlias = Callable[..., tuple[np.ndarray, list[np.ndarray]]]


class Plan(NamedTuple):
    """A way to spread training over devices.

    `kind` is `"default"` (nothing was changed), `"single"`, `"data_parallel"`
    or `"tpu"`; models built and trained within `scope` follow the plan.
    """

    kind: str
    devices: tuple[str, ...]
    scope: AbstractContextManager[Any]


class Backend(Protocol):
    """The functions of every backend module."""

    def devices(self) -> list[str]:
        """The devices that compute here, accelerators first: `"gpu:0"`."""

    def plan(self, kind: str) -> Plan:
        """Chooses devices; raises ValueError where `kind` is impossible."""

    def float64(self) -> AbstractContextManager[Any]:
        """A scope in which float64 arrays stay float64."""

    def value_and_gradient(
        self, function: Callable[..., Tensor]
    ) -> ValueAndGradient:
        """The value of a scalar function, and its gradients by all arguments.

        An argument that the function does not use has gradient 0. One program
        on JAX, which is compiled once and may be called with many points.
        """

    def kept(
        self, function: Callable[..., Tensor], arrays: Sequence[np.ndarray]
    ) -> int:
        """Bytes that the gradient of a scalar function needs kept for it.

        Run operation by operation, the arguments among them included.

        Raises:
            NotImplementedError: on backends that do not tell.
        """

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function as the backend's compiler makes it."""

    def elementwise(self, name: str) -> Callable[[Tensor], Tensor]:
        """`"sin"`, `"cos"` or `"tanh"`, in the dtype of its argument."""

    def exports_to_onnx(self) -> bool:
        """Whether an exporter traces now that lacks `erfc`.

        A formula may then cost digits that a trained network does not need.
        """

    def bincount(self, cells: Tensor, weights: Tensor, size: int) -> Tensor:
        """Sums the weights that go to each cell, as a vector of `size`.

        `cells` are int32 in [0, size); the sums keep the weights' dtype.
        Keras's `segment_sum` is twenty times slower on Torch and, where it is
        not compiled, on TensorFlow; its `bincount` needs concrete cells.
        """

    def sum_over_replicas(
        self, gradients: Sequence[Any]
    ) -> tuple[list[Any], int]:
        """Adds the gradients of a step over the replicas that take part in it.

        Returns:
            Dense gradients, None where there was none, and the number of
            replicas; 1 where the backend adds before an optimizer is called.
        """

    def constant(self, values: Any, like: Tensor) -> Tensor:
        """A list or an array as a tensor in the dtype of another.

        Keras's conversion of an array breaks the graph of Torch's compiler.
        """

    def dense(self, value: Any) -> Tensor:
        """Any array, list or variable as a dense tensor.

        Raises:
            TypeError: for a ragged tensor.
        """

    def runs_in_threads(self) -> bool:
        """Whether this code runs in a thread of one replica of several."""

    def lower_for_tpu(
        self,
        function: Callable[..., Any],
        arrays: Sequence[np.ndarray],
        gradient: bool = False,
    ) -> None:
        """Compiles for a TPU without one, as far as that goes.

        With `gradient`, a scalar function together with its gradient.

        Raises:
            NotImplementedError: on backends that need a TPU for it.
        """


def active() -> Backend:
    """The module of the backend that Keras runs on.

    Raises:
        ValueError: for a backend that this package does not know.
    """
    if _active is None:
        raise ValueError(
            "Invalid Keras backend. Expected one of "
            f"{list(BACKENDS)}. Received: {keras.config.backend()!r}"
        )
    return _active


def gradient(
    function: Callable[..., Tensor], arrays: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Gradients of a scalar function with respect to all its arguments."""
    return active().value_and_gradient(function)(*arrays)[1]


def need_several(found: list[str]) -> None:
    """Refuses data parallelism over fewer than two devices."""
    if len(found) < 2:
        raise ValueError(
            "Training in parallel needs at least two devices of one kind. "
            f'Use kind="auto" or kind="single" here. Received: {found}'
        )


def no_tpu(found: list[str]) -> ValueError:
    """The error where a TPU was asked for and none answers."""
    return ValueError(
        f"No TPU was found by the {keras.config.backend()} backend. "
        f'Use kind="auto" to take what is there. Received: {found}'
    )


def _import_active() -> Backend | None:
    name = keras.config.backend()
    if name not in BACKENDS:
        return None
    return cast(Backend, importlib.import_module(f"{__name__}.{name}"))


# Now, because an import within a component is a break in Torch's graph.
_active = _import_active()
