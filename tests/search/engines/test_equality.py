"""A lane ends where `fit` alone would have led it."""

import keras
import numpy as np
import pytest

import keras_funcs as kf
from tests.search.engines.alone import CLASSES
from tests.search.engines.alone import COUNTS
from tests.search.engines.alone import FEATURES
from tests.search.engines.alone import TRAIN
from tests.search.engines.alone import check_lane
from tests.search.engines.alone import fit_alone
from tests.search.engines.alone import train_lanes

pytestmark = pytest.mark.backends("jax")

SPARSE = "sparse_categorical_crossentropy"


def network(
    optimizer=None, loss=None, hidden=(), regularizer=None, activation="relu"
):
    model = keras.Sequential(
        [
            keras.Input((FEATURES,)),
            keras.layers.Dense(
                8, activation=activation, kernel_regularizer=regularizer
            ),
            *hidden,
            keras.layers.Dense(CLASSES),
        ]
    )
    model.compile(
        optimizer=optimizer or keras.optimizers.Adam(0.01),
        loss=loss or keras.losses.SparseCategoricalCrossentropy(True),
        metrics=["accuracy"],
    )
    return model


def layers(make):
    return lambda value: network(hidden=make(value))


def optimizers(make):
    return lambda value: network(optimizer=make(value))


def losses(make):
    return lambda value: network(loss=make(value))


def regularizers(make):
    return lambda value: network(regularizer=make(value))


def hosted(value):
    model = kf.losses.LossModel(network(), kf.losses.AutoBalanced(COUNTS))
    model.compile(keras.optimizers.Adam(value), metrics=["accuracy"])
    return model


def functional(value):
    inputs = keras.Input((FEATURES,))
    x = keras.layers.Dense(8)(inputs)
    x = keras.ops.tanh(x * value)
    model = keras.Model(inputs, keras.layers.Dense(CLASSES)(x))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    return model


def by_closure(value):
    plain = keras.losses.SparseCategoricalCrossentropy(True, reduction=None)

    def powered(y_true, y_pred):
        return keras.ops.power(plain(y_true, y_pred), value)

    return network(loss=powered)


o, s = keras.optimizers, keras.optimizers.schedules
CASES = {
    "dropout": (
        layers(
            lambda v: [
                keras.layers.BatchNormalization(),
                keras.layers.Dropout(v),
            ]
        ),
        (0.1, 0.3, 0.6),
    ),
    "noise": (layers(lambda v: [keras.layers.GaussianNoise(v)]), (0.1, 0.5)),
    "momentum": (
        layers(lambda v: [keras.layers.BatchNormalization(momentum=v)]),
        (0.5, 0.9),
    ),
    "slope": (layers(lambda v: [keras.layers.LeakyReLU(v)]), (0.1, 0.4)),
    "initial": (
        layers(lambda v: [kf.layers.Snake(frequency_initializer=v)]),
        (0.5, 2.0),
    ),
    "rate": (optimizers(lambda v: o.Adam(v)), (0.001, 0.01)),
    "betas": (
        optimizers(lambda v: o.Adam(0.01, 1 - v, 1 - v / 50)),
        (0.05, 0.2),
    ),
    "amsgrad": (optimizers(lambda v: o.Adam(v, amsgrad=True)), (0.001, 0.01)),
    "decay": (optimizers(lambda v: o.AdamW(0.01, weight_decay=v)), (0.01, 0.3)),
    "sgd": (optimizers(lambda v: o.SGD(0.05, momentum=v)), (0.5, 0.9)),
    "nesterov": (
        optimizers(lambda v: o.SGD(0.05, momentum=v, nesterov=True)),
        (0.5, 0.9),
    ),
    "rmsprop": (optimizers(lambda v: o.RMSprop(0.003, rho=v)), (0.8, 0.95)),
    "nadam": (optimizers(lambda v: o.Nadam(v)), (0.002, 0.01)),
    "adamax": (optimizers(lambda v: o.Adamax(0.01, beta_1=v)), (0.8, 0.95)),
    "adagrad": (optimizers(lambda v: o.Adagrad(0.1, v)), (0.1, 0.5)),
    "adadelta": (optimizers(lambda v: o.Adadelta(1.0, rho=v)), (0.9, 0.95)),
    "ftrl": (
        optimizers(lambda v: o.Ftrl(0.05, l1_regularization_strength=v)),
        (0.001, 0.01),
    ),
    "lion": (optimizers(lambda v: o.Lion(0.001, beta_1=v)), (0.8, 0.95)),
    "lamb": (optimizers(lambda v: o.Lamb(v)), (0.002, 0.01)),
    "adafactor": (optimizers(lambda v: o.Adafactor(v)), (0.01, 0.05)),
    "muon": (optimizers(lambda v: o.Muon(v)), (0.001, 0.01)),
    "belief": (
        optimizers(lambda v: kf.optimizers.AdaBelief(0.01, beta_2=v)),
        (0.99, 0.999),
    ),
    "mix": (
        optimizers(lambda v: kf.optimizers.AdEMAMix(0.003, alpha=v)),
        (2.0, 8.0),
    ),
    "scaled": (
        optimizers(lambda v: o.LossScaleOptimizer(o.Adam(v))),
        (0.001, 0.01),
    ),
    "cosine": (
        optimizers(lambda v: o.Adam(s.CosineDecay(v, 12, alpha=v))),
        (0.002, 0.02),
    ),
    "pieces": (
        optimizers(
            lambda v: o.SGD(s.PiecewiseConstantDecay([5, 9], [v, v / 2, 0.01]))
        ),
        (0.05, 0.2),
    ),
    "ema": (
        optimizers(
            lambda v: o.Adam(
                0.01, use_ema=True, ema_momentum=v, ema_overwrite_frequency=5
            )
        ),
        (0.5, 0.9),
    ),
    "clipnorm": (optimizers(lambda v: o.SGD(0.1, clipnorm=v)), (0.1, 0.5)),
    "global": (optimizers(lambda v: o.SGD(0.1, global_clipnorm=v)), (0.1, 0.5)),
    "clipvalue": (optimizers(lambda v: o.SGD(0.1, clipvalue=v)), (0.01, 0.05)),
    "accumulation": (
        optimizers(lambda v: o.Adam(v, gradient_accumulation_steps=2)),
        (0.003, 0.02),
    ),
    "l1l2": (
        regularizers(lambda v: keras.regularizers.L1L2(v, v / 2)),
        (1e-3, 1e-1),
    ),
    "group": (
        regularizers(lambda v: kf.regularizers.GroupLasso(v)),
        (1e-3, 1e-1),
    ),
    "focal": (
        losses(lambda v: kf.losses.CategoricalFocal(gamma=v, from_logits=True)),
        (0.5, 3.0),
    ),
    "adjusted": (
        losses(
            lambda v: kf.losses.LogitAdjusted(COUNTS, tau=v, from_logits=True)
        ),
        (0.5, 2.0),
    ),
    "smoothed": (
        losses(
            lambda v: kf.losses.WeightedCrossentropy(
                class_counts=COUNTS, label_smoothing=v, from_logits=True
            )
        ),
        (0.05, 0.2),
    ),
    "hosted": (hosted, (0.003, 0.02)),
    "functional": (functional, (0.5, 2.0)),
    "closure": (by_closure, (0.5, 2.0)),
}


@pytest.mark.parametrize("case", CASES)
def test_lane_equals_fit(on_jax, case):
    if not on_jax:
        return
    build, values = CASES[case]
    results = train_lanes(build, values, seeds=range(5, 5 + len(values)))
    last = len(values) - 1
    check_lane(results[last], fit_alone(build, values[last], 5 + last))
    other = results[0].weights[0]
    assert not np.allclose(other, results[last].weights[0], atol=1e-4)


def test_floats_decide_and_not_the_seed_alone(on_jax):
    """The numbers reach the program: at one seed, lanes still differ."""
    if not on_jax:
        return
    build, values = CASES["focal"]
    first, second = train_lanes(build, values, seeds=[1, 1])
    check_lane(second, fit_alone(build, values[1], 1))
    assert not np.allclose(first.weights[0], second.weights[0], atol=1e-4)


def test_two_hundred_steps(on_jax):
    if not on_jax:
        return

    def build(value):
        return network(
            keras.optimizers.AdamW(0.002, weight_decay=value),
            kf.losses.CategoricalFocal(gamma=1 + value, from_logits=True),
            [
                keras.layers.BatchNormalization(),
                kf.layers.Swish(),
                keras.layers.Dropout(0.1 + value),
            ],
            keras.regularizers.L2(value / 10),
        )

    results = train_lanes(build, (0.01, 0.1), epochs=50)
    check_lane(results[1], fit_alone(build, 0.1, 1, epochs=50))


def test_sample_weight(on_jax):
    if not on_jax:
        return
    weight = np.linspace(0.1, 2.0, len(TRAIN[0])).astype("float32")
    train = (*TRAIN, weight)
    build, values = CASES["focal"]
    results = train_lanes(build, values, train=train)
    check_lane(results[1], fit_alone(build, values[1], 1, train=train))
