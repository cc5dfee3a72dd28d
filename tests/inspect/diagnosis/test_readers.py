"""Every loss and metric of the pack and of Keras that has traits.

Valid data give no error, and one kind of invalid data has one finding for all
losses and metrics of a kind.
"""

from types import FunctionType

import keras
import numpy as np
import pytest

from keras_funcs._core import keras_traits
from keras_funcs._core.component import registered
from keras_funcs._core.traits import takes_logits
from keras_funcs.inspect.diagnosis._labels import reader
from keras_funcs.inspect.diagnosis._mismatch import CHECKS
from keras_funcs.inspect.diagnosis._mismatch import Case
from keras_funcs.losses import Dice
from keras_funcs.losses import WeightedSum
from keras_funcs.metrics import AUROC
from keras_funcs.metrics import FScore
from keras_funcs.testing.bench.cases import cases_of
from keras_funcs.testing.bench.inputs import sigmoid
from keras_funcs.testing.bench.inputs import softmax

CLASSES = 4
IDS = np.arange(12) % CLASSES
ROWS = np.eye(CLASSES, dtype="float32")[IDS]
Z = np.random.default_rng(0).normal(size=(12, CLASSES)) * 3
GIVEN = {
    "num_classes": CLASSES, "target_class_ids": [0], "precision": 0.5,
    "recall": 0.5, "sensitivity": 0.5, "specificity": 0.5,
}  # fmt: skip


def pack(kind):
    return [cases_of(e.object)[0].make() for e in registered(kind)]


def of_keras(table):
    for item in table:
        if isinstance(item, FunctionType):
            yield item
            continue
        code = item.__init__.__code__
        names = code.co_varnames[1 : code.co_argcount]
        yield item(**{k: v for k, v in GIVEN.items() if k in names})


LOSSES = [
    *pack("losses"),
    *of_keras(keras_traits.LOSSES),
    Dice(multi_label=True),
    Dice(from_logits=True, per_sample=False),
    WeightedSum(["sparse_categorical_crossentropy", Dice()]),
]
METRICS = [
    *pack("metrics"),
    *(m for m in of_keras(keras_traits.METRICS) if hasattr(m, "name")),
    AUROC(multi_label=True),
    FScore(multi_label=True, from_logits=True),
]
# What is compiled with them; without traits it gives no findings of its own.
SILENT = keras.losses.CosineSimilarity()


def read(thing):
    return reader(thing, (12, CLASSES))


def case(thing, labels, outputs=None):
    item = read(thing)
    if outputs is None:
        outputs = Z
        if takes_logits(thing) is False:
            squash = softmax if item.targets == "classes" else sigmoid
            outputs = squash(Z)
        if isinstance(thing, keras.metrics.MeanIoU):
            outputs = Z
    metric = isinstance(thing, keras.metrics.Metric)
    return Case(
        model=keras.Sequential(),
        loss=SILENT if metric else thing,
        metrics=(thing,) if metric else (),
        labels=labels,
        outputs=outputs,
    )


def errors(*arguments):
    found = [f for check in CHECKS for f in check(case(*arguments))]
    return [f.message for f in found if f.severity == "error"]


def valid(thing):
    item = read(thing)
    if item.takes_rows:
        return (ROWS,)
    return (IDS, IDS[:, None]) if item.takes_ids else (IDS, ROWS)


def name(thing):
    return getattr(thing, "__name__", type(thing).__name__)


EVERY = pytest.mark.parametrize("thing", [*LOSSES, *METRICS], ids=name)


def test_all_of_the_pack_are_known():
    assert len(LOSSES) > 80 and len(METRICS) > 60
    assert all(read(thing) is not None for thing in LOSSES + METRICS)


@EVERY
def test_valid_data_give_no_error(thing):
    if name(thing) == "MeanIoU":  # which takes predicted ids by default
        thing = keras.metrics.MeanIoU(CLASSES, sparse_y_pred=False)
    for labels in valid(thing):
        assert errors(thing, labels) == []


@EVERY
def test_each_kind_of_invalid_data_has_its_finding(thing):
    item = read(thing)
    target = item.targets
    text = errors(thing, IDS.astype("U"))
    assert any("dtype" in message for message in text)
    if item.takes_ids:
        found = errors(thing, ROWS)
        assert any("takes class ids" in message for message in found)
    if item.takes_rows:
        found = errors(thing, IDS)
        assert any(
            "these are class ids" in message or "one-hot" in message
            for message in found
        )
    for bad, seen in ((IDS + 1, 4), (IDS - 1, -1), (IDS + 0.5, 0.5)):
        if target == "classes" and not item.takes_rows:
            expected = f"Labels such as {seen:g} are no class of 4"
            assert any(expected in message for message in errors(thing, bad))
    if target in ("classes", "labels") and not item.takes_ids:
        for bad in (ROWS * 2, ROWS - 2):
            found = errors(thing, bad)
            assert any("takes labels in [0, 1]" in m for m in found)
    if target != "values" and isinstance(thing, keras.losses.Loss):
        found = errors(thing, ROWS[:, :2])
        assert any("meet outputs of shape" in message for message in found)
    order = getattr(item.traits, "reads_size", True) is False
    if takes_logits(thing) is False and not order:
        labels = valid(thing)[0]
        found = errors(thing, labels, Z)
        assert any("takes probabilities" in message for message in found)


def test_ranks_are_one_more_than_thresholds():
    from keras_funcs.losses import CORAL

    assert errors(CORAL(), IDS + 1) == []  # 0 to 4 of 4 thresholds
    assert "no class of 5" in errors(CORAL(), IDS + 2)[0]


def test_unknown_and_ignored_labels_pass():
    from keras_funcs.losses import CategoricalFocal

    assert (
        errors(Dice(multi_label=True), np.where(IDS[:, None], ROWS, -1)) == []
    )
    focal = CategoricalFocal(ignore_class=255)
    assert errors(focal, np.where(IDS == 0, 255, IDS)) == []
    assert errors(CategoricalFocal(), np.where(IDS == 0, 255, IDS))


def test_a_mask_of_one_channel_is_a_yes_or_no():
    labels, outputs = np.ones((12, 3, 3)), np.full((12, 3, 3, 1), 0.5)
    assert errors(Dice(), labels, outputs) == []
    assert "in [0, 1]" in errors(Dice(), labels * 2, outputs)[0]
