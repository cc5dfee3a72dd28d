"""Components that a change touches: `python tools/touched.py BASE`.

A component is touched where its module, or any that it imports from the
package, differs from the commit BASE. A change of the battery touches all.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "keras_funcs"
BATTERY = "keras_funcs.testing"


def module_of(path: Path) -> str:
    """The dotted name of a source file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def changed(base: str) -> set[str]:
    """The modules that differ from a commit, uncommitted ones included."""
    done = subprocess.run(
        ["git", "diff", "--name-only", base, "--", "keras_funcs"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [ROOT / line for line in done.stdout.splitlines()]
    return {module_of(path) for path in paths if path.suffix == ".py"}


def imports(path: Path) -> Iterator[str]:
    """The package's modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def dependents(modules: set[str]) -> set[str]:
    """The modules that import these, directly or through others."""
    # A package's `__init__` imports all its leaves: whoever imports from it
    # by name is found by the name's own module.
    files = [p for p in PACKAGE.rglob("*.py") if p.name != "__init__.py"]
    used = {module_of(path): set(imports(path)) for path in files}
    found = set(modules)
    while True:
        more = {m for m, names in used.items() if names & found} - found
        if not more:
            return found
        found |= more


def components(base: str) -> list[str]:
    """The names of the touched components."""
    from keras_funcs._core.component import registered

    touched = dependents(changed(base))
    every = any(module.startswith(BATTERY) for module in changed(base))
    return sorted(
        entry.name
        for entry in registered()
        if every or entry.object.__module__ in touched
    )


if __name__ == "__main__":
    print(",".join(components(sys.argv[1])))
