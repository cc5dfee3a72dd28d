"""Text that others wrote, made safe for the place where it is shown.

Names of columns, classes, layers and metrics, paths and messages of errors may
hold anything: colours of a terminal, links, formulas of a spreadsheet, half of
a character. Whatever shows them calls one of these functions.
"""

import re
import unicodedata
from typing import Any

MAX_TAG = 200

# Spreadsheets take a cell that begins so for a formula, also in full width.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
# `_` and `*` at the edge of a word are emphasis, within it they are letters.
_MARKDOWN = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])|(?<=\w):(?=//)")
_UNUSUAL = re.compile(r"[^\x20-\x7e]")
_ADDRESS = re.compile(r"\bwww\.", re.IGNORECASE)


def printable(text: Any, keep: str = "", instead: str = "_") -> str:
    r"""Replaces control, bidirectional, private and lone surrogate characters.

    Args:
        text: Anything; its `str` is taken.
        keep: String. The control characters that stay, such as `"\n"`.
        instead: String. What stands in their place.
    """
    return _UNUSUAL.sub(
        lambda found: (
            found[0]
            if found[0] in keep
            or not unicodedata.category(found[0]).startswith("C")
            else instead
        ),
        str(text),
    )


def line(text: Any) -> str:
    """Printable text on one line."""
    return printable(" ".join(str(text).split()))


def block(text: Any) -> str:
    """Printable text whose lines stay."""
    return printable(text, keep="\n\t")


def encode(text: str) -> bytes:
    """UTF-8 of any string: half characters, as in undecodable paths, are ?."""
    return text.encode("utf-8", "replace")


def encodable(value: Any) -> Any:
    """A value that is left as it is, but for half characters in a string."""
    return encode(value).decode() if isinstance(value, str) else value


def markdown(text: Any) -> str:
    """One line that is text in Markdown, in a table's cell as well.

    No link, image, emphasis, code, formula or HTML comes of it.
    """
    flat = line(text)
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        flat = flat.replace(sign, entity)
    flat = _MARKDOWN.sub(lambda found: f"\\{found[0]}", flat)
    return _ADDRESS.sub(lambda found: f"{found[0][:-1]}\\.", flat)


def code(text: Any) -> str:
    """A code span of Markdown."""
    return f"`{line(text).replace('`', chr(39)).replace('|', '/')}`"


def rich(text: Any) -> Any:
    """A `rich.text.Text`, of which no part is taken for markup."""
    from rich.text import Text

    return Text(line(text))


def cell(value: Any) -> Any:
    """A cell of a CSV file that no spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return value
    safe = line(value)
    return f"'{safe}" if safe.startswith(_FORMULA) else safe


def tag(name: Any) -> str:
    """A tag of TensorBoard; empty if no printable character is in it."""
    return printable(str(name).strip())[:MAX_TAG]
