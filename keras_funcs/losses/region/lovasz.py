"""The Jaccard index of hard decisions, made piecewise linear.

The index is a function of the set of wrong pixels. Its Lovasz extension is
the tightest convex function of how wrong each pixel is that agrees with it
where every pixel is either right or wrong.
"""

from dataclasses import replace
from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Choice
from keras_funcs._core.component import component
from keras_funcs._core.traits import LossTraits
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._region import Region
from keras_funcs.losses._region import RegionLoss
from keras_funcs.losses.region._overlap import mean_of


def lovasz(errors: Tensor, region: Region) -> tuple[Tensor, Tensor]:
    """The extension at errors `(S, C, P)` >= 0, and the classes' areas.

    Both `(S, C)`. Weights are sizes of pixels; what does not count has none,
    so that it may stand anywhere in the order.
    """
    truth = region.target
    weight = region.weigh(ops.ones_like(truth))
    order = ops.argsort(ops.stop_gradient(-errors), axis=-1)
    errors, truth, weight = (
        ops.take_along_axis(x, order, axis=-1) for x in (errors, truth, weight)
    )
    inside, outside = weight * truth, weight * (1.0 - truth)
    area = ops.sum(inside, axis=-1, keepdims=True)
    # With the i worst pixels wrong, J_i = 1 - I_i / U_i, where
    # I_i = area - sum(inside[:i]) and U_i = area + sum(outside[:i]).
    common = ops.relu(area - ops.cumsum(inside, axis=-1))
    union = area + ops.cumsum(outside, axis=-1)
    before = union - outside
    # The steps J_i - J_(i - 1), without their cancellation: a pixel inside
    # changes only I, one outside only U, and of an empty class the first one
    # outside takes J from 0 to 1.
    safe = ops.where(union > 0, union, ops.ones_like(union))
    first = ops.logical_and(before <= 0, outside > 0)
    past = ops.where(before > 0, before, ops.ones_like(before))
    step = (inside + outside * common / past) / safe
    step = ops.where(first, ops.ones_like(step), step)
    step = ops.stop_gradient(step)
    return ops.sum(errors * step, axis=-1), ops.squeeze(area, -1)


def _hard(loss: Tensor, region: Region) -> Tensor:
    """NaN where a label is soft: a set holds a pixel, or does not."""
    soft = ops.logical_and(region.target > 0, region.target < 1)
    return ops.where(ops.any(soft, axis=(1, 2)), float("nan"), loss)


@component()
class LovaszHinge(RegionLoss):
    """Lovasz extension of the Jaccard index over hinge errors of logits.

    For binary masks that are judged by intersection over union; best as the
    last epochs after a cross-entropy, or added to one. Unlike soft overlap it
    has its full gradient on confidently wrong pixels. On logits only: a margin
    of 1 means nothing to a probability.

    Formula:
    ```python
    error = relu(1 - (2 * y - 1) * z)  # sorted, the largest first
    loss = sum(error[i] * (J[i] - J[i - 1]))
    ```
    with `J[i]` one minus the Jaccard index of a prediction that has exactly
    the first `i` pixels wrong; averaged over the channels.

    Args:
        per_sample: Boolean. Whether each sample is a region; otherwise the
            batch is one and the loss a scalar. Defaults to `False`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: `(batch, ..., L)` of 0 and 1; -1 is unknown and does not
            count, any other number gives NaN. `(batch, ...)` for one channel.
        y_pred: Logits `(batch, ..., L)`, each channel a mask of its own.
        sample_weight: `(batch,)` for samples, `(batch, ...)` for pixels; each
            a size, as if of so many equal pixels.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.LovaszHinge()
    >>> mask, logits = [[1, 1, 0]], [[[3.0], [-0.5], [-2.0]]]
    >>> round(float(loss(np.array(mask), np.array(logits))), 4)
    0.75

    Reference:
        Berman, Rannen Triki and Blaschko (2018), CVPR, arXiv:1705.08790; Yu
        and Blaschko (2015), ICML, arXiv:1512.07797
    """

    traits = LossTraits(
        targets="labels", scores="logits", unit="batch", unknown=-1
    )
    from_logits = True
    multi_label = True

    def __init__(
        self,
        per_sample: bool = False,
        ignore_class: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(ignore_class=ignore_class, **kwargs)
        self.per_sample = checks.boolean("per_sample", per_sample)
        self.declare()

    def of_region(self, region: Region) -> Tensor:
        sign = 2.0 * region.target - 1.0
        errors = ops.relu(1.0 - sign * region.logits())
        loss, _ = lovasz(errors, region)
        return _hard(ops.mean(loss, axis=-1), region)


@component(tune={"classes": Choice("present", "all")})
class LovaszSoftmax(RegionLoss):
    """Lovasz extension of the mean Jaccard index over classes' probabilities.

    For segmentation that is judged by mean intersection over union; best as
    the last epochs after a cross-entropy, or added to one. Over the batch, as
    the score is over the data set; `per_sample=True` is closer to a score of
    each image. Bounded, with hardly a gradient on confidently wrong pixels.

    Formula:
    ```python
    error = abs(y_c - p_c)  # sorted, the largest first
    loss_c = sum(error[i] * (J_c[i] - J_c[i - 1]))
    ```
    with `J_c[i]` one minus the Jaccard index of class c for a prediction that
    has exactly the first `i` pixels wrong; averaged over the classes.

    Args:
        classes: `"present"`, the classes that the region's labels have;
            `"all"`; or a list of the ids to average over. Defaults to
            `"present"`.
        from_logits: Boolean. Whether `y_pred` is logits. Defaults to `False`.
        per_sample: Boolean. Whether each sample is a region; otherwise the
            batch is one and the loss a scalar. Defaults to `False`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot
            labels `(batch, ..., C)`; soft ones give NaN, as do ids that are
            no class. For one channel: 0 or 1, and -1 where unknown.
        y_pred: `(batch, ..., C)`; a single channel, C = 1, is a sigmoid's.
        sample_weight: `(batch,)` for samples, `(batch, ...)` for pixels; each
            a size, as if of so many equal pixels.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.LovaszSoftmax()
    >>> ids = np.array([[0, 1, 1]])
    >>> p = np.array([[[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]])
    >>> round(float(loss(ids, p)), 4)
    0.25

    Reference:
        Berman, Rannen Triki and Blaschko (2018), CVPR, arXiv:1705.08790
    """

    traits = replace(RegionLoss.traits, unit="batch")

    def __init__(
        self,
        classes: str | list[int] = "present",
        from_logits: bool = False,
        per_sample: bool = False,
        ignore_class: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(ignore_class=ignore_class, **kwargs)
        self.from_logits = checks.boolean("from_logits", from_logits)
        self.per_sample = checks.boolean("per_sample", per_sample)
        self.declare()
        self.classes = _classes(classes)

    def check_classes(self, num_classes: int) -> None:
        if isinstance(self.classes, list) and max(self.classes) >= num_classes:
            checks.invalid("classes", f"ids below {num_classes}", self.classes)

    def of_region(self, region: Region) -> Tensor:
        errors = ops.abs(region.target - region.probabilities())
        loss, area = lovasz(errors, region)
        if self.classes == "present":
            counts = area > 0
        elif isinstance(self.classes, list):
            counts = [c in self.classes for c in range(loss.shape[-1])]
            counts = ops.ones_like(loss) * ops.cast(counts, loss.dtype)
        else:
            counts = ops.ones_like(loss)
        return _hard(mean_of(loss, counts), region)


def _classes(value: Any) -> str | list[int]:
    if isinstance(value, (list, tuple)) and value:
        return [checks.integer("classes", item, at_least=0) for item in value]
    found: str = checks.one_of("classes", value, ("present", "all"))
    return found
