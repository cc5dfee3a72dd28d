"""Checks on several devices, and on one that is not here."""

from typing import Any

import keras
import numpy as np

from keras_funcs._core.backend import active
from keras_funcs.testing.bench.cases import Case
from keras_funcs.testing.bench.models import bench
from keras_funcs.testing.bench.models import trained
from keras_funcs.testing.bench.programs import program
from keras_funcs.testing.runner import NUMERIC
from keras_funcs.testing.runner import NotApplicable
from keras_funcs.testing.runner import check
from keras_funcs.testing.runner import close
from keras_funcs.testing.runner import expect

SEVERAL = ("tensorflow", "jax")  # Keras trains on one device with Torch


@check(*NUMERIC, once=True, dear=True, trains=True, backends=SEVERAL)
def two_replicas_equal_one(case: Case) -> None:
    """A mean over half a batch, or state that replicas do not add up."""
    if len(active().devices()) < 2:
        raise NotApplicable(
            "it needs two devices; XLA_FLAGS="
            "--xla_force_host_platform_device_count=2 makes two of a CPU for "
            "JAX, and tf.config.set_logical_device_configuration for "
            "TensorFlow"
        )
    alone = trained(case)
    with active().plan("data_parallel").scope:
        together = bench(case)
        history = together.fit()
        predictions = together.predict()
    if _draws(together.component) or _sees_half(case):
        expect(np.all(np.isfinite(predictions)), "predictions are not finite")
        return
    close(predictions, alone.predictions, "predictions of replicas", 1e-4, 1e-5)
    for name, value in alone.history.items():
        close(history[name], value, f"{name} of replicas", 1e-4, 1e-5)


@check(*NUMERIC, once=True, backends=("torch",))
def several_devices_are_refused(case: Case) -> None:
    """Keras trains on one device with Torch, and says so."""
    try:
        active().plan("data_parallel")
    except ValueError as error:
        expect("one device" in str(error), f"the error says: {error}")
    else:
        expect(False, "data parallelism was promised")


@check(*NUMERIC, programs=True, dear=True, backends=("jax",))
def compiles_for_tpu(case: Case) -> None:
    """An operation that TPUs lack, in the value or in its gradient."""
    made = program(case)
    if made.smooth:  # the gradient contains the value
        points = made.arrays[: made.smooth]
        active().lower_for_tpu(made.total, points, gradient=True)
    else:
        active().lower_for_tpu(made.function, made.arrays)


def _sees_half(case: Case) -> bool:
    """Whether what is over the batch has another batch on each replica.

    JAX keeps the batch whole.
    """
    over_batches = case.kind in ("losses", "layers") and not case.independent
    return over_batches and keras.config.backend() != "jax"


def _draws(component: Any) -> bool:
    """Whether each replica draws random numbers for its own half."""
    if not isinstance(component, keras.layers.Layer):
        return False
    return any(
        isinstance(value, keras.random.SeedGenerator)
        for value in vars(component).values()
    )
