"""Clipping is of the whole batch's gradients, however many devices share it."""

import contextlib

import keras
import numpy as np
import pytest

from keras_funcs import inspect
from keras_funcs import optimizers
from keras_funcs._core.backend import active

BACKEND = keras.config.backend()
# Torch trains on one device: there the two runs are one.
SCOPES = {
    "one": contextlib.nullcontext,
    "several": lambda: (
        contextlib.nullcontext()
        if BACKEND == "torch"
        else active().plan("data_parallel").scope
    ),
}


def weights_after(optimizer, scope):
    """Two steps on two halves whose gradients differ a hundredfold."""
    rng = np.random.default_rng(0)
    x = np.array([[0, 1, 1], [2, 2, 2], [3, 4, 5], [5, 5, 0]] * 2)
    y = rng.normal(size=(8, 1)) * np.repeat([0.1, 10.0], 4)[:, None]
    with SCOPES[scope]():
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [
                keras.Input((3,), dtype="int32"),
                keras.layers.Embedding(6, 4),
                keras.layers.Flatten(),
                keras.layers.Dense(1),
            ]
        )
        model.compile(optimizer(), "mse")
        model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return model, model.get_weights()


CLIPS = ["clipnorm", "global_clipnorm", "clipvalue"]


@pytest.mark.backends("tensorflow")
@pytest.mark.backends("tensorflow")
@pytest.mark.parametrize("kind", [optimizers.AdaBelief, optimizers.AdEMAMix])
@pytest.mark.parametrize("clip", CLIPS)
def test_several_replicas_clip_like_one(kind, clip):
    def made():
        # Not small: epsilon would hide the scale that Adam's kin forget.
        return kind(0.1, epsilon=1.0, **{clip: 0.02})

    _, alone = weights_after(made, "one")
    _, together = weights_after(made, "several")
    _, plain = weights_after(lambda: kind(0.1, epsilon=1.0), "one")
    for found, expected, other in zip(together, alone, plain):
        np.testing.assert_allclose(found, expected, 1e-5, 1e-6)
        assert abs(other - expected).max() > 1e-4  # the clip did something


def test_the_norm_of_an_embedding_is_of_sums_by_id():
    """Rows looked up several times count once, with their sum."""
    table = keras.Variable(np.ones((3, 2), "float32"))
    optimizer = optimizers.AdaBelief(0.1, epsilon=1.0, global_clipnorm=1e-3)
    optimizer.build([table])
    rows = np.array([[1.0, 0.0], [-1.0, 0.0], [3.0, 4.0]], "float32")
    ids = np.array([0, 0, 2])
    gradient = np.zeros((3, 2), "float32")
    np.add.at(gradient, ids, rows)
    gradient = keras.ops.convert_to_tensor(gradient)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        gradient = tf.IndexedSlices(rows, ids, (3, 2))
    (clipped,) = optimizer._clip_gradients([gradient])
    expected = [[0, 0], [0, 0], [0.6e-3, 0.8e-3]]
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(clipped), expected, 1e-5, 1e-9
    )


@pytest.mark.parametrize("clip", CLIPS)
def test_diagnose_tells_of_keras_own_optimizers(clip):
    def told(optimizer, scope="several"):
        model, _ = weights_after(optimizer, scope)
        found = inspect.diagnose(model)
        return [item.message for item in found if clip in item.message]

    # On JAX the gradients are of the whole batch.
    expected = 1 if BACKEND == "tensorflow" else 0
    assert len(told(lambda: keras.optimizers.SGD(**{clip: 0.1}))) == expected
    assert not told(lambda: optimizers.AdaBelief(**{clip: 0.1}))
    assert not told(lambda: keras.optimizers.SGD(**{clip: 0.1}), "one")
