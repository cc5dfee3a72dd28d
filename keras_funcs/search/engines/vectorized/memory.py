"""The memory that lanes may take."""

from pathlib import Path

import jax

SHARE = 0.5  # of the free memory that lanes may take
NEEDED = "RESOURCE_EXHAUSTED"  # begins XLA's error

# Folders in which the kernel tells of a control group: the limit and what is
# used, in version 2 and in version 1.
GROUPS = (
    ("/sys/fs/cgroup", "memory.max", "memory.current"),
    (
        "/sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
    ),
)
UNKNOWN = 2**31  # where the system tells nothing


def usable() -> int:
    """Bytes that lanes may take on the device that computes."""
    told = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" in told:
        free = int(told["bytes_limit"] - told.get("bytes_in_use", 0))
    else:
        free = _host()
    return int(SHARE * free)


def is_exhausted(error: BaseException) -> bool:
    """Whether an error says that the memory was too small."""
    return isinstance(error, MemoryError) or NEEDED in str(error)


def _host() -> int:
    """Bytes that are free for this process in the host's memory."""
    told = _table(Path("/proc/meminfo"))
    found = [1024 * told["MemAvailable:"]] if "MemAvailable:" in told else []
    for folder, limit, used in GROUPS:
        most, taken = (_read(Path(folder) / name) for name in (limit, used))
        if most.isdigit() and taken.isdigit():
            # Files that were read are dropped where memory is needed.
            cached = _table(Path(folder) / "memory.stat").get(
                "inactive_file", 0
            )
            found.append(int(most) - int(taken) + cached)
    return max(min(found, default=UNKNOWN), 0)


def _table(path: Path) -> dict[str, int]:
    rows = [line.split() for line in _read(path).splitlines()]
    return {row[0]: int(row[1]) for row in rows if row[1:] and row[1].isdigit()}


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
