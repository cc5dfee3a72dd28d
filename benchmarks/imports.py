"""What importing the package costs over importing Keras, and `--help`.

KERAS_BACKEND=jax python benchmarks/imports.py
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 5


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    backend = os.environ.setdefault("KERAS_BACKEND", "jax")
    help_command = [
        str(Path(sys.executable).with_name("keras-funcs")),
        "--help",
    ]
    commands = {
        "import keras": [sys.executable, "-c", "import keras"],
        "import keras_funcs": [sys.executable, "-c", "import keras_funcs"],
        "keras-funcs --help": help_command,
    }
    for command in commands.values():  # bytecode and disk cache
        seconds(command)
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            taken[name].append(seconds(command))
    medians = {name: statistics.median(item) for name, item in taken.items()}
    print(f"[{backend}]")
    for name, median in medians.items():
        print(f"  {name:20s} {median:6.2f} s")
    pairs = zip(taken["import keras_funcs"], taken["import keras"])
    ratio = statistics.median(ours / keras for ours, keras in pairs)
    print(f"  import keras_funcs over import keras: {ratio:.3f}")


if __name__ == "__main__":
    main()
