"""Models as files of other runtimes, and what those compute from them."""

import contextlib
import importlib
import importlib.util
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from keras_funcs.testing.bench import inputs
from keras_funcs.testing.bench.cases import Case
from keras_funcs.testing.bench.models import keeps_shape

Arrays = list[np.ndarray]


@dataclass(frozen=True)
class Format:
    """A format of `keras.Model.export`.

    Args:
        suffix: String. End of the file's name.
        packages: Mapping from a backend to the packages that its export and
            the runtime need. Other backends do not write the format.
        run: Function of a file and of the inputs by name that returns the
            outputs.
    """

    suffix: str
    packages: dict[str, tuple[str, ...]]
    run: Callable[[Path, dict[str, np.ndarray]], Arrays]

    def missing(self) -> list[str]:
        """The packages that this environment lacks."""
        needed = self.packages[keras.config.backend()]
        return [n for n in needed if importlib.util.find_spec(n) is None]


def tiny(case: Case) -> keras.Model:
    """A model of the component alone, which has no other cause of failure."""
    keras.utils.set_random_seed(3)
    x, component = inputs.symbols(case), case.make()
    if case.kind == "activations" and keeps_shape(component):
        # Called when the file is written, and not on the symbol.
        component = keras.layers.Activation(component)
    return keras.Model(x, component(x))


def exported(
    model: keras.Model, name: str, folder: Path, feed: dict[str, np.ndarray]
) -> Arrays:
    """Exports a model and returns what the runtime computes from the file.

    Args:
        model: The model, built.
        name: String. One of `FORMATS`.
        folder: An existing folder.
        feed: The inputs, by the names of the model's symbols and in their
            order.
    """
    chosen = FORMATS[name]
    path = folder / f"model{chosen.suffix}"
    # Exporters report on both streams, and warn of what they are built on.
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        model.export(path, format=name, verbose=False)
        return chosen.run(path, feed)


def _onnx(path: Path, feed: dict[str, np.ndarray]) -> Arrays:
    runtime = importlib.import_module("onnxruntime")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    # An input that no output depends on is not part of the file.
    known = {item.name for item in session.get_inputs()}
    return list(
        session.run(None, {name: feed[name] for name in feed if name in known})
    )


def _litert(path: Path, feed: dict[str, np.ndarray]) -> Arrays:
    tensorflow = importlib.import_module("tensorflow")
    runner = tensorflow.lite.Interpreter(str(path)).get_signature_runner()
    outputs = runner(**feed)
    return [outputs[key] for key in sorted(outputs)]


def _saved_model(path: Path, feed: dict[str, np.ndarray]) -> Arrays:
    tensorflow = importlib.import_module("tensorflow")
    arrays = list(feed.values())
    loaded = tensorflow.saved_model.load(str(path))  # keeps its variables
    served = loaded.serve(arrays if len(arrays) > 1 else arrays[0])
    return [item.numpy() for item in keras.tree.flatten(served)]


FORMATS = {
    "onnx": Format(
        ".onnx",
        {
            "tensorflow": ("onnx", "onnxruntime", "tf2onnx"),
            "torch": ("onnx", "onnxruntime", "onnxscript"),
        },
        _onnx,
    ),
    "litert": Format(".tflite", {"tensorflow": ()}, _litert),
    "tf_saved_model": Format(
        "", {"jax": ("tensorflow",), "tensorflow": ()}, _saved_model
    ),
}
