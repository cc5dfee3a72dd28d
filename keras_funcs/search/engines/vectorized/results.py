"""The outcome of a lane."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LaneResult:
    """The result of a lane, as of a run by `fit` that kept its best epoch.

    Attributes:
        seed: Integer.
        score: Float, or None if no epoch counted. The objective in the best
            epoch.
        epoch: Integer. That epoch, from 0; -1 if none counted.
        logs: Mapping. All metrics of that epoch.
        history: List of mappings. All metrics, one mapping per epoch.
        weights: List of arrays as `keras.Model.set_weights` takes it, those
            of the best epoch; None if no epoch counted.
        reason: String, or None. Why no epoch counted.
        stopped: `"epochs"`, `"patience"`, `"not finite"`, `"halving"` or
            `"time"`: why the training ended.
    """

    seed: int
    score: float | None
    epoch: int
    logs: Mapping[str, float]
    history: list[Mapping[str, float]]
    weights: list[Any] | None
    reason: str | None
    stopped: str
