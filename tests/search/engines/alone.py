"""What `fit` makes of a setting alone, to compare lanes with."""

import keras
import keras_tuner
import numpy as np

from keras_funcs._core.sublayers import touch
from keras_funcs.search.engines import vectorized

EPOCHS, BATCH = 4, 16
CLASSES, FEATURES = 3, 6
OBJECTIVE = keras_tuner.Objective("val_loss", "min")


def blobs(seed, size):
    rng = np.random.default_rng(seed)
    y = np.sort(rng.integers(0, CLASSES, size) * rng.integers(0, 2, size))
    x = rng.normal(size=(size, FEATURES)) + 1.5 * np.eye(CLASSES, FEATURES)[y]
    return x.astype("float32"), y.astype("int64")


TRAIN, VALIDATION = blobs(0, 60), blobs(1, 40)
COUNTS = np.bincount(TRAIN[1], minlength=CLASSES).tolist()


class Fresh(keras.callbacks.Callback):
    """Begins `fit` where the model was built; keeps each epoch's weights."""

    def __init__(self, model, seed):
        super().__init__()
        self.seed = seed
        self.variables = [*model.variables, *model.optimizer.variables]
        self.start = [np.array(item.value) for item in self.variables]
        self.epochs = []

    def on_train_begin(self, logs=None):
        for variable, value in zip(self.variables, self.start):
            variable.assign(value)
        keras.utils.set_random_seed(self.seed)

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append((dict(logs), self.model.get_weights()))


def fit_alone(build, setting, seed, train=TRAIN, epochs=EPOCHS):
    """Logs and weights after each epoch of Keras's own `fit`."""
    keras.utils.set_random_seed(seed)
    model = build(setting)
    touch(model)
    model.optimizer.build(model.trainable_variables)
    fresh = Fresh(model, seed)
    x, y, *weight = train
    missing = -len(x) % BATCH
    drawn = np.random.default_rng(seed).choice(len(x), missing, replace=False)
    order = np.concatenate([np.arange(len(x)), drawn])
    model.fit(
        x[order],
        y[order],
        sample_weight=weight[0][order] if weight else None,
        validation_data=VALIDATION,
        validation_batch_size=len(VALIDATION[0]),
        batch_size=BATCH,
        epochs=epochs,
        callbacks=[fresh],
        verbose=0,
    )
    return fresh.epochs


def train_lanes(build, settings, seeds=None, **changes):
    options = {
        "train": TRAIN,
        "validation": VALIDATION,
        "objective": OBJECTIVE,
        "epochs": EPOCHS,
        "batch_size": BATCH,
        "patience": 1000,
        **changes,
    }
    seeds = range(len(settings)) if seeds is None else seeds
    results = vectorized.train(build, settings, list(seeds), **options)
    for result in results:
        if isinstance(result, vectorized.NotVectorizable):
            raise result
    return results


def check_lane(result, epochs, tolerance=1e-5):
    """A lane's metrics and weights are those of `fit`."""
    assert len(result.history) == len(epochs)
    for found, (logs, _) in zip(result.history, epochs):
        flat = {k: v for k, v in logs.items() if not isinstance(v, dict)}
        assert flat.keys() <= found.keys()
        for name, value in flat.items():
            np.testing.assert_allclose(
                found[name], value, rtol=1e-4, atol=1e-5, err_msg=name
            )
    for found, value in zip(result.weights, epochs[result.epoch][1]):
        np.testing.assert_allclose(found, value, atol=tolerance)
