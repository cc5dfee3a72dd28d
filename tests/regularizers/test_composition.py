"""Sums and multiples of regularizers."""

import keras
import numpy as np
import pytest

from keras_funcs.regularizers import GroupLasso
from keras_funcs.regularizers import Scaled
from keras_funcs.regularizers import Sum
from tests.derivatives import gradient
from tests.regularizers.training import survives_training
from tests.regularizers.training import total


def draw(*shape):
    return np.random.default_rng(0).normal(0, 1, shape).astype("float32")


def test_they_are_what_they_say():
    w = draw(6, 4)
    l1, l2 = np.abs(w).sum(), np.square(w).sum()
    group = 6**0.5 * np.linalg.norm(w, axis=0).sum()
    parts = [keras.regularizers.L1(0.1), "l2", GroupLasso(0.5)]
    expected = 0.1 * l1 + 0.01 * l2 + 0.5 * group
    np.testing.assert_allclose(float(Sum(parts)(w)), expected, 1e-5)
    nested = Scaled(Sum([parts[0], Scaled(Sum(parts[1:]), 3.0)]), 2.0)
    expected = 2 * (0.1 * l1 + 3 * (0.01 * l2 + 0.5 * group))
    np.testing.assert_allclose(float(nested(w)), expected, 1e-5)
    again = keras.regularizers.deserialize(keras.regularizers.serialize(nested))
    np.testing.assert_allclose(float(again(w)), expected, 1e-5)
    assert again.get_config() == nested.get_config()


def test_names_of_the_pack_and_of_keras():
    found = Sum(["group_lasso", "GroupLasso", "keras_funcs>GroupLasso", "L2"])
    kinds = [type(item).__name__ for item in found.regularizers]
    assert kinds == ["GroupLasso"] * 3 + ["L2"]
    assert isinstance(Scaled("GroupLasso").regularizer, GroupLasso)


def test_a_factor_of_0_switches_off():
    w = draw(6, 4)
    assert float(Scaled("l2", 0.0)(w)) == 0
    assert not gradient(Scaled("l2", 0.0), w).any()


@pytest.mark.parametrize(
    "penalty",
    [
        Sum([GroupLasso(1e-3), keras.regularizers.L2(1e-3)]),
        Scaled(Sum(["l1", Scaled(GroupLasso(1e-3), 2.0)]), 0.1),
    ],
)
def test_they_train_and_survive_a_file(penalty, tmp_path):
    survives_training(penalty, tmp_path)


def test_a_factor_that_a_callback_moves_acts_at_once():
    # Without any gradient of the loss, the weights shrink by the penalty only.
    penalty = Scaled(keras.regularizers.L2(0.5), 0.0)
    dense = keras.layers.Dense(1, use_bias=False, kernel_regularizer=penalty)
    model = keras.Sequential([keras.Input((2,)), dense])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    seen = []

    def begin(epoch, logs):
        penalty.factor = [0.0, 1.0, 2.0, 0.0][epoch]
        model.make_train_function(force=True)
        seen.append(dense.get_weights()[0])

    callback = keras.callbacks.LambdaCallback(on_epoch_begin=begin)
    x, y = np.zeros((4, 2), "float32"), np.zeros(4, "float32")
    model.fit(x, y, epochs=4, batch_size=4, callbacks=[callback], verbose=0)
    seen.append(dense.get_weights()[0])
    ratios = [after / before for before, after in zip(seen, seen[1:])]
    for ratio, expected in zip(ratios, [1.0, 0.9, 0.8, 1.0]):
        np.testing.assert_allclose(ratio, expected, 1e-5)


def test_half_precision_does_not_overflow_in_the_parts():
    w = keras.ops.full((64, 64), 30.0, "float16")
    for penalty in (Sum(["l2"]), Scaled("l2")):
        np.testing.assert_allclose(total([penalty(w)]), 36864, 1e-5)


@pytest.mark.parametrize(
    "cls, arguments",
    [
        (Sum, {"regularizers": []}),
        (Sum, {"regularizers": "l2"}),
        (Sum, {"regularizers": [None]}),
        (Sum, {"regularizers": [lambda w: 0.0]}),
        (Sum, {"regularizers": ["no_such_thing"]}),
        (Sum, {"regularizers": ["l2"] * 101}),
        (Scaled, {"regularizer": None}),
        (Scaled, {"regularizer": 0.1}),
        (Scaled, {"factor": -1.0}),
        (Scaled, {"factor": "1"}),
    ],
)
def test_bad_arguments_are_refused(cls, arguments):
    (name,) = arguments
    given = {"regularizer": "l2"} if cls is Scaled else {}
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        cls(**{**given, **arguments})
