"""The trials of a study and the configurations of its final, as read."""

import dataclasses
import math
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_funcs.search.jobs import Tried
from keras_funcs.search.jobs import best_of
from keras_funcs.search.store import files
from keras_funcs.search.store import records
from keras_funcs.search.store import settings


@dataclass(frozen=True)
class Trial:
    """One trial of the search; `score` is None where it failed.

    One that tried several settings has the values of the best of them.
    """

    name: str
    values: Mapping[str, Any]
    status: str
    score: float | None
    epoch: int
    seconds: float | None
    message: str
    settings: tuple[Tried, ...] = ()


@dataclass(frozen=True)
class Config:
    """A configuration trained over several seeds.

    Attributes:
        name: String. `"baseline"`, a trial's name, or for an ablation that
            name and what was put back.
        role: String. `"baseline"`, `"tuned"` (the baseline's choices with
            numbers from the search), `"finalist"` or `"ablation"`.
        label: String. Its choices in a few words.
        values: Mapping. Its hyper-parameters.
        reverted: String. Of an ablation, the part put back.
        runs: Mapping from seed to what was stored for it.
        fixed: Boolean. Whether it is the same for all seeds.
    """

    name: str
    role: str
    label: str
    values: Mapping[str, Any]
    reverted: str
    runs: Mapping[int, Mapping[str, Any]]
    fixed: bool = False

    def of_seed(self, seed: int) -> int:
        """The seed whose files a run has: of what is fixed, the first one."""
        return min(self.runs) if self.fixed else seed

    def scores(self, key: str = "score") -> dict[int, float]:
        """From seed to `"score"` (test) or `"validation"`."""
        return {
            seed: float(run[key])
            for seed, run in self.runs.items()
            if run.get(key) is not None and math.isfinite(run[key])
        }

    @property
    def failed(self) -> int:
        """How many seeds gave no result."""
        return len(self.runs) - len(self.scores())

    def from_the_middle(self) -> list[int]:
        """The seeds, that of the median validation score first."""
        scores = self.scores("validation")
        order = sorted(scores, key=lambda seed: (scores[seed], seed))
        middle = (len(order) - 1) // 2
        return sorted(order, key=lambda seed: abs(order.index(seed) - middle))

    def mean(self, key: str = "score") -> float:
        found = list(self.scores(key).values())
        return float(np.mean(found)) if found else math.nan

    def deviation(self, key: str = "score") -> float:
        if self.fixed:
            return math.nan
        found = list(self.scores(key).values())
        return float(np.std(found, ddof=1)) if len(found) > 1 else math.nan

    @property
    def matrix(self) -> np.ndarray | None:
        """The confusion matrices of all seeds, added."""
        found = [
            run["matrix"] for run in self.runs.values() if run.get("matrix")
        ]
        return np.sum(found, axis=0) if found else None

    def recall_by_seed(self) -> dict[int, np.ndarray]:
        """From seed to the recall of each class; NaN of one without labels."""
        found = {}
        for seed, run in self.runs.items():
            if run.get("matrix"):
                matrix = np.asarray(run["matrix"], dtype=np.float64)
                totals = matrix.sum(1)
                right = np.diag(matrix) / np.maximum(totals, 1)
                found[seed] = np.where(totals > 0, right, np.nan)
        return found


def config(path: Path) -> Config | None:
    """Reads the runs of one configuration; None where there are none yet."""
    found: Config | None = records.read(
        path,
        records.RUNS,
        False,
        lambda saved: Config(
            name=path.stem,
            role=saved["role"],
            label=saved["label"],
            values=saved["values"],
            reverted=saved["reverted"],
            runs={int(seed): run for seed, run in saved["runs"].items()},
            fixed=saved.get("fixed", False),
        ),
    )
    return found


def trial(
    folder: Path, is_better: Callable[[float, float], bool]
) -> Trial | None:
    """Reads a trial; None where there is none."""
    found: Trial | None = records.read(
        folder / files.TRIAL, records.TRIAL, False, _trial
    )
    if found is None or found.score is None:
        return found
    tried = settings.read(folder, move=False)
    place = best_of(tried, is_better)
    if place is None:
        return found
    return dataclasses.replace(
        found, values=tried[place].values, settings=tried
    )


def _trial(saved: Mapping[str, Any]) -> Trial:
    score = saved["score"] if saved["status"] == "COMPLETED" else None
    seconds = saved["metrics"]["metrics"].get("seconds", {})
    observed = seconds.get("observations")
    return Trial(
        name=files.trial_name(saved["trial_id"]),
        values={
            name: value
            for name, value in saved["hyperparameters"]["values"].items()
            if not name.startswith("tuner/")
        },
        status=saved["status"],
        score=None if score is None else float(score),
        epoch=int(saved["best_step"] or 0),
        seconds=float(observed[0]["value"][0]) if observed else None,
        message=(saved["message"] or "").split("\n")[0],
    )
