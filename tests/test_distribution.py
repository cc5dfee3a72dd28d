"""Each case runs in a process of its own: devices are counted at its start."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_funcs import distribution
from keras_funcs._core import backend

BACKEND = keras.config.backend()

SETUP = """
import json, sys, warnings
import keras
import numpy as np
if keras.config.backend() == "tensorflow":
    import tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
from keras_funcs import distribution

def train(kind):
    with distribution.auto(kind) as plan:
        keras.utils.set_random_seed(0)
        model = keras.Sequential([
            keras.Input((4,)),
            keras.layers.Dense(8, "tanh"),
            keras.layers.Dense(3),
        ])
        model.compile(
            keras.optimizers.SGD(0.1),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
        model.fit(x, np.arange(32) % 3, batch_size=8, epochs=2,
                  shuffle=False, verbose=0)
        weights = [np.array(keras.ops.convert_to_numpy(w.value)).tolist()
                   for w in model.trainable_weights]
    return plan.kind, plan.devices, weights
"""


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", SETUP + code],
        env={
            **os.environ,
            "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
            **environment,
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    said = [
        line
        for line in done.stderr.splitlines()
        if line.startswith("keras_funcs.distribution: ")
    ]
    return json.loads(done.stdout.splitlines()[-1]), said


@pytest.mark.backends("tensorflow", "jax")
def test_two_devices_train_as_one_does():
    if BACKEND == "torch":
        result, said = run("print(json.dumps(train('auto')))")
        assert result[:2] == ["default", ["cpu:0"]]
        assert said == [
            "keras_funcs.distribution: torch, Keras's default, on cpu:0"
        ]
        return
    code = "print(json.dumps([train('single'), train('mirrored')]))"
    (single, several), said = run(code)
    assert single[0] == "single" and single[1] == ["cpu:0"]
    assert several[0] == "data_parallel" and several[1] == ["cpu:0", "cpu:1"]
    for one, other in zip(single[2], several[2]):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert len(said) == 2
    assert "one device, cpu:0 (1 more left idle)" in said[0]
    assert "data parallel over 2 devices, cpu:0, cpu:1" in said[1]


def test_what_was_set_is_restored_and_respected():
    if BACKEND == "jax":
        code = """
mine = keras.distribution.DataParallel()
with distribution.auto("data_parallel"):
    inside = keras.distribution.distribution()
after = keras.distribution.distribution()
keras.distribution.set_distribution(mine)
with distribution.auto() as plan:
    kept = keras.distribution.distribution() is mine
try:
    with distribution.auto("single"):
        hidden = keras.distribution.distribution() is None
        raise KeyError
except KeyError:
    back = keras.distribution.distribution() is mine
print(json.dumps(
    [inside is not None, after is None, plan.kind, kept, hidden, back]
))
"""
        result, _ = run(code)
        assert result == [True, True, "default", True, True, True]
    elif BACKEND == "tensorflow":
        code = """
with distribution.auto("mirrored"):
    inside = tf.distribute.get_strategy().num_replicas_in_sync
    with distribution.auto() as plan:
        kept = tf.distribute.get_strategy().num_replicas_in_sync
after = tf.distribute.has_strategy()
print(json.dumps([inside, kept, plan.kind, after]))
"""
        result, _ = run(code)
        assert result == [2, 2, "default", False]
    else:
        with distribution.auto("single", verbose=False) as plan:
            assert plan.kind == "single"


def test_silent_on_request(capsys):
    with distribution.auto(verbose=False):
        pass
    assert capsys.readouterr().err == ""
    with distribution.auto():
        pass
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"keras_funcs.distribution: {BACKEND}, ")


@pytest.mark.parametrize(
    "kind, words",
    [
        ("tpu", "No TPU was found"),
        ("mirrored", "at least two devices|one device with the torch"),
        ("data_parallel", "at least two devices|one device with the torch"),
        ("horovod", "argument `kind`"),
        (None, "argument `kind`"),
    ],
)
def test_what_is_not_there_is_said(kind, words, monkeypatch):
    monkeypatch.setattr(backend.active(), "devices", lambda: ["gpu:0"])
    with pytest.raises(ValueError, match=words):
        with distribution.auto(kind):
            pytest.fail("entered")


def test_long_lists_are_cut():
    names = tuple(f"gpu:{index}" for index in range(6))
    line = distribution._line(
        backend.Plan("data_parallel", names, None), list(names)
    )
    assert line.endswith(
        "data parallel over 6 devices, gpu:0, gpu:1, gpu:2, gpu:3 and 2 more"
    )
    line = distribution._line(
        backend.Plan("default", names[:1], None), list(names)
    )
    assert line.endswith("on gpu:0 (5 more left idle)")


@pytest.mark.parametrize("name", backend.BACKENDS)
def test_every_backend_module_offers_the_same(name):
    wanted = {item for item in vars(backend.Backend) if item[0] != "_"}
    source = Path(backend.__file__).with_name(f"{name}.py").read_text("utf-8")
    defined = {
        item.name
        for item in ast.parse(source).body
        if isinstance(item, ast.FunctionDef) and item.name[0] != "_"
    }
    assert defined == wanted


def test_unknown_backends_are_refused(monkeypatch):
    monkeypatch.setattr("keras.config.backend", lambda: "numpy")
    monkeypatch.setattr(backend, "_active", backend._import_active())
    with pytest.raises(ValueError, match="Invalid Keras backend"):
        backend.active()
