import dataclasses

import keras
import numpy as np
import pandas as pd
import pytest

import keras_funcs
from keras_funcs import search
from keras_funcs.search.training import fitting
from keras_funcs.search.training import preflight

LOGITS = keras.losses.SparseCategoricalCrossentropy


def build_with(loss=None, metrics=("accuracy",), units=3, last=None, inputs=4):
    def build(hp):
        model = keras.Sequential(
            [
                keras.Input((inputs,)),
                keras.layers.Dense(
                    units,
                    activation=last,
                    kernel_initializer=keras.initializers.Constant(-1.0),
                ),
            ]
        )
        made = [m() if isinstance(m, type) else m for m in metrics]
        model.compile(
            "sgd",
            loss or LOGITS(from_logits=True),
            metrics=made,
            run_eagerly=True,
        )
        return model

    return build


def refused(make_study, tmp_path, match, **changes):
    """One line that says what to do, and nothing written."""
    with pytest.raises(ValueError, match=match) as caught:
        make_study(**changes).run()
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "study").exists()


def test_labels_out_of_range(make_study, tmp_path, splits):
    (x, y), _, _ = splits
    for labels, seen in ((y + 1, "1 to 3"), (y - 1, "-1 to 1")):
        refused(
            make_study, tmp_path, f"from 0 to 2.*labels from {seen}",
            train=(x, labels),
        )  # fmt: skip
    refused(make_study, tmp_path, "`test`.*from 0 to 2", test=(x, y + 5))


@pytest.mark.parametrize("kind", [list, np.array, pd.Series])
def test_names_of_classes_are_told_how_to_become_ids(
    make_study, tmp_path, splits, kind
):
    (x, y), _, _ = splits
    names = kind([["low", "mid", "high"][label] for label in y])
    message = r"`train`. Expected labels that are class ids.*np\.unique"
    refused(make_study, tmp_path, message, train=(x, names))


def test_a_class_with_one_sample(make_study, tmp_path, splits):
    (x, y), _, _ = splits
    few = np.where((y == 2) & (np.arange(30) > 2), 0, y)
    refused(
        make_study, tmp_path, "merge or drop.*class 2 with 1", train=(x, few)
    )


def test_empty_and_unequal_and_missing(make_study, tmp_path, splits):
    (x, y), _, _ = splits
    empty = (x[:0], y[:0])
    refused(make_study, tmp_path, "`train`.*one sample", train=empty)
    refused(make_study, tmp_path, "`validation`.*one", validation=empty)
    refused(make_study, tmp_path, "30 and 29", train=(x, y[:29]))
    holes = x.copy()
    holes[3, 2] = np.nan
    refused(make_study, tmp_path, "fill in or drop", train=(holes, y))
    refused(make_study, tmp_path, "4.*as in `train`", test=(x[:, :3], y))
    refused(make_study, tmp_path, "1 parts", train=(x,))
    refused(make_study, tmp_path, "`train`.*a data set", train="file.csv")


def test_inputs_that_do_not_fit_the_model(make_study, tmp_path):
    refused(
        make_study, tmp_path, r"does not take these inputs.*\(None, 7\)",
        build=build_with(inputs=7),
    )  # fmt: skip


def test_labels_that_do_not_fit_the_loss(make_study, tmp_path, splits):
    (x, _), _, _ = splits
    target = np.zeros((30, 5), "float32")
    refused(
        make_study, tmp_path, r"Labels of shape \(30, 5\)|evaluate\(\) fails",
        train=(x, target),
        build=build_with(keras.losses.CategoricalCrossentropy(True)),
    )  # fmt: skip


@pytest.mark.parametrize(
    "metric",
    [
        keras.metrics.AUC,
        keras.metrics.Precision,
        "binary_accuracy",
        "accuracy",
        keras_funcs.metrics.BalancedAccuracy,
    ],
)
def test_a_metric_of_probabilities_fed_with_logits(
    make_study, tmp_path, splits, metric
):
    (x, y), _, _ = splits
    binary = (x, (y > 0).astype("int64"))
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    options = {"train": binary, "validation": binary, "test": binary}
    refused(
        make_study, tmp_path, "takes probabilities; the outputs are logits",
        build=build_with(loss, [metric], units=1), **options,
    )  # fmt: skip


def test_a_crossentropy_metric_fed_with_logits(make_study, tmp_path):
    refused(
        make_study, tmp_path, "`sparse_categorical_crossentropy` takes prob",
        build=build_with(metrics=["sparse_categorical_crossentropy"]),
    )  # fmt: skip


def test_a_loss_of_probabilities_fed_with_logits(make_study, tmp_path):
    for loss in ("sparse_categorical_crossentropy", LOGITS()):
        refused(
            make_study, tmp_path, "takes probabilities.*from_logits=True",
            build=build_with(loss),
        )  # fmt: skip


def test_an_objective_that_is_not_measured(make_study, tmp_path):
    refused(make_study, tmp_path, "val_loss.*val_auc", objective="auc")


def test_what_is_right_passes(make_study, splits):
    study = make_study()
    for build in (
        build_with(),
        build_with(LOGITS(), last="softmax"),
        build_with("sparse_categorical_crossentropy", last="softmax"),
    ):
        logs = preflight.check_model(build(None), study.plan)
        assert set(logs) == {"loss", "accuracy"}


@pytest.mark.parametrize("loss", ["mse", keras.losses.Huber(), "poisson"])
def test_whole_numbers_that_are_no_classes(make_study, splits, loss):
    (x, _), _, _ = splits
    counts = (x, np.arange(30) + 3)
    study = make_study(
        build=build_with(loss, ["mae"], units=1, last="softplus"),
        train=counts, validation=counts, test=counts, objective="mae",
    )  # fmt: skip
    model = study.plan.build(None)
    assert set(check(study, model)) == {"loss", "mae"}


def test_ignored_and_absent_classes(make_study, splits):
    (x, y), _, _ = splits
    focal = keras_funcs.losses.CategoricalFocal(
        from_logits=True, ignore_class=-1
    )
    holes = (x, np.where(np.arange(30) < 5, -1, y))
    study = make_study(train=holes, validation=holes, test=holes)
    assert check(study, build_with(focal, [])(None))
    unknown = (x, np.where(np.arange(30) < 5, -1, y > 0)[:, None])
    study = make_study(train=unknown, validation=unknown, test=unknown)
    binary = keras_funcs.losses.BinaryFocal(from_logits=True)
    assert check(study, build_with(binary, [], units=1)(None))
    study = make_study(train=(x, np.where(y == 2, 0, y)))
    assert check(study, build_with()(None))


def check(study, model):
    """The objective aside, which these models do not all measure."""
    plan = dataclasses.replace(study.plan, objective=search.objective("loss"))
    return preflight.check_model(model, plan)


def test_structures_and_lists(make_study, splits):
    (x, y), _, _ = splits
    named = ({"a": x}, y)
    study = make_study(train=named, validation=named, test=named)
    inputs = keras.Input((4,), name="a")
    model = keras.Model({"a": inputs}, keras.layers.Dense(3)(inputs))
    model.compile("sgd", LOGITS(from_logits=True))
    assert check(study, model)
    program = fitting.Program(study.plan, None)
    program.model = model
    assert len(program.predict(study.plan.dataset.test)[1]) == 30
    lists = (x.tolist(), y.tolist())
    study = make_study(train=lists, validation=lists, test=lists)
    assert study.plan.dataset.train[0].shape == (30, 4)
    assert check(study, build_with()(None))


def test_what_cannot_be_read_again(make_study, tmp_path, splits):
    (x, y), _, _ = splits
    once = ((x[i : i + 10], y[i : i + 10]) for i in (0, 10, 20))
    refused(make_study, tmp_path, "read only once", train=once)
    assert len(list(once)) == 3
    refused(make_study, tmp_path, "a data set", validation=x)
    refused(make_study, tmp_path, "a data set", validation=None)
    refused(make_study, tmp_path, "a data set", train={"x": x})
    refused(make_study, tmp_path, "arrays", train=(x, [[1], [1, 2]]))


def test_a_metric_with_a_number_for_each_class(make_study, tmp_path, splits):
    (x, y), _, _ = splits
    rows = (x, np.eye(3, dtype="float32")[y])
    build = build_with(
        "categorical_crossentropy", [keras.metrics.F1Score], last="softmax"
    )
    options = {"build": build, "train": rows, "validation": rows, "test": rows}
    refused(
        make_study, tmp_path, "val_f1_score/0", objective="f1_score", **options
    )
    study = make_study(**options, objective="loss")
    program = fitting.Program(study.plan, None)
    run = program.fit(0)
    assert "val_f1_score/2" in run.logs
    assert "f1_score/2" in program.evaluate(rows)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"engine": "ray"}, r"one of .*'auto', 'local', 'vectorized'"),
        ({"oracle": "magic"}, "bayesian.*hyperband"),
        ({"trials": 0}, "trials"),
        ({"epochs": 0}, "epochs"),
        ({"final": {"seeds": 3}}, "search.Final"),
        ({"dataset": "digits"}, "Dataset.of"),
        ({"budget": -1}, "budget"),
        ({"build": None}, "build"),
        ({"progress": 3}, "progress"),
        ({"tensorboard": 1}, "tensorboard"),
        ({"objective": "mine"}, "direction="),
    ],
)
def test_bad_arguments(make_study, tmp_path, change, match):
    refused(make_study, tmp_path, match, **change)
