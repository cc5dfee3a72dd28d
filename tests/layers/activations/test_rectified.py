"""Trainable rectifiers against their formulas, piece by piece."""

import keras
import numpy as np
import pytest
import torch
from keras import ops

from keras_funcs import layers
from tests.layers.oracle import X
from tests.layers.oracle import agree
from tests.layers.oracle import coefficient_gradients
from tests.layers.oracle import softplus
from tests.layers.oracle import values


def single(kind, *args, **kwargs):
    return kind(*args, axis=None, **kwargs)


@pytest.mark.parametrize("slope", [-0.3, 0.0, 0.25, 1.7])
def test_channel_prelu(slope):
    layer = single(layers.ChannelPReLU, slope)
    agree(layer, lambda x, a: x if x > 0 else a * x, curved=False)
    theirs = torch.nn.PReLU(init=slope)(torch.tensor(X)).detach().numpy()
    np.testing.assert_array_equal(values(layer, X), theirs)


def test_channel_prelu_is_keras_prelu_with_shared_axes():
    x = np.random.default_rng(0).normal(size=(2, 5, 6, 3)).astype("float32")
    theirs = keras.layers.PReLU(
        alpha_initializer=keras.initializers.Constant(0.25), shared_axes=[1, 2]
    )
    ours = layers.ChannelPReLU()
    np.testing.assert_allclose(values(ours, x), values(theirs, x), 1e-6)
    assert ours.count_params() == theirs.count_params() == 3


def test_channel_prelu_has_a_regularizer_and_a_constraint():
    layer = single(
        layers.ChannelPReLU,
        -0.5,
        coefficient_regularizer=keras.regularizers.L2(1.0),
        coefficient_constraint="non_neg",
    )
    assert float(ops.convert_to_numpy(layer.losses[0])) == 0.25
    bounded = layer.alpha.constraint(layer.alpha.value)
    assert float(ops.convert_to_numpy(bounded)) == 0.0


def srelu(x, t_left, a_left, raw, a_right):
    t_right = t_left + softplus(raw)
    if x >= t_right:
        return t_right + a_right * (x - t_right)
    if x <= t_left:
        return t_left + a_left * (x - t_left)
    return x


@pytest.mark.parametrize(
    "start",
    [{}, {"a_left_initializer": -0.5, "a_right_initializer": 2.5},
     {"t_left_initializer": -2.0, "width_initializer": 3.1}],
)  # fmt: skip
def test_srelu(start):
    agree(single(layers.SReLU, **start), srelu, curved=False)


def test_srelu_starts_as_leaky_relu_and_has_a_way_out():
    layer = single(layers.SReLU)
    leaky = np.where(X > 0, X, 0.2 * X)
    np.testing.assert_allclose(values(layer, X), leaky, 1e-6, 1e-6)
    t_left, a_left, width, a_right = coefficient_gradients(layer, X)
    assert t_left != 0 and a_left != 0 and a_right != 0
    assert width == 0  # until the slope there is not 1 any more


def apl(x, slopes, corners):
    hinges = zip(slopes, corners)
    return max(x, 0.0) + sum(a * max(b - x, 0.0) for a, b in hinges)


@pytest.mark.parametrize("hinges, span", [(1, 1.0), (2, 1.0), (5, 2.5)])
def test_apl(hinges, span):
    layer = single(layers.APL, hinges, span, 0.3)
    agree(layer, apl, curved=False)
    corners = layer.get_weights()[1]
    wanted = np.linspace(-span, span, hinges) if hinges > 1 else [0.0]
    np.testing.assert_allclose(corners, wanted, atol=1e-7)


def test_apl_starts_as_relu_and_learns():
    layer = single(layers.APL)
    np.testing.assert_array_equal(values(layer, X), np.maximum(X, 0))
    slopes, corners = coefficient_gradients(layer, X)
    assert (slopes > 0).all() and (corners == 0).all()


def test_apl_by_channel_is_no_matrix():
    layer = layers.APL(3)
    layer.build((None, 7, 5))
    assert [tuple(w.shape) for w in layer.weights] == [(3, 1, 5)] * 2
    slopes = np.arange(15, dtype="float32").reshape(3, 1, 5) / 10
    corners = layer.get_weights()[1]
    layer.set_weights([slopes, corners])
    x = np.random.default_rng(0).normal(size=(2, 7, 5)).astype("float32")
    y = values(layer, x)
    for index in np.ndindex(*x.shape):
        channel = index[-1]
        wanted = apl(x[index], slopes[:, 0, channel], corners[:, 0, channel])
        np.testing.assert_allclose(y[index], wanted, 1e-5, 1e-6)


@pytest.mark.parametrize("tau", [-1.3, 0.0, 0.8])
def test_tlu(tau):
    layer = single(layers.TLU, tau)
    agree(layer, lambda x, t: max(x, t), curved=False)
    affine = single(layers.TLU, tau, 0.4)
    agree(affine, lambda x, t, a: max(x, a * x + t), curved=False)
    # TensorFlow Addons starts its affine form at 0
    start = values(single(layers.TLU, 0.0, 0.0), X)
    np.testing.assert_array_equal(start, np.maximum(X, 0))


@pytest.mark.parametrize("alpha", [None, 0.4])
def test_tlu_hides_no_nan(alpha):
    found = values(single(layers.TLU, 0.5, alpha), [np.nan, 2.0])
    np.testing.assert_array_equal(found, [np.nan, 2.0])


@pytest.mark.parametrize(
    "kind, arguments",
    [
        (layers.ChannelPReLU, {"alpha_initializer": None}),
        (layers.SReLU, {"width_initializer": 0.0}),
        (layers.SReLU, {"width_initializer": -1.0}),
        (layers.SReLU, {"a_left_initializer": float("nan")}),
        (layers.APL, {"hinges": 0}),
        (layers.APL, {"hinges": 10**9}),
        (layers.APL, {"hinges": 2.0}),
        (layers.APL, {"span": 0.0}),
        (layers.TLU, {"tau_initializer": None}),
        (layers.TLU, {"alpha_initializer": float("inf")}),
    ],
)
def test_bad_arguments_are_refused(kind, arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        kind(**arguments)
