"""The facts of a study, all in one place; it imports no other part of it."""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from keras_funcs._core import checks

TRIAL_SEEDS = 1_000_000  # apart from the seeds of the final
MAX_ATTEMPTS = 3
FEW_SEEDS, MANY_SEEDS = 5, 20  # of the final, if runs are dear and if cheap

Build = Callable[[Any], Any]


@dataclass(frozen=True)
class Final:
    """The final, after the search: runs over several seeds on unseen data.

    Args:
        seeds: Integer in [2, 1000], or None for 20 where an engine of lanes
            makes them cheap, else 5. Runs per configuration, with the same
            seeds for all of them.
        finalists: Integer >= 1. Configurations of the search that enter.
        ablation: Boolean. Whether to put each choice of the winner back to the
            baseline's in turn, to measure its contribution.
        references: Boolean. Whether to fit models of scikit-learn, and of
            LightGBM and CatBoost if installed, on the same features. They are
            never tuned. None begins after a tenth of `budget`, or after a
            minute without one, and each sees at most 100,000 training rows.

    Raises:
        ValueError: If an argument is invalid.
    """

    seeds: int | None = None
    finalists: int = 3
    ablation: bool = True
    references: bool = True

    def __post_init__(self) -> None:
        if self.seeds is not None:
            checks.integer("seeds", self.seeds, at_least=2, at_most=1000)
        checks.integer("finalists", self.finalists, at_least=1)
        checks.boolean("ablation", self.ablation)
        checks.boolean("references", self.references)


@dataclass(frozen=True)
class Plan:
    """All facts of a study: its model, data, settings and folder.

    Attributes:
        build: Function from a `HyperParameters` to a compiled model.
        dataset: `data.Dataset` whose splits are arrays or data sets.
        objective: `keras_tuner.Objective`.
        directory: Path of the study's folder.
        oracle: String or `keras_tuner.Oracle`.
        trials: Integer. Settings that the search tries at most.
        epochs: Integer. Epochs per run, at most.
        batch_size: Integer.
        patience: Integer. Epochs without gain that end a run.
        budget: Float or None. Seconds for search and final together.
        final: `Final`.
        engine: String. The name of an engine, or `"auto"` until it is settled.
        settings: Integer. Settings of one trial, where lanes can train them.
        seed: Integer, of the search and of all runs.
        name: String. The title of the report.
        log_dir: Path or None. The root of the TensorBoard runs.
        max_attempts: Integer. How often one job may crash the process.
    """

    build: Build
    dataset: Any
    objective: Any
    directory: Path
    oracle: Any = "bayesian"
    trials: int = 24
    epochs: int = 40
    batch_size: int = 32
    patience: int = 5
    budget: float | None = None
    final: Final = field(default_factory=Final)
    engine: str = "auto"
    settings: int = 1
    seed: int = 0
    name: str = ""
    log_dir: Path | None = None
    max_attempts: int = MAX_ATTEMPTS

    @property
    def seeds(self) -> list[int]:
        """The seeds of the final."""
        count = self.final.seeds or FEW_SEEDS
        return [1000 * self.seed + number for number in range(count)]

    def trial_seed(self, number: int) -> int:
        """The seed of a trial of the search."""
        return TRIAL_SEEDS * (1 + self.seed) + number

    @property
    def held_out(self) -> Any:
        """The split that the final is scored on."""
        test = self.dataset.test
        return self.dataset.validation if test is None else test

    @property
    def class_names(self) -> list[str] | None:
        """The names of the classes, as far as they are known."""
        return list(self.dataset.class_names) or None
