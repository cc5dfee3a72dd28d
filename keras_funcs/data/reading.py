"""From a file to the rows of a table; every cell of a text file stays text.

Nothing is parsed here: `01234`, `1.10` and `None` are what they are until
`kinds` has seen the whole column.
"""

import csv
import io
import re
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import NoReturn

from keras_funcs._core import checks
from keras_funcs._core.extras import require
from keras_funcs.data.cells import clean

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
PARQUET_SUFFIXES = (".parquet", ".pq")
SEPARATORS = ",;\t|"
NAMELESS = "Unnamed: "  # pandas' name for a column without one
SAMPLE = 8_000  # signs; the sniffer's time grows faster than its sample
UTF_8 = "utf-8-sig"
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")  # "Unicode text" of Excel
EXCEL = re.compile(r'"?sep=(.)"?\s*')  # a first line that only Excel reads


@dataclass(frozen=True)
class Reading:
    """The way a file becomes rows.

    Args:
        separator: One character, or `""` for a Parquet file.
        encoding: String, such as `"utf-8-sig"` or `"cp1252"`.
        missing: Tuple of strings. Cells that mean a missing value, beside the
            empty one. None, as in files of format 1, takes texts as they
            are: outer spaces make another category.
    """

    separator: str = ""
    encoding: str = UTF_8
    missing: tuple[str, ...] | None = ()

    def read(self, path: Path) -> Any:
        """Returns a pandas DataFrame: texts, or the types of a Parquet file.

        A nameless column becomes `Unnamed: 0`, after its place. A row that is
        shorter than the header ends with empty cells.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is no table.
        """
        if not is_text(path):
            return _read_parquet(path)
        separator = self.separator or find_separator(path, self.encoding)
        return _read_text(path, separator, self.encoding)

    def describe(self) -> str:
        """Returns a few words: separator and encoding."""
        if not self.separator:
            return "Parquet"
        name = {"\t": "tab", UTF_8: "UTF-8"}
        shown = name.get(self.separator, repr(self.separator))
        return (
            f"separator {shown}, encoding "
            f"{name.get(self.encoding, self.encoding)}"
        )


def find_reading(
    path: Path,
    missing: Collection[str] = (),
    separator: str | None = None,
    encoding: str | None = None,
) -> Reading:
    """Returns how to read a file; what is given is not looked for."""
    marks = tuple(clean(text) for text in missing)
    if not is_text(path):
        return Reading(missing=marks)
    if encoding is None:
        with path.open("rb") as file:
            wide = file.read(2) in UTF_16_MARKS
        encoding = "utf-16" if wide else UTF_8
    if separator is None:
        separator = find_separator(path, encoding)
    return Reading(separator, encoding, marks)


def is_text(path: Path) -> bool:
    """Whether a file is one of text; refuses what is no file of a table."""
    suffix = path.suffix.lower()
    if suffix not in TEXT_SUFFIXES + PARQUET_SUFFIXES:
        checks.invalid("path", "a .csv, .tsv or .parquet file", str(path))
    if not path.is_file():
        raise FileNotFoundError(
            "Invalid value for argument `path`. Expected a file that exists. "
            f"Received: path={str(path)!r}"
        )
    if not path.stat().st_size:
        checks.invalid("path", "a table, not an empty file", str(path))
    return suffix in TEXT_SUFFIXES


def find_separator(path: Path, encoding: str) -> str:
    """Returns the separator: of the suffix, of the file's word, or sniffed."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    try:
        with path.open(encoding=encoding, newline="") as file:
            text = file.read(SAMPLE)
            text += file.readline(SAMPLE)
    except (UnicodeError, LookupError) as error:
        _unreadable(path, error)
    declared = EXCEL.match(text)
    if declared:
        return declared[1]
    header = text.lstrip("\r\n")
    # Apostrophes or rows of different lengths confuse the sniffer: what it
    # finds must divide the header, which alone may do.
    for sample in (text, header.split("\n")[0]):
        try:
            found = csv.Sniffer().sniff(sample, SEPARATORS).delimiter
        except csv.Error:
            continue
        if found in SEPARATORS and _divides(header, found):
            return found
    return ","


def _divides(text: str, separator: str) -> bool:
    rows = csv.reader(io.StringIO(text), delimiter=separator)
    try:
        return len(next(rows, [])) > 1
    except csv.Error:  # a cell beyond the size that the module allows
        return False


def _read_text(path: Path, separator: str, encoding: str) -> Any:
    pandas = require("pandas")
    try:
        with path.open(encoding=encoding, newline="") as file:
            declared = EXCEL.fullmatch(file.readline(SAMPLE))
        options = {
            "sep": separator,
            "skiprows": int(bool(declared)),
            "skipinitialspace": True,
            "index_col": False,
            "encoding": encoding,
            "dtype": str,
            "header": None,
            "keep_default_na": False,
        }
        header = pandas.read_csv(path, nrows=1, **options)
        names = _name_columns([clean(name) for name in header.iloc[0]])
        with warnings.catch_warnings():
            # pandas would cut a row that is longer than the header.
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            frame = pandas.read_csv(path, **options | {"header": 0})
    except pandas.errors.EmptyDataError:
        checks.invalid("path", "a table, not an empty file", str(path))
    except (
        UnicodeError,
        LookupError,
        pandas.errors.ParserError,
        pandas.errors.ParserWarning,
    ) as error:
        _unreadable(path, error, separator)
    frame.columns = names
    return frame


def _read_parquet(path: Path) -> Any:
    parquet = require("pyarrow.parquet")
    try:
        _name_columns(parquet.read_schema(path).names)
        frame = require("pandas").read_parquet(path)
    except (OSError, require("pyarrow").ArrowException) as error:
        reason = " ".join(str(error).split())
        checks.invalid("path", "a Parquet file", f"{path} ({reason})")
    frame.columns = [str(name) for name in frame.columns]
    return frame


def _name_columns(names: list[str]) -> list[str]:
    named = [name or f"{NAMELESS}{index}" for index, name in enumerate(names)]
    double = sorted({name for name in named if named.count(name) > 1})
    if double:
        checks.invalid("path", "columns with different names", double)
    return named


def _unreadable(path: Path, error: Exception, separator: str = "") -> NoReturn:
    reason = " ".join(str(error).split())
    if isinstance(error, LookupError):
        checks.invalid("encoding", "an encoding that Python knows", reason)
    if isinstance(error, UnicodeError):
        way = "give its `encoding`, such as cp1252, if it has another"
        expected = f"a UTF-8 table; {way}"
    else:
        expected = (
            f"a UTF-8 table with one header line and rows of its length, "
            f"separated by {separator!r}; give `separator` if it is another"
        )
    checks.invalid("path", expected, f"{path} ({reason})")
