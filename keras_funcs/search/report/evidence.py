"""The stored predictions of a study's final, and what is measured on them."""

from collections.abc import Mapping
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_funcs.search.report import measures
from keras_funcs.search.report.measures import Measure
from keras_funcs.search.report.measures import Measured
from keras_funcs.search.report.sampling import Sampling
from keras_funcs.search.report.sampling import sampling
from keras_funcs.search.store import files
from keras_funcs.search.store import predictions

if TYPE_CHECKING:
    from keras_funcs.search.report.entries import Config

# Metrics count in float32, and some in bins. Errors, which have the unit of the
# labels, may differ by this share of their size.
TOLERANCE = 5e-3
MAX_BYTES = 2**28  # of predictions that are kept in memory


class Evidence:
    """Labels and predictions of the held-out rows, as far as they are stored.

    Args:
        directory: Path. The study's folder.
        counts: The training rows of each class, or None.
        class_names: Sequence of strings, or None.
    """

    def __init__(
        self,
        directory: Path,
        counts: Sequence[int] | None = None,
        class_names: Sequence[str] | None = None,
    ) -> None:
        self.directory = directory
        self._names = list(class_names or ())
        self._counts = counts
        self._bytes = 0  # read so far
        self._read: dict[tuple[str, str], dict[int, np.ndarray]] = {}

    @cached_property
    def labels(self) -> Mapping[str, np.ndarray]:
        """From split to the labels of its rows."""
        return predictions.read(files.labels_of(self.directory)) or {}

    @property
    def held_out(self) -> np.ndarray | None:
        """The labels of the rows that the final is scored on."""
        return self.labels.get(predictions.HELD_OUT)

    @cached_property
    def measures(self) -> Mapping[str, Measure]:
        """The measures beside the objective."""
        labels = self.held_out
        if labels is None or labels.dtype.kind in "iu":
            found = dict(measures.OF_CLASSES)
            if self.positive is not None:
                for name in ("average_precision", "auroc"):
                    at = [self.positive]
                    found[name] = measures.of_class(name, at, "")
            return found
        return measures.OF_VALUES

    @cached_property
    def positive(self) -> int | None:
        """The rarer of two classes; None unless both are held out."""
        labels = self.held_out
        if labels is None or labels.dtype.kind not in "iu":
            return None
        counts = np.bincount(labels)
        if len(counts) != 2 or not counts.all():
            return None
        known = self._counts or counts
        return 0 if known[0] < known[1] else 1

    def known_as(self, metric: str) -> str | None:
        """The measure beside the objective that a metric is, by its name."""
        return next(
            (k for k, item in self.measures.items() if metric in item.aliases),
            None,
        )

    def measure_of(self, metric: str) -> Measure | None:
        """The measure of a metric of the model, by its name in the logs."""
        name = self.known_as(metric)
        if name is not None:
            return self.measures[name]
        plain, _, which = metric.partition("/")
        labels = self.held_out
        if plain not in measures.BY_CLASS or labels is None:
            return None
        present = [int(index) for index in np.unique(labels)]
        if which in ("", "macro"):
            return measures.of_class(plain, present, "")
        index = self._names.index(which) if which in self._names else -1
        if index not in present:
            return None
        return measures.of_class(plain, [index], which)

    def predictions(
        self, item: "Config", split: str = predictions.HELD_OUT
    ) -> dict[int, np.ndarray]:
        """From seed to what a configuration predicts for the rows."""
        key = (item.name, split)
        if key not in self._read:
            found = {}
            rows = len(self.labels.get(split, ()))
            for seed in item.scores() if rows else ():
                path = files.predictions_of(
                    self.directory, item.name, item.of_seed(seed)
                )
                values = (predictions.read(path) or {}).get(split)
                if values is not None and len(values) == rows:
                    found[seed] = values
            self._bytes += sum(values.nbytes for values in found.values())
            if self._bytes > MAX_BYTES:
                return found
            self._read[key] = found
        return self._read[key]

    def measured(self, item: "Config", name: str) -> dict[int, float]:
        """From seed to a measure of a configuration.

        What can be counted needs no predictions, only the confusion matrix.
        """
        function = measures.OF_COUNTS.get(name)
        if function is not None:
            return {
                seed: function(np.asarray(run["matrix"], np.float64))[0]
                for seed, run in item.runs.items()
                if run.get("matrix")
            }
        found = self._of(item, self.measures[name])
        return {seed: value for seed, (value, _) in found.items()}

    def sampling(
        self, metric: str, item: "Config", base: "Config"
    ) -> Sampling | None:
        """How far a difference depends on the choice of the held-out rows.

        Args:
            metric: String. The metric of the model that is compared.
            item: `Config`.
            base: `Config` that it is compared with, on the seeds of both.

        Returns:
            The `Sampling`; None if predictions are missing, or do not have
            the score that the metric measured.
        """
        measure = self.measure_of(metric)
        if measure is None:
            return None
        found, before = self._of(item, measure), self._of(base, measure)
        pairs = set(item.scores()) & set(base.scores())
        for config, values in ((item, found), (base, before)):
            scores = config.scores()
            if not pairs <= set(values) or any(
                not measure.agrees(values[seed][0], scores[seed], TOLERANCE)
                for seed in pairs
            ):
                return None
        labels = self.held_out
        if not pairs or labels is None:
            return None
        rows = [found[seed][1] - before[seed][1] for seed in sorted(pairs)]
        return sampling(np.stack(rows), labels)

    def recall_sampling(
        self, item: "Config", base: "Config", index: int
    ) -> Sampling | None:
        """The same of the recall of a class."""
        found, before = self.predictions(item), self.predictions(base)
        pairs = sorted(set(found) & set(before))
        if not pairs or self.held_out is None:
            return None
        of_class = self.held_out == index
        rows = [
            (found[seed][of_class].argmax(1) == index)
            - (before[seed][of_class].argmax(1) == index).astype(float)
            for seed in pairs
        ]
        number = max(int(of_class.sum()), 1)
        labels = np.zeros(int(of_class.sum()), int)
        return sampling(np.stack(rows) / number, labels)

    def _of(self, item: "Config", measure: Measure) -> dict[int, Measured]:
        labels = self.held_out
        if labels is None:
            return {}
        return {
            seed: measure.of(labels, values)
            for seed, values in self.predictions(item).items()
        }
