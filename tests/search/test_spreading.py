"""Two devices are asked for before the process that counts them starts."""

import os
import re
import subprocess
import sys

import keras
import pytest

from keras_funcs.search.training import spreading

SETUP = """
import sys
import keras
import numpy as np
from keras_funcs import search
from keras_funcs.data import Dataset

seen, notes = [], []

class Notes(search.Progress):
    def on_note(self, message):
        notes.append(message)

def build(hp):
    active = keras.distribution.distribution()
    seen.append(1 if active is None else len(active.device_mesh.devices))
    model = keras.Sequential([
        keras.Input((4,)),
        keras.layers.Dense(3, activation=hp.Choice("f", ["relu", "tanh"])),
    ])
    model.compile(
        "sgd",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model

def split(size):
    x = np.random.default_rng(size).normal(size=(size, 4)).astype("float32")
    return x, np.arange(size) % 3

def study(sizes, folder):
    search.Study(
        build, Dataset.of(*map(split, sizes)), objective="accuracy",
        directory=folder, trials=2, epochs=1, batch_size=7,
        final=search.Final(seeds=2, finalists=1), oracle="random",
        strategy="data_parallel", tensorboard=False, progress=Notes(),
    ).run()
"""


@pytest.mark.backends("tensorflow", "jax")
@pytest.mark.parametrize(
    ("sizes", "devices", "note"),
    [
        ((31, 16, 30), 2, "The batch size is 8, not 7"),
        ((31, 15, 30), 1, "One device is used, not 2.*15 of validation"),
    ],
)
def test_every_run_of_a_study(tmp_path, sizes, devices, note):
    if keras.config.backend() != "jax":
        assert spreading.replicas() == 1  # nothing else cuts batches
        return
    code = f"""
study({sizes}, sys.argv[1])
assert set(seen[1:]) == {{{devices}}}, seen
assert keras.distribution.distribution() is None
print(notes[0])
"""
    done = subprocess.run(
        [sys.executable, "-c", SETUP + code, str(tmp_path / "study")],
        env={
            **os.environ,
            "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(note, done.stdout)


def test_one_device_changes_nothing():
    said = []
    assert spreading.replicas() == 1
    assert spreading.divisible(7) == 7
    with spreading.as_data_allow({"train": 3, "test": 5}, 7, said.append):
        spreading.clear()
    assert said == []
