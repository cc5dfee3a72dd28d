"""Models of other packages that a study is held against, never tuned.

They are fitted on the features that the study's networks train on, and scored
on the same held-out rows.
"""

import importlib.util
import warnings
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_funcs.search.training import data
from keras_funcs.search.training.predictions import Predictions
from keras_funcs.search.training.predictions import log_probabilities

# Pictures and other grids become rows of numbers up to this many of them.
MAX_NUMBERS = 5_000_000
EARLY_STOPPING = 10_000  # rows from which scikit-learn's boosting draws some


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


class Unsuitable(Exception):
    """Data that no reference model is for; the message is the reason."""


def rows_of(split: Any) -> tuple[np.ndarray, np.ndarray]:
    """Features `(N, F)` of a split, and its labels `(N,)`: ids or numbers.

    Raises:
        Unsuitable: If a row has no such features, or not one label.
    """
    x, y, _ = data.parts_of(split)
    if y is None:
        raise Unsuitable("the data are no arrays")
    if keras.tree.is_nested(x) or keras.tree.is_nested(y):
        raise Unsuitable("the data are several arrays")
    if x.ndim > 2 and x.size > MAX_NUMBERS:
        raise Unsuitable(f"{x.size} numbers are no table")
    if y.ndim == 2 and y.shape[1] > 1:
        if not (np.isin(y, (0, 1)).all() and (y.sum(1) == 1).all()):
            raise Unsuitable("a row has several labels")
        y = y.argmax(1)
    if y.size != len(y):
        raise Unsuitable("a row has several labels")
    y = y.reshape(-1)
    return x.reshape(len(x), -1), y.astype(int) if y.dtype.kind in "b" else y


def references(train: Any) -> list[Reference]:
    """The models for the task of a training split.

    Raises:
        Unsuitable: As `rows_of`.
    """
    _, y = rows_of(train)
    known = of_classes if y.dtype.kind in "iu" else of_values
    return list(known(len(y)))


def fit(reference: Reference, train: Any, seed: int) -> Any:
    """A fitted estimator of a reference."""
    x, y = rows_of(train)
    estimator = reference.make(seed)
    with warnings.catch_warnings():
        # That it would take more iterations is no news for a reference.
        warnings.simplefilter("ignore")
        return estimator.fit(x, y)


def predict(estimator: Any, split: Any, classes: int) -> Predictions:
    """What a fitted estimator makes of a split.

    Args:
        estimator: A fitted estimator.
        split: The split.
        classes: Integer. The number of classes; 0 for numbers.
    """
    x, y = rows_of(split)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not classes:
            values = np.asarray(estimator.predict(x)).reshape(-1)
            return Predictions(y.astype(float), values.astype(np.float32))
        shares = np.zeros((len(x), classes))
        shares[:, estimator.classes_.astype(int)] = estimator.predict_proba(x)
    values = log_probabilities(shares, logits=False)
    return Predictions(y.astype(np.int64), values.astype(np.float32))
