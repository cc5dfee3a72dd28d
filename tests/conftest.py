"""Two devices on one CPU, random numbers that repeat, and bounded memory."""

import gc
import itertools
import os

# Before a backend is imported: JAX reads it once.
flags = os.environ.get("XLA_FLAGS", "")
if "xla_force_host_platform_device_count" not in flags:
    flags += " --xla_force_host_platform_device_count=2"
    # Thousands of programs run once each: less time on their machine code.
    flags += " --xla_backend_optimization_level=0"
    os.environ["XLA_FLAGS"] = flags.strip()
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import pytest

if keras.config.backend() == "tensorflow":
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(1)


EVERY = 200
tests = itertools.count(1)


@pytest.fixture(autouse=True)
def memory():
    """Forgets compiled programs now and then: thousands of tests make many."""
    yield
    if next(tests) % EVERY:
        return
    keras.utils.clear_session(free_memory=False)
    if keras.config.backend() == "jax":
        import jax

        jax.clear_caches()
    gc.collect()
