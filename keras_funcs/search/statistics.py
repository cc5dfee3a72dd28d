"""Whether one configuration is better than another, over the same seeds."""

import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.05


@dataclass(frozen=True)
class Comparison:
    """A paired comparison with the baseline; positive is better.

    Attributes:
        difference: Float. Mean over the seeds.
        low: Float. Lower end of the 95 % confidence interval.
        high: Float. Its upper end.
        p: Float. Of the paired t test, two-sided.
        p_adjusted: Float. After Holm, over all comparisons made.
        pairs: Integer. The seeds that both have a result for.
    """

    difference: float
    low: float
    high: float
    p: float
    p_adjusted: float
    pairs: int

    @property
    def better(self) -> bool:
        return self.low > 0 and self.p_adjusted < LEVEL

    @property
    def worse(self) -> bool:
        return self.high < 0 and self.p_adjusted < LEVEL


def compare(
    scores: Mapping[int, float], baseline: Mapping[int, float], sign: int = 1
) -> Comparison:
    """Compares two configurations on the seeds they share.

    Args:
        scores: Mapping from seed to score.
        baseline: Mapping from seed to score.
        sign: 1 where a larger score is better, -1 where a smaller one is.

    Returns:
        A `Comparison`; all its numbers are NaN below two shared seeds.
    """
    seeds = [
        seed
        for seed in scores
        if math.isfinite(scores[seed])
        and math.isfinite(baseline.get(seed, math.nan))
    ]
    if len(seeds) < 2:
        nan = math.nan
        return Comparison(nan, nan, nan, nan, nan, len(seeds))
    from scipy import stats

    differences = np.array([sign * (scores[s] - baseline[s]) for s in seeds])
    mean = float(differences.mean())
    error = float(differences.std(ddof=1)) / math.sqrt(len(seeds))
    if error <= 1e-12 * max(1.0, abs(mean)):
        # The seed changes nothing: a deterministic model, or equal ones.
        p = 1.0 if mean == 0 else 0.0
        return Comparison(mean, mean, mean, p, p, len(seeds))
    freedom = len(seeds) - 1
    half = float(stats.t.ppf(1 - LEVEL / 2, freedom)) * error
    p = float(2 * stats.t.sf(abs(mean) / error, freedom))
    return Comparison(mean, mean - half, mean + half, p, p, len(seeds))


def holm(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Adjusts p for the number of comparisons (Holm's step-down method).

    Comparisons without a p value stay as they are and do not count.
    """
    order = sorted(
        (i for i, c in enumerate(comparisons) if math.isfinite(c.p)),
        key=lambda i: comparisons[i].p,
    )
    adjusted = list(comparisons)
    running = 0.0
    for rank, index in enumerate(order):
        item = comparisons[index]
        running = max(running, min(1.0, (len(order) - rank) * item.p))
        adjusted[index] = Comparison(
            item.difference, item.low, item.high, item.p, running, item.pairs
        )
    return adjusted


def verdict(
    comparisons: Mapping[str, Comparison], metric: str, seeds: int
) -> str:
    """Says in a sentence or two what may be concluded.

    Args:
        comparisons: Mapping from a finalist's name to its comparison,
            adjusted by `holm`.
        metric: String. What was measured.
        seeds: Integer. How many seeds were run.
    """
    known = {k: c for k, c in comparisons.items() if math.isfinite(c.p)}
    if not known:
        return "There is no finalist to compare with the baseline."
    won = {name: c for name, c in known.items() if c.better}
    open_ = {n: c for n, c in known.items() if c.low > 0 and not c.better}
    lost = [name for name, c in known.items() if c.worse]
    if won:
        best = max(won, key=lambda name: won[name].difference)
        text = (
            f"{best} beat the baseline: {_interval(won[best])} in {metric} "
            f"over {seeds} seeds"
        )
        others = [name for name in won if name != best]
        if others:
            text += f"; so did {' and '.join(others)}"
        text += "."
    elif open_:
        best = max(open_, key=lambda name: open_[name].difference)
        text = (
            f"Nothing beat the baseline for certain. {best} may be better "
            f"({_interval(open_[best])} in {metric}), but among "
            f"{len(known)} comparisons that can be chance (adjusted p = "
            f"{open_[best].p_adjusted:.2f}); run more seeds."
        )
    else:
        best = max(known, key=lambda name: known[name].difference)
        text = (
            f"Nothing beat the baseline in {metric}: the closest, {best}, "
            f"differs by {_interval(known[best])} over {seeds} seeds."
        )
    if lost:
        text += f" Worse than the baseline: {', '.join(lost)}."
    return text


def _interval(item: Comparison) -> str:
    return (
        f"{item.difference:+.4f} (95 % CI {item.low:+.4f} to {item.high:+.4f})"
    )
