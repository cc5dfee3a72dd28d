"""Seconds of processor time that the tests take: shown, and kept in bounds.

Each test process writes what its tests took (`tests/conftest.py`), by check
for the conformance battery and by function for the others. `tests/seconds.json`
holds a record of that: the sums of a usual run, to compare later runs with,
and the functions that were found dear, which `tests/assignment.py` gives to
one backend each. A yardstick makes machines comparable: the time of a
fixed piece of Python.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from typing import TypeAlias

RECORD = Path(__file__).parents[1] / "tests" / "seconds.json"
GROWTH = 0.35  # of the total; processor time itself varies by a fifth
DEAREST = 10
DEAR = 0.06  # seconds of one test, on the backend that takes longest

Times: TypeAlias = dict[str, list[float]]


def yardstick() -> float:
    """Seconds for a fixed amount of Python, the fastest of three."""

    def once() -> float:
        start = time.process_time()
        table: dict[int, int] = {}
        for i in range(1_500_000):
            table[i % 1000] = table.get(i % 1000, 0) + i
        return time.process_time() - start

    return min(once() for _ in range(3))


def read(files: Iterable[Path]) -> list[Times]:
    """Reads the files of the processes."""
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def summed(processes: Iterable[Times]) -> Counter[str]:
    """Seconds by check, or by the file of a test."""
    total: Counter[str] = Counter()
    for times in processes:
        for name, values in times.items():
            total[name.partition("::")[0]] += sum(values)
    return total


def dearest(seconds: Counter[str]) -> str:
    """A table of what takes longest."""
    whole = sum(seconds.values())
    rows = [
        f"{value:8.1f} s  {value / whole:5.1%}  {name}"
        for name, value in seconds.most_common(DEAREST)
    ]
    return "\n".join([f"{whole:8.1f} s  in all, of processor time", *rows])


def record(processes: list[Times], unit: float, full: bool) -> None:
    """Keeps what a run took.

    The sums are those of a usual run. Dear is what a full run found so, and
    what a usual run, in which a dear test has one backend, finds in addition.
    """
    means = {
        (name, sum(values) / len(values))
        for times in processes
        for name, values in times.items()
        if "::" in name
    }
    dear = {name for name, mean in means if mean > DEAR}
    if full:
        _update(dear=sorted(dear))
        return
    sums = summed(processes)
    _update(
        dear=sorted(dear.union(_known()["dear"])),
        yardstick=round(unit, 4),
        seconds={name: round(s, 1) for name, s in sorted(sums.items())},
    )


def excess(seconds: Counter[str], unit: float) -> str:
    """Why the tests have become too dear, or nothing."""
    known = _known()
    if not known["seconds"]:
        print("There is no record to compare with: see `make seconds`.")
        return ""
    scale = unit / known["yardstick"]
    before = {name: scale * s for name, s in known["seconds"].items()}
    allowed = (1.0 + GROWTH) * sum(before.values())
    found = sum(seconds.values())
    if found <= allowed:
        return ""
    grown = {name: s - before.get(name, 0.0) for name, s in seconds.items()}
    most = Counter(grown).most_common(3)
    return (
        f"The tests took {found:.0f} s of processor time, more than "
        f"{1 + GROWTH:.2f} of the {sum(before.values()):.0f} s on record. "
        f"Grown most: {', '.join(f'{n} by {s:.0f} s' for n, s in most)}. "
        "Make them cheaper, or record the new sum with `make seconds`."
    )


def _known() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    return content


def _update(**entries: object) -> None:
    content = json.dumps({**_known(), **entries}, indent=1)
    RECORD.write_text(content + "\n", encoding="utf-8")
