"""The softmax of losses, in logarithms: of the label's class or of all."""

from typing import Any
from typing import NamedTuple

from keras import ops

from keras_funcs._core.backend import active
from keras_funcs._core.numerics import floored
from keras_funcs._core.numerics import statically_zero
from keras_funcs._core.typing import Tensor


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
        largest = ops.amax(logits, axis=axis, keepdims=True)
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
    """Log-probabilities of classes.

    Those of the labels' classes if `ids` is given (the class axis is dropped),
    else those of all classes. A loss reads the same in both.
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
        return ops.take(active().constant(values, logits), self.ids, axis=0)


def smooth(target: Tensor, label_smoothing: Any, axis: int) -> Tensor:
    """`(1 - s) y + s / C`; `y` itself where `s` is known to be 0."""
    if statically_zero(label_smoothing):
        return target
    uniform = label_smoothing / target.shape[axis]
    return (1.0 - label_smoothing) * target + uniform


def per_class(values: Any, like: Tensor, axis: int) -> Tensor:
    """Constants of shape `(C,)`, to be broadcast along the class axis."""
    shape = [1] * len(like.shape)
    shape[axis] = -1
    return ops.reshape(active().constant(values, like), shape)
