"""The study: search, final over several seeds, and an honest report."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import Self

import keras

from keras_funcs._core import checks
from keras_funcs.search import progress
from keras_funcs.search.report import results
from keras_funcs.search.store import files
from keras_funcs.search.store import state
from keras_funcs.search.training import fitting
from keras_funcs.search.training import preflight
from keras_funcs.search.training import spreading
from keras_funcs.search.tuner import durable
from keras_funcs.search.tuner.objectives import objective as to_objective

if TYPE_CHECKING:
    import pandas as pd

ENGINES = ("local",)


class Study:
    """Searches on your data, and says whether anything beat the baseline.

    The baseline is the space's defaults: cross-entropy, Adam, ReLU and no
    regularizer where the helpers of `keras_funcs.search` are used. It is the
    first trial. After the search the best configurations and the baseline are
    trained again from several seeds, scored once on the test split, and
    compared seed by seed; each choice of the winner is put back in turn, to
    see what it contributed. Beside the plain baseline stands a tuned one where
    there can be: the baseline's choices with numbers from the search.

    Arrays are filled up to whole batches for training, with samples drawn at
    random once for each run: fewer than a batch of them count twice.

    The study is a folder. It survives `kill -9` at any moment and goes on with
    `resume()`; no file of anyone else's is ever touched.

    Args:
        build: Function from a `keras_tuner.HyperParameters` to a compiled
            model.
        train: Pair `(x, y)`, triple `(x, y, sample_weight)`, or a data set.
        validation: As `train`; every choice is made on it.
        test: As `train`, or None. Scored once for each run of the final.
            Without it the final compares on validation data, on which the
            finalists were chosen: their scores are then too good.
        objective: String, the name of a metric of the model, or a
            `keras_tuner.Objective`; see `search.objective`.
        oracle: `"bayesian"`, `"random"`, `"hyperband"`, `"grid"`, or a
            `keras_tuner.Oracle`.
        max_trials: Integer >= 1.
        max_time: Float > 0 or None. Seconds for search and final together; the
            search leaves what the final needs. What does not fit is left out:
            the ablation first, then finalists, then seeds. The baseline, one
            finalist and two seeds of each are always run.
        epochs: Integer >= 1. At most, for each run; the best counts.
        batch_size: Integer >= 1.
        seeds: Integer >= 2. How many seeds the final uses.
        finalists: Integer >= 1. How many configurations enter the final.
        directory: String or path of a new or empty folder, or of this study's.
        engine: `"local"`: one process.
        strategy: `"auto"`, another kind of `keras_funcs.distribution.auto`, a
            context manager, or None.
        tensorboard: Boolean. Whether to write logs.
        patience: Integer >= 1 or None. Epochs without gain that end a run.
            Defaults to a third of `epochs`, and at least 5.
        seed: Integer >= 0. Of the search and of all runs.
        class_names: Sequence of strings or None, for reports.
        name: String. The title of the report.
        ablation: Boolean. Whether to measure what each choice contributed.
        max_attempts: Integer >= 1. How often one trial may crash the process
            before it counts as failed. Kills from outside are no crashes.
        on_event: Function called with a `search.Event` for each step, None
            for silence, or `"auto"` for a bar or lines on the terminal.

    Raises:
        ValueError: for bad arguments, data that do not fit, or a folder that
            holds other files; before anything is trained or written.

    Example:

    >>> from keras_funcs import search
    >>> data = keras_funcs.data.digits_longtail()
    >>> study = search.Study(
    ...     search.classifier(data), data.train, data.validation, data.test,
    ...     objective="balanced_accuracy", max_trials=24, epochs=40,
    ...     directory="runs/digits",
    ... )

    and then `study.run()`, `study.leaderboard()` and `study.best_model()`.
    """

    def __init__(
        self,
        build: Callable[[Any], Any],
        train: Any,
        validation: Any,
        test: Any = None,
        *,
        objective: Any,
        oracle: Any = "bayesian",
        max_trials: int,
        max_time: float | None = None,
        epochs: int,
        batch_size: int = 32,
        seeds: int = 5,
        finalists: int = 3,
        directory: str | os.PathLike[str],
        engine: str = "local",
        strategy: Any = "auto",
        tensorboard: bool = True,
        patience: int | None = None,
        seed: int = 0,
        class_names: Sequence[str] | None = None,
        name: str = "",
        ablation: bool = True,
        max_attempts: int = durable.MAX_ATTEMPTS,
        on_event: progress.Listener | str | None = "auto",
    ) -> None:
        if not callable(build):
            checks.invalid("build", "a function of `hp`", build)
        if engine not in ENGINES:
            checks.invalid(
                "engine",
                f"one of {list(ENGINES)}; that is the one there is",
                engine,
            )
        if isinstance(oracle, str):
            names = ("bayesian", "random", "hyperband", "grid")
            checks.one_of("oracle", oracle, names)
        checks.number("max_time", max_time, above=0, optional=True)
        self.epochs = checks.integer("epochs", epochs, at_least=1)
        if patience is None:
            patience = max(5, epochs // 3)
        train, validation, test = preflight.check_data(
            train, validation, test, class_names
        )
        self.settings = fitting.Settings(
            build=build,
            train=train,
            validation=validation,
            objective=to_objective(objective),
            epochs=self.epochs,
            batch_size=checks.integer("batch_size", batch_size, at_least=1),
            patience=checks.integer("patience", patience, at_least=1),
        )
        self.test = test
        self.oracle = oracle
        self.max_trials = checks.integer("max_trials", max_trials, at_least=1)
        self.max_time = max_time
        self.seed = checks.integer("seed", seed, at_least=0, at_most=2000)
        count = checks.integer("seeds", seeds, at_least=2, at_most=1000)
        self.seeds = [1000 * self.seed + number for number in range(count)]
        self.finalists = checks.integer("finalists", finalists, at_least=1)
        self.directory = Path(directory)
        self.strategy = strategy
        self.ablation = checks.boolean("ablation", ablation)
        self.class_names = None if class_names is None else list(class_names)
        self.name = name or self.directory.name
        self.max_attempts = checks.integer(
            "max_attempts", max_attempts, at_least=1
        )
        checks.boolean("tensorboard", tensorboard)
        self.log_dir = self.directory / files.LOGS if tensorboard else None
        self._say = _listener(on_event)
        state.claim(self.directory)

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
            ValueError: where data, space or settings are not those that the
                study was begun with.
            RuntimeError: as `run`.
        """
        from keras_funcs.search.runner import Runner

        state.claim(self.directory)
        with _strategy(self.strategy), self._spread():
            # The first model says what is wrong before a folder is made.
            runner = Runner(self, self._say)
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
                    close = getattr(self._say, "close", None)
                    if close is not None:
                        close()
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
        """Writes `report.md`, its figures and the tables; returns its path."""
        from keras_funcs.search.report import markdown

        return markdown.write(results.read(self.directory))

    def best_model(self) -> Any:
        """Loads the model that did best on validation data.

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
        splits = {
            "train": self.settings.train,
            "validation": self.settings.validation,
            "test": self.test,
        }
        sizes = {
            name: fitting.count(split[1])
            for name, split in splits.items()
            if isinstance(split, tuple)
        }
        return spreading.as_data_allow(
            sizes,
            self.settings.batch_size,
            lambda text: self._say(progress.Event("note", message=text)),
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


def _listener(on_event: Any) -> progress.Listener:
    if on_event == "auto":
        return progress.Reporter()
    if on_event is None:
        return lambda event: None
    if not callable(on_event):
        checks.invalid("on_event", 'a function, None or "auto"', on_event)
    listener: progress.Listener = on_event
    return listener


def _strategy(strategy: Any) -> Any:
    if strategy is None:
        return contextlib.nullcontext()
    if isinstance(strategy, str):
        from keras_funcs import distribution

        return distribution.auto(strategy)
    return strategy
