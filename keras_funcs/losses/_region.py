"""The base of losses on regions: masks, tokens or a batch, as one quantity.

The value of such a loss is no mean over pixels but a ratio of sums, so that
the weight of a pixel must act inside of the sums, and only the weight of a
whole sample outside. Where the region is the batch itself all weights act
inside: an integer weight is then a repetition, and a mask a removal.
"""

from dataclasses import replace
from typing import Any
from typing import NamedTuple

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import labels
from keras_funcs._core.numerics import log_probability
from keras_funcs._core.numerics import logit
from keras_funcs._core.traits import LossTraits
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._base import MaskedLoss
from keras_funcs.losses._base import Prepared

FEW = 32  # classes whose confusion matrix is small beside an image


class Sums(NamedTuple):
    """Weighted sums over each region, `(regions, classes)`."""

    tp: Tensor  # what prediction and label share
    fp: Tensor  # predicted, but not labelled
    fn: Tensor  # labelled, but not predicted


class Region(NamedTuple):
    """Pixels of several regions; `S` regions of `P` pixels in `C` classes.

    The pixels are the last axis: over a last axis of a few classes, a softmax
    or a sum takes several times as long.
    """

    scores: Tensor  # (S, C, P), logits or probabilities
    target: Tensor  # (S, C, P), from 0 to 1
    weight: Tensor | None  # (S, C, P) or (S, 1, P), or None: all are 1
    from_logits: bool
    exclusive: bool  # one class out of C, or each by itself
    hard: bool  # whether labels are known to be 0 and 1, and exclusive

    def probabilities(self) -> Tensor:
        """`(S, C, P)`."""
        if not self.from_logits:
            return self.scores
        if self.exclusive:
            return ops.softmax(self.scores, axis=1)
        return ops.sigmoid(self.scores)

    def normalized(self) -> Tensor:
        """The same, of sum 1 over exclusive classes."""
        if self.exclusive:
            return ops.softmax(self.logits(), axis=1)
        return self.probabilities()

    def logits(self) -> Tensor:
        """`(S, C, P)`, finite at probabilities of 0 and 1."""
        if self.from_logits:
            return self.scores
        if self.exclusive:
            return log_probability(self.scores)
        return logit(self.scores)

    def as_classes(self) -> "Region":
        """The same with a yes or no turned into one of two classes."""
        if self.exclusive:
            return self
        z, y = self.logits(), self.target
        return self._replace(
            scores=ops.concatenate([ops.zeros_like(z), z], axis=1),
            target=ops.concatenate([1.0 - y, y], axis=1),
            from_logits=True,
            exclusive=True,
        )

    def weigh(self, values: Tensor) -> Tensor:
        """Values times weights."""
        return values if self.weight is None else self.weight * values

    def sums(self) -> Sums:
        """The sums that every overlap is made of."""
        return self.sums_of(self.probabilities())

    def sums_of(self, p: Tensor) -> Sums:
        """The sums where `p` stands for the prediction.

        `tp = sum(min(p, y))`: for labels of 0 and 1 that is `sum(p * y)`; for
        soft labels the product would have its best prediction somewhere else
        than at `p = y` (Wang et al. (2023), arXiv:2303.16296).
        """
        labelled = self.weigh(self.target)
        area = ops.sum(labelled, axis=-1)
        size = p.shape[1]
        if self.hard and size <= FEW:
            # The same from a confusion matrix of probabilities: one pass, and
            # nothing of the pixels' size to write.
            matrix = ops.matmul(p, ops.transpose(labelled, (0, 2, 1)))
            own = ops.eye(size, dtype=matrix.dtype)
            tp = ops.sum(own * matrix, axis=-1)
            fp = ops.sum((1.0 - own) * matrix, axis=-1)
            return Sums(tp, fp, ops.relu(area - tp))
        excess = p - self.target
        fp = ops.sum(self.weigh(ops.relu(excess)), axis=-1)
        fn = ops.sum(self.weigh(ops.relu(-excess)), axis=-1)
        return Sums(area - fn, fp, fn)

    def total(self) -> Tensor:
        """The sum of all weights of a region, `(S, C)` or `(S, 1)`."""
        if self.weight is None:
            return ops.sum(ops.ones_like(self.target[:, :1]), axis=-1)
        return ops.sum(self.weight, axis=-1)


class RegionLoss(MaskedLoss):
    """Abstract base of losses whose value belongs to a region.

    A leaf gives the values of the regions in `of_region`; what is a label,
    counts or weighs is settled before. The last axis of `y_pred` is that of
    the classes. With 2 or more, a pixel is of one of them (softmax) unless
    `multi_label`; with 1 it is a yes or no (sigmoid).

    Attributes, which a leaf may offer as arguments:
        from_logits: Boolean. Whether `y_pred` are logits, not probabilities.
        per_sample: Boolean. Whether each sample is a region, with a value of
            its own; otherwise the batch is one, and the value a scalar
            whatever the reduction.
        multi_label: Boolean. Whether each class is a yes or no of its own.

    Args:
        ignore_class: Integer or None. Pixels of this label do not count.
        **kwargs: `name`, `reduction`, `dtype`.
    """

    traits = LossTraits(
        targets="classes",
        unit="sample",
        keeps_gradient=False,
        single=True,
        unknown=-1,
    )
    from_logits = False
    per_sample = True
    multi_label = False

    def __init__(self, ignore_class: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_class = checks.integer(
            "ignore_class", ignore_class, optional=True
        )

    def declare(self) -> None:
        """Sets the traits that the arguments decide; for the constructor."""
        self.traits = replace(
            self.traits,
            targets="labels" if self.multi_label else "classes",
            unit="sample" if self.per_sample else "batch",
        )

    def of_region(self, region: Region) -> Tensor:
        """The value of every region, `(S,)`."""
        raise NotImplementedError

    def prepare(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        sample_weight: Tensor | None,
        mask: Tensor | None,
    ) -> Prepared:
        labelled = {"labels": y_true}
        if mask is not None:
            labelled["mask"] = ops.cast(mask, "bool")
        if sample_weight is not None:
            weight = _weight(sample_weight, y_pred, self.multi_label)
            inside = not self.per_sample or len(weight.shape) > 1
            if inside:
                labelled["weight"] = weight
            sample_weight = None if inside else weight
        # Keras hands `call` what stands in the place of the labels, whatever
        # its structure. The list hides the mask, which is of pixels, from the
        # reduction, which is over samples.
        return labelled, [y_pred], sample_weight

    def finish(self, loss: Tensor) -> Tensor:
        return loss if self.per_sample else ops.reshape(loss, ())

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        given = y_true if isinstance(y_true, dict) else {"labels": y_true}
        y_pred = y_pred[0] if isinstance(y_pred, list) else y_pred
        outputs = tuple(y_pred.shape)
        if len(outputs) < 2 or not outputs[-1]:
            raise ValueError(
                "Invalid shape of `y_pred`. Expected (batch, ..., classes). "
                f"Received: y_pred.shape={outputs}"
            )
        self.check_classes(outputs[-1])
        exclusive = outputs[-1] > 1 and not self.multi_label
        read = self._read_classes if exclusive else self._read_labels
        target, valid, counts = read(given["labels"], y_pred)
        # Every tensor is (regions, classes or 1, pixels) from here on.
        scores = self._flat(y_pred)
        if "mask" in given:
            mask = ops.cast(self._spread(given["mask"], y_pred), "bool")
            counts = mask if counts is None else ops.logical_and(counts, mask)
        weight = None if counts is None else ops.cast(counts, scores.dtype)
        if "weight" in given:
            own = self._spread(given["weight"], y_pred)
            weight = own if weight is None else weight * own
        if counts is not None:
            valid = ops.logical_or(valid, ops.logical_not(counts))
            target = ops.where(counts, target, ops.zeros_like(target))
        hard = exclusive and labels.is_sparse(given["labels"], y_pred)
        loss = self.of_region(
            Region(scores, target, weight, self.from_logits, exclusive, hard)
        )
        # One pixel that is neither of a class nor ignored spoils its region,
        # on every backend.
        loss = ops.where(ops.all(valid, axis=(1, 2)), loss, float("nan"))
        if counts is None:
            return loss
        return self.exclude(loss, ops.logical_not(ops.any(counts, axis=(1, 2))))

    def check_classes(self, num_classes: int) -> None:
        """Raises where the loss is for another number of classes."""

    def _read_classes(
        self, y_true: Tensor, y_pred: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Target, validity and what counts, for one class out of several."""
        y = ops.cast(y_true, y_pred.dtype)
        if labels.is_sparse(y_true, y_pred):
            y = self._flat(ops.reshape(y, (*ops.shape(y_pred)[:-1], 1)))
            # What is no class, or none at all, equals none of them.
            classes = ops.arange(y_pred.shape[-1], dtype=y.dtype)
            target = ops.equal(y, ops.reshape(classes, (1, -1, 1)))
            target = ops.cast(target, y_pred.dtype)
            valid = ops.sum(target, axis=1, keepdims=True) > 0
        else:
            target = self._flat(y)
            least = ops.amin(target, axis=1, keepdims=True)
            most = ops.amax(target, axis=1, keepdims=True)
            valid = ops.logical_and(
                labels.is_share(least), labels.is_share(most)
            )
            y = ops.argmax(target, axis=1, keepdims=True)
        if self.ignore_class is None:
            return target, valid, None
        return target, valid, ops.not_equal(y, self.ignore_class)

    def _read_labels(
        self, y_true: Tensor, y_pred: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """The same for a yes or no of each class; -1 is unknown."""
        y_true, y_pred = labels.align_binary(y_true, y_pred)
        target = self._flat(ops.cast(y_true, y_pred.dtype))
        valid = labels.is_share(target)
        counts = ops.not_equal(target, -1)
        if self.ignore_class is not None:
            ignored = ops.equal(target, self.ignore_class)
            counts = ops.logical_and(counts, ops.logical_not(ignored))
        return target, valid, counts

    def _flat(self, x: Tensor) -> Tensor:
        """`(batch, ..., C)` as `(regions, C, pixels)`."""
        regions = ops.shape(x)[0] if self.per_sample else 1
        x = ops.reshape(x, (regions, -1, x.shape[-1]))
        return ops.transpose(x, (0, 2, 1))

    def _spread(self, x: Tensor, y_pred: Tensor) -> Tensor:
        """Weights or a mask as `(regions, 1 or C, pixels)`."""
        while len(x.shape) < len(y_pred.shape):
            x = ops.expand_dims(x, -1)
        shape = (*ops.shape(y_pred)[:-1], x.shape[-1])
        return self._flat(ops.broadcast_to(x, shape))


def _weight(weight: Tensor, y_pred: Tensor, multi_label: bool) -> Tensor:
    """Weights of samples `(batch,)`, or else of pixels.

    Raises:
        ValueError: for a shape that is neither.
    """
    # Keras changes the weights that it is given: see `_base.weight_for`.
    weight = ops.copy(weight)
    given, outputs = tuple(weight.shape), tuple(y_pred.shape)
    shape = given
    if all(size == 1 for size in given[1:]):
        shape = given[:1]
        weight = ops.reshape(weight, (-1,)) if given else weight
    allowed = [outputs[:1], outputs[:-1], (*outputs[:-1], 1)]
    if multi_label:
        allowed.append(outputs)
    if shape and not any(labels.fit(shape, other) for other in allowed):
        raise ValueError(
            f"Invalid shape of `sample_weight`. Expected one of {allowed}. "
            f"Received: sample_weight.shape={given}"
        )
    return weight
