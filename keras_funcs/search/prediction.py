"""Predictions on new rows, by the model that a study found."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_funcs._core import checks
from keras_funcs._core.extras import require
from keras_funcs._core.traits import LossTraits
from keras_funcs._core.traits import traits_of
from keras_funcs.data import TablePreprocessing
from keras_funcs.inspect.confusion import all_losses
from keras_funcs.search.store import files
from keras_funcs.search.store import records
from keras_funcs.search.store import state
from keras_funcs.search.training.predictions import read_outputs

BATCH = 1024


@dataclass(frozen=True)
class Predictor:
    """The best model of a study, with the preprocessing of its table.

    `search.load` makes one. Rows are a data frame (or a mapping from column to
    values) for a study of a table, and arrays `(N, ...)` for another one.

    Args:
        model: `keras.Model` with outputs `(N, C)`, or `(N, 1)` for two classes
            and for regression.
        preprocessing: `TablePreprocessing`, or None for arrays.
        class_names: Tuple of C strings; empty for regression.
    """

    model: Any
    preprocessing: TablePreprocessing | None = None
    class_names: tuple[str, ...] = ()

    def read(self, path: str | os.PathLike[str]) -> Any:
        """Reads the rows of a file as the study's own table was read.

        Args:
            path: A text or Parquet file with the columns of the study's table.
                The target may be absent.

        Returns:
            pandas DataFrame.

        Raises:
            ValueError: If the study was given arrays, or a column is absent.
        """
        if self.preprocessing is None:
            checks.invalid("path", "nothing: the study has no table", path)
        return self.preprocessing.read(path)

    def predict(self, rows: Any) -> np.ndarray:
        """Predicts the class or the number of each row.

        Args:
            rows: The new rows. An absent column is an error. A category
                without training rows matches no known one, with a warning.

        Returns:
            For classes `(N,)` names, or ids if the classes have no names; for
            labels of which several may hold `(N, C)` booleans; for regression
            the outputs, `(N,)` if there is one.
        """
        if self._targets == "values":
            outputs = self._outputs(rows)
            return outputs[:, 0] if outputs.shape[1:] == (1,) else outputs
        return self._decide(*self._shares(rows))

    def predict_proba(self, rows: Any) -> np.ndarray:
        """Predicts the probability of each class.

        Args:
            rows: As for `predict`.

        Returns:
            `(N, C)` floats. Each row of classes has the sum 1.

        Raises:
            ValueError: If the study's loss is for other targets than classes
                or labels.
        """
        return self._shares(rows)[0]

    def _shares(self, rows: Any) -> tuple[np.ndarray, bool]:
        """Probabilities `(N, C)`, and whether the model gives that of a yes."""
        if self._targets not in ("classes", "labels"):
            checks.invalid("loss", "one for classes or labels", self._loss)
        outputs = self._outputs(rows)
        shares = np.exp(read_outputs(outputs, self._loss))
        return shares.astype(outputs.dtype), outputs.shape[1:] in ((), (1,))

    def table(self, rows: Any) -> Any:
        """Predicts into a data frame, with one line per row.

        Args:
            rows: As for `predict`.

        Returns:
            pandas DataFrame with the columns `prediction` and, for classes,
            `probability of <class>`. Labels of which several may hold have
            the latter only.
        """
        frame = require("pandas").DataFrame
        if self._targets == "values":
            return frame({"prediction": list(self.predict(rows))})
        shares, single = self._shares(rows)
        names = self.class_names or map(str, range(shares.shape[-1]))
        decided = self._decide(shares, single)
        found = {"prediction": decided} if decided.ndim == 1 else {}
        for name, share in zip(names, shares.T, strict=True):
            found[f"probability of {name}"] = share
        return frame(found)

    def _decide(self, shares: np.ndarray, single: bool) -> np.ndarray:
        if self._targets == "labels" and not single:
            return shares > 0.5
        ids = np.argmax(shares, axis=-1)
        return np.asarray(self.class_names)[ids] if self.class_names else ids

    @cached_property
    def _loss(self) -> Any:
        (loss,) = all_losses(self.model)
        return keras.losses.get(loss) if isinstance(loss, str) else loss

    @property
    def _targets(self) -> str:
        traits = traits_of(self._loss, LossTraits)
        return "values" if traits is None else traits.targets

    def _outputs(self, rows: Any) -> np.ndarray:
        if self.preprocessing is not None:
            rows = self.preprocessing.transform(rows)
        found = self.model.predict(rows, batch_size=BATCH, verbose=0)
        return np.asarray(found)


def load(directory: str | os.PathLike[str]) -> Predictor:
    """Loads the best model of a study, ready for new rows.

    `load("runs/my").predict({"age": [41, 67], "town": ["Oslo", "Rome"]})`
    returns two predictions of a study of a table with these columns.

    Args:
        directory: The folder of a study, such as `"runs/digits"`.

    Returns:
        `Predictor`.

    Raises:
        ValueError: If there is no study, or it has no model yet.
    """
    path = Path(directory)
    study = records.read_study(path, False) if state.is_study(path) else None
    if study is None:
        checks.invalid("directory", "the folder of a study", str(path))
    model = path / files.BEST_MODEL
    if not model.exists():
        raise ValueError(
            f"{path} has no {files.BEST_MODEL} yet: resume its study first."
        )
    kept = path / files.PREPROCESSING
    preprocessing = None
    if kept.exists():
        preprocessing = TablePreprocessing.from_json(kept.read_text("utf-8"))
    return Predictor(
        keras.saving.load_model(model),
        preprocessing,
        tuple(study["class_names"] or ()),
    )
