"""Precision, recall, specificity and their means, class by class.

Unlike Keras's metrics of these names they take class ids as well as one-hot
and multi-hot labels, average over classes as scikit-learn does, and give the
classes' values as named scalars, which callbacks can watch.
"""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import component
from keras_funcs._core.typing import Tensor
from keras_funcs.metrics._confusion import ConfusionMetric
from keras_funcs.metrics._rates import CLASSES
from keras_funcs.metrics._rates import Counts
from keras_funcs.metrics._rates import RateMetric


@component()
class PrecisionScore(RateMetric):
    """Which share of a class's predictions is right.

    For models whose alarms are expensive. It says nothing about the members of
    a class that were missed: read it next to recall. Equal to scikit-learn's
    `precision_score`.

    Formula:
    ```python
    precision_c = tp_c / (tp_c + fp_c)
    ```
    averaged over the classes c.

    Args:
        **kwargs: `average`, `zero_division`, `classes`, `multi_label`: see
            `keras_funcs.metrics.RateMetric`; `from_logits`, `num_classes`,
            `threshold`, `ignore_class`, `class_names`, `name`, `dtype`: see
            `keras_funcs.metrics.ConfusionMetric`.

    Example:

    >>> metric = keras_funcs.metrics.PrecisionScore(average=None)
    >>> metric.update_state([0, 0, 1], np.eye(2)[[0, 1, 1]])
    >>> {name: float(value) for name, value in metric.result().items()}
    {'precision_score/0': 1.0, 'precision_score/1': 0.5}

    Reference:
        van Rijsbergen (1979), Information Retrieval, 2nd ed., Butterworths
    """

    def __init__(self, name: str = "precision_score", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def rate(self, counts: Counts) -> tuple[Tensor, Tensor]:
        hits = counts.true_positives
        return hits, hits + counts.false_positives


@component()
class RecallScore(RateMetric):
    """Which share of a class's members is found.

    For classes whose members must not be missed. It says nothing about false
    alarms: read it next to precision. Equal to scikit-learn's `recall_score`;
    over the classes with labels, `classes="labelled"`, the macro average is
    balanced accuracy.

    Formula:
    ```python
    recall_c = tp_c / (tp_c + fn_c)
    ```
    averaged over the classes c.

    Args:
        **kwargs: `average`, `zero_division`, `classes`, `multi_label`: see
            `keras_funcs.metrics.RateMetric`; `from_logits`, `num_classes`,
            `threshold`, `ignore_class`, `class_names`, `name`, `dtype`: see
            `keras_funcs.metrics.ConfusionMetric`.

    Example:

    >>> metric = keras_funcs.metrics.RecallScore(average="binary")
    >>> metric.update_state([0, 1, 1, 1], [0.2, 0.4, 0.6, 0.7])
    >>> round(float(metric.result()), 4)
    0.6667

    Reference:
        van Rijsbergen (1979), Information Retrieval, 2nd ed., Butterworths
    """

    def __init__(self, name: str = "recall_score", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def rate(self, counts: Counts) -> tuple[Tensor, Tensor]:
        return counts.true_positives, counts.support


@component()
class SpecificityScore(RateMetric):
    """Which share of the other classes' members raises no alarm for a class.

    The recall of "not this class". With many classes it is close to 1 for
    every model: compare it between models, not with other metrics. Equal to
    imbalanced-learn's `specificity_score` without sample weights, which that
    one counts for some terms only.

    Formula:
    ```python
    specificity_c = tn_c / (tn_c + fp_c)
    ```
    averaged over the classes c.

    Args:
        **kwargs: `average`, `zero_division`, `classes`, `multi_label`: see
            `keras_funcs.metrics.RateMetric`; `from_logits`, `num_classes`,
            `threshold`, `ignore_class`, `class_names`, `name`, `dtype`: see
            `keras_funcs.metrics.ConfusionMetric`.

    Example:

    >>> metric = keras_funcs.metrics.SpecificityScore(average="binary")
    >>> metric.update_state([0, 0, 0, 0, 1], [0.2, 0.4, 0.3, 0.7, 0.9])
    >>> float(metric.result())
    0.75

    Reference:
        Yerushalmy (1947), Public Health Reports 62(40), doi:10.2307/4586294
    """

    def __init__(self, name: str = "specificity_score", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def rate(self, counts: Counts) -> tuple[Tensor, Tensor]:
        passed = counts.true_negatives
        return passed, passed + counts.false_positives


@component()
class FScore(RateMetric):
    """Harmonic mean of precision and recall, with recall counting `beta` times.

    The usual single number for rare classes. It ignores true negatives, and so
    says nothing about the size of the other classes. Equal to scikit-learn's
    `fbeta_score`.

    Formula:
    ```python
    f_c = (1 + beta**2) * tp_c
    f_c /= (1 + beta**2) * tp_c + beta**2 * fn_c + fp_c
    ```
    averaged over the classes c.

    Args:
        beta: Float >= 0. How much more recall counts than precision; 0 gives
            precision. Defaults to `1.0`.
        **kwargs: `average`, `zero_division`, `classes`, `multi_label`: see
            `keras_funcs.metrics.RateMetric`; `from_logits`, `num_classes`,
            `threshold`, `ignore_class`, `class_names`, `name`, `dtype`: see
            `keras_funcs.metrics.ConfusionMetric`.

    Example:

    >>> metric = keras_funcs.metrics.FScore(multi_label=True, threshold=0.3)
    >>> metric.update_state([[0, 1], [1, 1]], [[0.1, 0.4], [0.2, 0.9]])
    >>> float(metric.result())
    0.5

    Reference:
        Chinchor (1992), MUC-4, doi:10.3115/1072064.1072067
    """

    def __init__(
        self, beta: float = 1.0, name: str = "f_score", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.beta = checks.number("beta", beta, at_least=0)

    def rate(self, counts: Counts) -> tuple[Tensor, Tensor]:
        square = self.beta**2
        hits = (1 + square) * counts.true_positives
        misses = square * counts.false_negatives + counts.false_positives
        return hits, hits + misses


@component()
class GeometricMeanScore(ConfusionMetric):
    """Geometric mean of the classes' recalls: 0 where one class is never found.

    Stricter than balanced accuracy, which a lost class costs only its share:
    here it costs all. With many classes it is 0 for nearly every model;
    `correction` keeps it readable. For two classes, the root of sensitivity
    times specificity. Equal to imbalanced-learn's `geometric_mean_score`.

    Formula:
    ```python
    score = prod_c(recall_c if recall_c > 0 else correction) ** (1 / K)
    ```
    over K classes, and a class without labels has recall 0.

    Args:
        correction: Float in [0, 1]. What counts for a recall of 0. Defaults
            to `0.0`.
        classes: Which classes the mean is over: `"present"` among labels or
            predictions, `"labelled"` or `"all"`. Defaults to `"present"`.
        **kwargs: `from_logits`, `num_classes`, `threshold`, `ignore_class`,
            `class_names`, `name`, `dtype`: see
            `keras_funcs.metrics.ConfusionMetric`.

    Example:

    >>> metric = keras_funcs.metrics.GeometricMeanScore()
    >>> metric.update_state([0, 0, 0, 0, 1], np.eye(2)[[0, 1, 1, 1, 1]])
    >>> round(float(metric.result()), 4)
    0.5

    Reference:
        Kubat and Matwin (1997), ICML; Barandela, Sanchez, Garcia and Rangel
        (2003), Pattern Recognition 36(3), doi:10.1016/S0031-3203(02)00257-1
    """

    def __init__(
        self,
        correction: float = 0.0,
        classes: str = "present",
        name: str = "geometric_mean_score",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.correction = checks.number(
            "correction", correction, at_least=0, at_most=1
        )
        self.classes = checks.one_of("classes", classes, CLASSES)

    def score(self, matrix: Tensor) -> Tensor:
        counts = Counts.of(matrix)
        chosen = counts.chosen(self.classes, self.multi_label)
        support = counts.support
        recall = counts.true_positives / ops.where(support == 0, 1.0, support)
        recall = ops.where(recall == 0, self.correction, recall)
        # A class that does not count must not bring its log(0) times 0.
        terms = ops.log(ops.where(chosen == 0, 1.0, recall))
        size = ops.sum(chosen)
        mean = ops.exp(ops.sum(terms) / ops.maximum(size, 1.0))
        return ops.where(size == 0, 0.0, mean)
