"""How a column spells its numbers: `1.5`, `1,5`, `1.234,50`, `12%`, `$12`.

A single cell is ambiguous: `1,234` is a thousand in London and about one in
Berlin. The column decides, because all its cells must fit one spelling; where
two spellings fit, the other columns of the file decide.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import replace
from functools import cache

DECIMALS = (".", ",")
GROUPS = ("", ",", ".", " ", "'")
MAX_AFFIX = 12
MAX_LENGTH = 400  # float64 has no use for more digits
SAME = str.maketrans(
    {"\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u2019": "'", "\u2212": "-"}
)
TRUTHS = {"true": 1.0, "false": 0.0}
INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
PARTS = re.compile(
    r"(?P<sign>[+-]?)(?P<prefix>[^0-9+\-.,]*)"
    r"(?P<core>[+-]?[0-9.,](?:[0-9., ']*[0-9.,])?(?:[eE][+-]?[0-9]+)?)"
    r"(?P<suffix>[^0-9+\-.,]*)"
)


@dataclass(frozen=True)
class Spelling:
    """A way to write numbers.

    Args:
        decimal: `"."` or `","`.
        group: `""`, or the sign between groups of three digits: `","`, `"."`,
            `" "` or `"'"`.
        prefix: String before each number, such as `"$"`.
        suffix: String after each number, such as `"%"` or `"kg"`.
        boolean: Boolean. Whether the cells are `True` and `False`.
    """

    decimal: str = "."
    group: str = ""
    prefix: str = ""
    suffix: str = ""
    boolean: bool = False

    def parse(self, text: str) -> float | None:
        """The number that a text without outer spaces spells, or None."""
        if len(text) > MAX_LENGTH:
            return None
        pattern = _pattern(self.decimal, self.group)
        core = text
        if not pattern.fullmatch(core):
            if self.boolean and text.lower() in TRUTHS:
                return TRUTHS[text.lower()]
            if INFINITE.fullmatch(text):
                return float(text)
            core = self._core(text.translate(SAME))
            if not pattern.fullmatch(core):
                return None
        if self.group:
            core = core.replace(self.group, "")
        return float(core.replace(self.decimal, "."))

    def _core(self, text: str) -> str:
        """A number without its unit; a bare one in a column of `12%` is 12."""
        parts = _split(text) if self.prefix or self.suffix else None
        if parts is None or parts[1] != (self.prefix, self.suffix):
            return text
        return parts[0]

    def describe(self) -> str:
        """Returns a few words, or `""` for plain numbers."""
        words = ["true is 1, false is 0"] * self.boolean
        words += ["decimal comma"] * (self.decimal == ",")
        if self.group:
            words.append(f"thousands separated by {self.group!r}")
        for affix in (self.prefix, self.suffix):
            words += [f"unit {affix!r}"] * bool(affix)
        return ", ".join(words)


# The order in which two spellings that fit are preferred: `1,234` is a
# thousand unless the file has decimal commas elsewhere.
BARE = tuple(
    Spelling(decimal, group)
    for decimal, group in (
        (".", ""), (".", ","), (",", ""), (",", "."),
        (".", " "), (",", " "), (".", "'"), (",", "'"),
    )
)  # fmt: skip


def find_spellings(texts: Collection[str]) -> list[Spelling]:
    """Returns the spellings that fit every text of a column.

    Args:
        texts: The different texts, without outer spaces and without those
            that mean a missing value.
    """
    if not texts or max(map(len, texts)) > MAX_LENGTH:
        return []
    if {text.lower() for text in texts} <= set(TRUTHS):
        return [Spelling(boolean=True)]
    finite = [text for text in texts if not INFINITE.fullmatch(text)]
    fitting = _fitting([text.translate(SAME) for text in finite])
    if fitting:
        return fitting
    parts = [_split(text) for text in finite]
    affixes = {part[1] for part in parts if part is not None}
    if None in parts or len(affixes) != 1:
        return []
    prefix, suffix = affixes.pop()
    cores = [part[0] for part in parts if part is not None]
    return [
        replace(item, prefix=prefix, suffix=suffix) for item in _fitting(cores)
    ]


def find_misfits(texts: Iterable[str]) -> list[str]:
    """Returns the texts that keep a column from being one of numbers.

    Letters after a number count as misfits here: `1a` beside `2b` is a code.
    """
    texts = list(texts)
    parts = {text: _split(text) for text in texts if len(text) <= MAX_LENGTH}
    affixes = Counter(
        part[1]
        for part in parts.values()
        if part is not None and not any(map(str.isalpha, "".join(part[1])))
    )
    if not affixes:
        return texts
    (prefix, suffix), _ = affixes.most_common(1)[0]
    tried = [replace(item, prefix=prefix, suffix=suffix) for item in BARE]
    misfits = [
        [text for text in texts if item.parse(text) is None] for item in tried
    ]
    return min(misfits, key=len)


def find_decimal(columns: Iterable[list[Spelling]]) -> str:
    """Returns the decimal sign that most columns of a file leave no doubt of.

    Whole numbers fit both signs, `1,234` and `1.234` too: they have no vote.

    Args:
        columns: What `find_spellings` found for each column.
    """
    votes = Counter(
        found[0].decimal
        for found in columns
        if len({item.decimal for item in found}) == 1 and not found[0].boolean
    )
    return "," if votes[","] > votes["."] else "."


def choose_spelling(
    found: list[Spelling], decimal: str, fixed: bool
) -> Spelling | None:
    """Returns the spelling of a column, given the decimal sign of its file.

    Args:
        found: What `find_spellings` found.
        decimal: `"."` or `","`.
        fixed: Boolean. Whether the user gave the sign, so that no other is
            allowed.
    """
    fitting = [
        item for item in found if item.boolean or item.decimal == decimal
    ]
    if fitting or fixed:
        return fitting[0] if fitting else None
    return found[0] if found else None


@cache
def _pattern(decimal: str, group: str) -> re.Pattern[str]:
    d = re.escape(decimal)
    plain = rf"[0-9]+(?:{d}[0-9]*)?|{d}[0-9]+"
    exponent = r"(?:[eE][+-]?[0-9]+)?"
    if not group:
        return re.compile(rf"[+-]?(?:{plain}){exponent}")
    grouped = rf"[1-9][0-9]{{0,2}}(?:{re.escape(group)}[0-9]{{3}})+"
    return re.compile(
        rf"[+-]?(?:(?:{plain}){exponent}|{grouped}(?:{d}[0-9]*)?)"
    )


def _fitting(cores: list[str]) -> list[Spelling]:
    return [
        item
        for item in BARE
        if any(item.group in core for core in cores or [""])
        and all(map(_pattern(item.decimal, item.group).fullmatch, cores))
    ]


def _split(text: str) -> tuple[str, tuple[str, str]] | None:
    """A number and what stands around it: `("-12", ("$", ""))` of `-$12`."""
    found = PARTS.fullmatch(text.translate(SAME))
    if found is None:
        return None
    prefix, suffix = found["prefix"].strip(), found["suffix"].strip()
    core = found["core"]
    if found["sign"] and core[0] in "+-":
        return None
    if not (_is_currency(prefix, found["prefix"]) and _is_unit(suffix)):
        return None
    return found["sign"] + core, (prefix, suffix)


def _is_currency(prefix: str, raw: str) -> bool:
    if not prefix:
        return True
    letters = [sign for sign in prefix if sign.isalpha()]
    signs = [sign for sign in prefix if unicodedata.category(sign) == "Sc"]
    if len(prefix) > 4 or len(letters) + len(signs) < len(prefix):
        return False
    # `US$5`, `EUR 5`; but `A1` is a code.
    code = len(letters) == 3 and prefix.isupper() and raw.endswith(" ")
    return len(signs) == 1 or code


def _is_unit(suffix: str) -> bool:
    if len(suffix) > MAX_AFFIX:
        return False
    return all(
        sign.isalpha()
        or sign in "%\u2030\u00b0/\u00b2\u00b3 "
        or unicodedata.category(sign) == "Sc"
        for sign in suffix
    )
