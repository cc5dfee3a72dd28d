"""Progress of a study: methods to override, and those for a terminal."""

import math
import sys
from dataclasses import dataclass
from typing import Any

from keras_funcs._core.text import block


@dataclass(frozen=True)
class Step:
    """A trial of the search or a run of the final, as progress sees it.

    Attributes:
        number: Integer. Which one it is, from 1.
        of: Integer. How many there will be.
        label: String. The configuration in a few words.
        score: Float or None. Its objective; None while it runs, and if it
            failed.
        best: Float or None. The best objective of the search so far.
        seconds_left: Float or None. An estimate for the whole study.
        message: String. Why it failed.
    """

    number: int
    of: int
    label: str = ""
    score: float | None = None
    best: float | None = None
    seconds_left: float | None = None
    message: str = ""


class Progress:
    """The steps of a study; override the methods that you need.

    They all do nothing here. What a method raises ends the study, which
    `resume()` then goes on with: `KeyboardInterrupt` is a polite way to stop.

    Example:

    >>> from keras_funcs import search
    >>> class Best(search.Progress):
    ...     def on_trial_end(self, step):
    ...         print(step.number, step.best)
    >>> study = search.Study(..., progress=Best())  # doctest: +SKIP
    """

    def on_study_begin(self) -> None:
        """Called when the study has accepted its folder."""

    def on_search_begin(self, trials: int) -> None:
        """Called before the first trial of this sitting."""

    def on_trial_begin(self, step: Step) -> None:
        """Called before each trial."""

    def on_trial_end(self, step: Step) -> None:
        """Called after each trial, when its result is on the disk."""

    def on_final_begin(self, title: str, runs: int) -> None:
        """Called before the finalists run, and before the ablation does."""

    def on_run_end(self, step: Step) -> None:
        """Called after each run of the final, when its result is on the disk.

        A run is one configuration with one seed.
        """

    def on_note(self, message: str) -> None:
        """Called with a line on what is not as it was asked for."""

    def on_study_end(self, summary: str) -> None:
        """Called at the end, and after Ctrl-C, with lines for the terminal."""

    def close(self) -> None:
        """Called at the very end, however the study ended."""


class Console(Progress):
    """Shows a bar on a terminal, and plain lines elsewhere."""

    def __init__(self, live: bool | None = None) -> None:
        self.live = sys.stdout.isatty() if live is None else live
        self._bar: Any = None
        self._task: Any = None

    def on_search_begin(self, trials: int) -> None:
        self._start(f"Search: {trials} trials", trials)

    def on_trial_begin(self, step: Step) -> None:
        self._advance(step, step.number - 1)

    def on_trial_end(self, step: Step) -> None:
        self._say(line("trial", step, short=self.live))
        self._advance(step, step.number)

    def on_final_begin(self, title: str, runs: int) -> None:
        self._start(title, runs)

    def on_run_end(self, step: Step) -> None:
        self._say(line("run", step, short=self.live))
        self._advance(step, step.number)

    def on_note(self, message: str) -> None:
        self._say(message)

    def on_study_end(self, summary: str) -> None:
        self.close()
        self._say(summary)

    def close(self) -> None:
        """Takes the bar off the terminal."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _say(self, text: str) -> None:
        text = block(text)
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            print(text, flush=True)

    def _start(self, title: str, total: int) -> None:
        self.close()
        self._say(title)
        if not self.live:
            return
        from rich import progress

        self._bar = progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(bar_width=12),  # 80 columns hold the whole
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[note]}"),
        )
        self._bar.start()
        self._task = self._bar.add_task(
            title.partition(":")[0], total=total, note=""
        )

    def _advance(self, step: Step, completed: int) -> None:
        if self._bar is None:
            return
        best = "" if step.best is None else f"best {step.best:.4f}"
        pieces = (best, left(step.seconds_left))
        note = " · ".join(piece for piece in pieces if piece)
        self._bar.update(self._task, completed=completed, note=note)


def line(what: str, step: Step, short: bool = False) -> str:
    """An ended trial or run as one line; the bar knows the end of it."""
    score = (
        f"failed: {step.message}" if step.score is None else f"{step.score:.4f}"
    )
    pieces = [f"{what} {step.number:>2}/{step.of}", score, step.label]
    if short:
        return "  ".join(pieces)
    if step.best is not None:
        pieces.append(f"best {step.best:.4f}")
    pieces.append(left(step.seconds_left))
    return "  ".join(piece for piece in pieces if piece)


def left(seconds: float | None) -> str:
    """Remaining time in words."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    return f"{duration(seconds)} left"


def duration(seconds: float) -> str:
    """Seconds as `45 s`, `3 min 20 s` or `2 h 5 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
