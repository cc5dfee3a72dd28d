"""Every example of a docstring runs, of components and of all else."""

import ast
import doctest
import functools
import importlib
import inspect
import sys
import types
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_funcs

PACKAGE = Path(keras_funcs.__file__).parent


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        # Only one of the backends can be imported.
        if path.parent.name != "backend":
            parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
            yield path, ".".join(parts).removesuffix(".__init__")


def examples():
    """The documented objects with an example, by module and name.

    Read from the source, so that nothing is imported to list them.
    """
    for path, module in modules():
        tree = ast.parse(path.read_text())
        waiting = [("", tree)]
        while waiting:
            prefix, parent = waiting.pop()
            for node in parent.body:
                if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                    name = f"{prefix}{node.name}"
                    if isinstance(node, ast.ClassDef):
                        waiting.append((f"{name}.", node))
                    if "Example:" in (ast.get_docstring(node) or ""):
                        yield f"{module}:{name}"


@pytest.mark.parametrize("place", list(examples()))
def test_example_runs(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module, name = place.split(":")
    thing = functools.reduce(
        getattr, name.split("."), importlib.import_module(module)
    )
    # As in an interpreter: Torch's compiler looks names up in the module.
    main = types.ModuleType("__main__")
    vars(main).update(keras=keras, keras_funcs=keras_funcs, np=np)
    monkeypatch.setitem(sys.modules, "__main__", main)
    test = doctest.DocTestParser().get_doctest(
        inspect.getdoc(thing), vars(main), name, None, None
    )
    assert test.examples
    report = []
    failed = doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    assert not failed.failed, "".join(report)
