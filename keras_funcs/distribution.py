"""Which devices to train on, chosen from what is there."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import keras

from keras_funcs._core import checks
from keras_funcs._core.backend import Plan
from keras_funcs._core.backend import active

KINDS = ("auto", "single", "mirrored", "data_parallel", "tpu")


@contextmanager
def auto(kind: str = "auto", verbose: bool = True) -> Iterator[Plan]:
    """Chooses devices for the models that are built and trained inside.

    Build, compile and fit within the context. One line on standard error says
    what was chosen.

    Args:
        kind: `"auto"` takes a TPU, or else all GPUs, or else the one device
            there is, and leaves alone a distribution that is already set;
            `"single"` takes the first device only; `"mirrored"`, or
            `"data_parallel"`, all devices of the fastest kind, each with a
            copy of the model and its share of every batch; `"tpu"` all cores
            of a TPU. On TensorFlow these are `tf.distribute` strategies, on
            JAX `keras.distribution.DataParallel`; on torch Keras trains on
            one device. Data parallel, JAX takes only batches that the number
            of devices divides, the last one of an epoch and those of
            `evaluate` and `predict` included; a `search.Study` sees to it.
            Defaults to `"auto"`.
        verbose: Boolean. Whether to print the line. Defaults to `True`.

    Yields:
        The plan: `kind` and `devices`, such as `("gpu:0", "gpu:1")`.

    Raises:
        ValueError: for an unknown kind, or one that the hardware or the
            backend does not offer.

    Example:

    >>> with keras_funcs.distribution.auto(kind="single", verbose=False):
    ...     model = keras.Sequential([keras.layers.Dense(1)])
    ...     model.compile(optimizer="adam", loss="mse")
    ...     history = model.fit(np.ones((8, 3)), np.ones((8, 1)), verbose=0)
    """
    checks.one_of("kind", kind, KINDS)
    checks.boolean("verbose", verbose)
    backend = active()
    plan = backend.plan("data_parallel" if kind == "mirrored" else kind)
    if verbose:
        print(_line(plan, backend.devices()), file=sys.stderr)
    with plan.scope:
        yield plan


def _line(plan: Plan, found: list[str]) -> str:
    what = {
        "default": "Keras's default, on",
        "single": "one device,",
        "data_parallel": f"data parallel over {len(plan.devices)} devices,",
        "tpu": f"TPU with {len(plan.devices)} cores,",
    }[plan.kind]
    names = ", ".join(plan.devices[:4])
    more = len(plan.devices) - 4
    names += f" and {more} more" if more > 0 else ""
    idle = len(found) - len(plan.devices)
    rest = f" ({idle} more left idle)" if idle > 0 else ""
    return (
        f"keras_funcs.distribution: {keras.config.backend()}, {what} "
        f"{names}{rest}"
    )
