"""Which activation, loss and optimizer help on a table of your own?

Copy this file, and put the path of your CSV and its target column in it.
"""

# %% Settings
import argparse
import tempfile
from pathlib import Path

from sklearn.datasets import load_breast_cancer

from keras_funcs import data
from keras_funcs import search

TRIALS = 16
EPOCHS = 40
SEEDS = 5
DIRECTORY = "runs/table"


# %% Data: here a table that scikit-learn brings along, written as a CSV
def example_table(folder):
    frame = load_breast_cancer(as_frame=True).frame
    frame["target"] = frame["target"].map({0: "malignant", 1: "benign"})
    path = Path(folder) / "tumours.csv"
    frame.to_csv(path, index=False)
    return path


with tempfile.TemporaryDirectory() as folder:
    dataset = data.load_table(example_table(folder), target="target")
print(dataset.preprocessing.describe())  # how columns were read, and why


# %% The study, on the model that `keras-funcs tune` uses
def main(trials=TRIALS, epochs=EPOCHS, seeds=SEEDS, directory=DIRECTORY):
    build = search.table(
        dataset,
        choices={
            "network": ["32-32", "linear"],
            "activation": ["relu", "Stan", "Snake"],
            "optimizer": ["adam", "AdaBelief"],
        },
    )
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
    # Beside `best.keras`: how to read new rows. The report shows it, too.
    text = dataset.preprocessing.to_json()
    Path(directory, "preprocessing.json").write_text(text, "utf-8")
    study.report()
    print(study.leaderboard())
    return study


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--directory", default=DIRECTORY)
    main(**vars(parser.parse_args()))
