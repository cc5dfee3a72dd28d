"""The Tversky index, of which every overlap loss is a special case."""

import math
from dataclasses import replace
from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.backend import active
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._region import Region
from keras_funcs.losses._region import RegionLoss
from keras_funcs.losses._region import Sums


def tversky(sums: Sums, fp_weight: Any, fn_weight: Any, smooth: Any) -> Tensor:
    """One minus the Tversky index, as a sum of errors over a sum of all.

    Not by a subtraction from 1, which leaves seven digits of 1 and none of a
    small loss.
    """
    # 1 - (TP + s) / (TP + a FP + b FN + s)
    errors = fp_weight * sums.fp + fn_weight * sums.fn
    return ratio(errors, errors + sums.tp + smooth)


def ratio(part: Tensor, whole: Tensor) -> Tensor:
    """`part / whole`; 0, with a finite gradient, where `whole` is nothing.

    Nothing is below 1e-12 of a pixel: the square of a smaller number, in the
    gradient of a quotient, underflows.
    """
    empty = whole < 1e-12
    return part / ops.where(empty, ops.ones_like(whole), whole)


class OverlapLoss(RegionLoss):
    """Abstract base of losses of a region's classes by their overlap.

    Args:
        from_logits: Boolean. Whether `y_pred` are logits, not probabilities.
        smooth: Float >= 0. Pixels of agreement that are granted to a region.
        include_background: Boolean. Whether class 0 counts.
        class_weights: List of C floats >= 0, or None for equal ones.
        per_sample: Boolean. Whether each sample is a region, or the batch.
        multi_label: Boolean. Whether each class is a yes or no of its own.
        **kwargs: `ignore_class`, `name`, `reduction`, `dtype`.
    """

    def __init__(
        self,
        from_logits: bool = False,
        smooth: float = 1.0,
        include_background: bool = True,
        class_weights: list[float] | None = None,
        per_sample: bool = True,
        multi_label: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.from_logits = checks.boolean("from_logits", from_logits)
        self.per_sample = checks.boolean("per_sample", per_sample)
        self.multi_label = checks.boolean("multi_label", multi_label)
        self.declare()
        self.smooth = checks.number("smooth", smooth, at_least=0)
        self.include_background = checks.boolean(
            "include_background", include_background
        )
        self.class_weights = checks.numbers(
            "class_weights", class_weights, at_least=0, optional=True
        )
        if class_weights is not None:
            first = 0 if include_background or len(class_weights) == 1 else 1
            if not any(class_weights[first:]):
                checks.invalid(
                    "class_weights", "one above 0 at least", class_weights
                )

    def check_classes(self, num_classes: int) -> None:
        given = self.class_weights
        if given is not None and len(given) != num_classes:
            checks.invalid(
                "class_weights",
                f"one for each of the {num_classes} classes",
                given,
            )

    def of_region(self, region: Region) -> Tensor:
        return self.of_classes(region.sums())

    def of_classes(self, sums: Sums) -> Tensor:
        """The value of every region, `(S,)`, from sums `(S, C)`."""
        raise NotImplementedError

    def mean(self, values: Tensor) -> Tensor:
        """The weighted mean over the classes, `(S,)`."""
        return ops.sum(values * self.shares(values), axis=-1)

    def shares(self, like: Tensor) -> Tensor:
        """Each class's part of the whole, `(C,)`, of sum 1."""
        size = like.shape[-1]
        weights = list(self.class_weights or [1.0] * size)
        if not self.include_background and size > 1:
            weights[0] = 0.0
        whole = math.fsum(weights)
        return active().constant([w / whole for w in weights], like)


def mean_of(values: Tensor, present: Tensor) -> Tensor:
    """The mean over the classes that are there to be found, or 0."""
    present = ops.cast(present, values.dtype)
    return ratio(ops.sum(present * values, -1), ops.sum(present, -1))


class ScoreLoss(RegionLoss):
    """Abstract base of losses that are a score of the batch.

    Args:
        **kwargs: `ignore_class`, `name`, `reduction`, `dtype`.
    """

    traits = replace(RegionLoss.traits, unit="batch")
    per_sample = False


def steep_power(x: Tensor, exponent: Any) -> Tensor:
    """`x**exponent` for x >= 0, with a finite slope at 0.

    An exponent below 1 has an infinite one. Below 1e-7, what float32 resolves
    of 1, the power is replaced by its chord, which still ends at 0 and pulls.
    """
    least = 1e-7
    small = x < least
    safe = ops.where(small, ops.full_like(x, least), x)
    chord = x * ops.exp((exponent - 1.0) * ops.log(ops.full_like(x, least)))
    return ops.where(small, chord, ops.exp(exponent * ops.log(safe)))
