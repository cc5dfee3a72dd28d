"""The base of losses that compare the samples of a batch in pairs."""

from typing import NamedTuple

from keras import ops

from keras_funcs._core.numerics import mean
from keras_funcs._core.traits import LossTraits
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._base import MaskedLoss
from keras_funcs.losses._base import Prepared
from keras_funcs.losses._base import weight_for

# Far below every similarity, and finite.
NEVER = -1e30


class Pairs(NamedTuple):
    """The pairs (anchor, other) of a batch, `(batch, batch)` booleans.

    Masked samples are in no pair.
    """

    positive: Tensor  # of the same class
    negative: Tensor  # of another class

    def others(self) -> Tensor:
        """All pairs."""
        return ops.logical_or(self.positive, self.negative)


class ComparingLoss(MaskedLoss):
    """Abstract base of losses that compare the samples of a batch.

    A leaf gives the loss of every sample in `of_batch`, from what `read` makes
    of the labels. Weights are those of samples; a masked one is in no
    comparison.

    Args:
        **kwargs: `name`, `reduction`, `dtype`.
    """

    traits = LossTraits(independent=False)

    def read(self, y_true: Tensor, y_pred: Tensor) -> dict[str, Tensor]:
        """Reads the labels before Keras casts them to the dtype of the loss.

        Large ids collide there: float32 tells integers apart up to 2**24.
        """
        raise NotImplementedError

    def of_batch(
        self, labels: dict[str, Tensor], y_pred: Tensor, counts: Tensor
    ) -> Tensor:
        """The loss of every sample, `(batch,)`.

        `y_pred` is `(batch, dimension)`, and `counts` the mask.
        """
        raise NotImplementedError

    def prepare(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        sample_weight: Tensor | None,
        mask: Tensor | None,
    ) -> Prepared:
        labels = self.read(y_true, y_pred)
        if mask is not None:
            labels["mask"] = ops.cast(mask, "bool")
        return labels, y_pred, weight_for(self, sample_weight, y_pred)

    def finish(self, loss: Tensor) -> Tensor:
        if self.result_dtype == "float16":  # which is infinite soon after
            loss = ops.clip(loss, -65504.0, 65504.0)
        return loss

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        labels = y_true
        if not isinstance(y_true, dict):
            labels = self.read(ops.convert_to_tensor(y_true), y_pred)
        if len(y_pred.shape) == 1:  # a number each
            y_pred = y_pred[:, None]
        counts = ops.ones_like(y_pred[:, 0], dtype="bool")
        if "mask" in labels:
            counts = ops.cast(labels["mask"], "bool")
            # 0 times a padding of NaN would be NaN.
            y_pred = ops.where(counts[:, None], y_pred, ops.zeros_like(y_pred))
        loss = self.of_batch(labels, y_pred, counts)
        return ops.where(counts, loss, ops.zeros_like(loss))


class EmbeddingLoss(ComparingLoss):
    """Abstract base of losses on the embeddings of a batch.

    A leaf gives the loss of every anchor in `of_pairs`; it is 0 where there is
    nothing to compare with.

    Attributes:
        two_sided: Boolean. Whether a row holds two embeddings, which belong
            together; otherwise no sample is its own other.

    Args:
        **kwargs: `name`, `reduction`, `dtype`.
    """

    traits = LossTraits(targets="ids", independent=False)
    two_sided = False

    def of_pairs(self, embeddings: Tensor, pairs: Pairs) -> Tensor:
        """The loss of every anchor, `(batch,)`."""
        raise NotImplementedError

    def read(self, y_true: Tensor, y_pred: Tensor) -> dict[str, Tensor]:
        ids = _ids(y_true, y_pred)
        return {
            "same": ops.equal(ids[:, None], ids[None]),
            "valid": ops.equal(ids, ids),  # all but NaN
        }

    def of_batch(
        self, labels: dict[str, Tensor], y_pred: Tensor, counts: Tensor
    ) -> Tensor:
        same, valid = (ops.cast(labels[n], "bool") for n in ("same", "valid"))
        both = ops.logical_and(counts[:, None], counts[None])
        if not self.two_sided:
            place = ops.cumsum(ops.ones_like(ops.cast(valid, "int32")))
            apart = ops.not_equal(place[:, None], place[None])
            both = ops.logical_and(both, apart)
        pairs = Pairs(
            ops.logical_and(both, same),
            ops.logical_and(both, ops.logical_not(same)),
        )
        loss = self.of_pairs(y_pred, pairs)
        return ops.where(valid, loss, float("nan"))


def _ids(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Class ids `(batch,)`, one for each embedding."""
    labels, outputs = tuple(y_true.shape), tuple(y_pred.shape)
    if len(outputs) != 2:
        raise ValueError(
            "Invalid shape of `y_pred`. Expected embeddings (batch, dimension)."
            f" Received: y_pred.shape={outputs}"
        )
    fits = len(labels) == 1 or (len(labels) == 2 and labels[1] == 1)
    if not fits or (
        None not in (labels[0], outputs[0]) and labels[0] != outputs[0]
    ):
        raise ValueError(
            "Invalid shape of `y_true`. Expected class ids of shape "
            f"{outputs[:1]} or {(*outputs[:1], 1)}. "
            f"Received: y_true.shape={labels}"
        )
    return y_true[:, 0] if len(labels) == 2 else y_true


def halves(x: Tensor) -> tuple[Tensor, Tensor]:
    """The two embeddings of every row."""
    size = x.shape[-1]
    if size % 2:
        raise ValueError(
            "Invalid shape of `y_pred`. Expected two embeddings side by side, "
            f"(batch, 2 * dimension). Received: y_pred.shape={tuple(x.shape)}"
        )
    return x[:, : size // 2], x[:, size // 2 :]


def similarities(left: Tensor, right: Tensor) -> Tensor:
    """Scalar products of all rows, `(left, right)`.

    Not by `ops.matmul`, which turns float64 into float32 on Torch.
    """
    return ops.einsum("id,jd->ij", left, right)


def normalized(x: Tensor) -> Tensor:
    """Rows of length 1; a row of zeros stays, with a finite gradient.

    Divided by the largest entry first, so that no square overflows or
    vanishes; what is constant in a ratio needs no gradient.
    """
    largest = ops.stop_gradient(ops.amax(ops.abs(x), axis=-1, keepdims=True))
    zero = ops.equal(largest, 0)
    x = x / ops.where(zero, ops.ones_like(largest), largest)
    square = ops.sum(ops.square(x), axis=-1, keepdims=True)
    return x / ops.sqrt(ops.where(zero, ops.ones_like(square), square))


def mean_of(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean over the chosen entries of each row; 0 where there are none."""
    chosen = ops.cast(chosen, values.dtype)
    count = ops.sum(chosen, axis=-1)
    count = ops.where(count > 0, count, ops.ones_like(count))
    return ops.sum(chosen * values, axis=-1) / count


def log_sum_exp(values: Tensor, chosen: Tensor) -> Tensor:
    """`log(sum(exp))` of the chosen entries of each row; `NEVER` for none."""
    values = ops.where(chosen, values, NEVER)
    largest = ops.stop_gradient(ops.amax(values, axis=-1, keepdims=True))
    total = ops.sum(ops.exp(values - largest), axis=-1)
    return ops.squeeze(largest, -1) + ops.log(total)


def softmax_of_positives(logits: Tensor, pairs: Pairs) -> Tensor:
    """`-mean(log softmax)` of an anchor's positives among all its others."""
    # -1/|P| sum_p log(exp(z_ip) / sum_a exp(z_ia))
    some = ops.any(pairs.positive, axis=-1)
    total = log_sum_exp(logits, pairs.others())
    loss = ops.where(some, total, ops.zeros_like(total))
    return loss - mean_of(logits, pairs.positive)


DISTANCES = ("euclidean", "squared", "cosine")


def distances(x: Tensor, kind: str) -> Tensor:
    """Distances of all rows from each other, `(batch, batch)`.

    Of `|a - b|**2 = |a|**2 + |b|**2 - 2 dot(a, b)` little is left where both
    are far from 0, so that their mean is taken off first.
    """
    if kind == "cosine":
        u = normalized(x)
        return 1.0 - similarities(u, u)
    x = x - ops.stop_gradient(mean(x, axis=0))
    square = ops.sum(ops.square(x), axis=-1)
    square = square[:, None] + square[None] - 2.0 * similarities(x, x)
    positive = square > 0
    if kind == "squared":
        return ops.where(positive, square, ops.zeros_like(square))
    # The root of 0 has no gradient.
    safe = ops.where(positive, square, ops.ones_like(square))
    return ops.where(positive, ops.sqrt(safe), ops.zeros_like(square))


def largest_of(values: Tensor, chosen: Tensor) -> Tensor:
    """The largest chosen entry of the last axis; `NEVER` for none."""
    return ops.amax(ops.where(chosen, values, NEVER), axis=-1)


def smallest_of(values: Tensor, chosen: Tensor) -> Tensor:
    """The smallest chosen entry of the last axis; `-NEVER` for none."""
    return ops.amin(ops.where(chosen, values, -NEVER), axis=-1)
