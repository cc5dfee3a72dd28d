"""Metrics of where to cut a list of scores, and of what lies above the cut."""

from dataclasses import replace
from typing import Any

import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.backend import active
from keras_funcs._core.component import component
from keras_funcs._core.typing import Tensor
from keras_funcs.metrics._histogram import Bins
from keras_funcs.metrics._histogram import HistogramMetric
from keras_funcs.metrics._histogram import shares


@component()
class LiftScore(HistogramMetric):
    """How many times the base rate of positives the top of the list holds.

    For lists of which only the first part will be worked through, such as the
    5 % of customers to call or of transactions to look at. 1 for scores that
    know nothing; at most `1 / fraction`, and at most 1 / base rate.

    Scores that fall into the bin at the cut are taken in proportion, which is
    what a random choice among them gives on average.

    Formula:
    ```python
    lift = (positives_in_top / samples_in_top) / (positives / samples)
    samples_in_top = fraction * samples
    ```

    Args:
        fraction: Float in (0, 1]. The part of the samples that is the top.
        **kwargs: `average` (`"macro"`), `undefined` (`"ignore"`: classes
            without positives), `bins` (None), `from_logits`, `num_classes`,
            `multi_label`, `ignore_class`, `class_names`, `name`, `dtype`: see
            `keras_funcs.metrics.HistogramMetric`.

    Example:

    >>> metric = keras_funcs.metrics.LiftScore(fraction=0.25)
    >>> metric.update_state([0, 0, 1, 1], np.array([0.1, 0.4, 0.35, 0.8]))
    >>> round(float(metric.result()), 4)
    2.0

    Reference:
        Vuk and Curk (2006), Metodoloski zvezki 3(1)
    """

    def __init__(
        self, fraction: float, name: str = "lift_score", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.fraction = checks.number("fraction", fraction, above=0, at_most=1)

    def rank(self, bins: Bins) -> tuple[Tensor, Tensor]:
        positive = bins.positive
        both = positive + bins.negative
        before = ops.cumsum(both, axis=-1) - both
        wanted = self.fraction * ops.sum(both, axis=-1, keepdims=True)
        taken = ops.minimum(ops.maximum(wanted - before, 0.0), both)
        hits = positive * taken / ops.where(both == 0, 1.0, both)
        total = ops.sum(positive, axis=-1)
        defined = ops.not_equal(total, 0)  # a NaN is not 0, and shows
        recall = ops.sum(hits, axis=-1) / ops.where(defined, total, 1.0)
        return recall / self.fraction, defined


@component()
class KolmogorovSmirnov(HistogramMetric):
    """The largest distance of positives' and negatives' distributions.

    The usual number in credit scoring: what the best threshold for positives
    and negatives of equal importance gains over chance. 0 for scores that know
    nothing, 1 where a threshold parts them. SciPy's `ks_2samp`.

    Formula:
    ```python
    ks = max_t(abs(true_positive_rate(t) - false_positive_rate(t)))
    ```

    Args:
        **kwargs: `average` (`"macro"`), `undefined` (`"ignore"`: classes of
            which all labels are of one kind), `bins` (None), `from_logits`,
            `num_classes`, `multi_label`, `ignore_class`, `class_names`,
            `name`, `dtype`: see `keras_funcs.metrics.HistogramMetric`.

    Example:

    >>> metric = keras_funcs.metrics.KolmogorovSmirnov()
    >>> metric.update_state([0, 0, 1, 1], np.array([0.1, 0.4, 0.35, 0.8]))
    >>> round(float(metric.result()), 4)
    0.5

    Reference:
        Hodges (1958), Ark. Mat. 3(43), doi:10.1007/BF02589501
    """

    def __init__(self, name: str = "kolmogorov_smirnov", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def rank(self, bins: Bins) -> tuple[Tensor, Tensor]:
        (rise, run), defined = shares(bins)
        distance = ops.abs(ops.cumsum(rise - run, axis=-1))
        # The largest of NaN is -inf to JAX.
        return ops.amax(distance, axis=-1) + 0.0 * distance[:, -1], defined


@component()
class BestThreshold(HistogramMetric):
    """The threshold at which F-beta, or Youden's J, is largest.

    What to compare scores with once the model is trained: 0.5 is right for
    rare classes only where errors of both kinds cost the same. Take it from
    validation data, and report on other data than that. It is to be read, not
    to be watched by a callback: larger is not better, and `mode="auto"` of
    Keras's callbacks is refused.

    Formula:
    ```python
    f_beta(t) = (1 + beta**2) * tp / ((1 + beta**2) * tp + beta**2 * fn + fp)
    youden(t) = true_positive_rate(t) - false_positive_rate(t)
    threshold = argmax_t(f_beta(t)) or argmax_t(youden(t))
    ```
    over the bins' lower edges; the highest threshold if there are several.

    Args:
        of: `"f_beta"` or `"youden"`. What is to be largest. Defaults to
            `"f_beta"`.
        beta: Float > 0. How many times as important recall is as precision;
            for `"f_beta"`. Defaults to `1.0`.
        average: None for a dict with a threshold for each class, or
            `"micro"`, one threshold for all classes' scores and a scalar.
            Defaults to `None`.
        **kwargs: `undefined` (`"ignore"`: all labels are of one kind; the
            threshold is 0), `bins` (None), `from_logits`, `num_classes`,
            `multi_label`, `ignore_class`, `class_names`, `name`, `dtype`: see
            `keras_funcs.metrics.HistogramMetric`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot
            labels `(batch, ..., C)`; with `multi_label`, multi-hot labels. An
            id that is no class gives NaN.
        y_pred: `(batch, ..., C)` logits or probabilities; or, for two
            classes, the score of class 1 in `(batch,)` or
            `(batch, ..., 1)`. The threshold is a logit where these are logits
            with a label each, else a probability.

    Example:

    >>> metric = keras_funcs.metrics.BestThreshold(average="micro")
    >>> metric.update_state([0, 0, 1, 1], np.array([0.1, 0.2, 0.35, 0.8]))
    >>> round(float(metric.result()), 2)
    0.35

    Reference:
        Lipton, Elkan and Naryanaswamy (2014), ECML PKDD, arXiv:1402.1892;
        Youden (1950), Cancer 3(1), doi:10.1002/1097-0142(1950)3:1<32::AID
        -CNCR2820030106>3.0.CO;2-3
    """

    traits = replace(HistogramMetric.traits, direction=None)

    def __init__(
        self,
        of: str = "f_beta",
        beta: float = 1.0,
        average: str | None = None,
        name: str = "best_threshold",
        **kwargs: Any,
    ) -> None:
        checks.one_of("average", average, ("micro", None))
        super().__init__(average=average, name=name, **kwargs)
        self.of = checks.one_of("of", of, ("f_beta", "youden"))
        self.beta = checks.number("beta", beta, above=0)

    def rank(self, bins: Bins) -> tuple[Tensor, Tensor]:
        (rise, run), defined = shares(bins)
        if self.of == "youden":
            quality = ops.cumsum(rise - run, axis=-1)
        else:
            squared = self.beta * self.beta
            hits = ops.cumsum(bins.positive, axis=-1)
            total = ops.sum(bins.positive, axis=-1, keepdims=True)
            # (1 + b^2) tp + b^2 fn + fp = b^2 (tp + fn) + (tp + fp)
            below = squared * total + hits + ops.cumsum(bins.negative, axis=-1)
            quality = hits / ops.where(below == 0, 1.0, below)
        # Rounding must not prefer one of several equal ones.
        largest = ops.amax(quality, axis=-1, keepdims=True)
        close = ops.cast(quality >= largest - 1e-6 * ops.abs(largest), "int32")
        lower = np.maximum(self.edges()[:-1], np.finfo("float32").min)
        lower = active().constant(lower[::-1].astype("float32"), quality)
        threshold = ops.take(lower, ops.argmax(close, axis=-1))
        # What could not be counted shows.
        return threshold + 0.0 * ops.sum(rise, axis=-1), defined
