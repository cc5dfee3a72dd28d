"""Checks of metrics: whatever the batches, one number."""

from typing import Any

import numpy as np
from keras import ops

from keras_funcs._core.masking import MaskCarrier
from keras_funcs._core.traits import MetricTraits
from keras_funcs.testing.bench import inputs
from keras_funcs.testing.bench.cases import CLASSES
from keras_funcs.testing.bench.cases import Case
from keras_funcs.testing.bench.programs import results
from keras_funcs.testing.checks.losses import INTEGERS
from keras_funcs.testing.runner import check
from keras_funcs.testing.runner import close
from keras_funcs.testing.runner import expect
from keras_funcs.testing.runner import finite
from keras_funcs.testing.runner import same


@check("metrics", dear=True)
def batches_do_not_matter(case: Case) -> None:
    """A mean of means: another number for each batch size or order."""
    metric, y_true, y_pred = _stream(case)
    expected = _result(metric, (y_true, y_pred))
    finite(expected, "the result")
    for cuts in ([1], [5, 6], [3, 6, 9]):
        parts = zip(np.split(y_true, cuts), np.split(y_pred, cuts))
        close(_result(case.make(), *parts), expected, f"batches cut at {cuts}")
    order = inputs.generator(9).permutation(len(y_true))
    shuffled = _result(case.make(), (y_true[order], y_pred[order]))
    close(shuffled, expected, "samples in another order")


@check("metrics", dear=True)
def reset_forgets_all(case: Case) -> None:
    """State in a Python attribute, or that starts at another value than 0."""
    metric, y_true, y_pred = _stream(case)
    start = _flat(metric.result())  # defined before any update
    finite(start, "the result before the first update")
    first = _result(metric, (y_true, y_pred))
    state = results(metric.variables)
    metric.reset_state()
    if start.shape == first.shape:
        same(_flat(metric.result()), start, "the result after a reset")
    same(_result(metric, (y_true, y_pred)), first, "the second epoch")
    for found, expected in zip(results(metric.variables), state):
        same(found, expected, "the state after a second epoch")


@check("metrics", once=True, dear=True)
def state_is_in_variables(case: Case) -> None:
    """State that a compiled step or a second replica does not see.

    Two replicas' variables are summed; so are these.
    """
    whole, y_true, y_pred = _stream(case)
    expected = _result(whole, (y_true, y_pred))
    parts = [case.make(), case.make()]
    for part, half in zip(parts, (slice(None, 5), slice(5, None))):
        part.update_state(y_true[half], y_pred[half])
    first, second = (part.variables for part in parts)
    for one, other in zip(first, second):
        one.assign(one + ops.convert_to_tensor(other))
    close(_flat(parts[0].result()), expected, "the sum of two replicas")


@check("metrics", once=True, dear=True)
def counts_go_on_past_2_to_the_24(case: Case) -> None:
    """A float32 counter: 16,777,216 + 1 is 16,777,216."""
    many, times = 2.0**24, 200
    y_true = np.array([0, 1, 0], dtype="int32")
    scores = inputs.one_hot(np.array([0, 1, 1], dtype="int32"))
    if case.targets != "classes":
        y_true, scores = inputs.one_hot(y_true), 0.9 * scores
    weights = np.array([many, many, times], dtype="float32")
    expected = _result(case.make(), (y_true, scores, weights))
    metric = case.make()
    metric.update_state(y_true[:2], scores[:2], weights[:2])
    for _ in range(times):
        metric.update_state(y_true[2:], scores[2:])
    found = _flat(metric.result())
    # One more wrong sample in 2**24 is one step of float32.
    close(found, expected, f"{times} samples after 2**24", 2.5e-7, 0.0)


@check("metrics", once=True, dear=True)
def weights_are_repetitions(case: Case) -> None:
    """Weights that are dropped, or that count a sample of weight 0."""
    _, y_true, y_pred = _stream(case)
    times = np.arange(len(y_true)) % 4
    traits = case.traits
    if isinstance(traits, MetricTraits) and not traits.weights_repeat:
        times = times % 2
    expected = _result(
        case.make(),
        (np.repeat(y_true, times, 0), np.repeat(y_pred, times, 0)),
    )
    for weight in (times, times[:, None]):
        given = (y_true, y_pred, weight.astype("float32"))
        close(_result(case.make(), given), expected, f"weights {weight.shape}")


@check("metrics", once=True, dear=True)
def masked_samples_are_not_counted(case: Case) -> None:
    """A mask of the scores that the metric does not ask for."""
    _, y_true, y_pred = _stream(case)
    keep = np.arange(len(y_true)) % 3 > 0
    masked = MaskCarrier().attach(
        ops.convert_to_tensor(y_pred), ops.convert_to_tensor(keep)
    )
    expected = _result(case.make(), (y_true[keep], y_pred[keep]))
    close(_result(case.make(), (y_true, masked)), expected, "with a mask")


@check("metrics", once=True, dear=True)
def forms_of_labels_agree(case: Case) -> None:
    """Ids, one-hot rows and more axes that count differently."""
    metric, y_true, y_pred = _stream(case)
    expected = _result(metric, (y_true, y_pred))
    block = (3, len(y_true) // 3)
    many = y_pred.reshape(*block, CLASSES)
    pairs = [(y_true.astype(dtype), y_pred) for dtype in INTEGERS]
    if case.targets == "values":
        pairs = []
    pairs.append((y_true.reshape(*block, *y_true.shape[1:]), many))
    if case.targets == "classes":
        rows = inputs.one_hot(y_true)
        pairs += [(y_true[:, None], y_pred), (rows, y_pred)]
        pairs.append((rows.reshape(*block, CLASSES), many))
    for pair in pairs:
        what = f"labels {pair[0].dtype}{list(pair[0].shape)}"
        close(_result(case.make(), pair), expected, what)


@check("metrics", once=True)
def shapes_that_do_not_fit_raise(case: Case) -> None:
    """A silent broadcast of labels against scores."""
    metric, y_true, y_pred = _stream(case)
    rows = inputs.one_hot(inputs.class_ids())
    for wrong in (y_true[:-1], y_true[:1], rows[:, :-1], rows[None]):
        try:
            found = _result(case.make(), (wrong, y_pred))
        except Exception:
            continue
        expect(False, f"labels {wrong.shape} gave {found}")


@check("metrics", once=True, dear=True)
def one_class_is_enough(case: Case) -> None:
    """A division by the number of samples of an absent class."""
    _, y_true, y_pred = _stream(case)
    same_class = np.repeat(y_true[:1], len(y_true), axis=0)
    finite(_result(case.make(), (same_class, y_pred)), "one class only")
    finite(_result(case.make(), (y_true[:1], y_pred[:1])), "one sample")


@check("metrics", once=True)
def an_empty_batch_changes_nothing(case: Case) -> None:
    """A largest of nothing, or a mean over no samples."""
    metric, y_true, y_pred = _stream(case)
    whole, none = (y_true, y_pred), (y_true[:0], y_pred[:0])
    expected = _result(case.make(), whole)
    same(_result(metric, none, whole, none), expected, "with empty batches")


@check("metrics", once=True)
def memory_is_bounded(case: Case) -> None:
    """A state, or counts of a batch, that are the square of the classes."""
    many = 20_000
    counts = case.accepts("class_counts")
    shape = (1, many) if case.targets == "labels" else (1,)
    try:
        metric = case.make(**({"class_counts": [5] * many} if counts else {}))
        scores = np.full((1, many), 0.5, "float32")
        metric.update_state(np.zeros(shape, "int32"), scores)
    except ValueError:  # refused
        return
    total = sum(4 * int(np.prod(item.shape)) for item in metric.variables)
    expect(total <= 2**28, f"{total} bytes of state for {many} classes")


@check(
    "metrics", once=True, dear=True, only=lambda case: case.targets == "classes"
)
def strange_labels_are_refused(case: Case) -> None:
    """A label that is no class, counted as some other or as none."""
    _, y_true, y_pred = _stream(case)
    for wrong in (CLASSES, -1, 1000):
        spoilt = y_true.copy()
        spoilt[0] = wrong
        try:
            found = _result(case.make(), (spoilt, y_pred))
        except ValueError:
            continue
        expect(np.all(np.isnan(found)), f"label {wrong} gave {found}")
        if case.accepts("ignore_class"):
            found = _result(case.make(ignore_class=wrong), (spoilt, y_pred))
            expected = _result(case.make(), (y_true[1:], y_pred[1:]))
            close(found, expected, f"with ignore_class={wrong}")


def _stream(case: Case) -> tuple[Any, np.ndarray, np.ndarray]:
    metric = case.make()
    y_true = inputs.labels(case)
    return metric, y_true, inputs.predictions(case, metric)


def _result(metric: Any, *batches: Any) -> np.ndarray:
    for batch in batches:
        metric.update_state(*batch)
    return _flat(metric.result())


def _flat(result: Any) -> np.ndarray:
    # Before any update there may be nothing to tell.
    parts = [np.zeros(0), *map(np.ravel, results(result))]
    return np.concatenate(parts)
