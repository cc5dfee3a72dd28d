"""What is built is what is installed: the package, its types, the command."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_wheel_is_complete(tmp_path: Path) -> None:
    subprocess.run(
        [
            sys.executable,
            "-m",
            "hatchling",
            "build",
            "-t",
            "wheel",
            "-d",
            tmp_path,
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {
        str(path.relative_to(ROOT)) for path in ROOT.glob("keras_funcs/**/*.py")
    }
    assert sources <= names
    assert {"keras_funcs_cli/application.py", "keras_funcs/py.typed"} <= names
    assert not any(name.startswith(("tests", "benchmarks")) for name in names)
