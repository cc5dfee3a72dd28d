"""Metrics of several labels at once, a yes or no for each score."""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import component
from keras_funcs._core.traits import MetricTraits
from keras_funcs._core.typing import Tensor
from keras_funcs.metrics._confusion import ConfusionMetric


@component()
class HammingScore(ConfusionMetric):
    """Share of labels that are right: 1 - Hamming loss.

    The accuracy of multi-label models, where a sample need not be right as a
    whole. With few positive labels a model that says no to everything is close
    to 1: read it next to `FScore(multi_label=True)`. For single labels it is
    plain accuracy. Equal to 1 minus scikit-learn's `hamming_loss`.

    Formula:
    ```python
    score = mean(y_true == (y_pred >= threshold))
    ```
    over all labels of all samples.

    Args:
        multi_label: Boolean. Whether `y_true` are multi-hot labels, with a
            score of its own for each. Defaults to `True`.
        **kwargs: `from_logits`, `num_classes`, `threshold`, `ignore_class`,
            `class_names`, `name`, `dtype`: see
            `keras_funcs.metrics.ConfusionMetric`.

    Inputs:
        y_true: `(batch, ..., L)` of 0 and 1; -1 is unknown and does not count.
            With `multi_label=False`, class ids or one-hot labels.
        y_pred: `(batch, ..., L)` probabilities or logits.

    Example:

    >>> metric = keras_funcs.metrics.HammingScore()
    >>> metric.update_state([[1, 0], [1, 1]], [[0.9, 0.2], [0.3, 0.8]])
    >>> float(metric.result())
    0.75

    Reference:
        Schapire and Singer (1999), Mach. Learn. 37(3),
        doi:10.1023/A:1007614523901
    """

    traits = MetricTraits(direction="max", targets="labels", unknown=-1)

    def __init__(
        self,
        multi_label: bool = True,
        name: str = "hamming_score",
        **kwargs: Any,
    ) -> None:
        # Before the base, which may build the state.
        self.multi_label = checks.boolean("multi_label", multi_label)
        super().__init__(name=name, **kwargs)

    def score(self, state: Tensor) -> Tensor:
        correct = ops.sum(ops.diagonal(state, axis1=-2, axis2=-1))
        total = ops.sum(state)
        return correct / ops.where(total == 0, 1.0, total)


@component()
class MultiLabelConfusionMatrix(ConfusionMetric):
    """Counts of predicted against true answers, for each label by itself.

    `matrix()` gives a matrix of two classes for each label, with exact
    counts; `result()` the true positives as one scalar a label, which is what
    logs, callbacks and TensorBoard can take. Equal to scikit-learn's
    `multilabel_confusion_matrix`.

    Formula:
    ```python
    matrix[l, i, j] = sum((y_true[:, l] == i) & (predicted[:, l] == j))
    ```

    Args:
        normalize: None for counts, `"true"` to divide by the positives of the
            label (the result is then recall), `"pred"` by the predictions of
            it (precision), or `"all"` by everything. Defaults to `None`.
        **kwargs: `from_logits`, `num_classes`, `threshold`, `ignore_class`,
            `class_names`, `name`, `dtype`: see
            `keras_funcs.metrics.ConfusionMetric`.

    Inputs:
        y_true: `(batch, ..., L)` of 0 and 1; -1 is unknown and does not count.
        y_pred: `(batch, ..., L)` probabilities or logits.

    Example:

    >>> metric = keras_funcs.metrics.MultiLabelConfusionMatrix()
    >>> metric.update_state([[1, 0], [1, 1]], [[0.9, 0.2], [0.3, 0.8]])
    >>> metric.matrix().tolist()
    [[[0.0, 0.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]]

    Reference:
        Tsoumakas, Katakis and Vlahavas (2010), Data Mining and Knowledge
        Discovery Handbook, doi:10.1007/978-0-387-09823-4_34
    """

    traits = MetricTraits(direction="max", targets="labels", unknown=-1)
    multi_label = True

    def __init__(
        self,
        normalize: str | None = None,
        name: str = "multi_label_confusion_matrix",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.normalize = checks.one_of(
            "normalize", normalize, (None, "true", "pred", "all")
        )

    def score(self, state: Tensor) -> dict[str, Tensor]:
        hits = state[:, 1, 1]
        if self.normalize is not None:
            total = {
                "true": ops.sum(state[:, 1, :], axis=-1),
                "pred": ops.sum(state[:, :, 1], axis=-1),
                "all": ops.sum(state, axis=(1, 2)),
            }[self.normalize]
            hits = hits / ops.where(total == 0, 1.0, total)
        return self.by_class(hits)
