"""The base of losses on one label out of C classes."""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import labels
from keras_funcs._core.numerics import log_probability
from keras_funcs._core.numerics import statically_zero
from keras_funcs._core.traits import LossTraits
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._base import ClassificationLoss
from keras_funcs.losses._base import LabelLoss
from keras_funcs.losses._softmax import Probability
from keras_funcs.losses._softmax import Softmax
from keras_funcs.losses._softmax import smooth


class LogitLoss(LabelLoss):
    """Abstract base of losses on one label out of C classes, from logits.

    A leaf gives the loss of class ids in `sparse` and that of distributions
    over the classes in `soft`. For most losses the second is a mean of the
    first: see `OfClass`.

    Args:
        axis: Integer. The axis of the classes in `y_pred`.
        ignore_class: Integer or None. Labels of this value do not count.
        **kwargs: `name`, `reduction`, `dtype`.
    """

    traits = LossTraits(targets="classes", scores="logits")
    from_logits = True
    # The share of a label that is spread over all classes.
    label_smoothing = 0.0

    def __init__(
        self, axis: int = -1, ignore_class: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.axis = checks.integer("axis", axis)
        self.ignore_class = checks.integer(
            "ignore_class", ignore_class, optional=True
        )

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        axis = self.axis
        sparse = labels.is_sparse(y_true, y_pred, axis)
        self.check_classes(y_pred.shape[axis])
        # softmax(log p) = p / sum(p): probabilities take the logits' path.
        logits = y_pred if self.from_logits else log_probability(y_pred)
        softmax = Softmax.of(self.adjust(logits), axis)
        if sparse:
            ids, valid = labels.class_ids(y_true, y_pred, axis)
            loss = self._of_ids(
                ops.where(valid, ids, ops.zeros_like(ids)), softmax
            )
            # The backends raise, return 0 or read foreign memory for an id
            # that is no class; here all of them say NaN.
            loss = ops.where(valid, loss, float("nan"))
        else:
            ids = None
            target = ops.cast(y_true, logits.dtype)
            loss = self._of_distributions(target, softmax)
        if self.ignore_class is not None:
            if ids is None:
                ids = ops.argmax(y_true, axis)
            loss = self.exclude(loss, ops.equal(ids, self.ignore_class))
        return loss

    def adjust(self, logits: Tensor) -> Tensor:
        """Changes the logits before the softmax."""
        return logits

    def check_classes(self, num_classes: int) -> None:
        """Raises where the loss is for another number of classes."""

    def sparse(self, ids: Tensor, softmax: Softmax) -> Tensor:
        """The loss of class ids, of the shape of `ids`."""
        raise NotImplementedError

    def soft(self, target: Tensor, softmax: Softmax) -> Tensor:
        """The loss of distributions, summed over the classes."""
        raise NotImplementedError

    def _of_ids(self, ids: Tensor, softmax: Softmax) -> Tensor:
        if statically_zero(self.label_smoothing):
            return self.sparse(ids, softmax)
        return self._of_distributions(softmax.one_hot(ids), softmax)

    def _of_distributions(self, target: Tensor, softmax: Softmax) -> Tensor:
        target = smooth(target, self.label_smoothing, self.axis)
        return self.soft(target, softmax)


class CategoricalLoss(ClassificationLoss, LogitLoss):
    """Abstract base of losses on one label, from logits or probabilities.

    Args:
        **kwargs: `from_logits`, and what `LogitLoss` takes.
    """

    traits = LogitLoss.traits


class OfClass:
    """Mixin of losses that are a mean over the classes of the label.

    A leaf gives the loss of a class in `of_class`.
    """

    axis: int

    def of_class(self, p: Probability) -> Tensor:
        """The loss of a class: of the label's, or of every one."""
        raise NotImplementedError

    def sparse(self, ids: Tensor, softmax: Softmax) -> Tensor:
        return self.of_class(Probability(softmax, ids))

    def soft(self, target: Tensor, softmax: Softmax) -> Tensor:
        loss = self.of_class(Probability(softmax))
        return ops.sum(target * loss, axis=self.axis)


def check_length(
    name: str, values: Any, count: int, items: str = "classes"
) -> None:
    """Raises if a list does not have one entry for each class."""
    if values is not None and len(values) != count:
        checks.invalid(name, f"one for each of the {count} {items}", values)
