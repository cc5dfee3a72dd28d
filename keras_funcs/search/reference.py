"""Models of other packages that a study is held against, never tuned.

They are fitted on the features that the study's networks train on, and scored
on the same held-out rows.
"""

import importlib.util
import warnings
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from keras_funcs.search.training import data
from keras_funcs.search.training.predictions import Predictions
from keras_funcs.search.training.predictions import log_probabilities

# Pictures and other grids become rows of numbers up to this many of them.
MAX_NUMBERS = 5_000_000
EARLY_STOPPING = 10_000  # rows from which scikit-learn's boosting draws some
# What a model is fitted on at most, so that it takes no longer than a study.
FIT_ROWS, FIT_NUMBERS = 100_000, 20_000_000


@dataclass(frozen=True)
class Reference:
    """A model to be held against.

    Attributes:
        name: String. Of its files.
        label: String. In tables.
        make: Function from a seed to an unfitted estimator.
        is_random: Boolean. Whether it depends on the seed.
    """

    name: str
    label: str
    make: Callable[[int], Any]
    is_random: bool = False


def of_classes(rows: int) -> Iterator[Reference]:
    """The classifiers at hand, each with balanced weights."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    yield Reference(
        "logistic_regression",
        "logistic regression",
        lambda seed: make_pipeline(
            StandardScaler(),
            LogisticRegression(class_weight="balanced", max_iter=1000),
        ),
    )
    yield Reference(
        "hist_gradient_boosting",
        "histogram gradient boosting",
        lambda seed: HistGradientBoostingClassifier(
            class_weight="balanced", random_state=seed
        ),
        is_random=rows > EARLY_STOPPING,
    )
    if importlib.util.find_spec("lightgbm"):
        from lightgbm import LGBMClassifier

        yield Reference(
            "lightgbm",
            "LightGBM",
            lambda seed: LGBMClassifier(class_weight="balanced", verbose=-1),
        )
    if importlib.util.find_spec("catboost"):
        from catboost import CatBoostClassifier

        yield Reference(
            "catboost",
            "CatBoost",
            lambda seed: CatBoostClassifier(
                auto_class_weights="Balanced", **_silent(seed)
            ),
            is_random=True,
        )


def of_values(rows: int) -> Iterator[Reference]:
    """The regressors at hand."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    yield Reference(
        "ridge",
        "ridge regression",
        lambda seed: make_pipeline(StandardScaler(), Ridge()),
    )
    yield Reference(
        "hist_gradient_boosting",
        "histogram gradient boosting",
        lambda seed: HistGradientBoostingRegressor(random_state=seed),
        is_random=rows > EARLY_STOPPING,
    )
    if importlib.util.find_spec("lightgbm"):
        from lightgbm import LGBMRegressor

        yield Reference(
            "lightgbm", "LightGBM", lambda seed: LGBMRegressor(verbose=-1)
        )
    if importlib.util.find_spec("catboost"):
        from catboost import CatBoostRegressor

        yield Reference(
            "catboost",
            "CatBoost",
            lambda seed: CatBoostRegressor(**_silent(seed)),
            is_random=True,
        )


def _silent(seed: int) -> dict[str, Any]:
    return {"random_seed": seed, "verbose": 0, "allow_writing_files": False}


class LeftOut(Exception):
    """Reference models that are not fitted; the message is the reason."""


def features_of(split: Any) -> np.ndarray:
    """The features of a split, `(N, F)`.

    Raises:
        LeftOut: If a row has no such features.
    """
    x, y, _ = data.parts_of(split)
    if y is None:
        raise LeftOut("the data are no arrays")
    if keras.tree.is_nested(x):
        raise LeftOut("the data are several arrays")
    if x.ndim > 2 and x.size > MAX_NUMBERS:
        raise LeftOut(f"{x.size} numbers are no table")
    return np.asarray(x.reshape(len(x), -1))


def labels_of(split: Any, classes: int) -> np.ndarray:
    """The labels of a split, `(N,)`: ids in int64, or numbers in float64.

    Args:
        split: The split.
        classes: Integer. The number of classes; 0 for numbers.

    Raises:
        LeftOut: If a row has not one label, or one that is no class.
    """
    y = data.parts_of(split)[1]
    if y is None:
        raise LeftOut("the data are no arrays")
    if keras.tree.is_nested(y):
        raise LeftOut("the data are several arrays")
    if classes and y.shape == (len(y), classes) and classes > 1:
        if not (np.isin(y, (0, 1)).all() and (y.sum(1) == 1).all()):
            raise LeftOut("a row has several labels")
        y = y.argmax(1)
    if y.size != len(y):
        raise LeftOut("a row has several labels")
    y = y.reshape(-1)
    if not classes:
        return y.astype(np.float64)
    ids = y.astype(np.int64)
    if (ids != y).any() or ids.min() < 0 or ids.max() >= classes:
        raise LeftOut(f"a label is no id of {classes} classes")
    return ids


def references(train: Any, classes: int) -> list[Reference]:
    """The models for a training split.

    Args:
        train: The split.
        classes: Integer. The number of classes; 0 for numbers.

    Raises:
        LeftOut: As `features_of`.
    """
    known = of_classes if classes else of_values
    total, rows = len(features_of(train)), _fitted(features_of(train))
    note = f", fitted on {rows} rows drawn of {total}" if rows < total else ""
    return [replace(item, label=f"{item.label}{note}") for item in known(rows)]


def _fitted(x: np.ndarray) -> int:
    """How many rows of features a model is fitted on."""
    return min(len(x), FIT_ROWS, max(FIT_NUMBERS // max(x.shape[1], 1), 1))


def fit(reference: Reference, train: Any, seed: int, classes: int) -> Any:
    """A fitted estimator of a reference."""
    x, y = features_of(train), labels_of(train, classes)
    rows = _fitted(x)
    if rows < len(x):
        drawn = np.random.default_rng(0).choice(len(x), rows, replace=False)
        x, y = x[drawn], y[drawn]
    estimator = reference.make(seed)
    with warnings.catch_warnings():
        # That it would take more iterations is no news for a reference.
        warnings.simplefilter("ignore")
        return estimator.fit(x, y)


def predict(estimator: Any, split: Any, classes: int) -> Predictions:
    """The predictions of a fitted estimator on a split.

    Args:
        estimator: A fitted estimator.
        split: The split.
        classes: Integer. The number of classes; 0 for numbers.
    """
    x, y = features_of(split), labels_of(split, classes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not classes:
            values = np.asarray(estimator.predict(x)).reshape(-1)
            return Predictions(y, values.astype(np.float32))
        shares = np.zeros((len(x), classes))
        shares[:, estimator.classes_.astype(int)] = estimator.predict_proba(x)
    values = log_probabilities(shares, logits=False)
    return Predictions(y, values.astype(np.float32))
