"""Data parallelism over several devices, as far as the data allow it.

A `keras.distribution` cuts each batch into equal shares, and fails where that
does not come out even.
"""

import contextlib
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import keras


def replicas() -> int:
    """How many shares each batch is cut into."""
    active = keras.distribution.distribution()
    if active is None:
        return 1
    mesh = active.device_mesh
    return int(mesh.shape[mesh.axis_names.index(active.batch_dim_name)])


def divisible(size: int) -> int:
    """The next batch size that the devices can share."""
    return size + -size % replicas()


@contextlib.contextmanager
def as_data_allow(
    sizes: dict[str, int], batch_size: int, say: Callable[[str], None]
) -> Iterator[None]:
    """Trains on one device where the splits cannot be shared evenly.

    Args:
        sizes: From the name of a split of arrays to its number of samples.
        batch_size: Integer. The batch size asked for.
        say: Function called with a line where something is not as asked.
    """
    active, count = keras.distribution.distribution(), replicas()
    uneven = {
        name: size
        for name, size in sizes.items()
        # Training data are filled up, from as many samples at least.
        if (size < count if name == "train" else size % count)
    }
    if uneven:
        shown = ", ".join(f"{size} of {name}" for name, size in uneven.items())
        say(
            f"One device is used, not {count}: they cannot share the samples "
            f"evenly ({shown})."
        )
        keras.distribution.set_distribution(None)
    elif divisible(batch_size) != batch_size:
        say(
            f"The batch size is {divisible(batch_size)}, not {batch_size}: "
            f"{count} devices share each batch."
        )
    try:
        yield
    finally:
        if active is not None:
            keras.distribution.set_distribution(active)


def clear() -> None:
    """`keras.utils.clear_session` without its loss of the distribution."""
    active: Any = keras.distribution.distribution()
    keras.utils.clear_session()
    if active is not None:
        keras.distribution.set_distribution(active)
