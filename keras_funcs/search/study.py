"""The study: search, final over several seeds, and an honest report."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import Self

import keras

from keras_funcs._core import checks
from keras_funcs.data import Dataset
from keras_funcs.search import engines
from keras_funcs.search.plan import MAX_ATTEMPTS
from keras_funcs.search.plan import Final
from keras_funcs.search.plan import Plan
from keras_funcs.search.progress import Console
from keras_funcs.search.progress import Progress
from keras_funcs.search.report import markdown
from keras_funcs.search.report import results
from keras_funcs.search.store import files
from keras_funcs.search.store import state
from keras_funcs.search.training import data
from keras_funcs.search.training import preflight
from keras_funcs.search.training import spreading
from keras_funcs.search.tuner.objectives import objective as to_objective

if TYPE_CHECKING:
    import pandas as pd

ORACLES = ("bayesian", "random", "hyperband", "grid")


class Study:
    """Searches on your data, and says whether anything beat the baseline.

    The baseline is the space's defaults: cross-entropy, Adam, ReLU and no
    regularizer if the helpers of `keras_funcs.search` are used. It is the
    first trial, or the second if `build` has a `portfolio` to begin with. After
    the search the best configurations and the baseline are trained again from
    several seeds, scored once on the test split, and compared seed by seed.
    Each choice of the winner is put back in turn, to measure its contribution.
    Beside the plain baseline stands a tuned one: the baseline's choices with
    numbers from the search.

    The last training batch is padded with randomly drawn samples so that all
    batches have one shape; fewer than `batch_size` samples count twice.

    The study is a folder. It survives `kill -9` at any moment and goes on with
    `resume()`; no file of anyone else's is ever touched.

    Args:
        build: Function from a `keras_tuner.HyperParameters` to a compiled
            model.
        dataset: `keras_funcs.data.Dataset`; `Dataset.of(train, validation,
            test)` makes one of your splits. Every choice is made on
            `validation`. `test` is scored once per run of the final. Without
            it the final compares on validation data, on which the finalists
            were chosen: their scores are then too good.
        objective: String, the name of a metric of the model, or a
            `keras_tuner.Objective`; see `search.objective`.
        directory: String or path of a new or empty folder, or of this study's.
        trials: Integer >= 1. Combinations of choices that the search tries at
            most; without lanes, settings.
        settings: Integer >= 1. Settings that are compared under each
            combination, at once, if an engine of lanes trains them. The
            choices, switches and integers of a space make a combination; its
            floats are drawn evenly from their ranges, and the worse ones are
            stopped early. With 1 an oracle chooses the floats, too.
        epochs: Integer >= 1. Epochs per run at most; the best one counts.
        batch_size: Integer >= 1.
        budget: Float > 0 or None. Seconds for search and final together; the
            search leaves what the final needs. What does not fit is left out:
            the ablation first, then finalists, then seeds. The baseline, one
            finalist and two seeds of each always run.
        final: `search.Final`: seeds, finalists, ablation, references.
        engine: `"local"` makes one run after the other. `"vectorized"`, on
            JAX with data in arrays, trains the settings of a trial and the
            seeds of a finalist in one program. `"auto"` is `"vectorized"`
            where that can train the baseline. What it leaves to `"local"` is
            noted; a trial then trains one setting.
        oracle: `"bayesian"`, `"random"`, `"hyperband"`, `"grid"`, or a
            `keras_tuner.Oracle`.
        strategy: `"auto"`, another kind of `keras_funcs.distribution.auto`, a
            context manager, or None.
        tensorboard: Boolean. Whether to write logs.
        patience: Integer >= 1 or None. Epochs without gain that end a run.
            Defaults to a third of `epochs`, and at least 5.
        seed: Integer >= 0. Of the search and of all runs.
        name: String. The title of the report; defaults to the folder's name.
        max_attempts: Integer >= 1. How often one run may crash the process
            before it counts as failed. Kills from outside are no crashes.
        progress: `search.Progress` that hears of each step, None for silence,
            or `"auto"` for a bar or lines on the terminal.

    Raises:
        ValueError: If an argument is invalid, the data do not fit, or the
            folder holds other files; before anything is trained or written.

    Example:

    >>> from keras_funcs import search
    >>> dataset = keras_funcs.data.digits_longtail()
    >>> study = search.Study(
    ...     search.classifier(dataset), dataset,
    ...     objective="balanced_accuracy", directory="runs/digits",
    ... )

    and then `study.run()`, `study.leaderboard()` and `study.best_model()`.
    """

    def __init__(
        self,
        build: Callable[[Any], Any],
        dataset: Dataset,
        *,
        objective: Any,
        directory: str | os.PathLike[str],
        trials: int = 24,
        settings: int = 64,
        epochs: int = 40,
        batch_size: int = 32,
        budget: float | None = None,
        final: Final = Final(),
        engine: str = "auto",
        oracle: Any = "bayesian",
        strategy: Any = "auto",
        tensorboard: bool = True,
        patience: int | None = None,
        seed: int = 0,
        name: str = "",
        max_attempts: int = MAX_ATTEMPTS,
        progress: Progress | str | None = "auto",
    ) -> None:
        if not callable(build):
            checks.invalid("build", "a function of `hp`", build)
        if not isinstance(dataset, Dataset):
            checks.invalid(
                "dataset",
                "a keras_funcs.data.Dataset; make one with "
                "`Dataset.of(train, validation, test)`",
                type(dataset),
            )
        if not isinstance(final, Final):
            checks.invalid("final", "a keras_funcs.search.Final", final)
        checks.one_of("engine", engine, engines.NAMES)
        if isinstance(oracle, str):
            checks.one_of("oracle", oracle, ORACLES)
        checks.number("budget", budget, above=0, optional=True)
        checks.integer("epochs", epochs, at_least=1)
        if patience is None:
            patience = max(5, epochs // 3)
        checks.boolean("tensorboard", tensorboard)
        folder = Path(directory)
        self.plan = Plan(
            build=build,
            dataset=preflight.check_data(dataset),
            objective=to_objective(objective),
            directory=folder,
            oracle=oracle,
            trials=checks.integer("trials", trials, at_least=1),
            settings=checks.integer("settings", settings, at_least=1),
            epochs=epochs,
            batch_size=checks.integer("batch_size", batch_size, at_least=1),
            patience=checks.integer("patience", patience, at_least=1),
            budget=budget,
            final=final,
            engine=engine,
            seed=checks.integer("seed", seed, at_least=0, at_most=2000),
            name=name or folder.name,
            log_dir=folder / files.LOGS if tensorboard else None,
            max_attempts=checks.integer(
                "max_attempts", max_attempts, at_least=1
            ),
        )
        self.strategy = strategy
        self.progress = _listener(progress)
        state.claim(folder)

    @property
    def directory(self) -> Path:
        """The study's folder."""
        return self.plan.directory

    def run(self) -> Self:
        """Searches, runs the final, and writes the report.

        Raises:
            ValueError: where the folder holds a study already.
            RuntimeError: where every trial failed, or another process is at
                work in the folder.
        """
        if (self.directory / files.STUDY).exists():
            checks.invalid(
                "directory",
                "a new or empty folder; this one holds a study: call "
                "`resume()` to go on with it, or choose another",
                str(self.directory),
            )
        return self.resume()

    def resume(self) -> Self:
        """Goes on where the study was; begins where there is nothing yet.

        Raises:
            ValueError: If data, space or settings are not those that the
                study was begun with.
            RuntimeError: As `run`.
        """
        from keras_funcs.search.runner import Runner

        state.claim(self.directory)
        with _strategy(self.strategy), self._spread():
            # The first model says what is wrong before a folder is made.
            runner = Runner(self.plan, self.progress)
            with _terminable(), state.Lock(self.directory):
                state.claim(self.directory)
                try:
                    runner.run()
                except KeyboardInterrupt:
                    self._report()
                    runner.stopped()
                    raise
                except Exception:
                    # The error counts, not a report that fails as well.
                    with contextlib.suppress(OSError):
                        if runner.began:
                            self._report()
                    raise
                finally:
                    self.progress.close()
        return self

    def leaderboard(self) -> "pd.DataFrame":
        """The finalists and the baseline, or the trials while there are none.

        Returns:
            A `pandas.DataFrame`, best first.
        """
        from keras_funcs.search.report import tables

        return tables.leaderboard(results.read(self.directory))

    def trials(self) -> "pd.DataFrame":
        """All trials in the order of the search, failed ones included."""
        from keras_funcs.search.report import tables

        return tables.trials(results.read(self.directory))

    def report(self) -> Path:
        """Writes the report, its figures and the tables.

        Returns:
            The path of `report.md`; `report.html` lies beside it.
        """
        return markdown.write(results.read(self.directory))

    def best_model(self) -> Any:
        """Loads the model that the final recommends, of its median seed.

        Raises:
            ValueError: where the study has not come so far.
        """
        path = self.directory / files.BEST_MODEL
        if not path.exists():
            raise ValueError(
                f"There is no {path} yet: the final was not run. Call "
                "`resume()`."
            )
        return keras.saving.load_model(path)

    def _spread(self) -> Any:
        sizes = {
            name: data.count(split[1])
            for name, split in self.plan.dataset.splits.items()
            if isinstance(split, tuple)
        }
        return spreading.as_data_allow(
            sizes, self.plan.batch_size, self.progress.on_note
        )

    def _report(self) -> None:
        if (self.directory / files.STUDY).exists():
            self.report()


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Takes a polite request to end, as schedulers send it, for Ctrl-C."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _listener(progress: Any) -> Progress:
    if progress == "auto":
        return Console()
    if progress is None:
        return Progress()
    if not isinstance(progress, Progress):
        checks.invalid(
            "progress",
            'a keras_funcs.search.Progress, None or "auto"',
            progress,
        )
    return progress


def _strategy(strategy: Any) -> Any:
    if strategy is None:
        return contextlib.nullcontext()
    if isinstance(strategy, str):
        from keras_funcs import distribution

        return distribution.auto(strategy)
    return strategy
