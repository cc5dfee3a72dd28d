"""Swap one activation, and look at the curve it learned in TensorBoard."""

# %%
import keras
import numpy as np

import keras_funcs as kf

LOGS = "runs/learned_curve"

# %% A signal that repeats: ReLU extrapolates it as a line, Snake as a wave.
keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
x = rng.uniform(-6.0, 6.0, (2000, 1)).astype("float32")
y = np.sin(3.0 * x) + 0.3 * x
x_out = np.linspace(6.0, 8.0, 200, dtype="float32")[:, None]
y_out = np.sin(3.0 * x_out) + 0.3 * x_out


def fit(activation: keras.layers.Layer, name: str) -> float:
    """Trains one small network; returns its error beyond the data."""
    model = keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Dense(64),
            activation,
            keras.layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-2), "mse")
    inspector = kf.callbacks.TensorBoardInspector(
        f"{LOGS}/{name}", histogram_freq=20, curve_freq=20
    )
    model.fit(
        x,
        y,
        batch_size=100,
        epochs=60,
        validation_data=(x_out, y_out),
        callbacks=[inspector],
        verbose=0,
    )
    return model.evaluate(x_out, y_out, verbose=0)


# %%
for name, activation in (
    ("relu", keras.layers.ReLU()),
    ("snake", kf.layers.Snake(5.0)),
):
    print(f"{name:6s} error on 6 < x < 8: {fit(activation, name):.3f}")
print(f"now look at it: tensorboard --logdir {LOGS}")
