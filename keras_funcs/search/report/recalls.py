"""The recall of each class, and which of them fell."""

from dataclasses import dataclass

import numpy as np

from keras_funcs.search.report import sampling
from keras_funcs.search.report import statistics
from keras_funcs.search.report.results import Results

LEAST_FALL = 0.005  # of a recall that is called one


@dataclass(frozen=True)
class RecallChange:
    """The recall of a class, of the plain baseline and of the winner.

    Attributes:
        name: String. The class.
        rows: Integer. Its held-out rows.
        before: Float. The baseline's mean recall.
        after: Float. The winner's.
        change: `Comparison` of both; its interval covers seeds and rows.
    """

    name: str
    rows: int
    before: float
    after: float
    change: statistics.Comparison

    @property
    def fell(self) -> bool:
        return self.change.difference < -LEAST_FALL

    @property
    def note(self) -> str:
        """Marks of a class: its recall fell, or its rows are few."""
        notes = []
        if self.fell:
            certain = self.change.high < 0
            notes.append("FELL" if certain else "fell, perhaps by chance")
        if self.rows < sampling.FEW:
            notes.append(f"only {self.rows} rows")
        return ", ".join(notes)


def changes(found: Results) -> list[RecallChange]:
    """Recall of each class, the winner against the plain baseline.

    Empty where the one or the other counts no classes.
    """
    base, best = found.baseline, found.subject
    if base is None or best is None:
        return []
    before, after = base.recall_by_seed(), best.recall_by_seed()
    pairs = sorted(set(before) & set(after))
    if not pairs or len(before[pairs[0]]) != len(after[pairs[0]]):
        return []
    support = np.sum(best.runs[pairs[0]]["matrix"], axis=1)
    rows = []
    for index, name in enumerate(found.class_names(len(support))):
        change = statistics.compare(
            {seed: float(after[seed][index]) for seed in after},
            {seed: float(before[seed][index]) for seed in before},
            sampling=found.evidence.recall_sampling(best, base, index),
        )
        was, now = (
            float(np.mean([recalls[seed][index] for seed in pairs]))
            for recalls in (before, after)
        )
        rows.append(RecallChange(name, int(support[index]), was, now, change))
    return rows
