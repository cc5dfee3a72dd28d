"""What a study says while it runs: live on a terminal, else line by line."""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from typing import Literal

from keras_funcs._core.text import block

Kind = Literal[
    "study_started",
    "search_started",
    "trial_started",
    "trial_ended",
    "finalists_started",
    "run_ended",
    "note",
    "study_ended",
]


@dataclass(frozen=True)
class Event:
    """One step of a study, as a listener receives it.

    Attributes:
        kind: String. What happened.
        number: Integer. Which trial or run this is, from 1.
        of: Integer or None. How many there will be.
        label: String. The configuration in a few words.
        score: Float or None. Its objective; None where it failed.
        best: Float or None. The best objective so far.
        seconds_left: Float or None. An estimate for the whole study.
        message: String. Why it failed, or what is to be said.
    """

    kind: Kind
    number: int = 0
    of: int | None = None
    label: str = ""
    score: float | None = None
    best: float | None = None
    seconds_left: float | None = None
    message: str = ""


Listener = Callable[[Event], None]


class Reporter:
    """A listener that shows a bar on a terminal and plain lines elsewhere."""

    def __init__(self, live: bool | None = None) -> None:
        self.live = sys.stdout.isatty() if live is None else live
        self._progress: Any = None
        self._task: Any = None

    def __call__(self, event: Event) -> None:
        if event.kind in ("search_started", "finalists_started"):
            self._start(event)
        elif event.kind in ("trial_ended", "run_ended"):
            self._say(line(event, short=self.live))
            self._advance(event)
        elif event.kind == "trial_started":
            self._advance(event, done=event.number - 1)
        elif event.kind == "study_ended":
            self._stop()
            self._say(event.message)
        elif event.message:
            self._say(event.message)

    def close(self) -> None:
        """Takes the bar off the terminal."""
        self._stop()

    def _say(self, text: str) -> None:
        if not text:
            return
        text = block(text)
        if self._progress is not None:
            self._progress.console.print(text, markup=False, highlight=False)
        else:
            print(text, flush=True)

    def _start(self, event: Event) -> None:
        self._stop()
        self._say(event.message)
        if not self.live:
            return
        from rich import progress

        self._progress = progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(bar_width=12),  # 80 columns hold the whole
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[note]}"),
        )
        self._progress.start()
        self._task = self._progress.add_task(
            event.message.partition(":")[0], total=event.of, note=""
        )

    def _advance(self, event: Event, done: int | None = None) -> None:
        if self._progress is None:
            return
        note = " · ".join(
            item
            for item in (
                "" if event.best is None else f"best {event.best:.4f}",
                left(event.seconds_left),
            )
            if item
        )
        completed = event.number if done is None else done
        self._progress.update(self._task, completed=completed, note=note)

    def _stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def line(event: Event, short: bool = False) -> str:
    """An ended trial or run as one line; the bar knows the end of it."""
    what = "trial" if event.kind == "trial_ended" else "run"
    total = "" if event.of is None else f"/{event.of}"
    score = (
        f"failed: {event.message}"
        if event.score is None
        else f"{event.score:.4f}"
    )
    pieces = [f"{what} {event.number:>2}{total}", score, event.label]
    if short:
        return "  ".join(pieces)
    if event.best is not None:
        pieces.append(f"best {event.best:.4f}")
    pieces.append(left(event.seconds_left))
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
