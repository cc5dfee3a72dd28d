"""Metrics of whether a probability of 0.8 comes true 8 times in 10.

A model can rank and classify perfectly and still be sure of itself without
reason: losses that re-weight rare classes do just that.
"""

from dataclasses import replace
from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import component
from keras_funcs._core.typing import Tensor
from keras_funcs.metrics._scores import Columns
from keras_funcs.metrics._scores import ScoreMetric
from keras_funcs.metrics._state import sum_cells
from keras_funcs.metrics._state import weigh


@component()
class BrierScore(ScoreMetric):
    """Mean squared error of the probabilities; 0 is best.

    A proper score: only the true probabilities minimise it. It measures both
    calibration and sharpness and is bounded, unlike the log loss. On rare
    classes, compare with the base rate. As scikit-learn's `brier_score_loss`.

    Formula:
    ```python
    score = mean(sum_c((p_c - y_c)**2))
    ```
    and half of it with `scale_by_half`, which for one score p of two classes
    is `mean((p - y)**2)`.

    Args:
        scale_by_half: `"always"`, `"never"`, or `"auto"`: for two classes and
            for multi-hot labels. Defaults to `"auto"`.
        per_class: Boolean. Whether to give a dict with the mean of
            `(p_c - y_c)**2` for each class. Defaults to `False`.
        **kwargs: See `keras_funcs.metrics.ScoreMetric`.

    Example:

    >>> metric = keras_funcs.metrics.BrierScore()
    >>> metric.update_state([0, 1, 1, 0], np.array([0.1, 0.9, 0.8, 0.3]))
    >>> round(float(metric.result()), 4)
    0.0375

    Reference:
        Brier (1950), Mon. Weather Rev. 78(1),
        doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2
    """

    traits = replace(ScoreMetric.traits, direction="min")

    def __init__(
        self,
        scale_by_half: str = "auto",
        per_class: bool = False,
        name: str = "brier_score",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.scale_by_half = checks.one_of(
            "scale_by_half", scale_by_half, ("auto", "always", "never")
        )
        self.per_class = checks.boolean("per_class", per_class)

    def shape(self, size: int) -> tuple[int, ...]:
        return (size, 2)

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
        p = _probabilities(batch, self.from_logits)
        error = ops.square(p - ops.cast(batch.positive, "float32"))
        weight, error = _weighted(weight, error)
        column = ops.arange(size, dtype="int32") + ops.zeros_like(
            weight, "int32"
        )
        error = ops.cast(weight, "float32") * error
        counted = ops.cast(sum_cells(column, weight, size), "float32")
        errors = sum_cells(column, error, size)
        return ops.stack([errors, counted], axis=-1), broken

    def score(self, state: Tensor) -> Any:
        errors, counted = state[:, 0], state[:, 1]
        empty = ops.equal(counted, 0)
        means = ops.where(empty, 0.0, errors / ops.where(empty, 1.0, counted))
        if self.per_class:
            return self.by_class(means)
        # The other half of a yes or no is its mirror image.
        apart = self.multi_label or state.shape[0] == 1
        if apart:
            total = ops.sum(counted)
            none = ops.equal(total, 0)
            half = ops.sum(errors) / ops.where(none, 1.0, total)
        else:
            half = ops.sum(means) / 2
        if self.scale_by_half == "auto":
            return half if apart or state.shape[0] == 2 else 2 * half
        return half if self.scale_by_half == "always" else 2 * half


@component()
class ExpectedCalibrationError(ScoreMetric):
    """Mean distance between confidence and accuracy; 0 is best.

    Calibrated probabilities need not be useful: predicting the base rate is
    perfectly calibrated. Biased upwards on few samples; compare at equal size.

    Formula:
    ```python
    ece = sum_b(abs(sum(correct - confidence for the samples of b))) / N
    ```
    with bins of equal width that include their lower end, the last one both.

    Args:
        bins: Integer in [1, 65536]; the error depends on it. Defaults to `15`.
        mode: `"top"`: the confidence is the largest probability, correct if
            its class is the label. `"classwise"`: the mean error of classes,
            each a question of its own; one score of two classes is one.
            `"each"`: a dict of these errors. Defaults to `"top"`.
        **kwargs: See `keras_funcs.metrics.ScoreMetric`.

    Example:

    >>> metric = keras_funcs.metrics.ExpectedCalibrationError()
    >>> metric.update_state([0, 1, 1, 1], np.array([0.1, 0.9, 0.9, 0.4]))
    >>> round(float(metric.result()), 4)
    0.225

    Reference:
        Naeini et al. (2015), AAAI, doi:10.1609/aaai.v29i1.9602; Guo et al.
        (2017), ICML, arXiv:1706.04599; Kull et al. (2019), arXiv:1910.12656
    """

    traits = replace(ScoreMetric.traits, direction="min")
    state_arguments = (*ScoreMetric.state_arguments, "bins", "mode")

    def __init__(
        self,
        bins: int = 15,
        mode: str = "top",
        name: str = "expected_calibration_error",
        **kwargs: Any,
    ) -> None:
        # Before the base, which may build the state.
        self.bins = checks.integer("bins", bins, at_least=1, at_most=2**16)
        self.mode = checks.one_of("mode", mode, ("top", "classwise", "each"))
        super().__init__(name=name, **kwargs)

    def shape(self, size: int) -> tuple[int, ...]:
        return (1 if self.mode == "top" else size, 3, self.bins)

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
        if self.mode == "top":
            size, (confidence, correct) = 1, _top(batch, self.from_logits)
        else:
            confidence = _probabilities(batch, self.from_logits)
            correct = batch.positive
        weight, confidence = _weighted(weight, confidence)
        index = _bin(confidence, self.bins)
        cell = index + self.bins * ops.arange(size, dtype="int32")

        def summed(values: Tensor) -> Tensor:
            sums = sum_cells(cell, values, size * self.bins)
            return ops.reshape(ops.cast(sums, "float32"), (size, self.bins))

        counted = summed(weight)
        offset = confidence - _middle(index, self.bins)
        rest = summed(ops.cast(weight, "float32") * offset)
        hits = summed(weight * ops.cast(correct, weight.dtype))
        every = ops.arange(self.bins, dtype="int32")
        trust = counted * _middle(every, self.bins) + rest
        return ops.stack([counted, trust, hits], axis=1), broken

    def score(self, state: Tensor) -> Any:
        counted, trust, hits = state[:, 0], state[:, 1], state[:, 2]
        total = ops.sum(counted, axis=-1)
        empty = ops.equal(total, 0)
        gaps = ops.sum(ops.abs(hits - trust), axis=-1)
        errors = gaps / ops.where(empty, 1.0, total)
        each = self.mode == "each"
        return self.by_class(errors) if each else ops.mean(errors)


def _top(batch: Columns, from_logits: bool) -> tuple[Tensor, Tensor]:
    """The largest probability of each question and whether it is right.

    Both have a last axis of 1.
    """
    if not batch.exclusive:
        p = _probabilities(batch, from_logits)
        yes = p >= 0.5
        correct = ops.equal(yes, batch.positive)
        return ops.maximum(p, 1.0 - p)[..., None], correct[..., None]
    scores = batch.scores
    largest = ops.amax(scores, axis=-1, keepdims=True)
    if not from_logits:
        confidence = largest
    else:  # exp(0) over the sum
        total = ops.sum(ops.exp(scores - largest), axis=-1, keepdims=True)
        confidence = 1.0 / total
    top = ops.expand_dims(ops.argmax(scores, axis=-1), -1)
    # Booleans are no indices to take along on every backend's terms.
    labelled = ops.cast(batch.positive, "int32")
    found = ops.take_along_axis(labelled, ops.cast(top, "int32"), axis=-1)
    return confidence, found


def _bin(confidence: Tensor, bins: int) -> Tensor:
    return ops.clip(ops.cast(confidence * bins, "int32"), 0, bins - 1)


def _middle(index: Tensor, bins: int) -> Tensor:
    """The middle of a bin.

    Distances to it are small, and so are the rounding errors of their sum.
    """
    return (ops.cast(index, "float32") + 0.5) / bins


def _weighted(weight: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of the values' shape, and values that are 0 if their weight is.

    A masked value may be NaN, which no weight of 0 removes.
    """
    if len(weight.shape) < len(values.shape):
        weight = ops.expand_dims(weight, -1)
    values = ops.where(weight == 0, 0.0, values)
    return ops.broadcast_to(weight, ops.shape(values)), values


def _probabilities(batch: Columns, from_logits: bool) -> Tensor:
    if not from_logits:
        return batch.scores
    if batch.exclusive:
        return ops.softmax(batch.scores, axis=-1)
    return ops.sigmoid(batch.scores)
