"""The runs of the final on the disk: one file for each configuration.

Each run is stored when it ends, so that an interrupted final goes on where it
was.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_funcs.search.jobs import ABLATION
from keras_funcs.search.jobs import Outcome
from keras_funcs.search.store import files
from keras_funcs.search.store import predictions
from keras_funcs.search.store import records
from keras_funcs.search.store import state


class Runs:
    """What is stored of all configurations of a final.

    Args:
        directory: Path. The study's folder.
        is_better: Function of two scores.
    """

    def __init__(
        self, directory: Path, is_better: Callable[[float, float], bool]
    ) -> None:
        self.directory = directory
        self.is_better = is_better
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
        """Stores a run, and the model that is best on validation so far."""
        job = outcome.job
        runs = self._of(job.name)["runs"]
        if outcome.error:
            runs[str(job.seed)] = {"error": outcome.error}
        else:
            self._keep_model(outcome)
            predictions.store(
                self.directory, job.name, job.seed, outcome.predictions
            )
            runs[str(job.seed)] = {
                "validation": outcome.validation,
                "score": outcome.score,
                "epoch": outcome.epoch,
                "seconds": outcome.seconds,
                "metrics": dict(outcome.metrics),
                "matrix": outcome.matrix,
            }
        self._store(job.name)

    def _keep_model(self, outcome: Outcome) -> None:
        score, save = outcome.validation, outcome.save
        if outcome.job.role == ABLATION or save is None or score is None:
            return
        path = files.model_of(self.directory, outcome.job.name)
        others = [
            run["validation"]
            for run in self._of(outcome.job.name)["runs"].values()
            if run.get("validation") is not None
        ]
        if not path.is_file() or all(
            self.is_better(score, other) for other in others
        ):
            state.replace(path, save)

    def _of(self, name: str) -> dict[str, Any]:
        if name not in self._known:
            path = files.runs_of(self.directory, name)
            saved = records.read(path, records.RUNS, move=True)
            self._known[name] = saved or {"runs": {}}
        return self._known[name]

    def _store(self, name: str) -> None:
        state.write_json(files.runs_of(self.directory, name), self._of(name))
