"""Classifier heads that ask for a margin between directions."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import labels
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.masking import mask_of
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import ConstraintLike
from keras_funcs._core.typing import InitializerLike
from keras_funcs._core.typing import RegularizerLike
from keras_funcs._core.typing import Shape
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

    For features that are to be compared afterwards, as of faces, products or
    speakers, where many classes have few samples. Call it on `[features,
    labels]`: in training the label's logit is lowered by the margin, for a
    cross-entropy with `from_logits=True`. Outside training, and when called on
    the features alone, it gives plain scaled cosines, so that no prediction
    knows its label. With few classes or little data a smaller `scale` and
    `margin` train better; `keras_funcs.losses.LDAM` has margins by class size.
    The kernel stays float under `Model.quantize`.

    Formula:
    ```python
    cos = <x, w_c> / (|x| * |w_c|)  # the largest of a class's sub-centers
    arcface = cos(theta + margin)  # theta = arccos(cos); else, where theta
    # > pi - margin, cos - margin * sin(margin)
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
        sub_centers: Integer >= 1. Directions of each class, of which the
            nearest counts; with 3 or so, wrong labels gather at another
            direction than the class's own. Defaults to `1`.
        kernel_initializer: Initializer of the kernel `(features, units *
            sub_centers)`, in which the directions of a class are neighbours.
            Defaults to `"glorot_uniform"`.
        kernel_regularizer: Regularizer of the kernel. Defaults to `None`.
        kernel_constraint: Constraint of the kernel. Defaults to `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        `[(batch, features), labels]`, or `(batch, features)` alone. Labels are
        class ids `(batch,)` or `(batch, 1)`, or one-hot `(batch, units)`. An
        id that is no class gives NaN.

    Output shape:
        `(batch, units)`.

    Raises:
        ValueError: for arguments out of range, an unknown number of features,
            or labels of another shape.

    Example:

    >>> x, y = keras.Input((8,)), keras.Input((), dtype="int32")
    >>> features = keras.layers.Dense(4)(x)
    >>> head = keras_funcs.layers.MarginHead(10, "cosface", scale=16.0)
    >>> model = keras.Model([x, y], head([features, y]))
    >>> cross = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> model.compile("adam", cross)
    >>> samples, ids = np.ones((4, 8)), np.arange(4)
    >>> history = model.fit([samples, ids], ids, verbose=0)
    >>> classifier = keras.Model(x, head(features))  # needs no labels
    >>> tuple(classifier(samples).shape)
    (4, 10)

    Reference:
        ArcFace: Deng et al. (2019), CVPR, arXiv:1801.07698; CosFace: Wang et
        al. (2018), CVPR, arXiv:1801.09414; sub-centers: Deng et al. (2020),
        ECCV
    """

    traits = LayerTraits(example_shape=[(6,), "ids"])

    def __init__(
        self,
        units: int,
        kind: str = "arcface",
        margin: float | None = None,
        scale: float = 64.0,
        sub_centers: int = 1,
        kernel_initializer: InitializerLike = "glorot_uniform",
        kernel_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        # Keras would cast labels with the features, ids over 2,048 to others.
        super().__init__(
            units,
            kernel_initializer,
            kernel_regularizer,
            kernel_constraint,
            autocast=False,
            **kwargs,
        )
        checks.integer("units", units, at_least=2)
        self.kind = checks.one_of("kind", kind, tuple(MARGINS))
        if margin is not None:  # not above 2: nor are degrees taken
            margin = checks.number("margin", margin, at_least=0, at_most=2)
        self.margin = margin
        self.scale = checks.number("scale", scale, above=0)
        self.sub_centers = checks.integer(
            "sub_centers", sub_centers, at_least=1, at_most=MAX_SUB_CENTERS
        )

    def build(self, input_shape: Any) -> None:
        self.add_kernel(_features(input_shape), self.units * self.sub_centers)
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Tensor:
        pair = isinstance(inputs, (list, tuple))
        if pair and len(inputs) != 2:
            checks.invalid("inputs", "[features, labels] or features", inputs)
        cosines = self.cosines(inputs[0] if pair else inputs)
        if self.sub_centers > 1:
            shape = (*ops.shape(cosines)[:-1], self.units, self.sub_centers)
            cosines = ops.amax(ops.reshape(cosines, shape), axis=-1)
        if pair:
            share = self._labels(inputs[1], cosines)
            if training:
                lowered = self._lowered(cosines)
                cosines = cosines + share * (lowered - cosines)
        return ops.cast(self.scale * cosines, self.compute_dtype)

    def _labels(self, y: Tensor, cosines: Tensor) -> Tensor:
        """One-hot rows, NaN for an id that is no class."""
        y = ops.convert_to_tensor(y)
        if not labels.is_sparse(y, cosines):
            return ops.cast(y, cosines.dtype)
        ids, valid = labels.class_ids(y, cosines)
        # The backends disagree on what the row of no class is.
        safe = ops.where(valid, ids, ops.zeros_like(ids))
        rows = ops.one_hot(safe, self.units, dtype=cosines.dtype)
        return ops.where(ops.expand_dims(valid, -1), rows, float("nan"))

    def _lowered(self, cosines: Tensor) -> Tensor:
        margin = MARGINS[self.kind] if self.margin is None else self.margin
        margin = ops.convert_to_tensor(margin, dtype=cosines.dtype)
        if self.kind == "cosface":
            return cosines - margin
        # cos(theta + m) = cos(theta) cos(m) - sin(theta) sin(m); the root has
        # no slope at cos = -1 and 1, and its argument is replaced there.
        square = 1.0 - ops.square(cosines)
        inside = square > 0
        root = ops.sqrt(ops.where(inside, square, ops.ones_like(square)))
        sine = ops.where(inside, root, ops.zeros_like(square))
        cos_m, sin_m = ops.cos(margin), ops.sin(margin)
        moved = cosines * cos_m - sine * sin_m
        # theta > pi - m, where cos(theta + m) would rise again
        beyond = cosines < -cos_m
        return ops.where(beyond, cosines - margin * sin_m, moved)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return mask_of(mask, 0)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return (*_features(input_shape)[:-1], self.units)


def _features(input_shape: Sequence[Any]) -> Shape:
    """The first of two shapes, or the only one."""
    if isinstance(input_shape[0], (list, tuple)):
        return tuple(input_shape[0])
    return tuple(input_shape)
