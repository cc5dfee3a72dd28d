"""`Standardized`: another loss, in standard deviations of the target."""

import keras
import numpy as np
import pytest

from keras_funcs import losses

Y = np.array([[3.0], [120.0], [90.0], [101.0]], "float32")
P = np.array([[7.0], [100.0], [95.0], [80.0]], "float32")
MEAN, SCALE = 100.0, 12.5


def standardized(array):
    return (array.astype("float64") - MEAN) / SCALE


@pytest.mark.parametrize("inner", ["mse", "Robust", losses.BalancedMSE(0.5)])
def test_it_is_the_inner_loss_of_standardized_numbers(inner):
    found = float(losses.Standardized(inner, MEAN, SCALE)(Y, P))
    plain = losses.get(inner)
    if callable(plain) and not isinstance(plain, keras.losses.Loss):
        wanted = np.mean((standardized(Y) - standardized(P)) ** 2)
    else:
        wanted = float(plain(standardized(Y), standardized(P)))
    assert found == pytest.approx(float(wanted), rel=1e-5)


def test_weights_count_once():
    weight = np.array([1.0, 0.0, 2.0, 0.0])
    found = losses.Standardized("mse", MEAN, SCALE)(Y, P, weight)
    squares = ((standardized(Y) - standardized(P)) ** 2)[:, 0]
    assert float(found) == pytest.approx((weight @ squares) / 4, rel=1e-5)


def test_a_model_that_rescales_trains_on_standardized_numbers():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3)).astype("float32")
    y = (5e4 + 2e4 * x[:, 0]).astype("float32")
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(1),
         keras.layers.Rescaling(float(y.std()), float(y.mean()))]
    )  # fmt: skip
    loss = losses.Standardized("mse", float(y.mean()), float(y.std()))
    model.compile(keras.optimizers.Adam(0.1), loss, metrics=["mae"])
    model.fit(x, y, batch_size=16, epochs=30, verbose=0)
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert logs["loss"] < 0.01 and logs["mae"] < 2e3


def test_bad_arguments():
    for make, name in (
        (lambda: losses.Standardized("mse", scale=0.0), "scale"),
        (lambda: losses.Standardized("mse", mean=float("nan")), "mean"),
        (lambda: losses.Standardized(keras.layers.Dense(1)), "loss"),
        (
            lambda: losses.Standardized(losses.Robust(reduction="sum")),
            "reduction",
        ),
    ):
        with pytest.raises(ValueError, match=name):
            make()
