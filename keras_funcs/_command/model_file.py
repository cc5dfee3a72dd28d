"""Looks into a `.keras` file without building, or running, anything of it.

A model file can come from anyone. Its `config.json` is read from the archive
with a limit on its size, and its names are only compared, never imported.
"""

import json
import zipfile
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any
from typing import NamedTuple

import keras

from keras_funcs._core import checks
from keras_funcs._core import keras_traits
from keras_funcs._core.traits import LossTraits
from keras_funcs._core.traits import MetricTraits
from keras_funcs._core.traits import Traits
from keras_funcs._core.traits import traits_of
from keras_funcs._core.versions import release

MAX_CONFIG_BYTES = 64 * 2**20
MAX_EXPANSION = 200  # Keras does not compress; a bomb does
HDF5 = b"\x89HDF\r\n\x1a\n"

# They run code, or read files, that the model's author chose.
UNSAFE = ("Lambda", "__lambda__", "TorchModuleWrapper", "TFSMLayer")


class Finding(NamedTuple):
    """One thing to say: `level` is `"ok"`, `"warning"` or `"error"`."""

    level: str
    message: str


def examine(path: str | PathLike[str]) -> list[Finding]:
    """Says what loading a model would meet.

    Args:
        path: String or path of a `.keras` file.

    Returns:
        List of findings: its Keras version, objects that are not registered,
        parts that run foreign code, and whether loss, last layer and metrics
        fit each other.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: for anything but a `.keras` file.
    """
    path = Path(path)
    config, metadata = _read(path)
    objects = list(_objects(config))
    findings = [_version(metadata), *_unsafe(objects), *_unknown(objects)]
    if all(item.level == "ok" for item in findings):
        findings.append(Finding("ok", "every object of it is registered"))
    if isinstance(config, dict):
        findings += _compiled(config)
    return findings


def _read(path: Path) -> tuple[Any, Any]:
    if path.suffix.lower() in (".h5", ".hdf5"):
        checks.invalid(
            "path",
            "a .keras file; an .h5 model can run code when it is loaded, so "
            "load it only if it is your own, and save it again as .keras",
            str(path),
        )
    if not path.is_file():
        raise FileNotFoundError(
            "Invalid value for argument `path`. Expected a .keras file that "
            f"exists. Received: path={str(path)!r}"
        )
    with path.open("rb") as file:
        if file.read(len(HDF5)) == HDF5:
            checks.invalid("path", "a .keras file, not HDF5", str(path))
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(item.file_size for item in archive.infolist())
            if size > MAX_EXPANSION * path.stat().st_size:
                checks.invalid("path", "no zip bomb", f"{size} bytes inside")
            return tuple(
                json.loads(_member(archive, name))
                for name in ("config.json", "metadata.json")
            )
    except (zipfile.BadZipFile, KeyError, NotImplementedError) as error:
        checks.invalid("path", "a .keras file", f"{path} ({error})")
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        checks.invalid("path", "a .keras file with JSON", f"{path} ({error})")


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        # The declared size may lie; what is read does not.
        data = file.read(MAX_CONFIG_BYTES + 1)
    if len(data) > MAX_CONFIG_BYTES:
        checks.invalid(
            "path", f"{name} of at most {MAX_CONFIG_BYTES} bytes", "more"
        )
    return data


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    """Every serialized object, however deep, without recursion."""
    waiting = [config]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            waiting += item.values()
            if isinstance(item.get("class_name"), str):
                yield item


def _version(metadata: Any) -> Finding:
    saved = metadata.get("keras_version") if isinstance(metadata, dict) else 0
    if not isinstance(saved, str):
        return Finding("warning", "it does not say which Keras saved it")
    newer = release(saved) > release(keras.__version__)
    return Finding(
        "warning" if newer else "ok",
        f"saved by Keras {saved[:20]}"
        + (f", newer than the {keras.__version__} here" if newer else ""),
    )


def _unsafe(objects: list[dict[str, Any]]) -> Iterator[Finding]:
    for name in UNSAFE:
        found = [item for item in objects if item["class_name"] == name]
        if found:
            yield Finding(
                "error",
                f"{len(found)} x {name}: it runs what the author of the file "
                "chose, and Keras refuses it in safe mode; ask for a model "
                "without it",
            )


def _unknown(objects: list[dict[str, Any]]) -> Iterator[Finding]:
    seen = set()
    for item in objects:
        module, name = str(item.get("module")), item.get("registered_name")
        if module == "builtins" and item["class_name"] == "function":
            name = item.get("config")
        elif module.split(".")[0] in ("keras", "builtins"):
            continue
        name = name if isinstance(name, str) else item["class_name"]
        if name in seen or item["class_name"] in UNSAFE:
            continue
        seen.add(name)
        if keras.saving.get_registered_object(name) is None:
            yield Finding(
                "error",
                f"'{name[:80]}' is not registered: before load_model, import "
                f"what defines it (it was in the module '{module[:80]}')",
            )


def _compiled(config: dict[str, Any]) -> Iterator[Finding]:
    compiled = config.get("compile_config")
    if not isinstance(compiled, dict):
        return
    loss, settings = _named(compiled.get("loss"))
    traits = traits_of(_known(compiled.get("loss"), LossTraits), LossTraits)
    scores = "any" if traits is None else traits.scores
    logits = {"logits": True, "probabilities": False}.get(scores)
    argument = "from_logits" in settings
    if argument:
        logits = bool(settings["from_logits"])
    end, activation = _last_layer(config)
    if activation == "linear" and logits is False:
        remedy = "use from_logits=True" if argument else "add a softmax"
        yield Finding(
            "warning",
            f"the loss {loss} expects probabilities, but the last layer "
            f"'{end}' gives logits: {remedy}",
        )
    if activation in ("softmax", "sigmoid") and logits:
        remedy = "use from_logits=False" if argument else "drop it"
        yield Finding(
            "warning",
            f"the loss {loss} expects logits, but the last layer '{end}' "
            f"ends in {activation}: {remedy}",
        )
    if traits is None or (traits.targets, traits.forms) != ("classes", "ids"):
        return
    metrics = compiled.get("metrics")
    for item in metrics if isinstance(metrics, list) else []:
        measured = traits_of(_known(item, MetricTraits), MetricTraits)
        if measured is not None and (
            measured.targets == "labels" or measured.forms == "rows"
        ):
            yield Finding(
                "warning",
                f"the metric {_named(item)[0]} expects one-hot labels, but "
                f"the loss {loss} takes class ids: the metric's number is "
                "wrong",
            )


def _known(item: Any, kind: type[Traits]) -> Any:
    """The class or function of a loss or metric, if it is known here."""
    name = item.get("registered_name") if isinstance(item, dict) else None
    if isinstance(name, str):
        found = keras.saving.get_registered_object(name)
        if found is not None:
            return found
    return keras_traits.names(kind is MetricTraits).get(_named(item)[0])


def _last_layer(config: dict[str, Any]) -> tuple[str, str]:
    """Name and activation of the one output layer, `""` where unclear."""
    inner = config.get("config")
    layers = inner.get("layers") if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or not isinstance(layers, list):
        return "", ""
    outputs = inner.get("output_layers", [])
    # Functional: ["name", 0, 0], alone or in a list of one.
    while isinstance(outputs, list) and len(outputs) == 1:
        outputs = outputs[0]
    for layer in reversed(layers):
        settings = layer.get("config") if isinstance(layer, dict) else None
        if not isinstance(settings, dict):
            return "", ""
        name = str(settings.get("name"))
        if not outputs or outputs[0] == name:
            if layer.get("class_name") == "Softmax":
                return name, "softmax"
            if "activation" not in settings:
                return name, ""
            activation = settings["activation"] or "linear"
            return name, _fold(_named(activation)[0])
    return "", ""


def _named(item: Any) -> tuple[str, dict[str, Any]]:
    """Name and settings of something that is serialized, or a name itself."""
    if isinstance(item, dict):
        settings = item.get("config")
        if isinstance(settings, str):  # a function
            return settings, {}
        if isinstance(settings, dict):
            return str(item.get("class_name")), settings
    return (item, {}) if isinstance(item, str) else ("", {})


def _fold(name: str) -> str:
    return name.replace("_", "").lower()
