"""The time a study has, and what the rest of it takes by what went before."""

import time
from collections.abc import Iterable

LEAST_SEEDS = 2  # below, nothing can be compared


class Clock:
    """Time spent in a study, over all its sittings."""

    def __init__(self, before: float = 0.0) -> None:
        self.before = before
        self._begin = time.monotonic()

    @property
    def elapsed(self) -> float:
        return self.before + time.monotonic() - self._begin


class Pace:
    """The pace of a study's runs.

    A configuration is compiled once; its further seeds only train. The trials
    of the search tell both paces, and the final, where a run may be longer,
    corrects them as it goes.
    """

    def __init__(self) -> None:
        self.whole: list[float] = []
        self.first: list[float] = []
        self.further: list[float] = []
        self._spent = 0.0
        self._expected = 0.0

    def learn(self, timings: Iterable[tuple[float, float, float]]) -> None:
        """Takes the seconds of all trials.

        The whole, one of its settings alone, and that without compiling.
        """
        known = list(timings)
        self.whole = [whole for whole, _, _ in known]
        self.first = [alone for _, alone, _ in known]
        self.further = [steady for _, _, steady in known]

    def correct(self, seconds: float, first: bool) -> None:
        """Takes the seconds of one run of the final."""
        self._spent += seconds
        self._expected += _mean(self.first if first else self.further)

    @property
    def trial(self) -> float:
        """Seconds of one trial; 0 where none has ended."""
        return _mean(self.whole)

    def runs(self, count: int) -> float:
        """Seconds of one configuration with so many seeds."""
        if count <= 0:
            return 0.0
        known = self._expected > 0 and self._spent > 0
        scale = self._spent / self._expected if known else 1.0
        seconds = _mean(self.first) + (count - 1) * _mean(self.further)
        return scale * seconds

    def comparison(self) -> float:
        """Seconds of the least that says something: two by two runs."""
        return 2 * self.runs(LEAST_SEEDS)


class Budget:
    """A limit of time, held against a clock and a pace.

    Args:
        limit: Float > 0 or None for as long as it takes.
        before: Float. Seconds of earlier sittings.
    """

    MAX_RESERVE = 0.6  # of the limit, at most, kept for the final

    def __init__(self, limit: float | None, before: float = 0.0) -> None:
        self.limit = limit
        self.clock = Clock(before)
        self.pace = Pace()

    def affords(self, seconds: float) -> bool:
        """Whether so many more seconds fit."""
        if not seconds or self.limit is None:
            return True
        return self.clock.elapsed + seconds <= self.limit

    def within(self, seconds: float) -> float:
        """An estimate, cut at the time that is allowed."""
        if self.limit is not None:
            seconds = min(seconds, self.limit - self.clock.elapsed)
        return float(max(0.0, seconds))

    def search_is_over(self, final: float) -> bool:
        """Whether what is left is needed for a final of so many seconds."""
        known = len(self.pace.first)
        if self.limit is None or not known:
            return False
        # With one trial there is nothing to compare the baseline with.
        least = self.pace.comparison()
        reserve = min(final, max(least, self.MAX_RESERVE * self.limit))
        if known == 1:
            reserve = least
        return self.clock.elapsed + self.pace.trial > self.limit - reserve


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
