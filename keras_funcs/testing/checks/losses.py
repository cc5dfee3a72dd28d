"""Checks of losses on batches: label forms, weights, masks, reductions."""

from typing import Any

import numpy as np
from keras import ops

from keras_funcs._core.masking import MaskCarrier
from keras_funcs.testing.bench import inputs
from keras_funcs.testing.bench.cases import CLASSES
from keras_funcs.testing.bench.cases import Case
from keras_funcs.testing.bench.programs import results
from keras_funcs.testing.runner import check
from keras_funcs.testing.runner import close
from keras_funcs.testing.runner import expect
from keras_funcs.testing.runner import finite

REDUCTIONS = (
    "sum", "sum_over_batch_size", "mean", "mean_with_sample_weight", "none",
    None,
)  # fmt: skip
INTEGERS = ("int8", "uint8", "int16", "int32", "float16", "float32")


@check("losses", dear=True)
def label_forms_agree(case: Case) -> None:
    """Ids read as one-hot rows, or labels of one dtype read as another."""
    loss, y_true, y_pred = _batch(case)
    expected = _loss(loss, y_true, y_pred)
    due = () if case.loss.unit == "batch" else y_true.shape[:1]
    expect(
        expected.shape == due,
        f"numbers of shape {due} are due, got shape {expected.shape}",
    )
    forms: list[np.ndarray] = []
    if case.targets in ("classes", "ids"):
        forms.append(y_true[:, None])
    if case.targets == "classes":
        forms.append(inputs.one_hot(y_true))
    if case.targets != "values":
        forms += [y_true.astype(dtype) for dtype in INTEGERS]
    if case.targets == "labels":
        forms.append(y_true.astype(bool))
    for form in forms:
        what = f"labels {form.dtype}{list(form.shape)}"
        close(_loss(loss, form, y_pred), expected, what, 1e-5, 1e-6)


@check(
    "losses",
    once=True,
    dear=True,
    only=lambda case: case.loss.unit == "label" and case.independent,
)
def more_axes_are_more_samples(case: Case) -> None:
    """Tokens or pixels that are mixed with the batch or the classes."""
    loss, y_true, y_pred = _batch(case)
    expected = _loss(loss, y_true, y_pred).reshape(3, -1)
    block = (3, len(y_true) // 3)
    many = y_pred.reshape(*block, CLASSES)
    forms = [y_true.reshape(*block, *y_true.shape[1:])]
    if case.targets == "classes":
        forms += [forms[0][..., None], inputs.one_hot(forms[0])]
    for form in forms:
        found = _loss(loss, form, many)
        close(found, expected, f"labels of shape {form.shape}")


@check(
    "losses", once=True, dear=True, only=lambda case: case.loss.unit == "sample"
)
def more_axes_are_one_region(case: Case) -> None:
    """A region whose pixels' order counts, or that leaks into the next one."""
    loss, y_true, y_pred = _batch(case)
    block = (3, len(y_true) // 3)
    ids = y_true.reshape(*block, *y_true.shape[1:])
    many = y_pred.reshape(*block, CLASSES)
    expected = _loss(loss, ids, many)
    expect(expected.shape == (3,), f"3 regions have shape {expected.shape}")
    forms = [ids]
    if case.targets == "classes":
        forms += [ids[..., None], inputs.one_hot(ids)]
    for form in forms:
        what = f"labels of shape {form.shape}"
        close(_loss(loss, form, many), expected, what)
        close(_loss(loss, form[:, ::-1], many[:, ::-1]), expected, what)
        alone = _loss(loss, form[1:2, :, None], many[1:2, :, None])
        close(alone, expected[1:2], f"one region of {what}")


@check("losses", once=True, dear=True)
def wrong_shapes_raise(case: Case) -> None:
    """A silent broadcast: labels `(N,)` against scores `(N, 1)` make N x N."""
    loss, y_true, y_pred = _batch(case)
    rows = inputs.one_hot(inputs.class_ids())
    wrong = [
        (y_true[:-1], y_pred),
        (y_true[:1], y_pred),
        (rows[:, :-1], y_pred),
        (rows[:1], y_pred),
        (rows[None], y_pred),
    ]
    if case.targets == "classes":
        wrong += [(rows[..., None], y_pred)]
        wrong += [(y_true, y_pred[:, :1]), (y_true, y_pred[:, 0])]
    elif case.targets == "ids":
        wrong += [(y_true[:, None, None], y_pred)]
    else:
        wrong += [(rows[:, 0], y_pred), (rows[:, :1], y_pred)]
    for labels, scores in wrong:
        try:
            found = _loss(loss, labels, scores)
        except Exception:
            continue
        # Ids of several classes for a single score are no binary labels.
        expect(
            np.any(np.isnan(found)),
            f"labels {labels.shape} and scores {scores.shape} gave a number "
            f"of shape {found.shape}",
        )
    if case.targets not in ("classes", "ids"):
        try:
            expected = _loss(loss, rows[:, :1], y_pred[:, :1])
        except ValueError:  # some need several numbers a sample
            return
        for one, other in ((0, slice(0, 1)), (slice(0, 1), 0)):
            try:
                found = _loss(loss, rows[:, one], y_pred[:, other])
            except Exception:
                continue
            close(found.ravel(), expected.ravel(), "labels (N,), scores (N, 1)")


@check("losses", once=True)
def an_empty_batch_costs_nothing(case: Case) -> None:
    """A largest of nothing, or a mean over no samples."""
    loss, y_true, y_pred = _batch(case)
    for reduction, due in (("sum_over_batch_size", ()), (None, (0,))):
        loss = case.make(reduction=reduction)
        found = _loss(loss, y_true[:0], y_pred[:0])
        expect(
            found.shape == due and not np.any(found),
            f"no samples cost {found} with reduction={reduction!r}",
        )


@check("losses", dear=True)
def reductions_agree(case: Case) -> None:
    """A reduction of its own, or a value that is not one for each sample."""
    _, y_true, y_pred = _batch(case)
    every = _loss(case.make(reduction=None), y_true, y_pred)
    weights = np.linspace(0.0, 2.0, len(y_true)).astype("float32")
    whole = _loss(case.make(reduction="sum"), y_true, y_pred, weights)
    for reduction in REDUCTIONS:
        loss = case.make(reduction=reduction)
        mean = reduction in ("sum_over_batch_size", "mean")
        expected = every * weights
        if case.loss.unit == "batch":
            expected = whole
        elif reduction == "sum":
            expected = expected.sum()
        elif mean:
            expected = expected.mean()
        elif reduction == "mean_with_sample_weight":
            expected = expected.sum() / weights.sum()
        found = _loss(loss, y_true, y_pred, weights)
        close(found, expected, f"reduction={reduction!r}", 1e-5, 1e-6)


@check(
    "losses",
    once=True,
    dear=True,
    only=lambda case: case.independent or case.loss.unit == "batch",
)
def weight_is_repetition(case: Case) -> None:
    """Weights that act before the sum over what belongs to a sample."""
    _, y_true, y_pred = _batch(case)
    loss = case.make(reduction="sum")
    times = np.arange(len(y_true)) % 4  # 0 removes the sample
    expected = _loss(
        loss, np.repeat(y_true, times, 0), np.repeat(y_pred, times, 0)
    )
    for weight in (times, times[:, None], times.astype("int64")):
        found = _loss(loss, y_true, y_pred, weight.astype("float32"))
        close(found, expected, f"weights of shape {weight.shape}", 1e-5, 1e-5)


@check("losses", once=True, dear=True, only=lambda case: case.independent)
def samples_are_independent(case: Case) -> None:
    """A sum over the batch within the loss, which weights cannot undo.

    One sample alone, and samples all of one class, are batches too.
    """
    loss, y_true, y_pred = _batch(case)
    expected = _loss(loss, y_true, y_pred)
    for i in range(3):
        alone = _loss(loss, y_true[i : i + 1], y_pred[i : i + 1])
        close(alone, expected[i : i + 1], "a sample in a batch of its own")


@check("losses", once=True, dear=True)
def any_batch_has_a_loss(case: Case) -> None:
    """A division by the classes, pairs or negatives that a batch lacks."""
    loss, y_true, y_pred = _batch(case)
    same = np.repeat(y_true[:1], len(y_pred), axis=0)
    finite(_loss(loss, same, y_pred), "the loss of one class only")
    finite(_loss(loss, y_true[:1], y_pred[:1]), "the loss of one sample")


@check("losses", once=True, dear=True)
def masked_samples_do_not_count(case: Case) -> None:
    """A mask that the loss drops, or NaN where all is masked."""
    loss, y_true, y_pred = _batch(case)
    mean = case.make()
    keep = np.arange(len(y_true)) % 3 > 0
    close(
        _loss(mean, y_true, _masked(y_pred, keep)),
        _loss(mean, y_true[keep], y_pred[keep]),
        "the mean of masked samples",
    )
    nothing = np.zeros_like(keep)
    found = _loss(mean, y_true, _masked(y_pred, nothing))
    close(found, 0.0, "the mean where all is masked")


@check(
    "losses",
    once=True,
    dear=True,
    only=lambda case: case.accepts("ignore_class"),
)
def ignored_class_does_not_count(case: Case) -> None:
    """`ignore_class` that zeroes a loss but keeps it in the mean's count."""
    _, y_true, y_pred = _batch(case)
    # A yes or no of each score may not be ignored by itself.
    for ignored in (1, -1, 255) if case.targets == "classes" else (-1, 255):
        loss = case.make(ignore_class=ignored)
        marked = y_true.copy()
        marked[::2] = ignored
        keep = np.all(marked.reshape(len(marked), -1) != ignored, axis=1)
        close(
            _loss(loss, marked, y_pred),
            _loss(case.make(), y_true[keep], y_pred[keep]),
            f"the mean with ignore_class={ignored}",
        )
        nothing = np.full_like(y_true, ignored)
        close(_loss(loss, nothing, y_pred), 0.0, "all labels ignored")


@check(
    "losses", once=True, dear=True, only=lambda case: case.targets == "classes"
)
def labels_out_of_range_are_refused(case: Case) -> None:
    """An id that is no class: an error here, 0 there, on each backend."""
    loss, y_true, y_pred = _batch(case)
    clean = _loss(loss, y_true, y_pred)
    for wrong in (CLASSES, -1, 1000):
        spoilt = y_true.copy()
        spoilt[0] = wrong
        try:
            found = _loss(loss, spoilt, y_pred)
        except ValueError:
            continue
        first = found.ravel()[0]
        expect(np.isnan(first), f"label {wrong} has the loss {first}")
        if case.independent:
            close(found[1:], clean[1:], "the other samples")


@check("losses", once=True)
def inputs_are_left_alone(case: Case) -> None:
    """Labels, scores or weights that are written to."""
    loss, y_true, y_pred = _batch(case)
    weights = np.ones(len(y_true), dtype="float32")
    given = [y_true.copy(), y_pred.copy(), weights.copy()]
    loss(*given)
    for before, after in zip((y_true, y_pred, weights), given):
        expect(np.array_equal(before, after), "an input was written to")


def _batch(case: Case) -> tuple[Any, np.ndarray, np.ndarray]:
    loss = case.make(reduction=None)
    return loss, inputs.labels(case), inputs.predictions(case, loss)


def _masked(y_pred: np.ndarray, keep: np.ndarray) -> Any:
    scores, mask = map(ops.convert_to_tensor, (y_pred.copy(), keep))
    return MaskCarrier().attach(scores, mask)


def _loss(loss: Any, *arguments: Any) -> np.ndarray:
    return results([loss(*arguments)])[0]
