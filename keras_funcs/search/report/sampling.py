"""How far a number depends on which rows the held-out data happen to hold.

The variance of a measure over samples of rows follows from the influences of
the rows (the infinitesimal jackknife; Jaeckel, 1972; Efron and Tibshirani,
1993, chapter 21). It is what a bootstrap that draws within each class tends to
with many resamples, times `n / (n - 1)` per class, so that a class of a few
rows does not look surer than it is. Nothing is drawn at random.
"""

from dataclasses import dataclass

import numpy as np

FEW = 20  # rows of a class below which its recall is hardly known


@dataclass(frozen=True)
class Sampling:
    """The part of a variance that the choice of rows has.

    Attributes:
        rows: Integer. How many rows there are.
        variance: Float.
        doubt: Float. The sum over the classes of their part of the variance,
            squared, per degree of freedom.
    """

    rows: int
    variance: float
    doubt: float


def sampling(influences: np.ndarray, labels: np.ndarray) -> Sampling:
    """The variance that a mean over seeds has over samples of rows.

    What a row does in one seed alone is left out: the spread of the seeds
    holds it.

    Args:
        influences: `(S, N)`, by seed, of each row on the number.
        labels: `(N,)`. Class ids: as many rows of each class are drawn as there
            are. Numbers that are no integers are one class.
    """
    strata = labels if labels.dtype.kind in "iu" else np.zeros(len(labels), int)
    n = np.bincount(strata)
    mean = influences.mean(0)
    parts = _variances(mean, strata)
    seeds = len(influences)
    if seeds > 1:
        # A mean over seeds has 1 / S of what a row does in one of them. Few
        # seeds tell little of it: at most half is taken off.
        alone = sum(_variances(item - mean, strata) for item in influences)
        parts = np.maximum(parts - alone / (seeds - 1) / seeds, parts / 2)
    doubt = float((parts**2 / np.maximum(n - 1, 1)).sum())
    return Sampling(len(labels), float(parts.sum()), doubt)


def _variances(influence: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """The part that each class has in the variance of a number."""
    n = np.bincount(strata)
    mean = np.bincount(strata, influence) / np.maximum(n, 1)
    squares = np.bincount(strata, (influence - mean[strata]) ** 2)
    # var = sum_c n_c / (n_c - 1) sum_i (u_i - mean_c)^2
    return np.where(n > 1, squares * n / np.maximum(n - 1, 1), 0.0)
