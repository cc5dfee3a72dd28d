"""Tells a process that crashed from one that was killed from outside.

A process that gets SIGKILL leaves no word, and the attempt that it was at is
not to blame. One that dies of a signal of its own making, such as a
segmentation fault, is told of by `faulthandler`, in a file that begins with
the name of the attempt.
"""

import contextlib
import faulthandler
import sys
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

from keras_funcs._core import text as texts
from keras_funcs.search.store import files
from keras_funcs.search.store import state

MARK = "Fatal Python error"
# How often an attempt may end without a word: far more than a machine is taken
# away, but a trial that needs too much memory must not go on for ever.
MAX_STARTS = 25


@contextlib.contextmanager
def watch(folder: Path) -> Iterator[Callable[[str], None]]:
    """Keeps the word of a crash while attempts are made.

    Yields:
        A function to call with the name of each attempt before it begins.
    """
    path = folder / files.CRASH
    state.write_text(path, "")
    before = faulthandler.is_enabled()
    with open(path, "ab", buffering=0) as file:

        def begin(attempt: str) -> None:
            file.truncate(0)
            file.write(texts.encode(texts.line(attempt)) + b"\n")

        faulthandler.enable(file)
        try:
            yield begin
        finally:
            faulthandler.disable()
            if before:
                # Some servers and notebooks have no such stream.
                with contextlib.suppress(AttributeError, ValueError, OSError):
                    faulthandler.enable(sys.__stderr__ or 2)
            path.unlink(missing_ok=True)


def take(folder: Path) -> tuple[str, str] | None:
    """The attempt at which an earlier process crashed, and of what.

    It is given once: what reads it has to store it.
    """
    path = folder / files.CRASH
    try:
        text = path.read_bytes().decode(errors="replace")
    except OSError:
        return None
    attempt, _, rest = text.partition("\n")
    if MARK not in rest:
        return None
    path.unlink(missing_ok=True)
    return attempt, texts.line(rest[rest.index(MARK) :].partition("\n")[0])


def given_up(begun: int, crashed: int, at_most: int, last: str = "") -> str:
    """Why an attempt is not made once more, or `""`."""
    if crashed >= at_most:
        said = f" ({last})" if last else ""
        return f"It ended the process, {crashed} times{said}."
    if begun >= MAX_STARTS:
        return (
            f"The process was killed from outside, {begun} times while it ran; "
            "too little memory is a common cause."
        )
    return ""
