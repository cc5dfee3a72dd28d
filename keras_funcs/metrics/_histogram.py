"""One state for every metric that can be read off a histogram of scores.

Keras's `AUC` counts between 200 thresholds spread over the probabilities: on
rare classes nearly all scores then fall between the same two. Bins that are
uniform in the logit tell them apart at any base rate.
"""

from typing import Any
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.typing import Tensor
from keras_funcs.metrics._scores import ScoreMetric
from keras_funcs.metrics._state import sum_cells
from keras_funcs.metrics._state import weigh

# Half of all bins lie within +-SCALE.
SCALE = 16.0
# Two scores in one bin may count in the wrong order, which few samples notice.
FINE, COARSE, FEW_CLASSES = 16384, 4096, 64


class Bins(NamedTuple):
    """Counts of each class's scores, `(C, bins)`, the highest scores first."""

    positive: Tensor  # weights
    negative: Tensor
    number: Tensor  # of positives, each counting 1 whatever its weight


class HistogramMetric(ScoreMetric):
    """Abstract base: counts positives and negatives in bins of the score.

    A leaf reads its number off the counts in `rank`. Classes of a softmax are
    counted one against the rest.

    Scores that fall into one bin count as tied. With 4096 bins one is 0.008
    of a logit wide at 0, 0.02 at +-10 and 0.06 at +-30, with 16384 a quarter
    of that; nothing overflows.
    Against scikit-learn's exact numbers, on 200,000 calibrated scores with
    base rates from 1e-1 to 1e-4, AUROC is off by 2e-4 at most and average
    precision by 8e-4.

    In the logs a dict's entries bear the metric's name alone, without that of
    an output: two such metrics in one model need different names, and a
    callback that watches an entry needs its `mode`.

    Args:
        average: `"macro"`, the mean over classes, each counting the same;
            `"weighted"`, the mean weighted by the number of labels;
            `"micro"`, the metric of all classes' scores together; or None for
            a dict with a scalar for each class.
        undefined: What a class counts for which the metric is not defined:
            `"ignore"` leaves it out of averages, which are 0 where nothing is
            left; `"zero"` counts it as 0; `"nan"` leaves it out as well, but
            is NaN where nothing is left.
        bins: Integer >= 2, or None for 16384 bins of up to 64 classes and 4096
            of more. The number of bins of each class.
        **kwargs: `from_logits`, `num_classes`, `multi_label`, `ignore_class`,
            `class_names`, `name` and `dtype`.
    """

    state_arguments = (*ScoreMetric.state_arguments, "bins")

    def __init__(
        self,
        average: str | None = "macro",
        undefined: str = "ignore",
        bins: int | None = None,
        **kwargs: Any,
    ) -> None:
        # Before the base, which may build the state.
        self.bins = checks.integer(
            "bins", bins, at_least=2, at_most=2**16, optional=True
        )
        self.average = checks.one_of(
            "average", average, ("macro", "weighted", "micro", None)
        )
        self.undefined = checks.one_of(
            "undefined", undefined, ("ignore", "zero", "nan")
        )
        super().__init__(**kwargs)

    def rank(self, bins: Bins) -> tuple[Tensor, Tensor]:
        """The metric of each class, and for which it is defined."""
        raise NotImplementedError

    def shape(self, size: int) -> tuple[int, ...]:
        return (size, 3, self._bins(size))

    def _bins(self, size: int) -> int:
        if self.bins is not None:
            return self.bins
        return FINE if size <= FEW_CLASSES else COARSE

    def count(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        mask: Tensor | None,
        sample_weight: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        batch = self.read(y_true, y_pred)
        size = batch.scores.shape[-1]
        weight, broken = weigh(batch.wanted, batch.valid, mask, sample_weight)
        if batch.exclusive:
            weight = ops.broadcast_to(
                ops.expand_dims(weight, -1), ops.shape(batch.scores)
            )
        place = self._place(batch.scores, batch.exclusive)
        # What is no number has weight 0 and may fall anywhere inside.
        bins = self._bins(size)
        index = ops.cast(place * bins, "int32")
        index = ops.clip(index, 0, bins - 1)
        first = ops.arange(size, dtype="int32") * bins
        offset = ops.cast(ops.where(batch.positive, bins, 0), "int32")
        sums = sum_cells(index + offset + 2 * first, weight, size * 2 * bins)
        sums = ops.reshape(sums, (size, 2, bins))
        number = sums[:, 1:]
        if sample_weight is not None:
            counted = ops.logical_and(batch.positive, ops.not_equal(weight, 0))
            number = sum_cells(
                index + first, ops.cast(counted, "int32"), size * bins
            )
            number = ops.cast(ops.reshape(number, (size, 1, bins)), sums.dtype)
        return ops.concatenate([sums, number], axis=1), broken

    def score(self, state: Tensor) -> Any:
        if self.average == "micro":
            state = ops.sum(state, axis=0, keepdims=True)
        state = ops.flip(state, axis=-1)
        bins = Bins(
            negative=state[:, 0], positive=state[:, 1], number=state[:, 2]
        )
        values, defined = self.rank(bins)
        missing = self._missing()
        values = ops.where(defined, values, missing)
        if self.average is None:
            return self.by_class(values)
        share = ops.ones_like(values)
        if self.average == "weighted":
            share = ops.sum(bins.positive, axis=-1)
        if self.undefined != "zero":
            share = ops.where(defined, share, 0.0)
            values = ops.where(defined, values, 0.0)
        total = ops.sum(share)
        empty = ops.equal(total, 0)
        mean = ops.sum(share * values) / ops.where(empty, 1.0, total)
        return ops.where(empty, missing, mean)

    def edges(self) -> np.ndarray:
        """The scores between which the bins lie, from the lowest to the top.

        Logits where `from_logits` is given and a column is one logit, else
        probabilities; of the shape `(bins + 1,)`, in float64.
        """
        sums = self.leader()._sums
        bins = self._bins(1) if sums is None else sums.shape[-1]
        place = np.linspace(0.0, 1.0, bins + 1)
        if self._logits_of_their_own():
            with np.errstate(divide="ignore"):
                low = 0.5 * SCALE / place - SCALE
                high = SCALE - 0.5 * SCALE / (1.0 - place)
            return np.asarray(np.where(place < 0.5, -low, -high))
        yes, no = place**8, (1.0 - place) ** 8
        return np.asarray(yes / (yes + no))

    def _missing(self) -> float:
        return float("nan") if self.undefined == "nan" else 0.0

    def _logits_of_their_own(self) -> bool:
        sums = self.leader()._sums
        single = sums is not None and sums.shape[1] == 1
        return self.from_logits and (self.multi_label or single)

    def _place(self, scores: Tensor, exclusive: bool) -> Tensor:
        """Maps scores to [0, 1], nearly linearly in small logits."""
        if not self.from_logits:
            return _of_odds(scores, 1.0 - scores)
        if exclusive:
            return _of_odds(*_softmax_odds(scores))
        # (1 + z / (s + |z|)) / 2, in a form that takes infinite z
        low = 0.5 * SCALE / (SCALE + ops.abs(scores))
        return ops.where(scores < 0, low, 1.0 - low)


def shares(bins: Bins) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Positives and negatives as shares of their sums, and where both occur."""
    both = bins.positive, bins.negative
    totals = [ops.sum(x, axis=-1, keepdims=True) for x in both]
    positive, negative = (
        x / ops.where(total == 0, 1.0, total) for x, total in zip(both, totals)
    )
    # A NaN is not 0, and shows.
    defined = ops.squeeze(totals[0] * totals[1], -1)
    return (positive, negative), ops.not_equal(defined, 0)


def _of_odds(yes: Tensor, no: Tensor) -> Tensor:
    """`sigmoid(log(yes / no) / 8)`, by roots, which are faster than log.

    Odds in place of a probability: 1 - p would lose all but the first digits
    of a large p.
    """
    yes, no = _eighth_root(yes), _eighth_root(no)
    return yes / (yes + no)


def _eighth_root(x: Tensor) -> Tensor:
    # A rounding error may have made it less than 0.
    return ops.sqrt(ops.sqrt(ops.sqrt(ops.maximum(x, 0.0))))


def _softmax_odds(logits: Tensor) -> tuple[Tensor, Tensor]:
    """`p_c : 1 - p_c` of each class, not divided by their sum.

    The likeliest class against the sum of all others, the others against what
    that sum and 1 leave: no difference of nearly equal numbers.
    """
    top = ops.expand_dims(ops.argmax(logits, axis=-1), -1)
    classes = ops.arange(logits.shape[-1], dtype="int32")
    is_top = ops.equal(ops.cast(top, "int32"), classes)
    yes = ops.exp(logits - ops.amax(logits, axis=-1, keepdims=True))
    others = ops.sum(ops.where(is_top, 0.0, yes), axis=-1, keepdims=True)
    return yes, ops.where(is_top, others, others + (1.0 - yes))
