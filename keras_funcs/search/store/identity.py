"""The identity of a study across sittings: its data, space and goal."""

import hashlib
import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_funcs.search.plan import Plan

VERSION = 1
PACKAGES = ("keras", "keras-tuner", "numpy", "jax", "torch", "tensorflow")


def fingerprint(plan: Plan, space: Any) -> dict[str, Any]:
    """The facts that must stay the same for trials to be comparable."""
    config = space.get_config()["space"]
    goal, data = plan.objective, plan.dataset
    kind = plan.oracle if isinstance(plan.oracle, str) else ""
    return {
        "space": _digest(json.dumps(config, sort_keys=True).encode()),
        "train": _data_digest(data.train),
        "validation": _data_digest(data.validation),
        "test": _data_digest(data.test),
        "objective": f"{goal.name} {goal.direction}",
        "oracle": kind or type(plan.oracle).__name__.removeprefix("Durable"),
        "epochs": plan.epochs,
        "batch_size": plan.batch_size,
        "patience": plan.patience,
        "settings": plan.settings,
        "seed": plan.seed,
        "class_names": plan.class_names,
    }


def facts(plan: Plan) -> dict[str, Any]:
    """The facts of a plan that a report needs."""
    goal = plan.objective
    return {
        "name": plan.name,
        "objective": {"name": goal.name, "direction": goal.direction},
        "seeds": plan.seeds,
        "epochs": plan.epochs,
        "batch_size": plan.batch_size,
        "tested": plan.dataset.test is not None,
        "class_names": plan.class_names,
        "max_trials": plan.trials,
        "max_time": plan.budget,
        "engine": plan.engine,
        "settings": plan.settings,
    }


def compare_fingerprints(
    directory: Path, old: Mapping[str, Any], new: Mapping[str, Any]
) -> None:
    """Refuses to mix trials that cannot be compared."""
    old = {"settings": 1, **old}  # of a study that knew no other
    changed = sorted(
        name for name in {*old, *new} if old.get(name) != new.get(name)
    )
    if changed:
        shown = [
            f"{name} (was {old.get(name)}, is {new.get(name)})"
            if name in ("objective", "oracle") or isinstance(new.get(name), int)
            else name
            for name in changed
        ]
        raise ValueError(
            f"The study in {directory} was begun with another "
            f"{', '.join(shown)}. Use what it was begun with, or another "
            "directory."
        )


def environment() -> dict[str, Any]:
    """Versions and machine, for the report."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    from keras_funcs import __version__

    return {
        "keras-funcs": __version__,
        **found,
        "python": platform.python_version(),
        "backend": keras.backend.backend(),
        "float": keras.config.floatx(),
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "begun": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def _data_digest(split: Any) -> str:
    if split is None:
        return ""
    items = split if isinstance(split, (tuple, list)) else (split,)
    digest = hashlib.sha256()
    for item in items:
        if hasattr(item, "__array__") and hasattr(item, "dtype"):
            array = np.ascontiguousarray(item)
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(array.tobytes())
        else:
            # A data set cannot be read twice for certain: its kind is all.
            spec = getattr(item, "element_spec", "")
            digest.update(f"{type(item)}{spec}".encode())
    return digest.hexdigest()[:16]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
