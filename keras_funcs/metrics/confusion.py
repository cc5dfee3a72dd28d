"""Metrics of a confusion matrix that stay honest when classes are unequal.

Accuracy on data with 99 % of one class is 99 % for a model that knows nothing;
balanced accuracy is 1 / C and Matthews correlation is 0.
"""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import component
from keras_funcs._core.typing import Tensor
from keras_funcs.metrics._confusion import ConfusionMetric


@component()
class BalancedAccuracy(ConfusionMetric):
    """Mean of the classes' recalls: every class counts the same.

    The default number to choose models by on unequal classes. Equal to
    scikit-learn's `balanced_accuracy_score`.

    Formula:
    ```python
    score = mean_c(correct_c / count_c)
    adjusted = (score - 1 / K) / (1 - 1 / K)
    ```
    over the K classes that occur among the labels.

    Args:
        adjusted: Boolean. Whether chance is 0 rather than 1 / K. Defaults to
            `False`.
        absent: `"ignore"` leaves classes without labels out of the mean;
            `"zero"` counts their recall as 0. Defaults to `"ignore"`.
        **kwargs: `from_logits`, `num_classes`, `threshold`, `ignore_class`,
            `class_names`, `name`, `dtype`: see
            `keras_funcs.metrics.ConfusionMetric`.

    Example:

    >>> metric = keras_funcs.metrics.BalancedAccuracy()
    >>> metric.update_state([0, 0, 0, 1], np.eye(2)[[0, 0, 0, 0]])
    >>> float(metric.result())
    0.5

    Reference:
        Brodersen, Ong, Stephan and Buhmann (2010), ICPR,
        doi:10.1109/ICPR.2010.764
    """

    def __init__(
        self,
        adjusted: bool = False,
        absent: str = "ignore",
        name: str = "balanced_accuracy",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.adjusted = checks.boolean("adjusted", adjusted)
        self.absent = checks.one_of("absent", absent, ("ignore", "zero"))

    def score(self, matrix: Tensor) -> Tensor:
        count = ops.sum(matrix, axis=1)
        # A NaN is not above 0, and would pass for an absent class.
        present = ops.cast(ops.not_equal(count, 0), matrix.dtype)
        if self.absent == "zero":
            present = ops.ones_like(present)
        classes = ops.maximum(ops.sum(present), 1.0)
        recall = ops.diagonal(matrix) / ops.where(count == 0, 1.0, count)
        score = ops.sum(recall) / classes
        if self.adjusted:
            # With one class there is no chance to be better than: 0.
            chance = 1.0 / classes
            above = ops.where(classes > 1, score - chance, 0.0)
            score = above / ops.where(classes > 1, 1.0 - chance, 1.0)
        return score


@component()
class MatthewsCorrelation(ConfusionMetric):
    """Correlation of predicted and true class, from -1 to 1.

    0 for every constant or random prediction, whatever the class sizes; unlike
    balanced accuracy it also punishes false alarms on rare classes. Equal to
    scikit-learn's `matthews_corrcoef`, for any number of classes.

    Formula:
    ```python
    score = (c * s - <t, p>) / sqrt((s**2 - <p, p>) * (s**2 - <t, t>))
    ```
    with c correct of s samples, and counts t of labels and p of predictions
    by class; 0 where labels or predictions are all of one class.

    Args:
        **kwargs: `from_logits`, `num_classes`, `threshold`, `ignore_class`,
            `class_names`, `name`, `dtype`: see
            `keras_funcs.metrics.ConfusionMetric`.

    Example:

    >>> metric = keras_funcs.metrics.MatthewsCorrelation()
    >>> metric.update_state([0, 0, 1, 1], np.eye(2)[[0, 0, 1, 0]])
    >>> round(float(metric.result()), 4)
    0.5774

    Reference:
        Matthews (1975), Biochim. Biophys. Acta 405(2); Gorodkin (2004),
        Comput. Biol. Chem. 28(5-6)
    """

    def __init__(
        self, name: str = "matthews_correlation", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)

    def score(self, matrix: Tensor) -> Tensor:
        # Shares instead of counts: fourth powers of counts leave float32.
        total = ops.sum(matrix)
        share = matrix / ops.where(total == 0, 1.0, total)
        true = ops.sum(share, axis=1, keepdims=True)
        predicted = ops.sum(share, axis=0, keepdims=True)
        # c s - <t, p> is, class by class, tp tn - fn fp, and 1 - t_c the sum
        # of the other classes: differences from 1 would lose rare classes.
        other = 1.0 - ops.eye(matrix.shape[0], dtype=matrix.dtype)
        missed = ops.sum(other * share, axis=1)
        alarms = ops.sum(other * share, axis=0)
        passed = ops.sum(other * (true - share), axis=0)
        covariance = ops.diagonal(share) * passed - missed * alarms
        spread = ops.sqrt(
            ops.sum(other * true * ops.transpose(true))
            * ops.sum(other * predicted * ops.transpose(predicted))
        )
        constant = spread == 0
        return ops.where(
            constant,
            0.0,
            ops.sum(covariance) / ops.where(constant, 1.0, spread),
        )


@component()
class ConfusionMatrix(ConfusionMetric):
    """Counts of predicted against true classes.

    `matrix()` gives the whole matrix with exact counts, for a figure or a
    report; `result()` its diagonal as one scalar a class, which is what logs,
    callbacks and TensorBoard can take.

    Formula:
    ```python
    matrix[i, j] = sum(weight[(y_true == i) & (y_pred == j)])
    ```

    Args:
        normalize: None for counts, `"true"` to divide by the labels of the
            class (the diagonal is then recall), `"pred"` by the predictions of
            it (precision), or `"all"` by everything. Defaults to `None`.
        **kwargs: `from_logits`, `num_classes`, `threshold`, `ignore_class`,
            `class_names`, `name`, `dtype`: see
            `keras_funcs.metrics.ConfusionMetric`.

    Example:

    >>> metric = keras_funcs.metrics.ConfusionMatrix(class_names=["a", "b"])
    >>> metric.update_state([0, 0, 1], np.eye(2)[[0, 1, 1]])
    >>> metric.matrix().tolist()
    [[1.0, 1.0], [0.0, 1.0]]

    Reference:
        Stehman (1997), Remote Sens. Environ. 62(1),
        doi:10.1016/S0034-4257(97)00083-7
    """

    def __init__(
        self,
        normalize: str | None = None,
        name: str = "confusion_matrix",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.normalize = checks.one_of(
            "normalize", normalize, (None, "true", "pred", "all")
        )

    def score(self, matrix: Tensor) -> dict[str, Tensor]:
        axis = {"true": 1, "pred": 0, "all": None}
        correct = ops.diagonal(matrix)
        if self.normalize is not None:
            total = ops.sum(matrix, axis=axis[self.normalize])
            correct = correct / ops.where(total == 0, 1.0, total)
        return self.by_class(correct)
