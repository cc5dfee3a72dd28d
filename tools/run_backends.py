"""Runs the tests once for each backend, two processes at a time.

    python tools/run_backends.py [OPTIONS] [PYTEST ARGUMENTS]

    --backends jax,torch  only these
    --full                every check of every component on every backend
    --touched BASE        the same for components that differ from a commit
    --record              keep the seconds: of a usual run, to compare later
                          runs with; of a full one, to find what is dear

A backend is chosen when Keras is imported, so each needs a process of its own.
Its tests go in two parts, the conformance battery and all others, so that two
cores are busy to the end; to begin a process takes half a minute. The output
of each part is shown as it ends; the closing lines come last.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.assignment import BATTERY  # noqa: E402
from tests.assignment import EVERYTHING  # noqa: E402
from tests.assignment import VARIABLE  # noqa: E402
from tools import seconds  # noqa: E402

BACKENDS = ("torch", "jax", "tensorflow")
AT_A_TIME = 2
PARTS = {"others": ["tests", f"--ignore={BATTERY}"], "battery": [BATTERY]}


def run(backend: str, part: str, arguments: list[str], folder: Path) -> int:
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "KERAS_FUNCS_SECONDS": str(folder / f"{backend}-{part}.json"),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "CUDA_VISIBLE_DEVICES": "",
        # One core each: more threads than cores make small models crawl.
        "OMP_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
    }
    # The processes, and those that they start, share what Python compiles.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as cache:
        # Components compile much the same programs. One folder a process:
        # what JAX writes there is not safe to read at the same time.
        environment.update(
            JAX_COMPILATION_CACHE_DIR=cache,
            JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS="0",
            JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES="-1",
        )
        process = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    lines = process.stdout.rstrip().splitlines() or ["(no output)"]
    with printing:
        print(f"\n==== {backend}, {part} ({time.monotonic() - start:.0f} s)")
        print("\n".join(lines), flush=True)
        closing[backend, part] = lines[-1]
    return process.returncode


printing = threading.Lock()
closing: dict[tuple[str, str], str] = {}


def touched(base: str) -> str:
    """The components that differ from a commit, with commas between them."""
    done = subprocess.run(
        [sys.executable, "tools/touched.py", base],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1]


def parsed() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backends", default=",".join(BACKENDS))
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--touched", metavar="BASE")
    parser.add_argument("--record", action="store_true")
    return parser.parse_known_args()


def main() -> int:
    options, arguments = parsed()
    in_full = ""
    if options.full:
        in_full = EVERYTHING
    elif options.touched:
        in_full = touched(options.touched)
        print(f"in full: {in_full or 'none'}")
    os.environ[VARIABLE] = in_full
    # What names tests of its own is one part.
    named = any(not word.startswith("-") for word in arguments)
    parts = {"as named": []} if named else PARTS
    jobs = [
        (backend, part, [*paths, *arguments])
        for part, paths in parts.items()
        for backend in options.backends.split(",")
    ]
    unit = seconds.yardstick()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            codes = list(pool.map(lambda job: run(*job, folder), jobs))
        spent = seconds.read(folder.glob("*.json"))
    sums = seconds.summed(spent)
    print(f"\n==== {time.monotonic() - start:.0f} s. The dearest:")
    print(seconds.dearest(sums))
    if options.record:
        seconds.record(spent, unit, options.full)
    usual = not arguments and options.backends == ",".join(BACKENDS)
    if usual and not in_full:
        problem = seconds.excess(sums, unit)
        if problem:
            print(f"\n{problem}")
            codes.append(1)
    print()
    for backend, part, _ in jobs:
        print(f"{backend}, {part}: {closing[backend, part]}")
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
