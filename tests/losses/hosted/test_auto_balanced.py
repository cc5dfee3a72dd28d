"""AutoBalanced at every stage of a training, in loops and against Torch."""

import keras
import numpy as np
import pytest
import torch
from keras import ops

from keras_funcs.losses import AutoBalanced
from keras_funcs.losses import LogitAdjusted
from keras_funcs.losses import LossModel
from keras_funcs.losses.hosted.loss_model import Progress
from tests.derivatives import gradient
from tests.losses.oracles import Real
from tests.losses.oracles import softmax

RANDOM = np.random.default_rng(0)
COUNTS = [50, 20, 7, 3]
CLASSES = len(COUNTS)
IDS = RANDOM.integers(0, CLASSES, 12)
LOGITS = RANDOM.normal(0, 2, (12, CLASSES)).astype("float32")
ONE_HOT = np.eye(CLASSES, dtype="float32")[IDS]
STAGES = [0.0, 0.15, 0.3, 0.4999, 0.5, 1.0]


def at(progress, counts=COUNTS, **arguments):
    loss = AutoBalanced(counts, **arguments)
    loss.follow(progress, 0.0)
    return loss


def number(value):
    return float(ops.convert_to_numpy(value))


def by_hand(logits, label, progress, counts=COUNTS):
    """The formula of the docstring for one sample."""
    n = [Real(count) for count in counts]
    tau = min(Real(1), Real(progress) / Real(0.3))
    z = [
        Real(value) + tau * np.log(count / sum(n))
        for value, count in zip(logits, n)
    ]
    z[label] -= 4 * (min(n) / n[label]) ** Real(0.25)
    weights = [Real(1)] * len(n)
    if progress >= 0.5:
        beta = (sum(n) - 1) / sum(n)
        weights = [np.sqrt(1 / (1 - beta**count)) for count in n]
        mean = sum(weights) / len(weights)
        weights = [weight / mean for weight in weights]
    p, _ = softmax(z)
    return float(weights[label] * -np.log(p[label]))


@pytest.mark.parametrize("progress", STAGES)
def test_value(progress):
    wanted = np.mean([by_hand(z, y, progress) for z, y in zip(LOGITS, IDS)])
    for labels in (IDS, IDS[:, None], ONE_HOT):
        found = number(at(progress).compute(labels, LOGITS))
        assert found == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("progress", STAGES)
def test_value_with_torch(progress):
    n = np.array(COUNTS, float)
    z = torch.tensor(LOGITS, dtype=torch.float64)
    z = z + torch.tensor(min(1.0, progress / 0.3) * np.log(n / n.sum()))
    margin = torch.tensor(4.0 * (n.min() / n) ** 0.25)
    z = z - torch.tensor(ONE_HOT) * margin
    weights = np.ones(CLASSES)
    if progress >= 0.5:
        weights = (1 - ((n.sum() - 1) / n.sum()) ** n) ** -0.5
        weights /= weights.mean()
    wanted = torch.nn.functional.cross_entropy(
        z,
        torch.tensor(IDS),
        weight=torch.tensor(weights),
        reduction="none",
    ).mean()
    found = number(at(progress).compute(IDS, LOGITS))
    assert found == pytest.approx(float(wanted), rel=1e-5)


@pytest.mark.parametrize("progress", [0.15, 1.0])
def test_gradient_with_torch(progress):
    n = np.array(COUNTS, float)
    z = torch.tensor(LOGITS, dtype=torch.float64, requires_grad=True)
    moved = z + torch.tensor(min(1.0, progress / 0.3) * np.log(n / n.sum()))
    moved = moved - torch.tensor(ONE_HOT * 4.0 * (n.min() / n) ** 0.25)
    weights = np.ones(CLASSES)
    if progress >= 0.5:
        weights = (1 - ((n.sum() - 1) / n.sum()) ** n) ** -0.5
        weights /= weights.mean()
    value = torch.nn.functional.cross_entropy(
        moved, torch.tensor(IDS), torch.tensor(weights), reduction="none"
    ).mean()
    (wanted,) = torch.autograd.grad(value, z)
    loss = at(progress)
    for labels in (IDS, ONE_HOT):
        found = gradient(lambda x, y=labels: loss.compute(y, x), LOGITS)
        np.testing.assert_allclose(found, wanted, 1e-4, 1e-6)


def test_a_pixel_is_a_sample():
    ids, logits = IDS.reshape(3, 2, 2), LOGITS.reshape(3, 2, 2, CLASSES)
    wanted = number(at(1.0).compute(IDS, LOGITS))
    assert number(at(1.0).compute(ids, logits)) == pytest.approx(wanted)
    first = at(1.0, axis=1)
    moved = np.moveaxis(logits, -1, 1)
    assert number(first.compute(ids, moved)) == pytest.approx(wanted)


def test_ignored_labels_do_not_count():
    ids = IDS.copy()
    ids[::3] = -1
    kept = ids >= 0
    wanted = number(at(1.0).compute(IDS[kept], LOGITS[kept]))
    found = number(at(1.0, ignore_class=-1).compute(ids, LOGITS))
    assert found == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("progress", STAGES)
def test_classes_and_logits_may_be_moved(progress):
    order = RANDOM.permutation(CLASSES)
    place = np.argsort(order)
    wanted = number(at(progress).compute(IDS, LOGITS))
    loss = at(progress, [COUNTS[c] for c in order])
    found = number(loss.compute(place[IDS], LOGITS[:, order]))
    assert found == pytest.approx(wanted, rel=1e-5)
    shifted = number(at(progress).compute(IDS, LOGITS + 7.5))
    assert shifted == pytest.approx(wanted, rel=1e-4)


def test_equal_classes_are_not_weighed():
    even = [10] * CLASSES
    values = [number(at(p, even).compute(IDS, LOGITS)) for p in STAGES]
    assert values == pytest.approx([values[0]] * len(values), rel=1e-5)


def test_the_shift_is_that_of_logit_adjusted():
    """Far from the margin: its slope on wrong labels is LogitAdjusted's."""
    logits = LOGITS.copy()
    logits[np.arange(12), IDS] -= 40.0
    loss = LogitAdjusted(COUNTS, from_logits=True)
    found = gradient(lambda z: at(0.3).compute(IDS, z), logits)
    wanted = gradient(lambda z: loss(IDS, z), logits)
    np.testing.assert_allclose(found, wanted, 1e-4, 1e-6)


@pytest.mark.parametrize("progress", [0.0, 1.0])
@pytest.mark.parametrize("size", [20.0, 1e2, 1e4])
def test_extremes(progress, size):
    loss = at(progress)
    for sign in (1.0, -1.0):
        logits = sign * size * (2.0 * ONE_HOT - 1.0)
        for labels in (IDS, ONE_HOT):
            assert np.isfinite(number(loss.compute(labels, logits)))
            found = gradient(lambda z, y=labels: loss.compute(y, z), logits)
            assert np.isfinite(found).all()
            if sign < 0:  # confidently wrong
                assert (found[np.arange(12), IDS] < -1e-3).all()
    for dtype in ("float16", "bfloat16"):
        half = ops.cast(1e4 * ONE_HOT, dtype)
        assert np.isfinite(number(loss.compute(IDS, half)))


def trained(epochs, data=None, **arguments):
    """A short training, and the progress at the begin of each step."""
    loss = AutoBalanced(COUNTS)
    keras.utils.set_random_seed(0)
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(CLASSES)])
    model = LossModel(inner, loss)
    model.compile(keras.optimizers.SGD(0.1))
    seen = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(loss.progress)
    )
    given = (
        {"x": LOGITS, "y": IDS, "batch_size": 4}
        if data is None
        else {"x": data}
    )
    model.fit(**given, epochs=epochs, verbose=0, callbacks=[watch], **arguments)
    return model, seen


def test_fit_tells_how_far_it_is():
    model, seen = trained(4, validation_data=(LOGITS, IDS))
    assert seen == pytest.approx([0.25, 0.5, 0.75, 1.0])
    _, resumed = trained(4, initial_epoch=2)
    assert resumed == pytest.approx([0.75, 1.0])
    wanted = np.mean(
        [
            by_hand(z, y, 1.0)
            for z, y in zip(model.predict(LOGITS, verbose=0), IDS)
        ]
    )
    found = model.evaluate(LOGITS, IDS, verbose=0)
    assert found == pytest.approx(wanted, rel=1e-5)


def test_steps_move_it_within_an_epoch():
    model, _ = trained(1)
    assert model.loss.progress == pytest.approx(1.0)
    model.loss.follow(0.5, 0.125)
    model.train_on_batch(LOGITS, IDS)
    assert model.loss.progress == pytest.approx(0.625)
    model.test_on_batch(LOGITS, IDS)
    assert model.loss.progress == pytest.approx(0.625)
    for _ in range(5):
        model.train_on_batch(LOGITS, IDS)
    assert model.loss.progress == 1.0  # and no further


def test_steps_may_be_told_to_fit():
    def batches():
        while True:
            yield LOGITS, IDS

    _, seen = trained(4, batches(), steps_per_epoch=2, shuffle=False)
    assert seen == pytest.approx([0.25, 0.5, 0.75, 1.0])


@pytest.mark.parametrize("epochs", [1, 4])
def test_without_a_number_of_steps_an_epoch_is_its_middle(epochs):
    watch = Progress()
    model, _ = trained(1)
    watch.set_model(model)
    watch.set_params({"epochs": epochs, "steps": None})
    watch.on_epoch_begin(epochs - 1)
    model.train_on_batch(LOGITS, IDS)
    assert model.loss.progress == pytest.approx(1.0 - 0.5 / epochs)


def test_nobody_tells_it():
    """The whole shift, and no weights."""
    loss = AutoBalanced(COUNTS)
    wanted = np.mean([by_hand(z, y, 0.3) for z, y in zip(LOGITS, IDS)])
    for training in (False, True, True):
        found = number(loss.compute(IDS, LOGITS, training=training))
        assert found == pytest.approx(wanted, rel=1e-5)


def test_absent_classes():
    counts = [50, 20, 0, 3]
    with pytest.raises(ValueError, match="argument `class_counts`"):
        AutoBalanced(counts)
    present = IDS != 2
    loss = at(1.0, counts, absent="ignore")
    value = number(loss.compute(IDS[present], LOGITS[present]))
    assert np.isfinite(value) and value > 0


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"class_counts": [5, -1]}, "class_counts"),
        ({"class_counts": [5]}, "class_counts"),
        ({"class_counts": "many"}, "class_counts"),
        ({"class_counts": COUNTS, "axis": 1.5}, "axis"),
        ({"class_counts": COUNTS, "ignore_class": "x"}, "ignore_class"),
        ({"class_counts": COUNTS, "absent": "x"}, "absent"),
        ({"class_counts": COUNTS, "reduction": None}, "reduction"),
    ],
)
def test_bad_arguments(arguments, name):
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        AutoBalanced(**arguments)


@pytest.mark.parametrize("arguments", [(-0.1, 0.0), (1.1, 0.0), (0.5, -1.0)])
def test_progress_is_a_share(arguments):
    with pytest.raises(ValueError, match="argument `(progress|step)`"):
        AutoBalanced(COUNTS).follow(*arguments)


def test_counts_must_fit():
    with pytest.raises(ValueError, match="argument `class_counts`"):
        AutoBalanced([3, 2]).compute(IDS, LOGITS)


def test_labels_that_are_no_class_are_nan():
    ids = IDS.copy()
    ids[0] = CLASSES
    assert np.isnan(number(AutoBalanced(COUNTS).compute(ids, LOGITS)))
