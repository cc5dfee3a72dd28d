"""When a lane's training ends, and which of its epochs was the best."""

import itertools
import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from keras_funcs._core import checks


@dataclass
class Course:
    """The epochs of a lane so far.

    An epoch counts only if its objective and its training loss are finite: a
    diverged model has an accuracy too.

    Args:
        objective: A `keras_tuner.Objective`.
        patience: Integer. Epochs without a better one that end the training.
    """

    objective: Any
    patience: int
    epoch: int = -1
    logs: Mapping[str, float] = field(default_factory=dict)
    history: list[Mapping[str, float]] = field(default_factory=list)
    stopped: str = ""

    @property
    def score(self) -> float | None:
        """The objective in the best epoch."""
        return self.logs.get(self.objective.name)

    def observe(self, logs: Mapping[str, float]) -> bool:
        """Takes note of an epoch; returns whether it is the best so far.

        Raises:
            ValueError: If the objective is not among the metrics.
        """
        epoch = len(self.history)
        self.history.append(logs)
        value = logs.get(self.objective.name)
        if value is None:
            known = sorted(name for name in logs if name.startswith("val_"))
            checks.invalid("objective", f"one of {known}", self.objective.name)
        best = self.score
        if not math.isfinite(logs.get("loss", 0.0)):
            self.stopped = "not finite"
        elif math.isfinite(value) and (
            best is None or self.objective.better_than(value, best)
        ):
            self.epoch, self.logs = epoch, logs
            return True
        elif epoch - max(self.epoch, 0) >= self.patience:
            self.stopped = "patience"
        return False


@dataclass(frozen=True)
class Halving:
    """Stops the worse lanes of a block early (successive halving).

    Args:
        first: Integer >= 1. The number of epochs after which lanes are
            stopped for the first time; next after `first * factor` epochs.
        factor: Integer >= 2. One of `factor` lanes goes on.

    Reference:
        Jamieson and Talwalkar (2016), AISTATS, arXiv:1502.07943
    """

    first: int
    factor: int = 2

    def __post_init__(self) -> None:
        checks.integer("first", self.first, at_least=1)
        checks.integer("factor", self.factor, at_least=2)

    def rungs(self, epochs: int) -> list[int]:
        """After how many epochs lanes are stopped, of so many."""
        found = []
        rung = self.first
        while rung < epochs:
            found.append(rung)
            rung *= self.factor
        return found

    def stop(self, courses: Sequence[Course]) -> None:
        """Stops the worse ones of those that have not ended."""
        going = [course for course in courses if not course.stopped]
        keep_best(going, len(going) // self.factor, "halving")


def keep_best(courses: Sequence[Course], count: int, reason: str) -> None:
    """Stops all but the best ones, and never the last."""
    worst = -math.inf

    def value(course: Course) -> float:
        if course.score is None:
            return worst
        sign = -1.0 if course.objective.direction == "min" else 1.0
        return sign * course.score

    ranked = sorted(courses, key=value, reverse=True)
    for course in ranked[max(count, 1) :]:
        course.stopped = reason


def relative_cost(halving: Halving | None, epochs: int) -> float:
    """The epochs of all lanes, over those of one that goes on to the end.

    The first epoch is left out, after which this is asked.
    """
    rungs = [1, *(halving.rungs(epochs) if halving else ()), epochs]
    factor = halving.factor if halving else 1
    return sum(
        max(end - begin, 0) / factor**number
        for number, (begin, end) in enumerate(itertools.pairwise(rungs))
    )
