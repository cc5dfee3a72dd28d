"""A first model: train, save, load, with nothing registered by hand."""

# %% Real images, long-tailed: 100 of the most frequent digit, 5 of the rarest.
import tempfile
from pathlib import Path

import keras

import keras_funcs as kf

keras.utils.set_random_seed(0)
digits = kf.data.digits_longtail(imbalance=20.0, seed=0)
print("training images of each class:", digits.counts)

# %% A trainable activation is a layer; everything else goes where Keras has it.
model = keras.Sequential(
    [
        keras.Input((64,)),
        keras.layers.Dense(64),
        kf.layers.Swish(),
        keras.layers.Dense(
            64, kernel_regularizer=kf.regularizers.GroupLasso(1e-5)
        ),
        kf.layers.Swish(),
        keras.layers.Dense(digits.num_classes),
    ]
)
model.compile(
    optimizer=kf.optimizers.AdaBelief(1e-3),
    loss=kf.losses.LogitAdjusted(class_counts=digits.counts, from_logits=True),
    metrics=[kf.metrics.BalancedAccuracy(), kf.metrics.MatthewsCorrelation()],
)
model.fit(*digits.train, epochs=40, verbose=0)

# %% The file knows all of it.
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "first.keras"
    model.save(path)
    loaded = keras.saving.load_model(path)

before = model.evaluate(*digits.test, verbose=0, return_dict=True)
after = loaded.evaluate(*digits.test, verbose=0, return_dict=True)
for name, value in before.items():
    print(f"{name:22s} {value:.4f}   after loading {after[name]:.4f}")

# %% What the activation learned: 1 is SiLU, larger is closer to ReLU.
slopes = keras.ops.convert_to_numpy(loaded.layers[1].beta)
print(f"slopes of the first Swish: {slopes.min():.2f} to {slopes.max():.2f}")
