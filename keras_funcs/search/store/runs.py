"""The runs of the final on the disk: one file for each configuration.

Each run is stored when it ends, so that an interrupted final goes on where it
was.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from keras_funcs.search.jobs import ABLATION
from keras_funcs.search.jobs import Outcome
from keras_funcs.search.store import files
from keras_funcs.search.store import predictions
from keras_funcs.search.store import records
from keras_funcs.search.store import state


class Runs:
    """The stored runs of all configurations of a final.

    Args:
        directory: Path. The study's folder.
        seeds: List of integers, of each configuration. It may get shorter.
    """

    def __init__(self, directory: Path, seeds: list[int]) -> None:
        self.directory = directory
        self.seeds = seeds
        self._known: dict[str, dict[str, Any]] = {}

    def enter(self, name: str, facts: Mapping[str, Any]) -> None:
        """Begins a configuration's file, or brings its facts up to date.

        It may have had another part in a smaller search.
        """
        state.make_folder(self.directory / files.FINALISTS)
        self._of(name).update(facts)
        self._store(name)

    def missing(self, name: str, seeds: Iterable[int]) -> list[int]:
        """The seeds with which a configuration has not been run."""
        runs = self._of(name)["runs"]
        return [seed for seed in seeds if str(seed) not in runs]

    def add(self, outcome: Outcome) -> None:
        """Stores a run, and its model while it may be the median one."""
        job = outcome.job
        if outcome.error:
            return self.fail(job.name, job.seed, outcome.error)
        self._keep_model(outcome)
        predictions.store(
            self.directory, job.name, job.seed, outcome.predictions
        )
        self._of(job.name)["runs"][str(job.seed)] = {
            "validation": outcome.validation,
            "score": outcome.score,
            "epoch": outcome.epoch,
            "seconds": outcome.seconds,
            "metrics": dict(outcome.metrics),
            "matrix": outcome.matrix,
            # JSON has no NaN.
            "history": [v if isfinite(v) else None for v in outcome.history],
        }
        self._store(job.name)

    def fail(self, name: str, seed: int, error: str) -> None:
        """Stores why a run gave no result."""
        self._of(name)["runs"][str(seed)] = {"error": error}
        self._store(name)

    def repeat(self, name: str, seed: int, other: int) -> None:
        """Stores a run once more, of what is the same for another seed."""
        runs = self._of(name)["runs"]
        runs[str(other)] = runs[str(seed)]
        self._store(name)

    def _keep_model(self, outcome: Outcome) -> None:
        job, score, save = outcome.job, outcome.validation, outcome.save
        if job.role == ABLATION or save is None or score is None:
            return
        runs = self._of(job.name)["runs"]
        scores = {
            int(seed): run["validation"]
            for seed, run in runs.items()
            if run.get("validation") is not None
        }
        failed = sum("error" in run for run in runs.values())
        scores[job.seed] = score
        wanted = may_be_median(scores, len(self.seeds) - failed)
        for seed in scores:
            path = files.model_of(self.directory, job.name, seed)
            if seed not in wanted:
                path.unlink(missing_ok=True)
            elif seed == job.seed:
                state.replace(path, save)

    def _of(self, name: str) -> dict[str, Any]:
        if name not in self._known:
            path = files.runs_of(self.directory, name)
            saved = records.read(path, records.RUNS, move=True)
            self._known[name] = saved or {"runs": {}}
        return self._known[name]

    def _store(self, name: str) -> None:
        state.write_json(files.runs_of(self.directory, name), self._of(name))


def may_be_median(scores: Mapping[int, float], total: int) -> set[int]:
    """The seeds of which one will be the median, once `total` have a score.

    Of an even number it is the lower one in the middle.
    """
    order = sorted(scores, key=lambda seed: (scores[seed], seed))
    missing = max(total - len(order), 0)
    middle = (len(order) + missing - 1) // 2
    ranks = range(max(middle - missing, 0), middle + 1)
    return {order[rank] for rank in ranks if rank < len(order)}
