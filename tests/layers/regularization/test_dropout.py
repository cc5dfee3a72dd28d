"""DropBlock: which places fall, how often, and what is left."""

import itertools
import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import layers

KINDS = {
    1: layers.DropBlock1D,
    2: layers.DropBlock2D,
    3: layers.DropBlock3D,
}


def dropped(shape, rate, block, seed=0, **arguments):
    layer = KINDS[len(shape) - 2](rate, block, seed=seed, **arguments)
    y = ops.convert_to_numpy(layer(np.ones(shape, "float32"), training=True))
    return y == 0, y


def expected_share(sizes, rate, block):
    """The probability of each place to fall, block by block."""
    blocks = [min(side, size) for side, size in zip(block, sizes)]
    valid = [size - side + 1 for side, size in zip(blocks, sizes)]
    gamma = rate * math.prod(sizes) / math.prod(blocks) / math.prod(valid)
    kept = np.ones(sizes)
    for corner in itertools.product(*map(range, valid)):
        where = tuple(slice(c, c + side) for c, side in zip(corner, blocks))
        kept[where] *= 1.0 - gamma
    return 1.0 - kept


@pytest.mark.parametrize(
    ("sizes", "block"),
    [
        ((11,), (3,)),
        ((9,), (4,)),
        ((5,), (9,)),  # larger than the map
        ((7, 12), (3, 3)),
        ((12, 5), (4, 2)),
        ((4, 9), (7, 7)),
        ((4, 6, 5), (2, 3, 2)),
    ],
)
@pytest.mark.parametrize("rate", [0.1, 0.4])
def test_each_place_falls_as_often_as_the_blocks_that_reach_it(
    sizes, block, rate
):
    samples = 20_000
    fallen, _ = dropped((samples, *sizes, 1), rate, list(block))
    expected = expected_share(sizes, rate, block)
    found = fallen[..., 0].mean(axis=0)
    # Five standard errors: there are up to a hundred places.
    error = 5 * np.sqrt(expected * (1 - expected) / samples)
    assert np.all(np.abs(found - expected) <= error)


def test_the_share_is_about_the_rate_away_from_borders():
    fallen, _ = dropped((400, 40, 50, 1), 0.1, 5)
    assert 0.08 < fallen.mean() < 0.11


@pytest.mark.parametrize("block", [2, 3])
def test_what_falls_is_made_of_whole_blocks(block):
    fallen, _ = dropped((200, 8, 11, 1), 0.1, block)
    for picture in fallen[..., 0]:
        covered = np.zeros_like(picture)
        for i, j in np.ndindex(9 - block, 12 - block):
            square = np.s_[i : i + block, j : j + block]
            if picture[square].all():
                covered[square] = True
        np.testing.assert_array_equal(covered, picture)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_the_mean_is_kept(dimensions):
    sizes = (6, 7, 5)[:dimensions]
    fallen, y = dropped((50, *sizes, 3), 0.3, 2)
    np.testing.assert_allclose(y.mean(), 1.0, 1e-5)
    np.testing.assert_allclose(y[~fallen], 1 / (1 - fallen.mean()), 1e-5)


def test_channels_fall_together_or_each_by_itself():
    together, _ = dropped((60, 9, 8, 3), 0.2, 3)
    assert (together == together[..., :1]).all()
    apart, _ = dropped((60, 9, 8, 3), 0.2, 3, couple_channels=False)
    assert (apart[..., 0] != apart[..., 1]).any()


@pytest.mark.parametrize("couple", [True, False])
def test_channels_may_come_first(couple):
    last, _ = dropped((9, 7, 10, 4), 0.2, 3, couple_channels=couple)
    first, _ = dropped(
        (9, 4, 7, 10),
        0.2,
        3,
        couple_channels=couple,
        data_format="channels_first",
    )
    np.testing.assert_array_equal(np.moveaxis(first, 1, -1), last)


def test_all_may_fall():
    layer = layers.DropBlock1D(0.999, 4, seed=0)
    for _ in range(5):
        y = layer(np.ones((1, 4, 1), "float32"), training=True)
        assert np.isfinite(ops.convert_to_numpy(y)).all()


def test_dropped_infinities_are_gone():
    layer = layers.DropBlock1D(0.999, 4, seed=0)
    y = layer(np.full((1, 4, 1), np.inf, "float32"), training=True)
    assert not np.isnan(ops.convert_to_numpy(y)).any()


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_inference_and_rate_0_change_nothing(dimensions):
    x = np.random.default_rng(0).normal(size=(3, 5, 4, 6)[: dimensions + 1])
    x = np.asarray(x, "float32")[..., None]
    layer = KINDS[dimensions](0.5, 2)
    np.testing.assert_array_equal(layer(x), x)
    layer = KINDS[dimensions](0.0, 2)
    np.testing.assert_allclose(layer(x, training=True), x)


def test_draws_repeat_with_the_seed_and_differ_from_call_to_call():
    x = np.ones((5, 12, 12, 1), "float32")
    layer = layers.DropBlock2D(0.2, 3, seed=3)
    first, second = (
        ops.convert_to_numpy(layer(x, training=True)) for _ in range(2)
    )
    assert (first != second).any()
    np.testing.assert_array_equal(first == 0, dropped(x.shape, 0.2, 3, 3)[0])


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_it_trains_inside_fit_with_unknown_sizes(data_format):
    first = data_format == "channels_first"
    inputs = keras.Input((3, None, None) if first else (None, None, 3))
    y = layers.DropBlock2D(0.2, 3, seed=1, data_format=data_format)(inputs)
    assert y.shape == inputs.shape
    y = keras.layers.GlobalMaxPooling2D(data_format=data_format)(y)
    model = keras.Model(inputs, keras.layers.Dense(1)(y))
    model.compile("sgd", "mse")
    shape = (10, 3, 7, 12) if first else (10, 7, 12, 3)
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    before = ops.convert_to_numpy(model.layers[1].seed_generator.state)
    history = model.fit(x, x[:, 0, 0, 0], batch_size=4, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    after = ops.convert_to_numpy(model.layers[1].seed_generator.state)
    assert (before != after).any()


@pytest.mark.parametrize(
    "arguments",
    [
        {"rate": 1.0},
        {"rate": -0.1},
        {"block_size": 0},
        {"block_size": [3]},
        {"block_size": 2.5},
        {"couple_channels": 1},
        {"data_format": "channels"},
        {"seed": -1},
    ],
)
def test_bad_arguments_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        layers.DropBlock2D(**arguments)


def test_large_blocks_take_no_more_than_the_map():
    x = np.ones((1, 4, 4, 4, 1), "float32")
    y = layers.DropBlock3D(0.5, 200, seed=0)(x, training=True)  # 8e6 places
    assert y.shape == x.shape
    with pytest.raises(ValueError, match="argument `block_size`"):
        layers.DropBlock3D(block_size=4096)


def test_other_ranks_are_refused():
    with pytest.raises(ValueError, match="rank 4"):
        layers.DropBlock2D()(np.ones((2, 5, 3)))
