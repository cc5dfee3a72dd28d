import keras
import numpy as np
import pytest

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
        make_study, tmp_path, r"fit the model.*\(30, 4\)",
        build=build_with(inputs=7),
    )  # fmt: skip


def test_labels_that_do_not_fit_the_loss(make_study, tmp_path, splits):
    (x, _), _, _ = splits
    target = np.zeros((30, 5), "float32")
    refused(
        make_study, tmp_path, "labels that fit", train=(x, target),
        build=build_with(keras.losses.CategoricalCrossentropy(True)),
    )  # fmt: skip


@pytest.mark.parametrize("metric", [keras.metrics.AUC, keras.metrics.Precision])
def test_a_metric_of_probabilities_fed_with_logits(
    make_study, tmp_path, splits, metric
):
    (x, y), _, _ = splits
    binary = (x, (y > 0).astype("int64"))
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    options = {"train": binary, "validation": binary, "test": binary}
    refused(
        make_study, tmp_path, "probabilities for the metric.*logits",
        build=build_with(loss, [metric, "accuracy"], units=1), **options,
    )  # fmt: skip


def test_a_loss_of_probabilities_fed_with_logits(make_study, tmp_path):
    for loss in ("sparse_categorical_crossentropy", LOGITS()):
        refused(
            make_study, tmp_path, "from_logits=True.*which are logits",
            build=build_with(loss),
        )  # fmt: skip


def test_an_objective_that_is_not_measured(make_study, tmp_path):
    refused(make_study, tmp_path, "val_loss.*val_auc", objective="auc")


def test_what_is_right_passes(make_study, splits):
    from keras_funcs.search import preflight

    study = make_study()
    for build in (
        build_with(),
        build_with(LOGITS(), last="softmax"),
        build_with("sparse_categorical_crossentropy", last="softmax"),
    ):
        logs = preflight.check_model(build(None), study.settings, study.test)
        assert set(logs) == {"loss", "accuracy"}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"engine": "ray"}, r"one of \['local'\]"),
        ({"oracle": "magic"}, "bayesian.*hyperband"),
        ({"max_trials": 0}, "max_trials"),
        ({"epochs": 0}, "epochs"),
        ({"seeds": 1}, "seeds"),
        ({"max_time": -1}, "max_time"),
        ({"build": None}, "build"),
        ({"on_event": 3}, "on_event"),
        ({"tensorboard": 1}, "tensorboard"),
        ({"objective": "mine"}, "direction="),
    ],
)
def test_bad_arguments(make_study, tmp_path, change, match):
    refused(make_study, tmp_path, match, **change)
