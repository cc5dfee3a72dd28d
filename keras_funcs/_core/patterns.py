r"""Regular expressions from files, matched in linear time.

Python's `re` backtracks: `(a+)+$` takes years on forty letters, and a saved
optimizer may hold any pattern. Here a pattern is the automaton of Thompson
(1968, CACM 11): all its states advance together, one character at a time.
Single characters, classes and anchors are still `re`'s.

Written as in `re`: literals, `.`, classes, escapes such as `\d`, anchors
(`^ $ \b \B \A \Z`), groups, `|`, the repeats `* + ? {m,n}`, and `(?i)` in
front. Look-around, back references and possessive repeats are refused.
"""

import re
from typing import NamedTuple

MAX_LENGTH = 256
MAX_STATES = 512

_FLAG = "(?i)"
_GROUP = re.compile(r"\((?:\?:|\?P<\w+>|(?!\?))")
_ATOM = re.compile(
    r"\[\^?\]?(?:\\.|[^\]\\])*\]"  # a class; `]` in front is a member
    r"|\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[^0-9xuUN])"
    r"|[^\\()|*+?]",
    re.DOTALL,
)
_REPEAT = re.compile(
    r"(?:(?P<sign>[*+?])"
    r"|\{(?P<exactly>\d+)\}"
    r"|\{(?P<least>\d*),(?P<most>\d*)\})(?P<mode>[?+]?)"
)
_SIGNS = {"*": (0, None), "+": (1, None), "?": (0, 1)}


class _Piece(NamedTuple):
    """An atom, or the branches of a group, and how often it is repeated."""

    part: "re.Pattern[str] | list[list[_Piece]]"
    least: int
    most: int | None


class _State(NamedTuple):
    """Reads what `atom` matches, or nothing if it is None; then `next`."""

    atom: re.Pattern[str] | None
    next: list[int]


class Pattern:
    """A regular expression that is searched for in linear time.

    Args:
        source: String, as for `re.search`, of at most 256 characters.

    Raises:
        ValueError: If it is no regular expression, or none of this subset.
    """

    def __init__(self, source: str) -> None:
        if len(source) > MAX_LENGTH:
            raise ValueError(f"longer than {MAX_LENGTH} characters")
        try:
            re.compile(source)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(str(error)) from error
        branches = _Reader(source).branches()
        self._states: list[_State] = []
        self._end = self._add()
        self._start = self._build(branches, self._end)

    def search(self, text: str) -> bool:
        """Whether the pattern matches anywhere in a text."""
        current: set[int] = set()
        for position in range(len(text) + 1):
            # A match may begin at every position.
            current.add(self._start)
            current = self._closure(current, text, position)
            if self._end in current:
                return True
            current = {
                after
                for state in current
                for after in self._read(state, text, position)
            }
        return False

    def _read(self, state: int, text: str, position: int) -> list[int]:
        atom, after = self._states[state]
        found = atom.match(text, position) if atom else None
        return after if found and found.end() > position else []

    def _closure(self, states: set[int], text: str, position: int) -> set[int]:
        """Adds the states that are reached without reading a character."""
        found, waiting = set(states), list(states)
        while waiting:
            atom, after = self._states[waiting.pop()]
            if atom is not None:
                anchor = atom.match(text, position)
                if anchor is None or anchor.end() > position:
                    continue
            new = [state for state in after if state not in found]
            found.update(new)
            waiting.extend(new)
        return found

    # The automaton is made from its end: each part is given the state that
    # comes after it, and returns the one that it begins with.

    def _add(self, *after: int, atom: re.Pattern[str] | None = None) -> int:
        if len(self._states) >= MAX_STATES:
            raise ValueError("its repeats are too many")
        self._states.append(_State(atom, list(after)))
        return len(self._states) - 1

    def _build(
        self, part: "re.Pattern[str] | list[list[_Piece]]", after: int
    ) -> int:
        if isinstance(part, re.Pattern):
            return self._add(after, atom=part)
        starts = []
        for branch in part:
            start = after
            for piece in reversed(branch):
                start = self._repeat(piece, start)
            starts.append(start)
        return self._add(*starts)

    def _repeat(self, piece: _Piece, after: int) -> int:
        if piece.most is None:
            loop = self._add(after)
            self._states[loop].next.append(self._build(piece.part, loop))
            after = loop
        else:
            skip = after
            for _ in range(piece.most - piece.least):
                after = self._add(self._build(piece.part, after), skip)
        for _ in range(piece.least):
            after = self._build(piece.part, after)
        return after


class _Reader:
    """Reads a pattern that `re` has found to be whole."""

    def __init__(self, source: str) -> None:
        self.flags = re.IGNORECASE if source.startswith(_FLAG) else 0
        self.source = source.removeprefix(_FLAG)
        self.at = 0

    def branches(self) -> list[list[_Piece]]:
        """Reads up to the closing parenthesis, and splits at each `|`."""
        found: list[list[_Piece]] = [[]]
        while self.source[self.at : self.at + 1] not in ("", ")"):
            if self.source[self.at] == "|":
                self.at += 1
                found.append([])
            else:
                part = self._part()
                found[-1].append(_Piece(part, *self._repeats()))
        return found

    def _part(self) -> re.Pattern[str] | list[list[_Piece]]:
        group = _GROUP.match(self.source, self.at)
        if group:
            self.at = group.end()
            inside = self.branches()
            self.at += 1  # the closing parenthesis
            return inside
        atom = _ATOM.match(self.source, self.at)
        if not atom:
            part = self.source[self.at : self.at + 3]
            raise ValueError(f"{part!r} is not matched in linear time")
        self.at = atom.end()
        return re.compile(atom[0], self.flags)

    def _repeats(self) -> tuple[int, int | None]:
        found = _REPEAT.match(self.source, self.at)
        if not found:
            return 1, 1
        if found["mode"] == "+":
            raise ValueError("possessive repeats change what is matched")
        self.at = found.end()
        if found["sign"]:
            return _SIGNS[found["sign"]]
        if found["exactly"]:
            return int(found["exactly"]), int(found["exactly"])
        most = int(found["most"]) if found["most"] else None
        return int(found["least"] or 0), most
