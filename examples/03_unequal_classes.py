"""Metrics that tell the truth, and losses that act on it."""

# %% Two classes out of the bundled digits, one of them rare.
import keras
import numpy as np

import keras_funcs as kf

digits = kf.data.digits_longtail(imbalance=20.0, seed=1)
x, y = digits.train
x_test, y_test = digits.test
counts = kf.class_counts(y, num_classes=10)
few = np.argsort(counts)[:3]
print("training images of each class:", counts, "; the rarest:", few)

# %% The same network under four losses.
LOSSES = {
    "cross-entropy": keras.losses.SparseCategoricalCrossentropy(
        from_logits=True
    ),
    "focal": kf.losses.CategoricalFocal(alpha=None, from_logits=True),
    "class weights": kf.losses.WeightedCrossentropy(
        class_counts=counts, scheme="sqrt", from_logits=True
    ),
    "logit adjustment": kf.losses.LogitAdjusted(
        class_counts=counts, from_logits=True
    ),
}

print(f"{'loss':18s} accuracy  balanced  Matthews  rarest three")
for name, loss in LOSSES.items():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10),
        ]
    )
    matrix = kf.metrics.ConfusionMatrix(num_classes=10)
    model.compile(
        keras.optimizers.Adam(1e-3),
        loss,
        metrics=[
            keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
            kf.metrics.BalancedAccuracy(),
            kf.metrics.MatthewsCorrelation(),
        ],
    )
    model.fit(x, y, epochs=40, verbose=0)
    scores = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
    matrix.update_state(y_test, model.predict(x_test, verbose=0))
    recall = np.diag(matrix.matrix()) / matrix.matrix().sum(axis=1)
    print(
        f"{name:18s} {scores['accuracy']:8.3f} "
        f"{scores['balanced_accuracy']:9.3f} "
        f"{scores['matthews_correlation']:9.3f} {recall[few].mean():13.3f}"
    )
