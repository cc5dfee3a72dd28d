"""The start of Keras: which backend, and whether Keras is safe."""

import importlib.util
import json
import os
import re
from pathlib import Path

from keras_funcs_cli.application import say

BACKENDS = ("jax", "torch", "tensorflow")


def start_keras(aloud: bool = False, prefer: str = "") -> str:
    """Chooses the backend, imports the pack, and returns the backend's name.

    Keras itself takes TensorFlow where nothing is said, installed or not.

    Args:
        aloud: Boolean. Whether to print the choice.
        prefer: String. The backend that is taken if it is installed and
            KERAS_BACKEND names none.
    """
    name = os.environ.get("KERAS_BACKEND", "")
    installed = [item for item in BACKENDS if importlib.util.find_spec(item)]
    if not installed:
        raise ImportError(
            "No backend of Keras is installed. Install one, such as: "
            'pip install "keras-funcs[jax]"'
        )
    if name and name not in installed:
        raise ValueError(
            f"KERAS_BACKEND is {name!r}, which is not installed or cannot "
            f"train. There are: {', '.join(installed)}"
        )
    how = "from KERAS_BACKEND" if name else "set KERAS_BACKEND for another"
    preferred = prefer if prefer in installed else ""
    name = name or preferred or configured(installed) or installed[0]
    os.environ["KERAS_BACKEND"] = name
    if aloud:
        say(f"Backend: {name} ({how})")
    if name != "tensorflow":
        # Keras imports TensorFlow to save a model; its greeting says nothing.
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if name == "torch":
        # The command trains small models, which Torch's threads slow down,
        # many times over where the machine has other work.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    importlib.import_module("keras_funcs")
    return name


def configured(installed: list[str]) -> str:
    """The backend the user wrote into keras.json, or `""`.

    Keras writes "tensorflow" there by itself, so that this says nothing.
    """
    home = os.environ.get("KERAS_HOME", Path.home() / ".keras")
    try:
        name = json.loads(Path(home, "keras.json").read_text())["backend"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return name if name in installed and name != "tensorflow" else ""


def safe_keras(version: str) -> bool:
    """Whether a Keras is one of those that the package allows."""
    numbers = tuple(int(n) for n in re.findall(r"\d+", version)[:3])
    return (3, 12, 4) <= numbers < (3, 13) or numbers >= (3, 15, 1)
