"""What losses share: masks, labels and two log-probabilities."""

from typing import Any
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import labels
from keras_funcs._core.component import Configurable
from keras_funcs._core.masking import MaskCarrier
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.numerics import floored
from keras_funcs._core.numerics import log_probability
from keras_funcs._core.numerics import statically_zero
from keras_funcs._core.traits import LossTraits
from keras_funcs._core.traits import traits_of
from keras_funcs._core.typing import Config
from keras_funcs._core.typing import Tensor


class MaskedLoss(Configurable, keras.losses.Loss):
    """Abstract base of all losses: precision, masks and config.

    A leaf returns one value for each label from `call`; weights, masks and the
    reduction are Keras's.

    A loss of half precision computes in float32 and rounds its result:
    bfloat16 cannot tell class 257 from 256, and the probability 1 - 1e-7 from
    a certainty.

    Args:
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.
    """

    traits = LossTraits()

    def __init__(self, **kwargs: Any) -> None:
        dtype = keras.dtype_policies.get(
            kwargs.pop("dtype", None) or keras.config.floatx()
        ).compute_dtype
        super().__init__(dtype=at_least_float32(dtype), **kwargs)
        self.result_dtype = dtype
        self._masks = MaskCarrier(dtype=self.dtype)

    def __call__(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor = None
    ) -> Tensor:
        y_pred = ops.convert_to_tensor(y_pred)
        mask = self._masks.read(y_pred)
        if mask is not None:
            # Padding may be labelled with anything; it must not become NaN,
            # which no weight of 0 removes.
            y_true = ops.convert_to_tensor(y_true)
            mask = ops.cast(mask, "bool")
            while len(mask.shape) < len(y_true.shape):
                mask = ops.expand_dims(mask, -1)
            y_true = ops.where(mask, y_true, ops.zeros_like(y_true))
        sample_weight = weight_for(self, sample_weight, y_pred)
        loss = super().__call__(y_true, y_pred, sample_weight)
        return ops.cast(loss, self.result_dtype)

    def get_config(self) -> Config:
        # Keras leaves the dtype out, and a float64 loss comes back as float32.
        return {**super().get_config(), "dtype": self.result_dtype}

    def exclude(self, loss: Tensor, ignored: Tensor) -> Tensor:
        """Zeroes ignored labels and leaves them out of every mean."""
        loss = ops.where(ignored, ops.zeros_like(loss), loss)
        return self._masks.attach(loss, ops.logical_not(ignored))


class ClassificationLoss(MaskedLoss):
    """Abstract base of losses on class labels.

    Args:
        from_logits: Boolean. Whether `y_pred` are logits, not probabilities.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.
    """

    traits = LossTraits(targets="classes")

    def __init__(self, from_logits: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.from_logits = checks.boolean("from_logits", from_logits)


class LogitLoss(MaskedLoss):
    """Abstract base of losses on one label out of C classes, from logits.

    Most leaves give the loss of a class in `of_class`; `sparse` and `soft` are
    then that of class ids and that of distributions, its mean over the classes
    of the label. A leaf that is no such mean gives these two itself.

    Args:
        axis: Integer. The axis of the classes in `y_pred`.
        ignore_class: Integer or None. Labels of this value do not count.
        **kwargs: `name`, `reduction`, `dtype`.
    """

    traits = LossTraits(targets="classes", scores="logits")
    from_logits = True

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
            safe = ops.where(valid, ids, ops.zeros_like(ids))
            loss = self.sparse(safe, softmax)
            # The backends raise, return 0 or read foreign memory for an id
            # that is no class; here all of them say NaN.
            loss = ops.where(valid, loss, float("nan"))
        else:
            ids = None
            loss = self.soft(ops.cast(y_true, logits.dtype), softmax)
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

    def of_class(self, p: "Probability") -> Tensor:
        """The loss of a class: of the label's, or of every one."""
        raise NotImplementedError

    def sparse(self, ids: Tensor, softmax: "Softmax") -> Tensor:
        """The loss of class ids, of the shape of `ids`."""
        return self.of_class(Probability(softmax, ids))

    def soft(self, target: Tensor, softmax: "Softmax") -> Tensor:
        """The loss of distributions, summed over the classes."""
        loss = self.of_class(Probability(softmax))
        return ops.sum(target * loss, axis=self.axis)


class CategoricalLoss(ClassificationLoss, LogitLoss):
    """Abstract base of losses on one label, from logits or probabilities.

    Args:
        **kwargs: `from_logits`, and what `LogitLoss` takes.
    """

    traits = LogitLoss.traits


class Smoothed:
    """Mixin of losses that spread a share of the label over all classes.

    Such a loss has the attribute `label_smoothing`.
    """

    axis: int
    label_smoothing: float

    def sparse(self, ids: Tensor, softmax: "Softmax") -> Tensor:
        if statically_zero(self.label_smoothing):
            return super().sparse(ids, softmax)  # type: ignore[misc]
        return self.soft(softmax.one_hot(ids), softmax)

    def soft(self, target: Tensor, softmax: "Softmax") -> Tensor:
        target = smooth(target, self.label_smoothing, self.axis)
        return super().soft(target, softmax)  # type: ignore[misc]


class Softmax(NamedTuple):
    """A softmax before the division, and the logarithms that need none.

    The naive `log(1 - p)` loses p = 1 and `log(p)` loses p = 0; here both come
    from sums of exponentials shifted by their largest. A sparse loss makes one
    pass over all classes for the sum, and picks everything else by id.
    """

    logits: Tensor
    largest: Tensor  # max(z), without a gradient
    total: Tensor  # sum(exp(z - max(z))), in [1, C]
    axis: int

    @classmethod
    def of(cls, logits: Tensor, axis: int) -> "Softmax":
        largest = ops.max(logits, axis=axis, keepdims=True)
        largest = ops.stop_gradient(largest)
        exponentials = ops.exp(logits - largest)
        total = ops.sum(exponentials, axis=axis, keepdims=True)
        return cls(logits, largest, total, axis)

    def log_p(self) -> Tensor:
        """`log(p_c)` of every class."""
        return self.logits - self.largest - ops.log(self.total)

    def log_not_p(self) -> Tensor:
        """`log(1 - p_c)` of every class."""
        return self._log_rest(ops.exp(self.logits - self.largest), self.total)

    def log_p_of(self, ids: Tensor) -> Tensor:
        """`log(p_y)`."""
        return self._shifted(ids) - ops.log(self._squeeze(self.total))

    def log_not_p_of(self, ids: Tensor) -> Tensor:
        """`log(1 - p_y)`, through the sum of all others.

        The subtraction costs accuracy only where p_y is 1 to rounding, that
        is, where the loss is nothing.
        """
        own = ops.exp(self._shifted(ids))
        return self._log_rest(own, self._squeeze(self.total))

    def log_odds_against(self) -> Tensor:
        """`log((1 - p_c) / p_c)` of every class, right to the last digit.

        Only the largest probability can be so close to 1 that a subtraction
        would leave nothing of the others; their sum is taken without it.
        """
        shifted = self.logits - self.largest
        exponentials = ops.exp(shifted)
        first = self.is_class(ops.argmax(self.logits, axis=self.axis))
        others = ops.where(first, ops.zeros_like(exponentials), exponentials)
        others = ops.sum(others, axis=self.axis, keepdims=True)
        rest = ops.where(first, others, self.total - exponentials)
        return ops.log(floored(rest)) - shifted

    def log_odds_against_of(self, ids: Tensor) -> Tensor:
        """`log((1 - p_y) / p_y)`, right to the last digit."""
        exponentials = ops.exp(self.logits - self.largest)
        own = self.is_class(ids)
        others = ops.where(own, ops.zeros_like(exponentials), exponentials)
        others = ops.sum(others, axis=self.axis)
        return ops.log(floored(others)) - self._shifted(ids)

    def sum_log_p(self) -> Tensor:
        """`sum_c log(p_c)`, without the axis of the classes."""
        return ops.sum(self.log_p(), axis=self.axis)

    def is_class(self, ids: Tensor) -> Tensor:
        """One-hot labels as booleans."""
        return ops.equal(*self._places(ids))

    def is_from(self, ids: Tensor) -> Tensor:
        """Whether a class is the label's or a later one."""
        return ops.greater_equal(*self._places(ids))

    def _places(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        shape = [1] * len(self.logits.shape)
        shape[self.axis] = -1
        classes = ops.arange(self.logits.shape[self.axis], dtype="int32")
        ids = ops.cast(ops.expand_dims(ids, self.axis), "int32")
        return ops.reshape(classes, shape), ids

    def one_hot(self, ids: Tensor) -> Tensor:
        """Labels as distributions."""
        return ops.cast(self.is_class(ids), self.logits.dtype)

    def _shifted(self, ids: Tensor) -> Tensor:
        """`z_y - max(z)`; picked first, so that no other class is written."""
        ids = ops.expand_dims(ids, self.axis)
        picked = ops.take_along_axis(self.logits, ids, axis=self.axis)
        return self._squeeze(picked) - self._squeeze(self.largest)

    def _squeeze(self, x: Tensor) -> Tensor:
        return ops.squeeze(x, self.axis)

    def _log_rest(self, own: Tensor, total: Tensor) -> Tensor:
        rest = floored(total - own)
        return ops.log(rest) - ops.log(total)


class Probability(NamedTuple):
    """What a model gives to a class, in logarithms.

    With `ids` to the class of each label, without the axis of the classes;
    otherwise to every class. A loss reads the same in both.
    """

    softmax: Softmax
    ids: Tensor | None = None

    def log(self) -> Tensor:
        """`log(p)`."""
        if self.ids is None:
            return self.softmax.log_p()
        return self.softmax.log_p_of(self.ids)

    def log_not(self) -> Tensor:
        """`log(1 - p)`; see `Softmax.log_not_p_of` for what it costs."""
        if self.ids is None:
            return self.softmax.log_not_p()
        return self.softmax.log_not_p_of(self.ids)

    def log_odds_against(self) -> Tensor:
        """`log((1 - p) / p)`, right where p is 1 to rounding."""
        if self.ids is None:
            return self.softmax.log_odds_against()
        return self.softmax.log_odds_against_of(self.ids)

    def sum_log(self) -> Tensor:
        """`sum_c log(p_c)` over all classes."""
        total = self.softmax.sum_log_p()
        if self.ids is None:
            total = ops.expand_dims(total, self.softmax.axis)
        return total

    def focus(self, loss: Tensor, gamma: Any) -> Tensor:
        """`(1 - p)**gamma * loss`.

        Raised through its logarithm: a power below 1 has no gradient at 0.
        """
        if statically_zero(gamma):
            return loss
        return ops.exp(gamma * self.log_not()) * loss

    def own(self, values: Any) -> Tensor:
        """The class's own of constants `(C,)`."""
        logits = self.softmax.logits
        if self.ids is None:
            return per_class(values, logits, self.softmax.axis)
        constants = ops.convert_to_tensor(
            np.asarray(values), dtype=logits.dtype
        )
        return ops.take(constants, self.ids, axis=0)


def smooth(target: Tensor, label_smoothing: Any, axis: int) -> Tensor:
    """`(1 - s) y + s / C`; `y` itself where `s` is known to be 0."""
    if statically_zero(label_smoothing):
        return target
    uniform = label_smoothing / target.shape[axis]
    return (1.0 - label_smoothing) * target + uniform


def per_class(values: Any, like: Tensor, axis: int) -> Tensor:
    """Constants of shape `(C,)`, to be broadcast along the class axis."""
    constant = ops.convert_to_tensor(np.asarray(values), dtype=like.dtype)
    shape = [1] * len(like.shape)
    shape[axis] = -1
    return ops.reshape(constant, shape)


def check_length(name: str, values: Any, num_classes: int) -> None:
    """Raises where a list does not have one entry for each class."""
    if values is not None and len(values) != num_classes:
        checks.invalid(
            name, f"one for each of the {num_classes} classes", values
        )


def weight_for(
    loss: keras.losses.Loss, sample_weight: Tensor, y_pred: Tensor
) -> Tensor:
    """Weights in the form that a loss needs, and of its own.

    Keras aligns weights and values from the right: weights `(B,)` against the
    values `(B, H, W)` of pixels would be broadcast along W. They are written
    out, since a mean divides by the sum of what it is given. And on Torch,
    Keras multiplies a mask into the very weights that it is given, which
    whoever reads them next would find changed.
    """
    if sample_weight is None:
        return None
    sample_weight = ops.copy(ops.convert_to_tensor(sample_weight))
    given, rank = tuple(sample_weight.shape), len(y_pred.shape)
    of_samples = given and all(size == 1 for size in given[1:])
    traits = traits_of(loss, LossTraits) or LossTraits()
    if traits.unit != "label" or not of_samples or rank < 3:
        return sample_weight
    axis = getattr(loss, "axis", -1)
    shape = list(ops.shape(y_pred))
    del shape[axis if isinstance(axis, int) else -1]
    sample_weight = ops.reshape(sample_weight, (-1, *[1] * (rank - 2)))
    return ops.copy(ops.broadcast_to(sample_weight, shape))
