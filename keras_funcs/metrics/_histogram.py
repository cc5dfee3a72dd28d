"""One state for every metric that can be read off a histogram of scores.

Keras's `AUC` counts between 200 thresholds spread over the probabilities: on
rare classes nearly all scores then fall between the same two. Bins that are
uniform in the logit tell them apart at any base rate.
"""

from typing import Any

import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.typing import Tensor
from keras_funcs.metrics._scores import ScoreMetric
from keras_funcs.metrics._state import sum_cells
from keras_funcs.metrics._state import weigh

# Half of all bins lie within +-SCALE.
SCALE = 16.0


class HistogramMetric(ScoreMetric):
    """Abstract base: counts positives and negatives in bins of the score.

    A leaf reads its number off the counts in `rank`. Classes of a softmax are
    counted one against the rest.

    Scores that fall into one bin count as tied. With 4096 bins one is 0.008
    of a logit wide at 0, 0.02 at +-10 and 0.06 at +-30; nothing overflows.
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
        bins: Integer >= 2. The number of bins.
        **kwargs: `from_logits`, `num_classes`, `multi_label`, `ignore_class`,
            `class_names`, `name` and `dtype`.
    """

    state_arguments = (*ScoreMetric.state_arguments, "bins")

    def __init__(
        self,
        average: str | None = "macro",
        undefined: str = "ignore",
        bins: int = 4096,
        **kwargs: Any,
    ) -> None:
        # Before the base, which may build the state.
        self.bins = checks.integer("bins", bins, at_least=2, at_most=2**16)
        self.average = checks.one_of(
            "average", average, ("macro", "weighted", "micro", None)
        )
        self.undefined = checks.one_of(
            "undefined", undefined, ("ignore", "zero", "nan")
        )
        super().__init__(**kwargs)

    def rank(self, positive: Tensor, negative: Tensor) -> tuple[Tensor, Tensor]:
        """The metric of each class, and for which it is defined.

        Args:
            positive: `(C, bins)` float counts, the highest scores first.
            negative: The same of negatives.
        """
        raise NotImplementedError

    def shape(self, size: int) -> tuple[int, ...]:
        return (size, 2, self.bins)

    def count(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        mask: Tensor | None,
        sample_weight: Tensor | None,
    ) -> None:
        batch = self.read(y_true, y_pred)
        size = batch.scores.shape[-1]
        self.build_for(size)
        weight, broken = weigh(batch.wanted, batch.valid, mask, sample_weight)
        if batch.exclusive:
            weight = ops.broadcast_to(
                ops.expand_dims(weight, -1), ops.shape(batch.scores)
            )
        place = self._place(batch.scores, batch.exclusive)
        # What is no number has weight 0 and may fall anywhere inside.
        index = ops.cast(place * self.bins, "int32")
        index = ops.clip(index, 0, self.bins - 1)
        first = 2 * self.bins * ops.arange(size, dtype="int32")
        offset = ops.where(batch.positive, self.bins, 0)
        cell = index + ops.cast(offset, "int32") + first
        sums = sum_cells(cell, weight, size * 2 * self.bins)
        self.add(ops.reshape(sums, self.shape(size)), broken)

    def score(self, state: Tensor) -> Any:
        if self.average == "micro":
            state = ops.sum(state, axis=0, keepdims=True)
        highest_first = ops.flip(state, axis=-1)
        negative, positive = highest_first[:, 0], highest_first[:, 1]
        values, defined = self.rank(positive, negative)
        missing = self._missing()
        values = ops.where(defined, values, missing)
        if self.average is None:
            return {
                f"{self.name}/{name}": values[index]
                for index, name in enumerate(self.names())
            }
        share = ops.ones_like(values)
        if self.average == "weighted":
            share = ops.sum(positive, axis=-1)
        if self.undefined != "zero":
            share = ops.where(defined, share, 0.0)
            values = ops.where(defined, values, 0.0)
        total = ops.sum(share)
        empty = ops.equal(total, 0)
        mean = ops.sum(share * values) / ops.where(empty, 1.0, total)
        return ops.where(empty, missing, mean)

    def nothing(self) -> Any:
        if self.average is None:
            return {}
        return ops.convert_to_tensor(self._missing(), dtype="float32")

    def edges(self) -> np.ndarray:
        """The scores between which the bins lie, from the lowest to the top.

        Logits where `from_logits` is given and a column is one logit, else
        probabilities; of the shape `(bins + 1,)`, in float64.
        """
        place = np.linspace(0.0, 1.0, self.bins + 1)
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
        leader = self.leader()
        size = leader._size if isinstance(leader, ScoreMetric) else None
        return self.from_logits and (self.multi_label or size == 1)

    def _place(self, scores: Tensor, exclusive: bool) -> Tensor:
        """Where in [0, 1] a score lies: near uniform in small logits."""
        if not self.from_logits:
            return _of_odds(scores, 1.0 - scores)
        if exclusive:
            return _of_odds(*_softmax_odds(scores))
        # (1 + z / (s + |z|)) / 2, in a form that takes infinite z
        low = 0.5 * SCALE / (SCALE + ops.abs(scores))
        return ops.where(scores < 0, low, 1.0 - low)


def shares(
    positive: Tensor, negative: Tensor
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Both as shares of their sums, and for which classes both occur."""
    totals = [ops.sum(x, axis=-1, keepdims=True) for x in (positive, negative)]
    positive, negative = (
        x / ops.where(total == 0, 1.0, total)
        for x, total in zip((positive, negative), totals)
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
    yes = ops.exp(logits - ops.max(logits, axis=-1, keepdims=True))
    others = ops.sum(ops.where(is_top, 0.0, yes), axis=-1, keepdims=True)
    return yes, ops.where(is_top, others, others + (1.0 - yes))
