"""Studies as scikit-learn estimators, for its pipelines and thresholds."""

import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from typing import Self

import keras_tuner
import numpy as np
from sklearn import model_selection
from sklearn.base import BaseEstimator
from sklearn.base import ClassifierMixin
from sklearn.base import RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight
from sklearn.utils.validation import check_is_fitted
from sklearn.utils.validation import validate_data

from keras_funcs._core import checks
from keras_funcs.data import Dataset
from keras_funcs.search.plan import Final
from keras_funcs.search.plan import Plan
from keras_funcs.search.prediction import Predictor
from keras_funcs.search.spaces import measures
from keras_funcs.search.spaces import models
from keras_funcs.search.spaces.tasks import task_of
from keras_funcs.search.study import Study
from keras_funcs.search.training import fitting
from keras_funcs.search.tuner.objectives import objective

Builder = Callable[[Dataset], Callable[[Any], Any]]


class Estimator(BaseEstimator):
    """Abstract base: a study, or a model of its space, fitted to arrays.

    `fit` holds rows out for validation, by which the best epoch and the best
    setting are chosen. Inputs are taken as they are: put a scaler before it.

    Args:
        build: Function from a `keras_funcs.data.Dataset` to a `build(hp)`, as
            a study takes it; None for `keras_funcs.search.table`.
        objective: String or None. The metric to choose by. Defaults to
            balanced accuracy for classes and to R2 for numbers.
        trials: Integer >= 0. Settings that the search tries; 0 trains the
            defaults of the space alone.
        epochs: Integer >= 1. Epochs of a run, at most.
        batch_size: Integer >= 1.
        validation: Float in (0, 1). The share of rows held out.
        budget: Float > 0 or None. Seconds for the study.
        final: `search.Final`: what follows the search. Defaults to all of it
            if there is a directory to read it in, else to two seeds.
        directory: String or path of the study's folder, or None for one that
            is removed after `fit`.
        progress: As of `search.Study`. Defaults to silence.
        random_state: Integer, `numpy.random.RandomState` or None. Decides the
            rows held out, and all runs.

    Attributes:
        model_: The compiled `keras.Model`.
        n_features_in_: Integer. The columns of `X`.

    Raises:
        ValueError: By `fit`, if an argument or the data are invalid.
    """

    def __init__(
        self,
        build: Builder | None = None,
        *,
        objective: Any = None,
        trials: int = 24,
        epochs: int = 40,
        batch_size: int = 32,
        validation: float = 0.2,
        budget: float | None = None,
        final: Final | None = None,
        directory: str | os.PathLike[str] | None = None,
        progress: Any = None,
        random_state: Any = None,
    ) -> None:
        self.build = build
        self.objective = objective
        self.trials = trials
        self.epochs = epochs
        self.batch_size = batch_size
        self.validation = validation
        self.budget = budget
        self.final = final
        self.directory = directory
        self.progress = progress
        self.random_state = random_state

    def _fit(self, x: Any, y: Any, weight: Any, **facts: Any) -> Self:
        checks.integer("trials", self.trials, at_least=0)
        checks.number("validation", self.validation, above=0, below=1)
        seed = int(check_random_state(self.random_state).randint(2000))
        train, validation = _held_out(
            (x, y, weight), self.validation, seed, bool(facts["class_names"])
        )
        dataset = Dataset.of(train, validation, **facts)
        make = self._search if self.trials else self._train
        self.model_ = make(dataset, *self._goal(dataset), seed)
        return self

    def _goal(self, dataset: Dataset) -> tuple[Any, Any]:
        """The objective, and a `build(hp)` whose models measure it."""
        name = self.objective or task_of(dataset.task).objective
        if self.build is not None:
            return objective(name), self.build(dataset)
        found, metric = measures.objective(name, dataset.task)
        compiled = partial(measures.compiled, dataset.task, metric)
        return found, models.table(dataset, metrics=compiled)

    def _search(
        self, dataset: Dataset, goal: Any, build: Any, seed: int
    ) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            study = Study(
                build,
                dataset,
                objective=goal,
                directory=self.directory or folder,
                trials=self.trials,
                epochs=self.epochs,
                batch_size=self.batch_size,
                budget=self.budget,
                final=self.final or self._final,
                tensorboard=self.directory is not None,
                progress=self.progress,
                seed=seed,
            )
            return study.resume().best_model()

    def _train(self, dataset: Dataset, goal: Any, build: Any, seed: int) -> Any:
        plan = Plan(
            build=build,
            dataset=dataset,
            objective=goal,
            directory=Path(),
            epochs=checks.integer("epochs", self.epochs, at_least=1),
            batch_size=checks.integer(
                "batch_size", self.batch_size, at_least=1
            ),
            patience=max(5, self.epochs // 3),
        )
        program = fitting.Program(plan, keras_tuner.HyperParameters())
        program.fit(seed)
        return program.model

    @property
    def _final(self) -> Final:
        if self.directory is not None:
            return Final()
        return Final(seeds=2, ablation=False, references=False)

    def _rows(self, x: Any) -> np.ndarray:
        check_is_fitted(self, "model_")
        found = validate_data(self, x, reset=False, dtype="float32")
        return np.asarray(found)


class Classifier(ClassifierMixin, Estimator):
    """A classifier that a study finds.

    Args:
        **kwargs: As of `Estimator`.

    Attributes:
        classes_: `(C,)` array of the labels, sorted.

    Example:

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> x, y = load_iris(return_X_y=True)
    >>> network = keras_funcs.sklearn.Classifier(
    ...     trials=0, objective="brier_score", batch_size=8, random_state=0
    ... )
    >>> found = make_pipeline(StandardScaler(), network).fit(x, y)
    >>> found.score(x, y) > 0.9
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Searches and trains.

        Args:
            X: `(N, F)` numbers.
            y: `(N,)` labels of at least two classes.
            sample_weight: `(N,)` numbers >= 0, or None for equal weights.
        """
        x, y, weight = _checked(self, X, y, sample_weight)
        check_classification_targets(y)
        self.classes_, ids = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            checks.invalid("y", "at least two classes", "one class")
        names = tuple(str(label) for label in self.classes_)
        return self._fit(x, ids, weight, class_names=names)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predicts `(N, C)` probabilities, in the order of `classes_`."""
        rows = self._rows(X)
        return Predictor(self.model_).predict_proba(rows)

    def predict(self, X: Any) -> np.ndarray:
        """Predicts the label of each row."""
        ids = np.argmax(self.predict_proba(X), axis=-1)
        return self.classes_[ids]


class Regressor(RegressorMixin, Estimator):
    """A regression that a study finds.

    Args:
        **kwargs: As of `Estimator`.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Searches and trains.

        Args:
            X: `(N, F)` numbers.
            y: `(N,)` numbers.
            sample_weight: `(N,)` numbers >= 0, or None for equal weights.
        """
        x, y, weight = _checked(self, X, y, sample_weight, y_numeric=True)
        y = y.astype("float32")
        return self._fit(x, y, weight, class_names=(), task="regression")

    def predict(self, X: Any) -> np.ndarray:
        """Predicts the number of each row."""
        rows = self._rows(X)
        return Predictor(self.model_).predict(rows)


def _checked(
    estimator: Any, x: Any, y: Any, weight: Any, **kwargs: Any
) -> tuple[Any, Any, Any]:
    x, y = validate_data(
        estimator, x, y, dtype="float32", ensure_min_samples=2, **kwargs
    )
    if weight is not None:
        weight = _check_sample_weight(
            weight, x, dtype="float32", ensure_non_negative=True
        )
    return x, y, weight


def _held_out(
    parts: tuple[Any, Any, Any], share: float, seed: int, classes: bool
) -> tuple[Any, Any]:
    """Splits into training and validation rows, classes by their shares.

    The first row of each class is a training row. Too few rows to split are
    both.
    """
    x, y, weight = parts
    rows = np.arange(len(y))
    first = np.unique(y, return_index=True)[1] if classes else rows[:1]
    others = np.setdiff1d(rows, first)
    held = round(share * len(y))
    kinds, counts = np.unique(y[others], return_counts=True)
    stratify = None
    if classes and len(others) and counts.min() > 1:
        stratify, held = y[others], max(held, len(kinds))
    if not 0 < held < len(others) or len(others) - held < len(kinds) * classes:
        fit, chosen = rows, rows
    else:
        fit, chosen = model_selection.train_test_split(
            others, test_size=held, random_state=seed, stratify=stratify
        )
        fit = np.concatenate([first, fit])
    given = (x, y) if weight is None else parts
    return tuple(part[fit] for part in given), (x[chosen], y[chosen])
