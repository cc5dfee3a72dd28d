"""Which activation, loss and optimizer help on long-tailed digits?

Copy this file, and change the data, the model and the spaces to your own.
"""

# %% Settings
import argparse

import keras

import keras_funcs as kf
from keras_funcs import data
from keras_funcs import search

TRIALS = 24
EPOCHS = 40
SEEDS = 5
DIRECTORY = "runs/longtail_digits"

# %% Data: a few classes have many samples, most have few
dataset = data.digits_longtail(imbalance=20.0)


# %% The model; `hp` is what the search chooses from
def build(hp):
    activation = search.activation(hp, ["relu", "gelu", "Swish", "Snake"])
    regularizer = search.regularizer(hp, [None, "l2", "GroupLasso"])
    model = keras.Sequential([keras.Input((64,))])
    for _ in range(2):
        model.add(keras.layers.Dense(64, kernel_regularizer=regularizer))
        model.add(activation())
        model.add(keras.layers.Dropout(0.1))
    model.add(keras.layers.Dense(dataset.num_classes))
    model.compile(
        optimizer=search.optimizer(hp, ["adam", "AdaBelief", "AdEMAMix"]),
        loss=search.loss(hp, class_counts=dataset.counts),
        metrics=["accuracy", kf.metrics.BalancedAccuracy()],
    )
    return model


# %% The study: run this file again, and it goes on where it was
def main(trials=TRIALS, epochs=EPOCHS, seeds=SEEDS, directory=DIRECTORY):
    study = search.Study(
        build,
        dataset,
        objective="balanced_accuracy",
        directory=directory,
        trials=trials,
        epochs=epochs,
        final=search.Final(seeds=seeds),
    )
    study.resume()
    print(study.leaderboard())
    return study


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--directory", default=DIRECTORY)
    main(**vars(parser.parse_args()))
