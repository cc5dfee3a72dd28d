"""Solve an equation: tanh, tanh with a trained slope, and Stan, compared."""

# %%
import math
from pathlib import Path

import keras
import numpy as np
from keras import ops
from matplotlib.figure import Figure

import keras_funcs as kf

VISCOSITY = 0.1 / math.pi
SEEDS, EPOCHS, STEPS, BATCH = 2, 10, 30, 128
STEP_OF_X = 0.01
DRAWN = Path("runs/burgers.png")


# %% u_t + u u_x = v u_xx from u(0, x) = -sin(pi x): a wave that grows steep.
def exact(t: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The solution by Cole and Hopf; integrals by quadrature, in float64."""
    z, weights = np.polynomial.hermite.hermgauss(100)
    y = x[:, None] - 2.0 * np.sqrt(VISCOSITY * t)[:, None] * z
    heat = weights * np.exp(-np.cos(np.pi * y) / (2 * np.pi * VISCOSITY))
    return -(heat * np.sin(np.pi * y)).sum(axis=1) / heat.sum(axis=1)


grid = np.stack(np.meshgrid([0.25, 0.5, 0.75, 1.0], np.linspace(-1, 1, 101)))
points = grid.reshape(2, -1).T
solution = exact(*points.T)


# %% Slopes in forward mode, which `fit` differentiates on every backend. Of
# forward mode in forward mode TensorFlow gets the gradient wrong without a
# word, so the second derivative is a difference of slopes.
class Burgers(keras.Model):
    """A network that is trained to satisfy the equation, and sees no data."""

    def __init__(self, activation) -> None:
        super().__init__()
        self.network = keras.Sequential([keras.Input((2,))])
        for _ in range(3):
            self.network.add(keras.layers.Dense(20))
            self.network.add(activation())
        self.network.add(keras.layers.Dense(1))

    def call(self, inputs):
        t, x = ops.split(inputs, 2, axis=-1)
        # Right at t = 0 and at both ends, whatever the network says.
        start = -ops.sin(math.pi * x)
        return start + t * (1.0 - ops.square(x)) * self.network(inputs)

    def compute_loss(self, x, *args, **kwargs):
        u, u_t = self.slope(x, [1.0, 0.0])
        aside = ops.array([[0.0, STEP_OF_X]])
        near = [x, x + aside, x - aside]
        slopes = self.slope(ops.concatenate(near), [0.0, 1.0])[1]
        u_x, after, before = ops.split(slopes, 3)
        u_xx = (after - before) / (2.0 * STEP_OF_X)
        return ops.mean(ops.square(u_t + u * u_x - VISCOSITY * u_xx))

    def slope(self, inputs, direction):
        """The network's value, and its slope in a direction."""
        direction = ops.broadcast_to(direction, ops.shape(inputs))
        return ops.jvp(self, (inputs,), (direction,))


# %%
def errors_of(activation, seed: int) -> list[float]:
    """Trains one network; its relative error after each epoch."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    inputs = rng.uniform([0.0, -1.0], 1.0, (STEPS * BATCH, 2))
    inputs = inputs.astype("float32")
    model, errors = Burgers(activation), []

    def measure(epoch, logs) -> None:
        found = ops.convert_to_numpy(model(points.astype("float32")))[:, 0]
        off = np.linalg.norm(found - solution) / np.linalg.norm(solution)
        errors.append(float(off))

    model.compile(keras.optimizers.Adam(1e-2))
    model.fit(
        inputs,
        batch_size=BATCH,
        epochs=EPOCHS,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=measure)],
        verbose=0,
    )
    return errors


ACTIVATIONS = {
    "tanh": lambda: keras.layers.Activation("tanh"),
    "tanh, trained slope": lambda: kf.layers.AdaptiveSlope("tanh", n=5.0),
    "Stan": kf.layers.Stan,
}
figure = Figure(figsize=(6.4, 4.0), layout="constrained")
axes = figure.subplots()
for name, activation in ACTIVATIONS.items():
    curves = np.array([errors_of(activation, seed) for seed in range(SEEDS)])
    mean = np.exp(np.log(curves).mean(axis=0))  # of the orders of magnitude
    axes.semilogy(STEPS * np.arange(1, EPOCHS + 1), mean, label=name)
    last = ", ".join(f"{error:.4f}" for error in curves[:, -1])
    print(f"{name:20s} relative error {mean[-1]:.4f}   (each seed: {last})")
axes.set(xlabel="steps", ylabel="relative error", title="Burgers equation")
axes.legend()
DRAWN.parent.mkdir(exist_ok=True)
figure.savefig(DRAWN, dpi=150)
print(f"drawn to {DRAWN.as_posix()}")
