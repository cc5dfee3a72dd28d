"""Lines of each folder and leaf: `python tools/leaf_lines.py [--limit 90]`.

A leaf is a component's class or function, from its decorator to its end. The
source is read, not imported, so that any checkout can be measured:
`--package PATH`.
"""

import argparse
import ast
import sys
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parents[1] / "keras_funcs"


class Leaf(NamedTuple):
    """One component and its place."""

    name: str
    file: str
    lines: int


def leaves(package: Path) -> list[Leaf]:
    """The components of a package, the longest first."""
    found = [
        Leaf(node.name, path.relative_to(package).as_posix(), _lines(node))
        for path in package.rglob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef))
        and any(map(_is_component, node.decorator_list))
    ]
    return sorted(found, key=lambda leaf: (-leaf.lines, leaf.name))


def folders(package: Path) -> dict[str, list[int]]:
    """The lines of the files of each folder, subfolders apart."""
    found: dict[str, list[int]] = {}
    for path in sorted(package.rglob("*.py")):
        folder = path.parent.relative_to(package.parent).as_posix()
        lines = len(path.read_text(encoding="utf-8").splitlines())
        found.setdefault(folder, []).append(lines)
    return found


def table(package: Path) -> str:
    """The lines of folders and of leaves."""
    sizes = folders(package)
    rows = [f"{'folder':<36} {'files':>6} {'lines':>6} {'longest':>7}"]
    rows += [
        f"{name:<36} {len(lines):>6} {sum(lines):>6} {max(lines):>7}"
        for name, lines in sizes.items()
    ]
    every = [lines for files in sizes.values() for lines in files]
    rows += [f"{'total':<36} {len(every):>6} {sum(every):>6} {max(every):>7}"]
    rows += ["", f"{'leaf':<36} {'lines':>6} file"]
    rows += [
        f"{leaf.name:<36} {leaf.lines:>6} {leaf.file}"
        for leaf in leaves(package)
    ]
    return "\n".join(rows)


def _lines(node: ast.ClassDef | ast.FunctionDef) -> int:
    end = node.end_lineno or node.lineno
    return end - node.decorator_list[0].lineno + 1


def _is_component(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.Name) and called.id == "component"


def main() -> int:
    parser = argparse.ArgumentParser(description="Lines of folders and leaves.")
    parser.add_argument("--package", type=Path, default=PACKAGE)
    parser.add_argument(
        "--limit", type=int, help="fail if a leaf has more lines than this"
    )
    options = parser.parse_args()
    print(table(options.package))
    if options.limit is None:
        return 0
    every = leaves(options.package)
    over = [leaf for leaf in every if leaf.lines > options.limit]
    print(f"\n{len(over)} of {len(every)} leaves exceed {options.limit} lines")
    for leaf in over:
        print(f"{leaf.file}: {leaf.name} has {leaf.lines}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
