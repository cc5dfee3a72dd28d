"""The work of a study in three nouns, and the contract of who does it.

The search, the finalists, their seeds and the ablation hand over jobs; an
engine trains them. Neither knows the other.
"""

import abc
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any

TRIAL = "trial"
BASELINE = "baseline"
TUNED = "tuned"
FINALIST = "finalist"
ABLATION = "ablation"
# The roles of rows that no job makes; see `beside`.
ADJUSTED = "adjusted"
THRESHOLD = "threshold"
ENSEMBLE = "ensemble"
REFERENCE = "reference"


@dataclass(frozen=True)
class Job:
    """One training run to be made.

    Attributes:
        name: String. Whose run it is: a trial's or a configuration's name.
        role: String. `TRIAL` in the search; in the final `BASELINE`, `TUNED`,
            `FINALIST` or `ABLATION`.
        values: Mapping from hyper-parameter to value, the active ones; of a
            trial with the oracle's own entries.
        seed: Integer. Of initial weights, order of samples and dropout.
        epochs: Integer. At most.
        settings: Sequence of mappings. Of a trial that an engine of lanes may
            train: the settings to try at once, all with the choices of
            `values`, which is the first of them. Another engine trains
            `values` alone.
        seconds: Float or None. How long a trial of several settings may take,
            at about: fewer of them are then trained to their end.
    """

    name: str
    role: str
    values: Mapping[str, Any]
    seed: int
    epochs: int
    settings: Sequence[Mapping[str, Any]] = ()
    seconds: float | None = None

    @property
    def is_trial(self) -> bool:
        """Whether it belongs to the search, which never sees the test split."""
        return self.role == TRIAL

    @property
    def key(self) -> str:
        """The name of this job among all jobs of the study."""
        return self.name if self.is_trial else f"{self.name} {self.seed}"


@dataclass(frozen=True)
class Tried:
    """The outcome of one of the settings of a trial.

    Attributes:
        values: Mapping. Its hyper-parameters.
        score: Float or None. The objective in its best epoch; None if it
            failed.
        epoch: Integer. That epoch, from 0.
        epochs: Integer. How many it was trained for.
        stopped: String. Why it ended: `"epochs"`, `"patience"`, `"halving"`,
            `"time"`, `"not finite"` or `"failed"`.
        message: String. Why it has no score.
    """

    values: Mapping[str, Any]
    score: float | None
    epoch: int
    epochs: int
    stopped: str
    message: str = ""


def best_of(
    tried: Sequence[Tried], is_better: Callable[[float, float], bool]
) -> int | None:
    """The place of the best of some settings, or None if all have failed."""
    best: int | None = None
    for place, item in enumerate(tried):
        if item.score is None:
            continue
        known = None if best is None else tried[best].score
        if known is None or is_better(item.score, known):
            best = place
    return best


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job: numbers, or the reason why there are none.

    Attributes:
        job: The `Job`.
        error: String. What went wrong, in its first line; where, below it.
        may_retry: Boolean. Whether another attempt may succeed where this one
            failed; a run that diverged would diverge again.
        validation: Float or None. The objective in the best epoch.
        epoch: Integer or None. That epoch, from 0.
        logs: Mapping. All metrics of that epoch.
        seconds: Float or None. The whole run.
        steady: Float or None. The same without the first epoch, in which the
            model is compiled: the cost of a further seed.
        history: Sequence of floats. The objective by epoch.
        alone: Float or None. What one of several settings would have taken by
            itself; None if there was one.
        score: Float or None. The objective on the held-out split. As the next
            three, of jobs of the final only.
        metrics: Mapping. All metrics on the held-out split.
        matrix: List of lists or None. The confusion matrix of that split.
        predictions: Mapping from `"held_out"` and `"validation"` to
            `Predictions`; empty if a row has no class and no number.
        save: Function that writes the trained model to a path, or None. It
            works until `done` returns.
        tried: Sequence of `Tried`, in the order of the job's settings; the
            first of them if it was trained alone, and empty for a job without
            settings. What stands above is the best one's.
    """

    job: Job
    error: str = ""
    may_retry: bool = True
    validation: float | None = None
    epoch: int | None = None
    logs: Mapping[str, float] = field(default_factory=dict)
    seconds: float | None = None
    steady: float | None = None
    alone: float | None = None
    history: Sequence[float] = ()
    score: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    matrix: list[list[float]] | None = None
    predictions: Mapping[str, Any] = field(default_factory=dict)
    save: Callable[[Any], Any] | None = None
    tried: Sequence[Tried] = ()


class Engine(abc.ABC):
    """Trains jobs; a subclass says how.

    Attributes:
        block: Integer. How many trials of the search it likes at once.
    """

    block = 1

    @abc.abstractmethod
    def run(
        self,
        blocks: Iterable[Sequence[Job]],
        done: Callable[[Outcome], None],
    ) -> None:
        """Runs all jobs.

        Args:
            blocks: Iterable of sequences of jobs. It is asked for a block only
                after `done` was called for every job of the block before,
                because the next trial depends on the scores of the last ones.
                The jobs of one block are independent of each other.
            done: Function called once for each job, in any order within a
                block, when its outcome is known. What it returns from is on
                the disk. It may raise, as may `blocks`: the error passes
                through, and the jobs that are not done are offered again when
                the study is resumed.
        """
