"""Whether one configuration is better than another, over the same seeds.

An interval covers two kinds of chance: that of training, by the seeds, and
that of which rows are held out, by `Sampling`. Their variances add up, and the
degrees of freedom follow Satterthwaite (1946).
"""

import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

import numpy as np

from keras_funcs.search.report.sampling import Sampling

LEVEL = 0.05


@dataclass(frozen=True)
class Comparison:
    """A paired comparison with the baseline; positive is better.

    Attributes:
        difference: Float. Mean over the seeds.
        low: Float. Lower end of the 95 % confidence interval.
        high: Float. Its upper end.
        p: Float. Of a two-sided t test of the mean difference, whose variance
            is that over the seeds and, if `rows` is not 0, over the rows.
        p_adjusted: Float. After Holm, over all comparisons made.
        pairs: Integer. The seeds that both have a result for.
        failed: Integer. The seeds with which the configuration itself gave
            none; one is enough for it not to count as better.
        rows: Integer. The held-out rows whose choice the interval covers; 0 if
            it covers the seeds alone.
    """

    difference: float
    low: float
    high: float
    p: float
    p_adjusted: float
    pairs: int
    failed: int = 0
    rows: int = 0

    @property
    def better(self) -> bool:
        return self.low > 0 and self.p_adjusted < LEVEL and self.failed == 0

    @property
    def open(self) -> bool:
        """Better but for the number of comparisons made."""
        return self.low > 0 and self.failed == 0 and not self.better

    @property
    def worse(self) -> bool:
        return self.high < 0 and self.p_adjusted < LEVEL


def compare(
    scores: Mapping[int, float],
    baseline: Mapping[int, float],
    sign: int = 1,
    failed: int = 0,
    sampling: Sampling | None = None,
) -> Comparison:
    """Compares two configurations on the seeds they share.

    Args:
        scores: Mapping from seed to score.
        baseline: Mapping from seed to score.
        sign: 1 where a larger score is better, -1 where a smaller one is.
        failed: How many seeds the configuration failed with.
        sampling: `Sampling` of the mean difference over the held-out rows, or
            None to leave them out.

    Returns:
        A `Comparison`; all its numbers are NaN below two shared seeds. If all
        differences are the same number other than 0, and no row tells of their
        spread, interval and p are NaN.
    """
    nan = math.nan
    seeds = [
        seed
        for seed in scores
        if math.isfinite(scores[seed])
        and math.isfinite(baseline.get(seed, math.nan))
    ]
    if len(seeds) < 2:
        return Comparison(nan, nan, nan, nan, nan, len(seeds), failed)
    from scipy import stats

    differences = np.array([sign * (scores[s] - baseline[s]) for s in seeds])
    mean = float(differences.mean())
    count, rows = len(seeds), sampling.rows if sampling else 0
    of_seeds = float(differences.var(ddof=1)) / count
    of_rows = sampling.variance if sampling else 0.0
    error = math.sqrt(of_seeds + of_rows)
    if error <= 1e-12 * max(1.0, abs(mean)):
        known = 1.0 if mean == 0 else nan
        end = 0.0 if mean == 0 else nan
        return Comparison(mean, end, end, known, known, count, failed, rows)
    # df = (sum of variances)^2 / sum of variance^2 / df
    doubt = of_seeds**2 / (count - 1) + (sampling.doubt if sampling else 0.0)
    freedom = error**4 / doubt
    half = float(stats.t.ppf(1 - LEVEL / 2, freedom)) * error
    p = float(2 * stats.t.sf(abs(mean) / error, freedom))
    low, high = mean - half, mean + half
    return Comparison(mean, low, high, p, p, count, failed, rows)


def holm(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Adjusts p for the number of comparisons (Holm's step-down method).

    Comparisons without a p value stay as they are; those of fewer than two
    pairs do not count.
    """
    order = sorted(
        (i for i, c in enumerate(comparisons) if math.isfinite(c.p)),
        key=lambda i: comparisons[i].p,
    )
    made = sum(c.pairs > 1 for c in comparisons)
    adjusted = list(comparisons)
    running = 0.0
    for rank, index in enumerate(order):
        item = comparisons[index]
        running = max(running, min(1.0, (made - rank) * item.p))
        adjusted[index] = replace(item, p_adjusted=running)
    return adjusted


def verdict(
    comparisons: Mapping[str, Comparison], metric: str, seeds: int
) -> str:
    """Says in a few sentences what may be concluded.

    Args:
        comparisons: Mapping from a configuration's name to its comparison,
            adjusted by `holm`; the one that was chosen on validation data
            first. It comes first whatever became of it: what is chosen by
            its test score looks better than it is.
        metric: String. What was measured.
        seeds: Integer. How many seeds were to be run.
    """
    if not comparisons:
        return "There is no finalist to compare with the baseline."
    (name, lead), *others = comparisons.items()
    items = comparisons.values()
    if lead.better:
        text = (
            f"{name} beat the baseline: {interval(lead)} in {metric} over "
            f"{lead.pairs} seeds."
        )
    else:
        text = f"{name} {_outcome(lead, len(items), seeds)}."
        if any(item.better for item in items):
            head = "What validation data chose did not beat the baseline"
        elif any(item.open or item.difference > 0 for item in items):
            head = "Nothing beat the baseline for certain"
        else:
            head = "Nothing beat the baseline"
        text = f"{head} in {metric}. {text}"
    # The table has the rest.
    told = [(n, c) for n, c in others if c.better or c.pairs < 2]
    if told:
        listed = (f"{n} {_outcome(c, len(items), seeds)}" for n, c in told)
        text += f" Beside it: {'; '.join(listed)}."
    return text


def _outcome(item: Comparison, count: int, seeds: int) -> str:
    """The verdict on one configuration, as the rest of a sentence."""
    lost = f"{item.failed} of {seeds} seeds failed"
    if item.pairs < 2:
        reason = lost if item.failed else "fewer than two seeds are in common"
        return f"could not be compared: {reason}"
    text = f"differs by {interval(item)} over {item.pairs} seeds"
    if item.failed:
        return f"{text}, but {lost}"
    if item.better:
        return f"beat the baseline: {interval(item)} over {item.pairs} seeds"
    if item.worse:
        return f"is worse than the baseline: it {text}"
    if item.open:
        return (
            f"may be better ({interval(item)} over {item.pairs} seeds), but "
            f"among {count} comparisons that can be chance (adjusted "
            f"{probability(item.p_adjusted)}): run more seeds"
        )
    return text


def interval(item: Comparison) -> str:
    """The difference with its interval, or why there is none."""
    if not math.isfinite(item.low):
        return (
            f"{item.difference:+.4f} (no spread between the seeds: no interval)"
        )
    return (
        f"{item.difference:+.4f} (95 % CI {item.low:+.4f} to {item.high:+.4f})"
    )


def probability(p: float) -> str:
    """A p value as text; one that rounds to 0 is below what is printed."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
