"""A penalty in a real training, of a convolution and of a dense layer."""

import keras
import numpy as np
from keras import ops


def survives_training(penalty, tmp_path, bias=None):
    """Trains with a penalty on both kernels; the file gives the same loss."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 2))
    x = keras.layers.Conv2D(4, 3, kernel_regularizer=penalty)(inputs)
    x = keras.layers.Flatten()(keras.layers.Activation("relu")(x))
    outputs = keras.layers.Dense(
        3, kernel_regularizer=penalty, bias_regularizer=bias
    )(x)
    model = keras.Model(inputs, outputs)
    kernels = [model.layers[1].kernel, model.layers[-1].kernel]
    before = total(penalty(kernel) for kernel in kernels)
    np.testing.assert_allclose(total(model.losses), before, 1e-5)
    random = np.random.default_rng(0)
    images = random.normal(size=(16, 6, 6, 2)).astype("float32")
    labels = np.arange(16) % 3
    cross = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.05), cross)
    history = model.fit(images, labels, epochs=8, batch_size=8, verbose=0)
    losses = history.history["loss"]
    assert np.isfinite(losses).all() and losses[-1] < losses[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(total(loaded.losses), total(model.losses), 1e-6)
    again = loaded.evaluate(images, labels, verbose=0)
    np.testing.assert_allclose(
        again, model.evaluate(images, labels, verbose=0), 1e-6
    )
    return model


def total(losses):
    """The sum of scalar tensors, as a number."""
    return float(sum(float(ops.convert_to_numpy(loss)) for loss in losses))
