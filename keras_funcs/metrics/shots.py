"""Recall where classes have few samples: by group, the worst, the top k."""

from typing import Any

import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.backend import active
from keras_funcs._core.component import component
from keras_funcs._core.confusion import read_classes
from keras_funcs._core.traits import MetricTraits
from keras_funcs._core.typing import Counts
from keras_funcs._core.typing import Tensor
from keras_funcs.metrics._confusion import ConfusionMetric
from keras_funcs.metrics._state import StateMetric
from keras_funcs.metrics._state import sum_cells
from keras_funcs.metrics._state import weigh


@component()
class ShotRecall(ConfusionMetric):
    """Mean recall of classes with many, medium and few training samples.

    Shows what a long tail costs: models trained by plain cross-entropy gain
    their accuracy on frequent classes. The result is a dict of up to three
    scalars, `shot_recall/many`, `/medium` and `/few`; a group without classes
    is left out, and one of whose classes the data have no label is 0.

    Formula:
    ```python
    group_c = "many" if count_c > many else "few" if count_c < few else "medium"
    score = mean_{c in group}(correct_c / labels_c)
    ```
    over the classes c that occur among the labels.

    Args:
        class_counts: List of integers >= 0. The number of training samples of
            each class.
        many: Integer >= `few`. Above that many samples a class is in
            `"many"`. Defaults to `100`.
        few: Integer >= 1. Below that many samples it is in `"few"`. Defaults
            to `20`.
        **kwargs: `from_logits`, `num_classes`, `threshold`, `ignore_class`,
            `class_names`, `name`, `dtype`: see
            `keras_funcs.metrics.ConfusionMetric`.

    Example:

    >>> metric = keras_funcs.metrics.ShotRecall([500, 50, 5, 5])
    >>> metric.update_state([0, 1, 2, 3], np.eye(4)[[0, 1, 2, 0]])
    >>> {name: float(value) for name, value in metric.result().items()}
    {'shot_recall/many': 1.0, 'shot_recall/medium': 1.0, 'shot_recall/few': 0.5}

    Reference:
        Liu, Miao, Zhan, Wang, Gong and Yu (2019), CVPR, arXiv:1904.05160
    """

    def __init__(
        self,
        class_counts: Counts,
        many: int = 100,
        few: int = 20,
        name: str = "shot_recall",
        **kwargs: Any,
    ) -> None:
        counts = checks.class_counts("class_counts", class_counts, "ignore")
        super().__init__(name=name, **kwargs)
        self.class_counts = counts
        self.few = checks.integer("few", few, at_least=1)
        self.many = checks.integer("many", many)
        if self.many < self.few:
            checks.invalid("many", f"an integer >= few={few}", many)
        if self.num_classes not in (None, len(counts)):
            checks.invalid(
                "num_classes", f"{len(counts)} or None", self.num_classes
            )
        self._expected_size = len(counts)
        self._allocate(self.shape(len(counts)))

    def score(self, matrix: Tensor) -> dict[str, Tensor]:
        count = np.asarray(self.class_counts, dtype="float64")
        if matrix.shape[0] != len(count):
            raise ValueError(
                f"Invalid shape of `y_pred` in metric '{self.name}'. Expected "
                f"{len(count)} classes. Received: {matrix.shape[0]}"
            )
        groups = {
            "many": count > self.many,
            "medium": (count >= self.few) & (count <= self.many),
            "few": count < self.few,
        }
        hits, support = ops.diagonal(matrix), ops.sum(matrix, axis=1)
        return {
            f"{self.name}/{group}": _mean_recall(hits, support, member)
            for group, member in groups.items()
            if member.any()
        }


@component()
class WorstClassRecall(ConfusionMetric):
    """The recall of the class that is found least.

    For guarantees rather than averages: a model is as good as on its worst
    class. Noisy where classes have few samples in the data; steer by balanced
    accuracy or the geometric mean and report this one.

    Formula:
    ```python
    score = min_c(correct_c / labels_c)
    ```
    over the classes c that occur among the labels.

    Args:
        **kwargs: `from_logits`, `num_classes`, `threshold`, `ignore_class`,
            `class_names`, `name`, `dtype`: see
            `keras_funcs.metrics.ConfusionMetric`.

    Example:

    >>> metric = keras_funcs.metrics.WorstClassRecall()
    >>> metric.update_state([0, 0, 1, 1], np.eye(2)[[0, 0, 0, 1]])
    >>> float(metric.result())
    0.5

    Reference:
        Sagawa, Koh, Hashimoto and Liang (2020), ICLR, arXiv:1911.08731
    """

    def __init__(self, name: str = "worst_class_recall", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def score(self, matrix: Tensor) -> Tensor:
        support = ops.sum(matrix, axis=1)
        absent = ops.equal(support, 0)
        recall = ops.diagonal(matrix) / ops.where(absent, 1.0, support)
        worst = ops.min(ops.where(absent, 1.0, recall))
        total = ops.sum(support)
        # A minimum may pass over NaN, a sum does not.
        worst = ops.where(ops.isnan(total), total, worst)
        return ops.where(total == 0, 0.0, worst)


@component()
class TopKRecall(StateMetric):
    """Share of a class's members with the class among the k highest scores.

    For many similar classes of unequal size: every class counts the same. The
    mean over samples instead of classes is Keras's
    `SparseTopKCategoricalAccuracy`, except for ties: the lowest class comes
    first, so that constant output is chance and `k=1` balanced accuracy.

    Formula:
    ```python
    score = mean_c(labels of c whose rank <= k / labels of c)
    ```
    over the classes c that occur among the labels.

    Args:
        k: Integer >= 1, at most the number of classes.
        num_classes: Integer >= 2, or None to take it from the first batch.
            Defaults to `None`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `name` and `dtype` of `keras.metrics.Metric`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot
            labels `(batch, ..., C)`. An invalid id gives NaN.
        y_pred: `(batch, ..., C)` logits or probabilities.

    Raises:
        ValueError: If an argument is invalid or shapes do not match.

    Example:

    >>> metric = keras_funcs.metrics.TopKRecall(2)
    >>> metric.update_state([0, 2, 2], [[1, 2, 0], [1, 2, 3], [3, 2, 1]])
    >>> float(metric.result())
    0.75

    Reference:
        Lapin, Hein and Schiele (2016), CVPR, arXiv:1512.00486
    """

    traits = MetricTraits(direction="max", targets="classes", reads_size=False)
    state_arguments = ("k", "num_classes", "ignore_class")

    def __init__(
        self,
        k: int,
        num_classes: int | None = None,
        ignore_class: int | None = None,
        name: str = "top_k_recall",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.k = checks.integer("k", k, at_least=1)
        self.ignore_class = checks.integer(
            "ignore_class", ignore_class, optional=True
        )
        self.num_classes = num_classes
        if num_classes is not None:
            checks.size("num_classes", num_classes, at_least=max(2, self.k))
            self._allocate(self.shape(num_classes))

    def shape(self, size: int) -> tuple[int, ...]:
        return (size, 2)

    def count(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        mask: Tensor | None,
        sample_weight: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        true, _, valid = read_classes(y_true, y_pred)
        size = y_pred.shape[-1]
        if self.k > size:
            raise ValueError(
                f"Invalid shape of `y_pred` in metric '{self.name}'. Expected "
                f"{self.k} classes. Received: {size}"
            )
        wanted = ops.ones_like(valid)
        if self.ignore_class is not None:
            wanted = ops.not_equal(true, self.ignore_class)
        weight, broken = weigh(wanted, valid, mask, sample_weight)
        true = ops.where(ops.logical_and(wanted, valid), true, 0)
        missed = ops.cast(_rank(true, y_pred) >= self.k, "int32")
        batch = sum_cells(2 * true + missed, weight, 2 * size)
        return ops.reshape(batch, (size, 2)), broken

    def score(self, state: Tensor) -> Tensor:
        return _mean_recall(state[:, 0], ops.sum(state, axis=1))


def _rank(true: Tensor, y_pred: Tensor) -> Tensor:
    """The number of classes whose score is ahead of the label's."""
    column = ops.expand_dims(true, -1)
    own = ops.take_along_axis(y_pred, column, axis=-1)
    # Of equal scores the lowest class comes first.
    lower = ops.arange(y_pred.shape[-1], dtype="int32") < column
    tied = ops.logical_and(ops.equal(y_pred, own), lower)
    ahead = ops.logical_or(y_pred > own, tied)
    return ops.sum(ops.cast(ahead, "int32"), axis=-1)


def _mean_recall(
    hits: Tensor, support: Tensor, member: np.ndarray | None = None
) -> Tensor:
    """The mean over classes that have labels, and belong to a group."""
    # A NaN is not 0, and stays in.
    counted = ops.cast(ops.not_equal(support, 0), support.dtype)
    if member is not None:
        counted = counted * active().constant(member, support)
    recall = hits / ops.where(support == 0, 1.0, support)
    return ops.sum(counted * recall) / ops.maximum(ops.sum(counted), 1.0)
