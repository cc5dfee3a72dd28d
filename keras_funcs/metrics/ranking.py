"""Metrics of how well scores put positives before negatives.

They need no threshold and do not change with the calibration of the scores.
All are read off one histogram, whose bins are uniform in the logit.
"""

from dataclasses import replace
from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import component
from keras_funcs._core.typing import Tensor
from keras_funcs.metrics._histogram import Bins
from keras_funcs.metrics._histogram import HistogramMetric
from keras_funcs.metrics._histogram import shares


@component()
class AUROC(HistogramMetric):
    """The chance that a positive scores higher than a negative.

    0.5 for scores that know nothing, 1 for a perfect order, at any base rate;
    on rare classes `AveragePrecision` tells more about the top of the list.
    scikit-learn's `roc_auc_score`, one class against the rest; for two classes
    with one score, of class 1.

    Formula:
    ```python
    auroc = (concordant + tied / 2) / (positives * negatives)
    ```
    over pairs of a positive and a negative. With `max_fpr`, the area `A` under
    the curve up to that false positive rate `m`, so scaled that chance is 0.5:
    ```python
    auroc = (1 + (A - m**2 / 2) / (m - m**2 / 2)) / 2
    ```

    Args:
        max_fpr: Float in (0, 1], or None for the whole curve. Defaults to
            `None`.
        **kwargs: `average` (`"macro"`), `undefined` (`"ignore"`: classes of
            which all labels are of one kind), `bins` (None), `from_logits`,
            `num_classes`, `multi_label`, `ignore_class`, `class_names`,
            `name`, `dtype`: see `keras_funcs.metrics.HistogramMetric`.

    Example:

    >>> metric = keras_funcs.metrics.AUROC()
    >>> metric.update_state([0, 0, 1, 1], np.array([0.1, 0.4, 0.35, 0.8]))
    >>> round(float(metric.result()), 4)
    0.75

    Reference:
        Hanley and McNeil (1982), Radiology 143(1),
        doi:10.1148/radiology.143.1.7063747; McClish (1989), Med. Decis.
        Making 9(3), doi:10.1177/0272989X8900900307 (`max_fpr`)
    """

    def __init__(
        self,
        max_fpr: float | None = None,
        name: str = "auroc",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.max_fpr = checks.number(
            "max_fpr", max_fpr, above=0, at_most=1, optional=True
        )

    def rank(self, bins: Bins) -> tuple[Tensor, Tensor]:
        (height, width), defined = shares(bins)
        above = ops.cumsum(height, axis=-1) - height
        # A tie is a slope between two corners of the curve: a trapezoid.
        if self.max_fpr is None:
            return ops.sum(width * (above + height / 2), axis=-1), defined
        left = ops.cumsum(width, axis=-1) - width
        inside = ops.minimum(ops.maximum(self.max_fpr - left, 0.0), width)
        rise = height * inside / ops.where(width == 0, 1.0, width)
        area = ops.sum(inside * (above + rise / 2), axis=-1)
        chance = 0.5 * self.max_fpr * self.max_fpr
        scaled = (area - chance) / (self.max_fpr - chance)
        return 0.5 + 0.5 * scaled, defined


@component()
class AveragePrecision(HistogramMetric):
    """The precision at each positive of the list, on average.

    Falls to the base rate where scores know nothing: the number to choose
    models by when positives are rare and the top of the list is what will be
    used. scikit-learn's `average_precision_score`, one class against the rest;
    the mean over labels is the mAP of multi-label work.

    scikit-learn takes for all that are tied the precision after the last of
    them. Here scores are tied merely because they fall into one bin, and that
    rule would be biased downwards; the interpolation of Davis and Goadrich,
    which Keras uses, is too, as it leaves the positive itself out. What is
    taken is the mean over all orders of a bin, with sums by integrals.

    Formula:
    ```python
    ap = sum_k((R[k] - R[k - 1]) * P[k])
    ```
    with recall R and precision P after k scores; for a bin of p positives and
    n negatives behind P0 positives and N0 negatives, its mean is
    ```python
    integral((P0 + 1 + x * (p - 1)) / (P0 + N0 + 1 + x * (p + n - 1)), 0, 1)
    ```
    where 1 becomes the mean weight of the bin's positives, if samples have
    weights.

    Args:
        **kwargs: `average` (`"macro"`), `undefined` (`"ignore"`: classes
            without positives), `bins` (None), `from_logits`, `num_classes`,
            `multi_label`, `ignore_class`, `class_names`, `name`, `dtype`: see
            `keras_funcs.metrics.HistogramMetric`.

    Example:

    >>> metric = keras_funcs.metrics.AveragePrecision()
    >>> metric.update_state([0, 0, 1, 1], np.array([0.1, 0.4, 0.35, 0.8]))
    >>> round(float(metric.result()), 4)
    0.8333

    Reference:
        McSherry and Najork (2008), ECIR, doi:10.1007/978-3-540-78646-7_38
        (ties); Davis and Goadrich (2006), ICML, doi:10.1145/1143844.1143874
    """

    # Of equal scores, two samples are two steps.
    traits = replace(HistogramMetric.traits, weights_repeat=False)

    def __init__(self, name: str = "average_precision", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def rank(self, bins: Bins) -> tuple[Tensor, Tensor]:
        positive = bins.positive
        both = positive + bins.negative
        before = ops.cumsum(positive, axis=-1) - positive
        all_before = ops.cumsum(both, axis=-1) - both
        # The weight of one of the bin's positives.
        one = ops.where(
            positive == 0, 1.0, positive / ops.maximum(bins.number, 1.0)
        )
        start = all_before + one
        # integral((a + b x) / (start (1 + q x))) = (a L0 + b L1) / start
        q = ops.maximum(both - one, 0.0) / start
        level, slope = _integrals(q)
        mean = (before + one) * level + (positive - one) * slope
        total = ops.sum(positive, axis=-1)
        defined = ops.not_equal(total, 0)  # a NaN is not 0, and shows
        found = ops.sum(positive * mean / start, axis=-1)
        return found / ops.where(defined, total, 1.0), defined


def _integrals(q: Tensor) -> tuple[Tensor, Tensor]:
    """The integrals of 1 / (1 + q x) and x / (1 + q x) over [0, 1]."""
    small = q < 0.05
    safe = ops.where(small, 1.0, q)
    level = ops.log1p(safe) / safe
    # (1 - level) / q is 0 / 0 at q = 0: there a series.
    series = 1.0 / 2 - q * (1.0 / 3 - q * (1.0 / 4 - q * (1.0 / 5 - q / 6)))
    return (
        ops.where(small, 1.0 - q * series, level),
        ops.where(small, series, (1.0 - level) / safe),
    )
