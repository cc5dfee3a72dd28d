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

    A proper score: only the true probabilities minimise it. It holds both
    calibration and sharpness in one number and is bounded, unlike the log
    loss. On rare classes all its values are small: compare it with that of
    the base rate. Equal to scikit-learn's `brier_score_loss`.

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
        **kwargs: `from_logits`, `num_classes`, `multi_label`, `ignore_class`,
            `class_names`, `name`, `dtype`: see
            `keras_funcs.metrics.ScoreMetric`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot
            labels `(batch, ..., C)`; with `multi_label`, multi-hot labels. An
            id that is no class gives NaN.
        y_pred: `(batch, ..., C)` logits or probabilities; or, for two
            classes, the score of class 1 in `(batch,)` or
            `(batch, ..., 1)`.

    Raises:
        ValueError: for shapes that do not fit, and for other arguments than
            the above.

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
        if batch.exclusive:
            weight = ops.expand_dims(weight, -1)
        error = _probabilities(batch, self.from_logits) - ops.cast(
            batch.positive, "float32"
        )
        # What is masked may be NaN, which no weight of 0 removes.
        error = ops.where(weight == 0, 0.0, ops.square(error))
        weight = ops.broadcast_to(weight, ops.shape(error))
        error = ops.cast(weight, "float32") * error
        column = ops.broadcast_to(
            ops.arange(size, dtype="int32"), ops.shape(error)
        )
        counted = ops.cast(sum_cells(column, weight, size), "float32")
        errors = sum_cells(column, error, size)
        return ops.stack([errors, counted], axis=-1), broken

    def score(self, state: Tensor) -> Any:
        errors, counted = state[:, 0], state[:, 1]
        empty = ops.equal(counted, 0)
        means = ops.where(empty, 0.0, errors / ops.where(empty, 1.0, counted))
        if self.per_class:
            return self.by_class(means)
        # Labels of their own, and one score of two classes, are a question
        # each, of which the other half of the sum is the mirror image.
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
    """How far confidence and accuracy lie apart, on average; 0 is best.

    Says whether probabilities can be taken at their word, not whether they are
    of any use: the base rate for everything is perfectly calibrated. The
    number depends on `bins` and has a bias upwards on few samples; compare at
    equal size.

    Formula:
    ```python
    ece = sum_b(abs(sum(correct - confidence for the samples of b))) / N
    ```
    with bins of equal width, each with its lower end, and the last with both:
    a confidence of 1 belongs to it.

    Args:
        bins: Integer from 1 to 65536. Defaults to `15`.
        mode: `"top"`: the confidence is the largest probability, which is
            correct where its class is the label. `"classwise"`: each class is
            a question of its own, with its probability for confidence, and the
            classes' errors are averaged. One score of two classes is its own
            only class then. `"each"`: the same, with the classes' errors in a
            dict. Defaults to `"top"`.
        **kwargs: `from_logits`, `num_classes`, `multi_label`, `ignore_class`,
            `class_names`, `name`, `dtype`: see
            `keras_funcs.metrics.ScoreMetric`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot
            labels `(batch, ..., C)`; with `multi_label`, multi-hot labels. An
            id that is no class gives NaN.
        y_pred: `(batch, ..., C)` logits or probabilities; or, for two
            classes, the score of class 1 in `(batch,)` or
            `(batch, ..., 1)`.

    Raises:
        ValueError: for shapes that do not fit, and for other arguments than
            the above.

    Example:

    >>> metric = keras_funcs.metrics.ExpectedCalibrationError()
    >>> metric.update_state([0, 1, 1, 1], np.array([0.1, 0.9, 0.9, 0.4]))
    >>> round(float(metric.result()), 4)
    0.225

    Reference:
        Naeini, Cooper and Hauskrecht (2015), AAAI,
        doi:10.1609/aaai.v29i1.9602; Guo, Pleiss, Sun and Weinberger (2017),
        ICML, arXiv:1706.04599; Kull et al. (2019), NeurIPS, arXiv:1910.12656
        (classwise)
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
            confidence, correct = self._top(batch)
            first: Any = 0
        else:
            confidence = _probabilities(batch, self.from_logits)
            correct = batch.positive
            first = self.bins * ops.arange(size, dtype="int32")
        if len(weight.shape) < len(confidence.shape):
            weight = ops.broadcast_to(
                ops.expand_dims(weight, -1), ops.shape(confidence)
            )
        # What is masked may be NaN, which no weight of 0 removes.
        confidence = ops.where(weight == 0, 0.0, confidence)
        index = ops.cast(confidence * self.bins, "int32")
        index = ops.clip(index, 0, self.bins - 1)
        middle = (ops.cast(index, "float32") + 0.5) / self.bins
        columns = 1 if self.mode == "top" else size
        sums = [
            ops.reshape(
                ops.cast(
                    sum_cells(index + first, values, columns * self.bins),
                    "float32",
                ),
                (columns, self.bins),
            )
            for values in (
                weight,
                # The part that is not the bin's is small, and so are the
                # rounding errors of its sum.
                ops.cast(weight, "float32") * (confidence - middle),
                weight * ops.cast(correct, weight.dtype),
            )
        ]
        counted, rest, hits = sums
        middles = (ops.arange(self.bins, dtype="float32") + 0.5) / self.bins
        trust = counted * middles + rest
        return ops.stack([counted, trust, hits], axis=1), broken

    def score(self, state: Tensor) -> Any:
        counted, trust, hits = state[:, 0], state[:, 1], state[:, 2]
        total = ops.sum(counted, axis=-1)
        empty = ops.equal(total, 0)
        gaps = ops.sum(ops.abs(hits - trust), axis=-1)
        errors = gaps / ops.where(empty, 1.0, total)
        if self.mode == "each":
            return self.by_class(errors)
        return ops.mean(errors)

    def _top(self, batch: Columns) -> tuple[Tensor, Tensor]:
        if not batch.exclusive:
            p = _probabilities(batch, self.from_logits)
            yes = p >= 0.5
            return ops.maximum(p, 1.0 - p), ops.equal(yes, batch.positive)
        scores = batch.scores
        largest = ops.amax(scores, axis=-1, keepdims=True)
        confidence = ops.squeeze(largest, -1)
        if self.from_logits:  # exp(0) over the sum
            confidence = 1.0 / ops.sum(ops.exp(scores - largest), axis=-1)
        top = ops.expand_dims(ops.argmax(scores, axis=-1), -1)
        # Booleans are no indices to take along on every backend's terms.
        labelled = ops.cast(batch.positive, "int32")
        found = ops.take_along_axis(labelled, ops.cast(top, "int32"), axis=-1)
        return confidence, ops.squeeze(found, -1)


def _probabilities(batch: Columns, from_logits: bool) -> Tensor:
    if not from_logits:
        return batch.scores
    if batch.exclusive:
        return ops.softmax(batch.scores, axis=-1)
    return ops.sigmoid(batch.scores)
