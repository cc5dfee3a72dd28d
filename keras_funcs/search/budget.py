"""How long the rest of a study takes, from what went before."""

from collections.abc import Iterable
from typing import Any

LEAST_SEEDS = 2  # below, nothing can be compared


class Pace:
    """The pace of a study's runs.

    A configuration is compiled once; its further seeds only train. The trials
    of the search tell both paces, and the final, where a run may be longer,
    corrects them as it goes.
    """

    def __init__(self) -> None:
        self.first: list[float] = []
        self.further: list[float] = []
        self._spent = 0.0
        self._expected = 0.0

    def learn(self, trials: Iterable[Any]) -> None:
        """Takes the paces of the completed trials of an oracle."""
        self.first, self.further = [], []
        for trial in trials:
            seconds = _metric(trial, "seconds")
            if trial.status == "COMPLETED" and seconds is not None:
                steady = _metric(trial, "steady")
                self.first.append(seconds)
                self.further.append(seconds if steady is None else steady)

    def correct(self, seconds: float, first: bool) -> None:
        """Takes the seconds of one run of the final."""
        self._spent += seconds
        self._expected += _mean(self.first if first else self.further)

    @property
    def trial(self) -> float:
        """Seconds of one trial; 0 where none has ended."""
        return _mean(self.first)

    def runs(self, count: int) -> float:
        """Seconds of one configuration with so many seeds."""
        if count <= 0:
            return 0.0
        known = self._expected > 0 and self._spent > 0
        scale = self._spent / self._expected if known else 1.0
        seconds = self.trial + (count - 1) * _mean(self.further)
        return scale * seconds

    def comparison(self) -> float:
        """Seconds of the least that says something: two by two runs."""
        return 2 * self.runs(LEAST_SEEDS)


def _metric(trial: Any, name: str) -> float | None:
    if not trial.metrics.exists(name):
        return None
    found = trial.metrics.get_history(name)
    return float(found[0].value[0]) if found else None


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
