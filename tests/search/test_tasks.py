"""What fits a task, and the models that are made of it."""

import keras
import keras_tuner
import numpy as np
import pytest

import keras_funcs as kf
from keras_funcs import search
from keras_funcs._core.component import registered
from keras_funcs.data import Dataset
from keras_funcs.data import target
from keras_funcs.search.spaces import catalogue
from keras_funcs.search.spaces import fits
from keras_funcs.search.spaces import heads
from keras_funcs.search.spaces import tasks
from keras_funcs.search.tuner import explorer
from keras_funcs.search.tuner import portfolio
from keras_funcs.search.tuner.hyperparameters import settings_of

COUNTS = [16, 5, 3]
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(24, 4)).astype("float32")
Y = np.repeat([0, 1, 2], COUNTS)


def rows(y, **more):
    return Dataset.of((X, y), (X, y), **more)


def test_the_data_know_the_tasks_of_the_spaces():
    assert set(target.TASKS) == set(tasks.TASKS)


@pytest.mark.parametrize("task", tasks.TASKS)
def test_everything_fits_or_has_a_reason(task):
    found = search.space(task, COUNTS)
    everything = {
        "activation": {e.name for e in fits._activations()},
        "loss": {e.name for e in fits._losses()},
        "optimizer": {e.name for e in registered("optimizers")},
        "regularizer": {e.name for e in registered("regularizers")},
    }
    for kind, names in everything.items():
        held = {str(item).partition("+")[0] for item in found.fitting[kind]}
        left = set(found.left_out[kind])
        assert names <= held | left
        assert all(found.left_out[kind].values())
        assert set(found.shortlist[kind]) <= set(found.fitting[kind])
    assert found.shortlist["loss"][0] == tasks.TASKS[task].baseline
    assert all(reason in str(found) for reason in ("left out", task))


@pytest.mark.parametrize(
    ("task", "name", "reason"),
    [
        ("multiclass", "CostSensitive", "needs `cost_matrix`"),
        ("multiclass", "Dice", "compares the pixels of a sample"),
        ("multiclass", "RankedProbability", "is for classes in order"),
        ("multiclass", "TripletHard", "ids of embeddings"),
        ("segmentation", "LDAM", "needs the head CosineDense"),
        ("multilabel", "LogitAdjusted", "compares one class per row"),
        ("regression", "GeneralizedIoU", "compares boxes"),
        ("regression", "Contrastive", "compares pairs"),
        ("ordinal", "CORN", "one output less"),
    ],
)
def test_the_reason_is_the_right_one(task, name, reason):
    assert reason in search.space(task, COUNTS).left_out["loss"][name]


def test_unknown_counts_are_a_reason():
    found = search.space("multiclass")
    assert found.left_out["loss"]["LogitAdjusted"] == "needs `class_counts`"
    assert found.shortlist["loss"] == (
        "sparse_categorical_crossentropy",
        "CategoricalFocal",
    )


@pytest.mark.parametrize(
    ("y", "classes", "task"),
    [
        ([0, 1, 1, 0], 0, "binary"),
        ([0, 1, 2], 0, "multiclass"),
        ([0, 1, 0], 5, "multiclass"),
        ([0.5, 1.25], 0, "regression"),
        ([1.0, 2.0], 0, "regression"),
        (["low", "high"], 0, "multiclass"),
        ([[1, 0], [0, 1]], 0, "onehot"),
        ([[1.0, 0.0], [0.0, 1.0]], 0, "onehot"),
        ([[1, 1], [0, 1]], 0, "multilabel"),
        ([[[0, 1], [1, 1]]], 0, "segmentation"),
    ],
)
def test_the_task_is_seen_in_the_labels(y, classes, task):
    assert target.infer_task(np.array(y), classes) == task


def test_a_pair_is_a_loss_on_its_head():
    for label, head, kind in (
        ("LDAM+CosineDense", kf.layers.CosineDense, kf.losses.LDAM),
        ("LogitAdjusted", keras.layers.Dense, kf.losses.LogitAdjusted),
        ("AutoBalanced", keras.layers.Dense, kf.losses.AutoBalanced),
    ):
        hp = keras_tuner.HyperParameters()
        hp.values = {"loss": label}
        found = search.output(hp, 3, class_counts=COUNTS)
        assert type(found.layers[0]) is head
        assert type(found.loss) is kind
    assert found.layers[0].units == 3
    hp = keras_tuner.HyperParameters()
    hp.values = {
        "loss": "AutoBalanced+CosineDense",
        "loss/AutoBalanced+CosineDense/head_scale": 20.0,
    }
    assert search.output(hp, 3, class_counts=COUNTS).layers[0].scale == 20.0


def test_afterwards_the_prior_is_taken_out_at_inference_alone():
    hp = keras_tuner.HyperParameters()
    pair = "sparse_categorical_crossentropy+LogitAdjustment"
    found = search.output(hp, 3, [pair], COUNTS)
    inputs = keras.Input((4,))
    model = found.compile(keras.Model(inputs, found(inputs)), "adam")
    plain = model(X, training=True)
    adjusted = model(X, training=False)
    prior = np.log(np.array(COUNTS) / 24)
    difference = keras.ops.convert_to_numpy(plain - adjusted)
    np.testing.assert_allclose(difference, np.tile(prior, (24, 1)), 1e-4, 1e-5)


def test_bad_pairs_say_what_to_do():
    hp = keras_tuner.HyperParameters()
    with pytest.raises(ValueError, match=r"\"LDAM\+CosineDense\""):
        search.output(hp, 3, ["LDAM"], COUNTS)
    with pytest.raises(ValueError, match="class_counts"):
        search.output(hp, 3, ["LogitAdjusted+LogitAdjustment"])
    with pytest.raises(ValueError, match="CosineDense"):
        search.output(hp, 3, ["LogitAdjusted+Cosine"], COUNTS)
    with pytest.raises(ValueError, match="networks such as"):
        search.table(rows(Y), choices={"network": ["big"]})
    with pytest.raises(ValueError, match="images"):
        search.table(rows(Y), task="segmentation")


def test_the_baseline_of_a_table_is_plain():
    build = search.table(rows(Y))
    model = build(keras_tuner.HyperParameters())
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["Dense", "Activation", "Dropout"] * 2 + ["Dense"]
    assert type(model.loss).__name__ == "SparseCategoricalCrossentropy"
    assert type(model.optimizer).__name__ == "Adam"


def test_a_table_begins_with_the_linear_model_and_its_prior_corrected():
    build = search.table(rows(Y))
    space = explorer.explore(build)
    begun = portfolio.first(build, space)
    assert begun[0]["network"] == "linear"
    assert begun[0]["loss"] == "LogitAdjusted"
    assert "activation" not in begun[0]
    left_out = [v for v in build.portfolio if "inputs" in v]  # no table
    assert len(begun) == len(build.portfolio) - len(left_out)
    for values in begun:
        model = build(settings_of(space, values))
        assert tuple(model(X).shape) == (24, 3)


def test_a_space_without_them_leaves_settings_of_the_portfolio_out():
    build = search.table(
        rows(Y), choices={"network": ["8"], "loss": ["LogitAdjusted"]}
    )
    begun = portfolio.first(build, explorer.explore(build))
    assert [v["activation"] for v in begun] == ["relu", "Snake"]
    assert portfolio.first(lambda hp: None, explorer.explore(build)) == []


@pytest.mark.parametrize("task", tasks.TASKS)
def test_all_that_fits_can_be_made(task):
    counts = COUNTS if tasks.TASKS[task].targets == "classes" else None
    hp = keras_tuner.HyperParameters()
    for kind, choices in search.space(task, counts).fitting.items():
        found = (
            heads.options(3, choices, counts, task)
            if kind == "loss"
            else catalogue.options(kind, choices)
        )
        catalogue.declare(hp, kind, found)
        for item in found:
            assert (item.make() is None) == (item.label == "none")
