"""Runs the tests once for each backend, two processes at a time.

    python tools/run_backends.py [--backends jax,torch] [PYTEST ARGUMENTS]

A backend is chosen when Keras is imported, so each needs a process of its own.
Its tests go in three parts, the conformance battery, the product (whole
studies, the command, the README) and the components' own tests; the longest
come first, so that two cores are busy to the end. The output of each
part is shown as it ends; the closing lines come last.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
BACKENDS = ("tensorflow", "jax", "torch")
AT_A_TIME = 2
PRODUCT = (
    "tests/search",
    "tests/test_cli.py",
    "tests/test_examples.py",
    "tests/test_readme.py",
)
BATTERY = ("tests/test_conformance.py",)
PARTS = {
    "battery": list(BATTERY),
    "product": list(PRODUCT),
    "components": ["tests", *(f"--ignore={p}" for p in (*PRODUCT, *BATTERY))],
}


def run(backend: str, part: str, arguments: list[str]) -> int:
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "CUDA_VISIBLE_DEVICES": "",
        # One core each: more threads than cores make small models crawl.
        "OMP_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
    }
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


def main() -> int:
    arguments, backends = sys.argv[1:], BACKENDS
    if arguments[:1] == ["--backends"]:
        backends, arguments = tuple(arguments[1].split(",")), arguments[2:]
    # What names tests of its own is one part.
    named = any(not word.startswith("-") for word in arguments)
    parts = {"as named": []} if named else PARTS
    jobs = [
        (backend, part, [*paths, *arguments])
        for part, paths in parts.items()
        for backend in backends
    ]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        codes = list(pool.map(lambda job: run(*job), jobs))
    print()
    for backend, part, _ in jobs:
        print(f"{backend}, {part}: {closing[backend, part]}")
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
