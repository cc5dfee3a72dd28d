"""The folder of a study: atomic files, quarantine, and one process at a time.

A reader finds the old file or the new one, never half of one: a write goes to
a temporary file beside its target, to the disk, and is then renamed.
"""

import errno
import json
import os
import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Any
from typing import Self

from keras_funcs._core import text as texts
from keras_funcs.search.store import files

MARKS = (files.STUDY, files.STUDY + files.PREVIOUS)
KEYS = ("version", "fingerprint")  # a study.json without is someone else's

# Errors after which no later write can succeed either.
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)

# What `flock` says where another process has the lock, and where the file
# system, such as that of a network, has none to give.
IN_USE = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


class Damaged(ValueError):
    """A state file that holds no complete JSON object."""


class DiskError(OSError):
    """A disk that is full or cannot be written to."""


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Replaces a file in one step, durably.

    Raises:
        OSError: naming the file and what to do, where the disk is full; the
            file that was there is untouched.
    """

    def write(temporary: Path) -> None:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    replace(path, write)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Replaces a file by printable text: no colours, no half characters."""
    write_bytes(path, texts.encode(texts.block(text)))


def replace(path: str | os.PathLike[str], write: Callable[[Path], Any]) -> None:
    """Replaces a file by what `write` puts into a temporary one beside it.

    A folder in the file's place, or a file in its folder's, is put aside.
    """
    path = Path(path)
    temporary = files.temporary(path)
    try:
        make_folder(path.parent)
        if path.is_dir():
            put_aside(path, f"{path} is a folder, where a file belongs")
        write(temporary)
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        raise explained(error, path) from error


def make_folder(path: Path) -> None:
    """Makes a folder of a study; a file in its place is put aside."""
    clear_way(path.parent)
    clear_way(path)
    path.mkdir(parents=True, exist_ok=True)


def clear_way(folder: Path) -> None:
    """Puts a file aside that has the name of a study's folder."""
    if folder.is_file() and files.is_ours(folder):
        put_aside(folder, f"{folder} is a file, where a folder belongs")


def explained(error: BaseException, path: str | os.PathLike[str]) -> Any:
    """The error to raise: of a full disk, one that says what to do."""
    if not isinstance(error, OSError) or error.errno not in DISK_ERRORS:
        return error
    if isinstance(error, DiskError):
        return error
    return DiskError(error.errno, disk_message(path, error))


def check_disk(error: BaseException, path: str | os.PathLike[str]) -> None:
    """Raises the error of a full disk: each further attempt would fail, too."""
    if getattr(error, "errno", None) in DISK_ERRORS:
        raise explained(error, path) from error


def reason(error: BaseException) -> str:
    """The message of an error in the first line, its traceback below."""
    said = texts.line(error) or type(error).__name__
    where = texts.block("".join(traceback.format_exception(error)))
    return f"{type(error).__name__}: {said[:500]}\n{where}"


def disk_message(path: str | os.PathLike[str], error: OSError) -> str:
    """One line for whoever has to make room."""
    return (
        f"Cannot write {os.fspath(path)}: {os.strerror(error.errno or 0)}. "
        "What was written before is intact; make room, and run the same "
        "command again or call `resume()`."
    )


def _sync_folder(folder: Path) -> None:
    # The rename itself is durable only once the folder is on the disk; Windows
    # cannot open a folder, and does not need it.
    if sys.platform != "win32":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_json(
    path: str | os.PathLike[str], value: Any, keep: bool = False
) -> None:
    """Writes a JSON object; `keep=True` leaves the generation before it."""
    data = json.dumps(value, indent=1).encode()
    if keep and os.path.isfile(path):
        write_bytes(files.previous(path), Path(path).read_bytes())
    write_bytes(path, data)


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a JSON object.

    Raises:
        Damaged: where the file is cut short or is no JSON object.
        FileNotFoundError: where there is none.
    """
    try:
        value = json.loads(Path(path).read_bytes())
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{os.fspath(path)} is damaged: {error}") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(errno.ENOENT, "None", path) from error
    except OSError as error:  # a folder, or one that may not be read
        raise Damaged(
            f"{os.fspath(path)} cannot be read: {error.strerror}"
        ) from error
    if not isinstance(value, dict):
        raise Damaged(f"{os.fspath(path)} holds no JSON object")
    return value


def put_aside(path: str | os.PathLike[str], why: object) -> Path:
    """Renames what cannot be used, with a notice, and never deletes it."""
    path = Path(path)
    target = path.with_name(f"{path.name}.damaged")
    number = 1
    while os.path.lexists(target):
        number += 1
        target = path.with_name(f"{path.name}.damaged-{number}")
    os.replace(path, target)
    tell(f"{why}. It was moved to {target}; the study goes on without it.")
    return target


def tell(text: str) -> None:
    """Gives a notice of one line."""
    warnings.warn(texts.line(text), stacklevel=3)


def claim(
    directory: str | os.PathLike[str], marks: Collection[str] = MARKS
) -> None:
    """Refuses a folder that holds anything but a study or nothing at all.

    Args:
        directory: The folder; it need not exist.
        marks: Names of files of which one shows that the folder is ours.

    Raises:
        ValueError: where it is a file or holds someone else's files, none of
            which was touched.
    """
    path = Path(directory)
    if not path.exists():
        return
    if not path.is_dir():
        raise ValueError(
            "Invalid value for argument `directory`. Expected a folder. "
            f"Received: the file {path}"
        )
    names = sorted(item.name for item in path.iterdir())
    study = files.STUDY in marks
    if is_study(path) if study else bool({*marks} & {*names}):
        return
    others = [
        texts.line(name)
        for name in names
        if name != files.LOCK and not files.is_temporary(name)
    ]
    if others:
        raise ValueError(
            "Invalid value for argument `directory`. Expected a new or empty "
            f"folder, or one that holds a study. Received: {path}, which "
            f"holds other files ({', '.join(others[:3])}); choose another."
        )


def is_study(directory: str | os.PathLike[str]) -> bool:
    """Whether a folder holds a study, perhaps a damaged one.

    A file of that name that is whole speaks for itself; a damaged one could
    be anyone's, unless what else a study writes lies beside it.
    """
    path = Path(directory)
    study = path / files.STUDY
    try:
        return set(KEYS) <= set(read_json(study))
    except Damaged:
        if (path / files.SEARCH / files.ORACLE).exists():
            return True
    except OSError:
        pass
    try:
        return set(KEYS) <= set(read_json(files.previous(study)))
    except (Damaged, OSError):
        return False


class Lock:
    """Lets one process at a time work in a folder.

    The operating system holds the lock and drops it with the process, however
    that ends, so that none is ever stale; the file says who has it.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.path = Path(directory) / files.LOCK
        self._file: Any = None

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.is_dir():
            put_aside(self.path, f"{self.path} is a folder")
        file = open(self.path, "a+b")
        try:
            _lock(file)
        except OSError as error:
            if error.errno in NO_LOCKS:
                tell(
                    f"{self.path.parent} is on a file system without locks "
                    f"({error.strerror}). Let one process at a time work in it."
                )
            else:
                file.close()
                if error.errno not in IN_USE:
                    raise
                raise RuntimeError(
                    f"The study in {self.path.parent} is in use by process "
                    f"{_owner(self.path)}. Wait until it ends, or choose "
                    "another directory."
                ) from error
        # Byte 0 is the one that Windows locks; the text starts after it.
        file.truncate(0)
        file.write(f" {os.getpid()} since {time.ctime()}\n".encode())
        file.flush()
        self._file = file
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


def _lock(file: Any) -> None:
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def _owner(path: Path) -> str:
    try:
        owner = path.read_bytes()[1:80].decode(errors="replace")
        return texts.line(owner) or "?"
    except OSError:
        return "?"


def copy(
    source: str | os.PathLike[str], target: str | os.PathLike[str]
) -> None:
    """Copies a file in one step, whatever its size."""
    replace(target, lambda temporary: shutil.copyfile(source, temporary))


def sweep(directory: str | os.PathLike[str]) -> None:
    """Removes what killed writes of our own left behind."""
    for path in Path(directory).rglob(".*"):
        if files.is_temporary(path.name) and path.is_file():
            path.unlink(missing_ok=True)
