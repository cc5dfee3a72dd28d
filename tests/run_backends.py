"""Runs the tests once for each backend, two processes at a time.

    python tests/run_backends.py [--backends jax,torch] [PYTEST ARGUMENTS]

A backend is chosen when Keras is imported, so each needs a process of its own.
The output of each run is shown as it ends; the closing lines come last.
"""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BACKENDS = ("tensorflow", "jax", "torch")
AT_A_TIME = 2


def run(backend: str, arguments: list[str], lock: threading.Lock) -> int:
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
    process = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=Path(__file__).parents[1],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = process.stdout.rstrip().splitlines() or ["(no output)"]
    with lock:
        print(f"\n==== {backend} ({time.monotonic() - start:.0f} s)")
        print("\n".join(lines), flush=True)
        closing[backend] = lines[-1]
    return process.returncode


closing: dict[str, str] = {}


def main() -> int:
    arguments, backends = sys.argv[1:], BACKENDS
    if arguments[:1] == ["--backends"]:
        backends, arguments = tuple(arguments[1].split(",")), arguments[2:]
    lock = threading.Lock()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        codes = list(pool.map(lambda b: run(b, arguments, lock), backends))
    print()
    for backend in backends:
        print(f"{backend}: {closing[backend]}")
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
