"""`class_weight` of `fit`: right where Keras's is, refused where it is not."""

import keras
import numpy as np
import pytest

import keras_funcs as kf

WEIGHTS = {0: 1.0, 1: 10.0, 2: 100.0}
MESSAGE = "argument `class_weight` of `fit`.*WeightedCrossentropy"

random = np.random.default_rng(0)
X = random.normal(size=(16, 6, 2)).astype("float32")
TOKENS = random.integers(0, 3, (16, 6))
OF_SAMPLES = random.uniform(0.5, 2.0, 16).astype("float32")


def focal():
    return kf.losses.CategoricalFocal(alpha=None, gamma=0.0, from_logits=True)


def mean_score(y_true, y_pred):
    """A loss of Keras's that takes any weights."""
    return keras.ops.mean(y_pred, axis=(1, 2))


def model_of(loss, shape=(6, 2), units=3, **settings):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape), keras.layers.Dense(units)])
    model.compile(keras.optimizers.SGD(0.0), loss, **settings)
    return model


def fitted(model, x, y, **arguments):
    return model.fit(x, y, batch_size=16, verbose=0, **arguments).history[
        "loss"
    ][0]


SEQUENCES = {
    "categorical": (focal, TOKENS, 3),
    "sum": (lambda: kf.losses.WeightedSum([focal()]), TOKENS, 3),
    "keras part": (
        lambda: kf.losses.WeightedSum(
            [keras.losses.SparseCategoricalCrossentropy(from_logits=True)]
        ),
        TOKENS,
        3,
    ),
    "region": (lambda: kf.losses.Dice(from_logits=True), TOKENS, 3),
    "ordered": (kf.losses.CORAL, TOKENS, 2),
    "yes or no": (
        lambda: kf.losses.BinaryFocal(from_logits=True), TOKENS % 2, 1,
    ),
    "numbers": (kf.losses.Robust, TOKENS.astype("float32"), 1),
}  # fmt: skip


@pytest.mark.parametrize("name", SEQUENCES)
def test_it_is_refused_for_sequences(name):
    loss, y, units = SEQUENCES[name]
    with pytest.raises(ValueError, match=MESSAGE):
        fitted(model_of(loss(), units=units), X, y, class_weight=WEIGHTS)


@pytest.mark.parametrize("name", ["categorical", "sum", "region"])
def test_weights_of_samples_are_taken_for_sequences(name):
    loss, y, units = SEQUENCES[name]
    model = model_of(loss(), units=units)
    found = fitted(model, X, y, sample_weight=OF_SAMPLES)
    scores = model.predict(X, verbose=0)
    values = [float(loss()(y[i : i + 1], scores[i : i + 1])) for i in range(16)]
    assert found == pytest.approx(np.mean(OF_SAMPLES * values), rel=1e-4)


@pytest.mark.parametrize("form", ["ids", "column", "rows"])
def test_it_is_right_for_one_label_per_sample(form):
    x, ids = X[:, 0], TOKENS[:, 0]
    y = {"ids": ids, "column": ids[:, None], "rows": np.eye(3)[ids]}[form]
    theirs = {
        True: keras.losses.CategoricalCrossentropy,
        False: keras.losses.SparseCategoricalCrossentropy,
    }[form == "rows"]
    found, expected = (
        fitted(model_of(loss, (2,)), x, y, class_weight=WEIGHTS)
        for loss in (focal(), theirs(from_logits=True))
    )
    assert found == pytest.approx(expected, rel=1e-5)


def test_rows_of_several_labels_are_refused():
    loss = kf.losses.BinaryFocal(from_logits=True)
    rows = np.eye(3)[TOKENS[:, 0]]
    with pytest.raises(ValueError, match=MESSAGE):
        fitted(model_of(loss, (2,)), X[:, 0], rows, class_weight=WEIGHTS)


def test_one_batch_is_refused_like_all():
    model = model_of(focal())
    with pytest.raises(ValueError, match=MESSAGE):
        model.train_on_batch(X, TOKENS, class_weight=WEIGHTS)
    model.train_on_batch(X, TOKENS, sample_weight=OF_SAMPLES)


def test_weighted_metrics_refuse_it():
    metric = kf.metrics.BalancedAccuracy(num_classes=3)
    model = model_of(mean_score, weighted_metrics=[metric])
    with pytest.raises(ValueError, match=MESSAGE):
        model.fit(X, TOKENS, class_weight=WEIGHTS, verbose=0)


def test_a_loss_that_learns_refuses_it():
    net = keras.Sequential([keras.Input((6, 2)), keras.layers.Dense(3)])
    loss = kf.losses.UncertaintyWeighted([focal()])
    model = kf.losses.LossModel(net, loss)
    model.compile("sgd")
    with pytest.raises(ValueError, match=MESSAGE):
        model.fit(X, TOKENS, class_weight=WEIGHTS, verbose=0)


def test_weights_of_validation_samples_are_those_of_the_user():
    x, ids = X[:, :1], TOKENS[:, :1]
    model = model_of(focal(), (None, 2))
    history = model.fit(
        x,
        ids,
        class_weight=WEIGHTS,
        validation_data=(X, TOKENS, OF_SAMPLES),
        verbose=0,
    ).history
    assert np.isfinite(history["val_loss"][0])
