"""Writes the files that every later version has to load.

Run once for each release, with the number of the release; before the release
it may be run again, and then adds the configs of what is new:

    python -m tests.golden.write 0.1.0
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

import keras_funcs as kf
from keras_funcs.testing.bench.cases import cases

HERE = Path(__file__).parent
COUNTS = [40, 20, 10, 5]


def data():
    x = np.linspace(-2.0, 2.0, 48, dtype="float32").reshape(8, 6)
    return np.sin(3.0 * x).astype("float32"), np.arange(8) % 4


def network(linear=True):
    inputs = keras.Input((6,))
    x = keras.layers.Dense(
        8,
        activation=kf.activations.squared_relu,
        kernel_regularizer=kf.regularizers.GroupLasso(1e-3, reduction="mean"),
    )(inputs)
    x = kf.layers.Swish(0.5)(x)
    x = kf.layers.DropPath(0.2, seed=1)(x)
    x = kf.activations.swiglu(x)
    x = kf.layers.Snake(2.0, axis=None)(x)
    outputs = kf.layers.CosineDense(4, scale=5.0)(x)
    if not linear:
        outputs = keras.layers.Softmax()(outputs)
    return keras.Model(inputs, outputs)


def models():
    """One model for each loss, with optimizers and metrics among them."""
    rate = kf.optimizers.schedules.WarmupStableDecay(0.01, 2, 2, 2)
    pairs = {
        "logit_adjusted": (
            kf.losses.LogitAdjusted(COUNTS, tau=0.5, from_logits=True),
            kf.optimizers.AdEMAMix(rate, alpha=2.0, weight_decay=0.01),
            kf.metrics.BalancedAccuracy(adjusted=True),
        ),
        "weighted_crossentropy": (
            kf.losses.WeightedCrossentropy(
                class_counts=COUNTS, scheme="sqrt", from_logits=True
            ),
            kf.optimizers.AdaBelief(0.01, cautious=True),
            kf.metrics.MatthewsCorrelation(),
        ),
        "categorical_focal": (
            kf.losses.CategoricalFocal(alpha=[1.0, 2.0, 3.0, 4.0], gamma=1.5),
            "adam",
            kf.metrics.ConfusionMatrix(normalize="true", num_classes=4),
        ),
        "binary_focal": (
            kf.losses.BinaryFocal(alpha=0.3, from_logits=True),
            "adam",
            "mse",
        ),
    }
    for name, (loss, optimizer, metric) in pairs.items():
        keras.utils.set_random_seed(0)
        model = network(linear=getattr(loss, "from_logits", True))
        # Compiled or not is the reader's choice, on a backend of theirs.
        model.compile(optimizer, loss, metrics=[metric], jit_compile=False)
        yield name, model


def labels(name, y):
    return np.eye(4, dtype="float32")[y] if name.startswith("binary") else y


def main(version):
    folder = HERE / version
    if not folder.exists():
        folder.mkdir()
        write_models(folder)
    path = folder / "configs.json"
    old = json.loads(path.read_text()) if path.exists() else {}
    write(path, {**configs(), **old})


def write_models(folder):
    x, y = data()
    expected = {}
    for name, model in models():
        model.fit(x, labels(name, y), epochs=3, verbose=0)
        model.save(folder / f"{name}.keras")
        scores = model.evaluate(x, labels(name, y), verbose=0, return_dict=True)
        expected[name] = {
            "predictions": np.asarray(model.predict(x, verbose=0)).tolist(),
            "scores": {key: float(value) for key, value in scores.items()},
        }
    write(folder / "predictions.json", expected)


def configs():
    found = {}
    for case in cases():
        made = case.make() if isinstance(case.target, type) else case.target
        if case.accepts("log_dir"):
            made = case.make(log_dir="runs")
        found[str(case)] = keras.saving.serialize_keras_object(made)
    return found


def write(path, content):
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
