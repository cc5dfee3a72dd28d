"""Attempts, counted on the disk before each begins: it may end the process.

A process that gets SIGKILL leaves no word, and the attempt that it was at is
not to blame. One that dies of a signal of its own making, such as a
segmentation fault, is told of by `faulthandler`, in a file that begins with
the names of what was attempted.
"""

import collections
import contextlib
import faulthandler
import hashlib
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import Self

from keras_funcs._core import text as texts
from keras_funcs.search.store import files
from keras_funcs.search.store import records
from keras_funcs.search.store import state

MARK = "Fatal Python error"
BETWEEN = "; "  # names of one attempt
# How often an attempt may end without a word: far more than a machine is taken
# away, but a trial that needs too much memory must not go on for ever.
MAX_STARTS = 25


class Attempts:
    """The attempts made in a folder, over all processes that made them.

    Args:
        folder: Path.
        at_most: Integer >= 1. How often one name may crash the process before
            it is given up. Kills from outside are no crashes.
    """

    def __init__(self, folder: Path, at_most: int) -> None:
        self.at_most = at_most
        self._path = folder / files.ATTEMPTS
        self._crash = folder / files.CRASH
        self._begun: collections.Counter[str] = collections.Counter()
        self._crashed: collections.Counter[str] = collections.Counter()
        self._reason = ""  # of the last crash
        self._counted = ""  # which crash was counted last
        self._log: Any = None

    @contextlib.contextmanager
    def watched(self) -> Iterator[Self]:
        """Takes over what earlier processes left, and listens for a crash."""
        self._load()
        state.write_text(self._crash, "")
        before = faulthandler.is_enabled()
        with open(self._crash, "ab", buffering=0) as self._log:
            faulthandler.enable(self._log)
            try:
                yield self
            finally:
                faulthandler.disable()
                if before:
                    # Some servers and notebooks have no such stream.
                    with contextlib.suppress(
                        AttributeError, ValueError, OSError
                    ):
                        faulthandler.enable(sys.__stderr__ or 2)
                self._crash.unlink(missing_ok=True)
        self._store()

    @contextlib.contextmanager
    def of(self, *names: str) -> Iterator[None]:
        """Counts one attempt at all of these; what it raises passes through.

        The user's Ctrl-C and a full disk are not the attempt's fault.
        """
        self._begun.update(names)
        self._store()
        self._log.truncate(0)
        told = texts.encode(texts.line(BETWEEN.join(names)))
        # The second line tells this attempt's crash from another's.
        self._log.write(told + f"\n{secrets.token_hex(8)}\n".encode())
        try:
            yield
        except (KeyboardInterrupt, OSError):
            self._begun.subtract(names)
            with contextlib.suppress(OSError):
                self._store()
            raise
        except BaseException:
            self._crashed.update(names)
            self._store()
            raise
        for name in names:
            # Its result is about to be stored; that it was begun is history.
            del self._begun[name], self._crashed[name]

    def begun(self, name: str) -> int:
        """How often an attempt was begun, and did not end."""
        return self._begun[name]

    def given_up(self, name: str) -> str:
        """Why an attempt is not made once more, or `""`."""
        crashed = self._crashed[name]
        if crashed >= self.at_most:
            said = f" ({self._reason})" if self._reason else ""
            return f"It ended the process, {crashed} times{said}."
        begun = self._begun[name]
        if begun >= MAX_STARTS:
            return (
                f"The process was killed from outside, {begun} times while it "
                "ran; too little memory is a common cause."
            )
        return ""

    def _load(self) -> None:
        saved = records.read(self._path, records.ATTEMPTS, move=True) or {}
        self._begun = collections.Counter(saved.get("begun", {}))
        self._crashed = collections.Counter(saved.get("crashed", {}))
        self._counted = saved.get("counted", "")
        names, self._reason, crash = _last_crash(self._crash)
        # A process that was killed here has counted it already.
        if names and crash != self._counted:
            self._crashed.update(names)
            self._counted = crash
            self._store()

    def _store(self) -> None:
        saved: dict[str, Any] = {
            "begun": dict(+self._begun),
            "crashed": dict(+self._crashed),
        }
        if not any(saved.values()):
            self._path.unlink(missing_ok=True)
            return
        if self._counted:
            saved["counted"] = self._counted
        state.write_json(self._path, saved)


def _last_crash(path: Path) -> tuple[list[str], str, str]:
    """The names at which an earlier process crashed, of what, and a digest."""
    try:
        data = path.read_bytes()
    except OSError:
        return [], "", ""
    attempt, _, rest = data.decode(errors="replace").partition("\n")
    if MARK not in rest:
        return [], "", ""
    reason = rest[rest.index(MARK) :].partition("\n")[0]
    digest = hashlib.sha256(data).hexdigest()
    return attempt.split(BETWEEN), texts.line(reason), digest
