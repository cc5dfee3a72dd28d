"""The contents of a study's files, and the one function that reads them."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_funcs.search.store import files
from keras_funcs.search.store import state

Shape = Any  # a type, a tuple of types, [Shape], {key: Shape} or a predicate


class Optional:
    """A key that may be missing: older versions did not write it."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape


class Each:
    """A mapping with any keys, each value of one shape."""

    def __init__(self, shape: Shape, key: Callable[[str], bool] | None = None):
        self.shape = shape
        self.key = key


class Where:
    """A shape of which one thing more must hold."""

    def __init__(self, shape: Shape, holds: Callable[[Any], bool]) -> None:
        self.shape = shape
        self.holds = holds


def _file_name(value: Any) -> bool:
    # It becomes a part of a path.
    return (
        isinstance(value, str)
        and os.path.basename(value) == value
        and "\\" not in value
        and not value.startswith(".")
        and value != ""
    )


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number_or_none(value: Any) -> bool:
    return value is None or _number(value)


def _count(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


def _seconds(value: Any) -> bool:
    return _number(value) and math.isfinite(value)


def _square(value: Any) -> bool:
    return value is None or (
        isinstance(value, list)
        and all(isinstance(row, list) for row in value)
        and all(len(row) == len(value) for row in value)
        and all(_number(item) for row in value for item in row)
    )


def _names(value: Any) -> bool:
    return value is None or isinstance(value, list)


def _steps(value: Any) -> bool:
    """The history of a metric, as KerasTuner keeps it."""
    observations = value.get("observations") if isinstance(value, dict) else 0
    return isinstance(observations, list) and all(
        isinstance(item, dict)
        and isinstance(item.get("value"), list)
        and all(_number(one) for one in item["value"])
        and bool(item["value"])
        for item in observations
    )


STATUSES = ("RUNNING", "IDLE", "INVALID", "STOPPED", "COMPLETED", "FAILED")
SPLIT: Shape = {
    "rows": _count,
    "classes": lambda value: value is None or fault(value, [int]) == "",
    "missing": _number_or_none,
    "repeated": _number_or_none,
}
STUDY: Shape = {
    "version": _count,
    "fingerprint": {"oracle": str, "seed": int},
    "environment": dict,
    "seconds": _seconds,
    "configs": [_file_name],
    "name": str,
    "objective": {
        "name": str,
        "direction": lambda value: value in ("max", "min"),
    },
    "baseline": dict,
    "parts": [str],
    "seeds": [int],
    "epochs": int,
    "batch_size": int,
    "tested": bool,
    "class_names": _names,
    "max_trials": int,
    "max_time": Optional(_number_or_none),
    "engine": Optional(str),
    "settings": Optional(_count),
    "left_out": Optional(Each(str)),
    "seconds_needed": Optional(_number_or_none),
    "selected_from": Optional([int]),
    "data": Optional({"splits": Each(SPLIT)}),
    "beside": Optional([_file_name]),
    "shipped": Optional({"name": str, "seed": int}),
    "finalists": Optional([{"name": _file_name, "role": str, "values": dict}]),
}
TRIAL: Shape = Where(
    {
        "trial_id": files.is_trial_id,
        "hyperparameters": {"space": list, "values": dict},
        "metrics": {"metrics": Each(_steps)},
        "score": _number_or_none,
        "best_step": _number_or_none,
        "status": lambda value: value in STATUSES,
        "message": (str, type(None)),
    },
    lambda trial: trial["status"] != "COMPLETED" or trial["score"] is not None,
)
SETTINGS: Shape = {
    "settings": [
        {
            "values": dict,
            "score": _number_or_none,
            "epoch": _count,
            "epochs": _count,
            "stopped": str,
            "message": str,
        }
    ]
}
RUN: Shape = {
    "score": Optional(_number_or_none),
    "validation": Optional(_number_or_none),
    "epoch": Optional(_number_or_none),
    "seconds": Optional(_number_or_none),
    "metrics": Optional(dict),
    "matrix": Optional(_square),
    "history": Optional([lambda value: value is None or _number(value)]),
    "error": Optional(str),
}
RUNS: Shape = {
    "role": str,
    "label": str,
    "values": dict,
    "reverted": str,
    "fixed": Optional(bool),
    "runs": Each(RUN, key=lambda seed: seed.isascii() and seed.isdigit()),
}
ATTEMPTS: Shape = {
    "begun": Each(_count),
    "crashed": Each(_count),
    "counted": Optional(str),
}
ORACLE: Shape = {
    "start_order": [files.is_trial_id],
    "end_order": [files.is_trial_id],
    "ongoing_trials": Each(files.is_trial_id),
    "seed": int,
    "seed_state": int,
    "tried_so_far": [str],
    "run_times": Each(_count),
    "retry_queue": [files.is_trial_id],
    "id_to_hash": Each((str, type(None))),
    "ongoing_states": Optional(Each(TRIAL)),
}


def read(
    path: str | os.PathLike[str],
    shape: Shape,
    move: bool,
    accept: Callable[[dict[str, Any]], Any] = lambda value: value,
) -> Any:
    """Reads a state file; one that is damaged is told of in one line.

    Args:
        path: The file. If there is none, nothing is said.
        shape: What it has to hold.
        move: Boolean. Whether a damaged file is put aside: only by the process
            that holds the study's lock.
        accept: Function that takes the content, and may refuse it as well.

    Returns:
        What `accept` returns, or None.
    """
    try:
        value = state.read_json(path)
        wrong = fault(value, shape)
        if wrong:
            raise state.Damaged(f"{os.fspath(path)} is damaged: {wrong}")
        try:
            return accept(value)
        except Exception as error:
            # KerasTuner's own readers raise anything.
            name = type(error).__name__
            raise state.Damaged(
                f"{os.fspath(path)} is damaged: {name}: {error}"
            ) from error
    except FileNotFoundError:
        return None
    except state.Damaged as error:
        if move and os.path.lexists(path):
            state.put_aside(path, error)
        else:
            state.tell(f"{error}. It is left out.")
        return None


def read_study(directory: str | os.PathLike[str], move: bool) -> Any:
    """The content of a study's file, or of the generation before."""
    path = Path(directory) / files.STUDY
    for candidate in (path, files.previous(path)):
        found = read(candidate, STUDY, move)
        if found is not None:
            return found
    return None


def fault(value: Any, shape: Shape, place: str = "") -> str:
    """The first thing in which a value differs from a shape, or `""`."""
    where = f" in `{place}`" if place else ""
    if isinstance(shape, Where):
        wrong = fault(value, shape.shape, place)
        if wrong or shape.holds(value):
            return wrong
        return f"an impossible value{where}"
    if isinstance(shape, Each):
        if not isinstance(value, dict):
            return f"no mapping{where}"
        for key, item in value.items():
            if shape.key is not None and not shape.key(key):
                return f"an unknown key{where}"
            wrong = fault(item, shape.shape, f"{place}/{key}")
            if wrong:
                return wrong
    elif isinstance(shape, dict):
        if not isinstance(value, dict):
            return f"no mapping{where}"
        for key, wanted in shape.items():
            optional = isinstance(wanted, Optional)
            if key not in value:
                if optional:
                    continue
                return f"no `{key}`{where}"
            wanted = wanted.shape if optional else wanted
            wrong = fault(value[key], wanted, f"{place}/{key}".strip("/"))
            if wrong:
                return wrong
    elif isinstance(shape, list):
        if not isinstance(value, list):
            return f"no list{where}"
        for item in value:
            wrong = fault(item, shape[0], place)
            if wrong:
                return wrong
    elif isinstance(shape, (type, tuple)):
        # True is no number here.
        if not isinstance(value, shape) or (
            shape is int and isinstance(value, bool)
        ):
            return f"another type{where}"
    elif not shape(value):
        return f"an impossible value{where}"
    return ""
