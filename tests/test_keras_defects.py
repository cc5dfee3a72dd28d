"""What the README says of Keras, and in which of its versions it is true.

A row fails as soon as the installed Keras no longer has a defect that the
README names, and if it has one that the README calls mended.
"""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from sklearn.metrics import roc_auc_score

README = Path(__file__).parents[1] / "README.md"
RELEASE = tuple(int(part) for part in keras.__version__.split(".")[:2])


def number(value):
    return float(ops.convert_to_numpy(value))


def clips_confident_mistakes():
    focal = keras.losses.CategoricalFocalCrossentropy(1.0, from_logits=True)
    return number(focal(np.eye(2)[[1]], np.array([[20.0, 0.0]]))) < 17


def takes_labels_that_are_no_class():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    try:
        found = number(loss(np.array([7]), np.array([[1.0, 2.0, 3.0]])))
    except Exception:  # as it should be, on a backend that checks
        return keras.backend.backend() != "jax"
    return not np.isnan(found)


def misses_rare_positives():
    draw = np.random.default_rng(0)
    y = (np.arange(50_000) < 50).astype("float32")
    p = 1 / (1 + np.exp(7 - 1.9 * y - draw.normal(size=y.size)))
    metric = keras.metrics.AUC()
    metric.update_state(y, p.astype("float32"))
    return number(metric.result()) < roc_auc_score(y, p) - 0.05


def gives_one_number_for_a_batch():
    y = np.ones((4, 2, 2, 1), "float32")
    return keras.losses.Dice(reduction=None)(y, y).shape == ()


def swaps_alpha_and_beta():
    tversky = keras.losses.Tversky(alpha=1.0, beta=0.0)
    two, one = np.array([[1.0, 1, 0, 0]]), np.array([[1.0, 0, 0, 0]])
    missed, alarm = tversky(two, one), tversky(one, two)
    return number(missed) > number(alarm)


def stops_counting():
    metric = keras.metrics.TruePositives()
    metric.accumulator.assign(np.array([2.0**24], "float32"))
    metric.update_state([1.0], [1.0])
    return number(metric.result()) == 2.0**24


def forgets_exclusions():
    optimizer = keras.optimizers.AdamW()
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return "bias" not in repr(optimizer.get_config())


# The first words of the statement, the first release without the defect (None
# where it is in the newest), and a probe that is true where it shows.
DEFECTS = [
    ("Keras's focal losses clip", None, clips_confident_mistakes),
    ("A label that is no class", None, takes_labels_that_are_no_class),
    ("Keras's thresholds are uniform", None, misses_rare_positives),
    ("Keras's `Dice` gives one number", None, gives_one_number_for_a_batch),
    ("the `alpha` of Keras's `Tversky`", (3, 16), swaps_alpha_and_beta),
    ("a float32 stands still", None, stops_counting),
    ("Keras's config leaves them out", None, forgets_exclusions),
]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "mended", "probe"), DEFECTS, ids=[row[0] for row in DEFECTS]
)
def test_a_statement_is_true_of_the_versions_it_names(words, mended, probe):
    assert probe() == (mended is None or mended > RELEASE)


def test_the_readme_names_the_versions():
    text = " ".join(README.read_text().split())
    section = text.split("## Where it differs from Keras")[1].split("## ")[0]
    for words, mended, _ in DEFECTS:
        after = section.split(words)[1]
        versions = re.search(r"\(Keras ([^)]*)\)", after)[1]
        if mended is None:
            assert versions == "3.12 and later"
        else:
            last = f"{mended[0]}.{mended[1] - 1}"
            assert versions == f"3.12 to {last}"
    # No statement without a row here.
    assert section.count("(Keras 3.") == len(DEFECTS)
