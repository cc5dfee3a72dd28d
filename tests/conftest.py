"""Two devices on one CPU, random numbers that repeat, and bounded memory."""

import gc
import itertools
import json
import os
from collections import Counter
from pathlib import Path

# Before a backend is imported: JAX reads it once.
flags = os.environ.get("XLA_FLAGS", "")
if "xla_force_host_platform_device_count" not in flags:
    flags += " --xla_force_host_platform_device_count=2"
    # Thousands of programs run once each: less time on their machine code.
    flags += " --xla_backend_optimization_level=0"
    flags += " --xla_cpu_use_fusion_emitters=false"
    os.environ["XLA_FLAGS"] = flags.strip()
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import pytest

from keras_funcs._core.backend import BACKENDS
from keras_funcs.testing import Check
from tests.assignment import is_assigned_elsewhere

if keras.config.backend() == "tensorflow":
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )


if keras.config.backend() == "torch":
    import torch

    # Seeds for devices that are absent queue up, each with its stack.
    for device in (torch.cuda, torch.xpu):
        if not device.is_available():
            device.manual_seed_all = lambda seed: None


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(1)


EVERY = 1000
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


SECONDS = Path(__file__).with_name("seconds.json")
spent: dict[str, list[float]] = {}


def processor_time() -> float:
    """Seconds of this process and of those that it has waited for."""
    return sum(os.times()[:4])


def name_of(item) -> str:
    """The check of the battery, or the test without its parameters."""
    if isinstance(item, pytest.Function):
        parameters = getattr(item, "callspec", None)
        check = parameters and parameters.params.get("check")
        if isinstance(check, Check):
            return check.name
    return item.nodeid.partition("[")[0]


def pytest_collection_modifyitems(config, items):
    """Leaves dear tests to the backends that they are assigned to."""
    dear = set(json.loads(SECONDS.read_text(encoding="utf-8"))["dear"])
    numbers = Counter()
    here, elsewhere = [], []
    for item in items:
        name = name_of(item)
        mark = item.get_closest_marker("backends")
        asked = mark.args if mark else BACKENDS
        away = is_assigned_elsewhere(name, numbers[name], dear, asked)
        (elsewhere if away else here).append(item)
        numbers[name] += 1
    config.hook.pytest_deselected(items=elsewhere)
    items[:] = here


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    start = processor_time()
    try:
        return (yield)
    finally:
        times = spent.setdefault(name_of(item), [])
        times.append(round(processor_time() - start, 4))


def pytest_sessionfinish():
    """Leaves the seconds to `tools/run_backends.py`, which asked for them."""
    path = os.environ.get("KERAS_FUNCS_SECONDS")
    if path:
        Path(path).write_text(json.dumps(spent), encoding="utf-8")
