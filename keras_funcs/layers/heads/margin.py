"""Classifier heads that ask for a margin between directions."""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import labels
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.masking import mask_of
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import Tensor
from keras_funcs.layers.heads._directions import CosineLayer

MARGINS = {"arcface": 0.5, "cosface": 0.35}  # as published
MAX_SUB_CENTERS = 100


@component(
    tune={
        "kind": Choice("arcface", "cosface"),
        "margin": Range(0.05, 0.6),
        "scale": Range(8.0, 64.0, log=True),
    }
)
class MarginHead(CosineLayer):
    """Classifier of directions whose own class has to win by a margin.

    For features that are compared afterwards, as of faces, with many classes
    of few samples. Training lowers the label's logit by the margin, for a
    cross-entropy with `from_logits=True`; predictions are plain scaled cosines
    and need no labels. With few classes or little data, lower `scale` and
    `margin`. `Model.quantize` leaves the kernel float.

    Formula:
    ```python
    cos = <x, w_c> / (|x| * |w_c|)  # the largest of a class's sub-centers
    arcface = cos(theta + margin)  # or, if theta = arccos(cos) is so large
    # that theta + margin > pi, cos - margin * sin(margin)
    cosface = cos - margin
    y = scale * where(c == label, arcface or cosface, cos)
    ```

    Args:
        units: Integer >= 2. The classes.
        kind: `"arcface"`, a margin of the angle, or `"cosface"`, of its
            cosine. Defaults to `"arcface"`.
        margin: Float in [0, 2], or None for the published 0.5 (radians; of
            `"arcface"`) and 0.35 (of `"cosface"`). Defaults to `None`.
        scale: Float > 0. Factor of the cosines. Defaults to `64.0`.
        sub_centers: Integer from 1 to 100. Directions per class; the nearest
            counts. With 3, wrong labels gather at another. Defaults to `1`.
        **kwargs: The `kernel_*` arguments of `keras.layers.Dense`, and those
            of `keras.layers.Layer`.

    Input shape:
        `[(batch, features), labels]`, or `(batch, features)` alone. Labels are
        `(batch,)` or `(batch, 1)` class ids, or one-hot `(batch, units)`.

    Output shape:
        `(batch, units)`; NaN if the label is an invalid id.

    Raises:
        ValueError: If an argument or the shape of an input is invalid.

    Example:

    >>> x, y = keras.Input((8,)), keras.Input((), dtype="int32")
    >>> head = keras_funcs.layers.MarginHead(10, "cosface", scale=16.0)
    >>> model = keras.Model([x, y], head([x, y]))  # classifier: head(x)

    Reference:
        Deng et al. (2019), CVPR, arXiv:1801.07698; Wang et al. (2018), CVPR,
        arXiv:1801.09414 (CosFace); Deng et al. (2020), ECCV (sub-centers)
    """

    traits = LayerTraits(example_shape=[(6,), "ids"])

    def __init__(
        self,
        units: int,
        kind: str = "arcface",
        margin: float | None = None,
        scale: float = 64.0,
        sub_centers: int = 1,
        **kwargs: Any,
    ) -> None:
        # Keras would cast labels with the features, ids over 2,048 to others.
        super().__init__(units, scale, autocast=False, **kwargs)
        checks.integer("units", units, at_least=2)
        self.kind = checks.one_of("kind", kind, tuple(MARGINS))
        self.margin = _margin(margin)
        self.sub_centers = checks.integer(
            "sub_centers", sub_centers, at_least=1, at_most=MAX_SUB_CENTERS
        )

    def call(self, inputs: Any, training: bool | None = None) -> Tensor:
        features, y = _pair(inputs)
        cosines = self.cosines(features)
        if y is not None:
            share = _one_hot(y, cosines)
            if training:
                lowered = _lowered(cosines, self.kind, self.margin)
                cosines = cosines + share * (lowered - cosines)
        return ops.cast(self.scale * cosines, self.compute_dtype)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return mask_of(mask, 0)


def _margin(value: Any) -> float | None:
    # At most 2, so that degrees are refused.
    return checks.number("margin", value, at_least=0, at_most=2, optional=True)


def _pair(inputs: Any) -> tuple[Tensor, Tensor | None]:
    """Features and labels, or features alone."""
    if not isinstance(inputs, (list, tuple)):
        return inputs, None
    if len(inputs) != 2:
        checks.invalid("inputs", "[features, labels] or features", inputs)
    return inputs[0], inputs[1]


def _one_hot(y: Tensor, cosines: Tensor) -> Tensor:
    """One-hot rows; NaN for an invalid id."""
    y = ops.convert_to_tensor(y)
    if not labels.is_sparse(y, cosines):
        return ops.cast(y, cosines.dtype)
    ids, valid = labels.class_ids(y, cosines)
    # The backends disagree on the row of an invalid id.
    safe = ops.where(valid, ids, ops.zeros_like(ids))
    rows = ops.one_hot(safe, cosines.shape[-1], dtype=cosines.dtype)
    return ops.where(ops.expand_dims(valid, -1), rows, float("nan"))


def _lowered(cosines: Tensor, kind: str, margin: Any) -> Tensor:
    """The cosines of the own class, less the margin."""
    margin = MARGINS[kind] if margin is None else margin
    margin = ops.convert_to_tensor(margin, dtype=cosines.dtype)
    if kind == "cosface":
        return cosines - margin
    # cos(theta + m) = cos(theta) cos(m) - sin(theta) sin(m); the root has no
    # slope at cos = -1 and 1, and its argument is replaced there.
    square = 1.0 - ops.square(cosines)
    inside = square > 0
    root = ops.sqrt(ops.where(inside, square, ops.ones_like(square)))
    sine = ops.where(inside, root, ops.zeros_like(square))
    cos_m, sin_m = ops.cos(margin), ops.sin(margin)
    moved = cosines * cos_m - sine * sin_m
    # theta > pi - m, where cos(theta + m) would rise again
    beyond = cosines < -cos_m
    return ops.where(beyond, cosines - margin * sin_m, moved)
