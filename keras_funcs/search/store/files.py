"""Every name in a study's folder; what has another name is the user's."""

import itertools
import os
import re
from pathlib import Path

STUDY = "study.json"
LOCK = "study.lock"
PREVIOUS = ".previous"  # the generation before, beside its file
SEARCH = "search"
ORACLE = "oracle.json"
TRIAL = "trial.json"
SETTINGS = "settings.json"
CRASH = "crash.log"
ATTEMPTS = "attempts.json"
FINALISTS = "finalists"
LOGS = "logs"
FIGURES = "figures"
PREDICTIONS = "predictions"
REPORT = "report.md"
PAGE = "report.html"
TRIALS_TABLE = "trials.csv"
FINALISTS_TABLE = "finalists.csv"
BEST_MODEL = "best.keras"
PREPROCESSING = "preprocessing.json"

FOLDERS = (SEARCH, FINALISTS, LOGS, FIGURES, PREDICTIONS)

_numbers = itertools.count()
_TEMPORARY = re.compile(r"\.keras_funcs-writing-[0-9]+-[0-9]+(\.keras)?")
_TRIAL_FOLDER = re.compile(r"trial_([0-9]{1,9})")


def temporary(path: Path) -> Path:
    """A new name beside a file, for what will replace it."""
    # Keras saves a model by the ending of its file's name.
    ending = ".keras" if path.suffix == ".keras" else ""
    number = next(_numbers)
    name = f".keras_funcs-writing-{os.getpid()}-{number}{ending}"
    return path.with_name(name)


def is_temporary(name: str) -> bool:
    """Whether a name is one that `temporary` gives."""
    return _TEMPORARY.fullmatch(name) is not None


def trial_folder(directory: str | os.PathLike[str], trial_id: str) -> Path:
    """The folder of a trial, as KerasTuner names it."""
    return Path(directory) / f"trial_{trial_id}"


def trial_folders(directory: str | os.PathLike[str]) -> dict[str, Path]:
    """From a trial's id to its folder, in the order of the search.

    A copy made by hand, such as `trial_3_copy`, is none of them.
    """
    found = {}
    path = Path(directory)
    for item in path.iterdir() if path.is_dir() else ():
        match = _TRIAL_FOLDER.fullmatch(item.name)
        if match and item.is_dir():
            found[match[1]] = item
    return {key: found[key] for key in sorted(found, key=trial_order)}


def trial_order(trial_id: str) -> tuple[int, str]:
    """Sorts the ids of trials, which may have zeros in front."""
    return int(trial_id), trial_id


def trial_name(trial_id: str) -> str:
    """The name of a trial's logs and row: it sorts as the trials do."""
    return f"trial_{int(trial_id):04d}"


def trial_number(name: str) -> int:
    """The number in the name of a trial."""
    return int(name.rpartition("_")[2])


def is_trial_id(text: object) -> bool:
    """Whether a value is the id of a trial."""
    return (
        isinstance(text, str)
        and _TRIAL_FOLDER.fullmatch(f"trial_{text}") is not None
    )


def previous(path: str | os.PathLike[str]) -> Path:
    """The generation before a state file."""
    path = Path(path)
    return path.with_name(path.name + PREVIOUS)


def model_of(directory: Path, name: str, seed: int) -> Path:
    """The model of a run of the final."""
    return directory / FINALISTS / f"{name}-seed_{seed}.keras"


def runs_of(directory: Path, name: str) -> Path:
    """The runs of a finalist."""
    return directory / FINALISTS / f"{name}.json"


def predictions_of(directory: Path, name: str, seed: int) -> Path:
    """The predictions of one run of the final."""
    return directory / PREDICTIONS / f"{name}-seed_{seed}.npz"


def labels_of(directory: Path) -> Path:
    """The labels of the rows that the runs of the final predict."""
    return directory / PREDICTIONS / "labels.npz"


def figure_of(directory: Path, name: str, form: str) -> Path:
    """A figure of the report, as `"png"` or `"svg"`."""
    return directory / FIGURES / f"{name}.{form}"


def log_of(log_dir: Path, name: str, seed: int | None) -> Path:
    """The TensorBoard run of a trial, or of one seed of a finalist."""
    if seed is None:
        return log_dir / name
    return log_dir / FINALISTS / name / f"seed_{seed}"


def unused_log(path: Path) -> Path:
    """The log, or one beside it if an earlier attempt has left events there."""
    attempt, candidate = 1, path
    while candidate.exists() and any(
        name.startswith("events") for name in os.listdir(candidate)
    ):
        attempt += 1
        candidate = path / f"attempt_{attempt}"
    return candidate


def is_ours(path: Path) -> bool:
    """Whether a file or folder of this name may be put aside by a study."""
    own = {
        STUDY, LOCK, ORACLE, TRIAL, SETTINGS, CRASH, ATTEMPTS, REPORT, PAGE,
        TRIALS_TABLE, FINALISTS_TABLE, BEST_MODEL, PREPROCESSING,
        "tuner0.json", *FOLDERS,
    }  # fmt: skip
    name = path.name.removesuffix(PREVIOUS)
    inside = path.parent.name in (FINALISTS, FIGURES, PREDICTIONS)
    return name in own or bool(_TRIAL_FOLDER.fullmatch(name)) or inside
